"""What cannot be meant is refused with the field and the reason, in both protocols alike."""

import socket

import grpc
import pytest
from clients import error_of
from contract import LIMIT, refusal

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
ALREADY_EXISTS = grpc.StatusCode.ALREADY_EXISTS
UNKNOWN = "00000000-0000-4000-8000-000000000000"
TASK = {"task": "words=1", "model": "script/words"}
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def thread(rest):
    return rest.new_thread()


# What does not exist

THREAD_ROUTES = [
    ("GET", ""),
    ("DELETE", ""),
    ("POST", "/execute"),
    ("POST", "/execute/stream"),
    ("GET", "/runs"),
    ("GET", f"/runs/{UNKNOWN}"),
    ("POST", f"/runs/{UNKNOWN}/cancel"),
    ("GET", "/stream"),
    ("GET", f"/stream?run_id={UNKNOWN}"),
    ("GET", "/stream?last_id=$"),
]


@pytest.mark.parametrize("id", [UNKNOWN, "no%20id", "%7Bx%7D", "a" * 200, "..%2F..%2Fetc"])
@pytest.mark.parametrize(["verb", "path"], THREAD_ROUTES)
def test_an_unknown_thread(rest, verb, path, id):
    body = {"json": TASK} if verb == "POST" else {}
    answer = rest.http.request(verb, f"/api/agent/{id}{path}", **body)
    assert error_of(answer, 404, "not_found")["field"] == "thread_id"


@pytest.mark.parametrize("name", ["thread_id", "threadId", "thread_id\0"])
def test_the_path_has_the_last_word(rest, thread, name):
    answer = rest.http.post(f"/api/agent/{thread}/execute", json={"thread_id": UNKNOWN, name: UNKNOWN} | TASK)
    assert answer.status_code == 200 and answer.json()["thread_id"] == thread
    answer = rest.http.get(f"/api/agent/{thread}/runs", params={"thread_id": UNKNOWN, name: UNKNOWN})
    assert answer.status_code == 200 and answer.json()["runs"]


@pytest.mark.parametrize(["verb", "path"], [route for route in THREAD_ROUTES if UNKNOWN in route[1]])
def test_an_unknown_run(rest, thread, verb, path):
    answer = rest.http.request(verb, f"/api/agent/{thread}{path}")
    assert error_of(answer, 404, "not_found")["field"] == "run_id"


@pytest.mark.parametrize(
    ["method", "request_type", "fields"],
    [
        ("GetThread", "GetThreadRequest", {}),
        ("DeleteThread", "DeleteThreadRequest", {}),
        ("ExecuteRun", "ExecuteRunRequest", TASK),
        ("ExecuteAndStream", "ExecuteRunRequest", TASK),
        ("GetRun", "GetRunRequest", {"run_id": UNKNOWN}),
        ("ListRuns", "ListRunsRequest", {}),
        ("CancelRun", "CancelRunRequest", {"run_id": UNKNOWN}),
        ("StreamThread", "StreamThreadRequest", {}),
        ("StreamThread", "StreamThreadRequest", {"run_id": UNKNOWN}),
        ("StreamThread", "StreamThreadRequest", {"last_id": "$"}),
    ],
)
@pytest.mark.parametrize("id", [UNKNOWN, "", "no id"])
def test_an_unknown_thread_over_grpc(stubs, method, request_type, fields, id):
    request = getattr(stubs, request_type)(thread_id=id, **fields)
    code, details = refusal(lambda: getattr(stubs.agent, method)(request, timeout=LIMIT))
    assert code == NOT_FOUND and "thread" in details


def test_an_unknown_run_over_grpc(stubs, thread):
    for method, request in [
        ("GetRun", stubs.GetRunRequest(thread_id=thread, run_id=UNKNOWN)),
        ("CancelRun", stubs.CancelRunRequest(thread_id=thread, run_id=UNKNOWN)),
        ("StreamThread", stubs.StreamThreadRequest(thread_id=thread, run_id=UNKNOWN)),
    ]:
        assert refusal(lambda: getattr(stubs.agent, method)(request, timeout=LIMIT))[0] == NOT_FOUND


# Bodies

