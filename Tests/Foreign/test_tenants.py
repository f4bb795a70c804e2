"""A tenant has threads of its own; another's are not there, over gRPC and REST, whatever the method."""

import importlib

import grpc
import pytest
from clients import AGENT, error_of
from contract import LIMIT
from google.protobuf import json_format

# Methods that concern no thread. Whoever adds a method to the contract says here, or by a `thread_id` in its request, whom it serves.
WITHOUT_THREAD = {
    "InitiateThread", "ListThreads", "GetStats", "ListDeadLetters", "PurgeDeadLetters", "StreamFlow", "GetHealth",
}  # fmt: skip
# What a request must have to be asked at all.
FIELDS = {"task": "x", "text": "x", "delay_seconds": 60, "title": "x"}


def methods():
    """Every method of the contract: its service's descriptor and its own."""
    file = importlib.import_module("baud.v1.service_pb2").DESCRIPTOR
    return [method for service in file.services_by_name.values() for method in service.methods]


def route(method):
    return method.GetOptions().Extensions[importlib.import_module("baud.v1.route_pb2").route]


def make_request(method, **ids):
    module = importlib.import_module(method.input_type.file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
    fields = {name: value for name, value in (FIELDS | ids).items() if name in method.input_type.fields_by_name}
    return getattr(module, method.input_type.name)(**fields)


class Transport:
    def __init__(self, name, rest, stubs):
        self.name, self.rest, self.stubs = name, rest, stubs

    def refused(self, method, tenant: str | None, **ids) -> tuple:
        """Status and error of a call that must fail, None where it does not."""
        request = make_request(method, **ids)
        call = self.over_grpc if self.name == "grpc" else self.over_rest
        return call(method, request, {"x-tenant": tenant} if tenant else {})

    def over_grpc(self, method, request, headers):
        service = method.containing_service.full_name
        answer = importlib.import_module(method.output_type.file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
        kind = self.stubs.channel.unary_stream if method.server_streaming else self.stubs.channel.unary_unary
        call = kind(
            f"/{service}/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=getattr(answer, method.output_type.name).FromString,
        )
        try:
            reply = call(request, metadata=list(headers.items()), timeout=LIMIT)
            if method.server_streaming:
                next(reply)
                reply.cancel()
        except grpc.RpcError as error:
            return error.code().name, error.details()
        return None

    def over_rest(self, method, request, headers):
        fields = json_format.MessageToDict(request, preserving_proto_field_name=True)
        verb, path = route(method).verb, route(method).path
        for name in list(fields):
            if "{" + name + "}" in path:
                path = path.replace("{" + name + "}", fields.pop(name))
        part = {"json": fields} if verb in ("POST", "PATCH") else {"params": fields}
        with self.rest.http.stream(verb, path, headers=headers, **part) as answer:
            if answer.status_code < 300:
                return None
            answer.read()
            error = answer.json()["error"]
            return answer.status_code, error["code"], error["message"], error.get("field")


@pytest.fixture(params=["grpc", "rest"])
def transport(request, rest, stubs):
    return Transport(request.param, rest, stubs)


@pytest.fixture(scope="module")
def acme(rest) -> dict:
    """A thread of the tenant acme, with a run that has ended."""
    headers = {"x-tenant": "acme"}
    thread = rest.http.post(f"{AGENT}/initiate", json={}, headers=headers).json()["thread_id"]
    run = rest.execute(thread, "words=1", **headers)
    rest.http.get(f"{AGENT}/{thread}/runs/{run}/wait", headers=headers)
    schedule = {"task": "x", "delay_seconds": 3600}
    answer = rest.http.post(f"{AGENT}/{thread}/schedules", json=schedule, headers=headers)
    return {"thread_id": thread, "run_id": run, "schedule_id": answer.json()["schedule_id"]}


def test_every_method_is_known():
    names = {method.name for method in methods() if "thread_id" not in method.input_type.fields_by_name}
    assert names == WITHOUT_THREAD
    assert len(methods()) - len(names) >= 18


@pytest.mark.parametrize("tenant", ["other", "acm", "acme-x", "default", None])
def test_anothers_thread_is_not_there(transport, acme, tenant, rest):
    before = rest.http.get(f"{AGENT}/{acme['thread_id']}", headers={"x-tenant": "acme"}).json()
    # No such thread, but a tenant of whom it could be.
    never = {name: "acme-00000000-0000-4000-8000-000000000000" for name in acme}
    for method in methods():
        if method.name in WITHOUT_THREAD:
            continue
        refusal = transport.refused(method, tenant, **acme)
        assert refusal, f"{method.name} served {tenant}"
        assert refusal[0] in ("NOT_FOUND", 404), (method.name, refusal)
        expected = transport.refused(method, tenant, **never)
        expected = tuple(str(part).replace(never["thread_id"], acme["thread_id"]) for part in expected)
        assert tuple(str(part) for part in refusal) == expected, method.name
    after = rest.http.get(f"{AGENT}/{acme['thread_id']}", headers={"x-tenant": "acme"}).json()
    assert after == before


def test_threads_of_the_common_tenant_are_not_there_for_a_named_one(transport, rest):
    thread, run, _ = rest.finished("words=1")
    for method in methods():
        if method.name not in WITHOUT_THREAD:
            refusal = transport.refused(method, "acme", thread_id=thread, run_id=run, schedule_id="x")
            assert refusal and refusal[0] in ("NOT_FOUND", 404), (method.name, refusal)
    assert rest.run(thread, run)["status"] == "completed"


def test_ones_own_thread_is(transport, acme):
    reading = ["GetThread", "GetThreadSnapshot", "GetRun", "ListRuns", "WaitRun", "StreamThread", "ListSchedules"]
    changing = ["UpdateThread", "ForkThread", "RetryRun", "CancelRun", "ExecuteRun", "ExecuteAndStream", "ScheduleRun"]
    for method in methods():
        if method.name in reading + changing:
            ids = acme if method.name != "ForkThread" else {"thread_id": acme["thread_id"]}
            assert transport.refused(method, "acme", **ids) is None, method.name


def test_lists_keys_and_names(rest, stubs):
    def initiate(tenant, key=""):
        answer = rest.http.post(f"{AGENT}/initiate", json={"idempotency_key": key}, headers={"x-tenant": tenant})
        return answer.json()["thread_id"], answer.headers.get("idempotency-replayed")

    def listed(tenant):
        answer = rest.http.get(AGENT, headers={"x-tenant": tenant} if tenant else {})
        return {thread["thread_id"] for thread in answer.json()["threads"]}

    one, _ = initiate("one", "the same key")
    two, replayed = initiate("two", "the same key")
    assert one != two and replayed is None
    assert initiate("one", "the same key") == (one, "true")
    assert listed("one") == {one} and listed("two") == {two}
    assert listed("none-of-that-name") == set()
    assert not {one, two} & listed(None) and listed(None) == listed("default")
    # A token is of its own list.
    token = rest.http.get(AGENT, params={"page_token": one}, headers={"x-tenant": "two"})
    error_of(token, 400, "invalid_argument")
    # A fork is the same tenant's.
    fork = rest.http.post(f"{AGENT}/{one}/fork", json={}, headers={"x-tenant": "one"}).json()["thread_id"]
    assert listed("one") == {one, fork}
    assert rest.http.delete(f"{AGENT}/{one}", headers={"x-tenant": "one"}).status_code == 200
    assert listed("one") == {fork}
    for bad in ("a b", "x" * 65, "a/b"):
        for path in (f"{AGENT}/{two}", AGENT):
            refused = rest.http.get(path, headers={"x-tenant": bad})
            assert error_of(refused, 400, "invalid_argument")["field"] == "x-tenant"
    longest = "x" * 64
    thread, _ = initiate(longest)
    assert rest.http.get(f"{AGENT}/{thread}", headers={"x-tenant": longest}).status_code == 200
