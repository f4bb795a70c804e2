"""A retry under the same key returns the same run or thread; another request under it is refused."""

import concurrent.futures
import uuid

import grpc
import pytest
from clients import error_of
from contract import LIMIT, refusal

TASK = {"task": "words=1", "model": "script/words"}


@pytest.fixture
def key():
    return str(uuid.uuid4())


@pytest.fixture(scope="module")
def thread(rest):
    return rest.new_thread()


def execute(rest, thread, key, **fields):
    return rest.http.post(f"/api/agent/{thread}/execute", json=TASK | fields, headers={"Idempotency-Key": key})


def test_a_retry_returns_the_same_run(rest, thread, key):
    count = rest.thread(thread)["run_count"]
    first = execute(rest, thread, key).json()["run_id"]
    assert execute(rest, thread, key).json()["run_id"] == first
    rest.events(thread, first)
    assert execute(rest, thread, key).json()["status"] == "completed"
    assert rest.thread(thread)["run_count"] == count + 1


def test_header_body_and_grpc_mean_the_same_key(rest, stubs, thread, key):
    first = execute(rest, thread, key).json()["run_id"]
    in_body = rest.http.post(f"/api/agent/{thread}/execute", json=TASK | {"idempotency_key": key})
    assert in_body.json()["run_id"] == first
    assert stubs.execute(thread, **TASK, idempotency_key=key) == first
    request = stubs.ExecuteRunRequest(thread_id=thread, **TASK)
    by_metadata = stubs.agent.ExecuteRun(request, timeout=LIMIT, metadata=[("idempotency-key", key)])
    assert by_metadata.run_id == first


def test_a_replay_over_rest_is_marked(rest, thread, key):
    assert "idempotency-replayed" not in execute(rest, thread, key).headers
    assert execute(rest, thread, key).headers.get("idempotency-replayed") == "true"


def test_a_replay_over_grpc_is_marked(stubs, thread, key):
    stubs.execute(thread, **TASK, idempotency_key=key)
    request = stubs.ExecuteRunRequest(thread_id=thread, **TASK, idempotency_key=key)
    _, call = stubs.agent.ExecuteRun.with_call(request, timeout=LIMIT)
    metadata = dict([*call.initial_metadata(), *call.trailing_metadata()])
    assert metadata.get("idempotency-replayed") == "true"


@pytest.mark.parametrize("change", [{"task": "words=2"}, {"model": "script/demo"}])
def test_another_request_under_the_key_is_refused(rest, stubs, thread, key, change):
    execute(rest, thread, key)
    assert error_of(execute(rest, thread, key, **change), 409, "conflict")["field"] == "idempotency_key"
    code, _ = refusal(lambda: stubs.execute(thread, **TASK | change, idempotency_key=key))
    assert code == grpc.StatusCode.ALREADY_EXISTS


def test_a_key_is_for_one_thread(rest, thread, key):
    first = execute(rest, thread, key)
    other = execute(rest, rest.new_thread(), key)
    assert other.status_code == 200 and other.json()["run_id"] != first.json()["run_id"]


def test_retries_at_the_same_time_make_one_run(rest, thread, key):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: execute(rest, thread, key), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["run_id"] for answer in answers}) == 1


def test_execute_and_stream_replays_the_run(rest, stubs, thread, key):
    request = stubs.ExecuteRunRequest(thread_id=thread, **TASK, idempotency_key=key)
    first = [event for event in stubs.agent.ExecuteAndStream(request, timeout=LIMIT) if event.id]
    again = [event for event in stubs.agent.ExecuteAndStream(request, timeout=LIMIT) if event.id]
    assert again == first


def test_a_retry_returns_the_same_thread(rest, stubs, key):
    body, headers = {"metadata": {"a": "1"}}, {"Idempotency-Key": key}
    first = rest.http.post("/api/agent/initiate", json=body, headers=headers).json()
    assert rest.http.post("/api/agent/initiate", json=body, headers=headers).json() == first
    request = stubs.InitiateThreadRequest(metadata={"a": "1"}, idempotency_key=key)
    assert stubs.agent.InitiateThread(request, timeout=LIMIT).thread_id == first["thread_id"]
    other = rest.http.post("/api/agent/initiate", json={"metadata": {"a": "2"}}, headers=headers)
    error_of(other, 409, "conflict")


def test_the_order_of_a_map_does_not_make_another_request(rest, key):
    metadata = {str(number): "x" for number in range(8)}
    reversed_ = dict(reversed(metadata.items()))
    headers = {"Idempotency-Key": key}
    first = rest.http.post("/api/agent/initiate", json={"metadata": metadata}, headers=headers)
    again = rest.http.post("/api/agent/initiate", json={"metadata": reversed_}, headers=headers)
    assert again.status_code == 200, again.text
    assert again.json()["thread_id"] == first.json()["thread_id"]


def test_a_key_outlives_its_thread_only_as_not_found(rest, key):
    thread = rest.new_thread()
    run = execute(rest, thread, key).json()["run_id"]
    rest.events(thread, run)
    rest.http.delete(f"/api/agent/{thread}")
    error_of(execute(rest, thread, key), 404, "not_found")