@pytest.mark.parametrize(
    ["body", "place"],
    [
        ("{", "line 1, column 2"),
        ('{"task": }', "line 1, column 10"),
        ('{\n  "task": "a"\n  "model": "b"\n}', "line 3, column 3"),
        ('{"task": "a"} x', "line 1, column 15"),
        ('{"task": "\\q"}', "line 1, column 1"),
        ("[" * 5000, "line 1, column"),
        ('{"task": NaN}', "line 1, column 10"),
        ('{"task": 1e400}', "line 1, column"),
        ('{"task": "\\ud800"}', "line 1, column"),
        ('{"task": "a", "task": "b"}', "line 1, column"),
    ],
)
def test_malformed_json_is_told_its_place(rest, thread, body, place):
    answer = rest.http.post(f"/api/agent/{thread}/execute", content=body, headers={"content-type": "application/json"})
    assert place in error_of(answer, 400, "invalid_argument")["message"]


def test_a_body_that_is_not_utf8(rest, thread):
    headers = {"content-type": "application/json"}
    answer = rest.http.post(f"/api/agent/{thread}/execute", content=b'{"task": "\xff"}', headers=headers)
    error_of(answer, 400, "invalid_argument")


@pytest.mark.parametrize("body", ["[]", '"text"', "1", "null", "true"])
def test_a_body_that_is_no_object(rest, thread, body):
    answer = rest.http.post(f"/api/agent/{thread}/execute", content=body, headers={"content-type": "application/json"})
    assert "object" in error_of(answer, 400, "invalid_argument")["message"]


@pytest.mark.parametrize(
    ["path", "body", "field"],
    [
        ("/{thread}/execute", {"task": 1}, "task"),
        ("/{thread}/execute", {"task": ["a"]}, "task"),
        ("/{thread}/execute", {**TASK, "model": {}}, "model"),
        ("/{thread}/execute", {**TASK, "idempotency_key": 5}, "idempotency_key"),
        ("/{thread}/execute", {"task": "a\0b"}, "task"),
        ("/initiate", {"metadata": {"a": 1}}, "metadata.a"),
        ("/initiate", {"metadata": []}, "metadata"),
        ("/initiate", {"metadata": {"a": "x" * 600}}, "metadata.a"),
        ("/initiate", {"metadata": {str(number): "" for number in range(65)}}, "metadata"),
        ("/{thread}/execute", {}, "task"),
        ("/{thread}/execute", {"task": ""}, "task"),
        ("/{thread}/execute", {"task": " \n\t"}, "task"),
        ("/{thread}/execute", {**TASK, "idempotency_key": "k" * 256}, "idempotency_key"),
        ("/{thread}/execute", {**TASK, "model": "nobody/large"}, "model"),
        ("/{thread}/execute", {**TASK, "model": "large"}, "model"),
        ("/{thread}/execute", {**TASK, "model": "script/"}, "model"),
        ("/{thread}/execute", {**TASK, "model": "/words"}, "model"),
    ],
)
def test_a_field_that_cannot_be_meant(rest, thread, path, body, field):
    answer = rest.http.post("/api/agent" + path.format(thread=thread), json=body)
    error = error_of(answer, 400, "invalid_argument")
    # The member of a map may be named by its place, with or without the part behind the map's name.
    assert error["field"].startswith(field), error


@pytest.mark.parametrize(
    ["fields", "field"],
    [
        ({"task": "", "model": "script/words"}, "task"),
        ({"task": " ", "model": "script/words"}, "task"),
        ({"task": "a", "model": "nobody/large"}, "model"),
        ({"task": "a", "model": "large"}, "model"),
        ({"task": "a", "model": "script/words", "idempotency_key": "k" * 256}, "idempotency_key"),
    ],
)
def test_a_field_that_cannot_be_meant_over_grpc(stubs, thread, fields, field):
    code, details = refusal(lambda: stubs.execute(thread, **fields))
    assert code == INVALID and field in details


def test_bytes_that_are_no_message_over_grpc(stubs):
    call = stubs.channel.unary_unary(
        "/baud.v1.AgentService/GetThread", request_serializer=bytes, response_deserializer=bytes
    )
    for message in (b"\xff\xff\xff", b"\x0a\x7fshort", b"\x0a"):
        assert refusal(lambda: call(message, timeout=LIMIT))[0] == grpc.StatusCode.INTERNAL, message


def test_a_string_that_is_not_utf8_over_grpc(stubs):
    # proto3: "A string must always contain UTF-8 encoded text"; a parser has to refuse it.
    call = stubs.channel.unary_unary(
        "/baud.v1.AgentService/InitiateThread", request_serializer=bytes, response_deserializer=bytes
    )
    code, _ = refusal(lambda: call(b"\x12\x02\xc3\x28", timeout=LIMIT))
    assert code in (grpc.StatusCode.INTERNAL, INVALID)


def test_camel_case_and_numbers_as_text_are_read(rest, thread):
    answer = rest.http.post(f"/api/agent/{thread}/execute", json={**TASK, "idempotencyKey": f"camel-{thread}"})
    assert answer.status_code == 200
    again = rest.http.post(f"/api/agent/{thread}/execute", json={**TASK, "idempotency_key": f"camel-{thread}"})
    assert again.json()["run_id"] == answer.json()["run_id"]
    assert len(rest.http.get(f"/api/agent/{thread}/runs?pageSize=1").json()["runs"]) == 1


@pytest.mark.parametrize("type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"])
def test_a_body_of_another_type(rest, thread, type):
    answer = rest.http.post(f"/api/agent/{thread}/execute", content="{}", headers={"content-type": type})
    error_of(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("type", ["application/json; charset=utf-8", "Application/JSON", "application/patch+json"])
def test_types_that_are_json(rest, type):
    answer = rest.http.post("/api/agent/initiate", content="{}", headers={"content-type": type})
    assert answer.status_code == 200


# Sizes

def too_large(address: str, framing: str, body: bytes) -> bytes:
    """What comes back for a POST, read even if the server stops reading before the end of the body."""
    host, port = address.rsplit(":", 1)
    headers = f"host: {address}\r\ncontent-type: application/json\r\n{framing}"
    head = f"POST /api/agent/initiate HTTP/1.1\r\n{headers}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=LIMIT) as connection:
        try:
            connection.sendall(head.encode() + body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return connection.recv(65536)


def test_a_declared_body_over_the_limit_is_refused_before_it_is_read(server):
    answer = too_large(server.address, f"content-length: {5 * MEGABYTE}", b"")
    assert answer.startswith(b"HTTP/1.1 413 ") and b'"body_too_large"' in answer


def test_a_declared_body_over_the_limit(rest):
    answer = rest.http.post("/api/agent/initiate", json={"metadata": {"a": "x" * 5 * MEGABYTE}})
    assert "4194304" in error_of(answer, 413, "body_too_large")["message"]


def test_a_chunked_body_over_the_limit(server):
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    answer = too_large(server.address, "transfer-encoding: chunked", chunk * 80 + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ") and b'"body_too_large"' in answer


def test_a_message_over_the_limit_over_grpc(stubs, thread):
    code, _ = refusal(lambda: stubs.execute(thread, "x" * 5 * MEGABYTE))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_whatever_is_accepted_can_be_read_by_a_client_with_the_default_limit(stubs):
    # grpcio receives 4 MB at most unless told otherwise: the largest request must not make an event beyond that.
    thread = stubs.new_thread()
    request = stubs.ExecuteRunRequest(thread_id=thread, model="script/words", task="words=1")
    request.task += " " * (4 * MEGABYTE - request.ByteSize() - 8)
    try:
        run = stubs.agent.ExecuteRun(request, timeout=LIMIT).run_id
    except grpc.RpcError as error:
        count = stubs.agent.GetThread(stubs.GetThreadRequest(thread_id=thread), timeout=LIMIT).run_count
        assert count == 0, f"the run was accepted, and the client was told {error.details()}"
    else:
        assert stubs.events(thread, run)[-1].type == "run_completed"


@pytest.mark.parametrize(["size", "status"], [(4 * MEGABYTE, 200), (4 * MEGABYTE + 1, 413)])
def test_the_limit_is_exact(rest, size, status):
    frame = '{"padding": ""}'
    body = frame.replace('""', '"' + "x" * (size - len(frame)) + '"')
    answer = rest.http.post("/api/agent/initiate", content=body, headers={"content-type": "application/json"})
    assert (len(body), answer.status_code) == (size, status)


# Cursors and pages

TOO_LARGE = "99999999999999999999"
MALFORMED = ["x", "1-", "-1", "1-2-3", "1.5", "١-٠", "$$", " 1-0", "0x1", f"{TOO_LARGE}-0", f"1-{TOO_LARGE}"]


@pytest.mark.parametrize("last_id", MALFORMED)
def test_a_malformed_cursor(rest, stubs, thread, last_id):
    path = f"/api/agent/{thread}/stream"
    error = error_of(rest.http.get(path, params={"last_id": last_id}), 400, "invalid_argument")
    assert error["field"] == "last_id"
    code, details = refusal(lambda: stubs.stream(thread, last_id=last_id))
    assert code == INVALID and "last_id" in details


def test_a_malformed_cursor_in_the_header(rest, thread):
    answer = rest.http.get(f"/api/agent/{thread}/stream", headers={"Last-Event-ID": "x"})
    assert error_of(answer, 400, "invalid_argument")["field"] == "last_id"


@pytest.mark.parametrize("last_id", ["99999999999999-0", "18446744073709551615-18446744073709551615"])
def test_a_cursor_ahead_of_the_log(rest, stubs, thread, last_id):
    answer = rest.http.get(f"/api/agent/{thread}/stream", params={"last_id": last_id})
    assert error_of(answer, 400, "invalid_argument")["field"] == "last_id"
    assert refusal(lambda: stubs.stream(thread, last_id=last_id))[0] == INVALID


def test_a_malformed_cursor_of_a_flow(rest):
    query = {"flowUuid": "a", "flowInputUuid": "b", "last_id": "x"}
    assert error_of(rest.http.get("/agent/event-stream", params=query), 400, "invalid_argument")["field"] == "last_id"


@pytest.mark.parametrize(["query", "field"], [({}, "flow_uuid"), ({"flowUuid": "a"}, "flow_input_uuid")])
def test_a_flow_without_its_ids(rest, query, field):
    answer = rest.http.get("/agent/event-stream", params=query)
    assert error_of(answer, 400, "invalid_argument")["field"] == field


@pytest.mark.parametrize("page_size", ["101", "-1", "x", "1.5", "", "99999999999", "1e1"])
@pytest.mark.parametrize("path", ["", "/{thread}/runs"])
def test_a_page_size_that_cannot_be_meant(rest, thread, path, page_size):
    answer = rest.http.get("/api/agent" + path.format(thread=thread), params={"page_size": page_size})
    assert error_of(answer, 400, "invalid_argument")["field"] == "page_size"


@pytest.mark.parametrize("token", ["x", "-1", "99999999999999999999", "../x"])
@pytest.mark.parametrize("path", ["", "/{thread}/runs"])
def test_a_page_token_that_no_page_gave(rest, thread, path, token):
    answer = rest.http.get("/api/agent" + path.format(thread=thread), params={"page_token": token})
    assert error_of(answer, 400, "invalid_argument")["field"] == "page_token"


def test_page_sizes_over_grpc(stubs, thread):
    request = stubs.ListThreadsRequest(page_size=101)
    assert refusal(lambda: stubs.agent.ListThreads(request, timeout=LIMIT))[0] == INVALID
    request = stubs.ListRunsRequest(thread_id=thread, page_token="x")
    assert refusal(lambda: stubs.agent.ListRuns(request, timeout=LIMIT))[0] == INVALID


def test_the_page_size_is_kept(rest, stubs):
    thread = rest.new_thread()
    runs = [rest.execute(thread, "words=1") for _ in range(60)]
    rest.events(thread, runs[-1])
    for asked, got in ((1, 1), (0, 50), (100, 60)):
        page = rest.http.get(f"/api/agent/{thread}/runs", params={"page_size": asked}).json()
        assert [run["run_id"] for run in page["runs"]] == runs[::-1][:got]
        assert bool(page["next_page_token"]) == (got < 60)


@pytest.mark.parametrize("query", ["last_id=%", "last_id=%zz", "last_id=%ff", "%=1"])
def test_a_query_with_broken_escapes(rest, thread, query):
    error_of(rest.http.get(f"/api/agent/{thread}/stream?{query}"), 400, "invalid_argument")


def test_members_that_the_contract_does_not_know_are_ignored(rest, thread):
    assert rest.http.get(f"/api/agent/{thread}/runs?no_such_field=1").status_code == 200
    assert rest.http.post("/api/agent/initiate", json={"no_such_field": 1}).status_code == 200


# Verbs and paths

@pytest.mark.parametrize(
    ["verb", "path", "allowed"],
    [
        ("PUT", "/api/agent/x", {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}),
        ("POST", "/api/agent/x", {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}),
        ("GET", "/api/agent/x/execute", {"POST", "OPTIONS"}),
        ("PATCH", "/health", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/api/agent", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/", {"GET", "HEAD", "POST", "OPTIONS"}),
    ],
)
def test_a_wrong_verb_is_told_the_right_ones(rest, verb, path, allowed):
    answer = rest.http.request(verb, path)
    error_of(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_initiate_is_no_thread(rest):
    # The path is also that of a thread of this name, so reading it is a question after that thread.
    assert rest.http.get("/api/agent/initiate").status_code in (404, 405)


@pytest.mark.parametrize("path", ["/nothing", "/api/agent/x/y/z/u", "/api/agent//runs", "/api//agent", "/health/"])
def test_an_unknown_path(rest, path):
    error_of(rest.http.get(path), 404, "not_found")
