"""Every method of the contract, called with grpcio."""

import grpc
import pytest
import redis
from contract import LIMIT, refusal


def test_health_check(stubs):
    messages = stubs.health_messages
    answer = stubs.health.Check(messages.HealthCheckRequest(), timeout=LIMIT)
    assert answer.status == messages.HealthCheckResponse.SERVING
    named = messages.HealthCheckRequest(service="baud.v1.AgentService")
    assert stubs.health.Check(named, timeout=LIMIT).status == messages.HealthCheckResponse.SERVING


def test_health_check_of_an_unknown_service(stubs):
    request = stubs.health_messages.HealthCheckRequest(service="no.such.Service")
    code, _ = refusal(lambda: stubs.health.Check(request, timeout=LIMIT))
    assert code == grpc.StatusCode.NOT_FOUND


def test_get_health(stubs, rest):
    health = stubs.system.GetHealth(stubs.GetHealthRequest(), timeout=LIMIT)
    assert (health.status, health.redis, health.config) == ("ok", "ok", "ok")
    assert health.workers >= 1 and health.version
    assert stubs.parse(rest.http.get("/health").json(), "Health") == health


def test_initiate_and_get_thread(stubs, rest):
    request = stubs.InitiateThreadRequest(metadata={"user": "ä", "empty": ""})
    made = stubs.agent.InitiateThread(request, timeout=LIMIT)
    assert made.thread_id and made.created_at and made.status == "idle"
    assert dict(made.metadata) == {"user": "ä", "empty": ""}
    assert (made.seq, made.run_count) == (1, 0)
    assert stubs.agent.GetThread(stubs.GetThreadRequest(thread_id=made.thread_id), timeout=LIMIT) == made
    assert stubs.parse(rest.thread(made.thread_id), "Thread") == made


def test_list_threads_newest_first(stubs):
    made = [stubs.new_thread() for _ in range(3)]
    listed, token = [], ""
    while not set(made) <= set(listed):
        request = stubs.ListThreadsRequest(page_size=2, page_token=token)
        page = stubs.agent.ListThreads(request, timeout=LIMIT)
        assert 0 < len(page.threads) <= 2
        listed += [thread.thread_id for thread in page.threads]
        token = page.next_page_token
        assert token or set(made) <= set(listed)
    assert len(listed) == len(set(listed))
    request = stubs.ListThreadsRequest(page_size=100)
    times = [thread.created_at for thread in stubs.agent.ListThreads(request, timeout=LIMIT).threads]
    assert times == sorted(times, reverse=True)


def test_delete_thread(stubs):
    thread = stubs.new_thread()
    stubs.agent.DeleteThread(stubs.DeleteThreadRequest(thread_id=thread), timeout=LIMIT)
    request = stubs.GetThreadRequest(thread_id=thread)
    assert refusal(lambda: stubs.agent.GetThread(request, timeout=LIMIT))[0] == grpc.StatusCode.NOT_FOUND


def test_execute_get_and_list_runs(stubs, rest):
    thread = stubs.new_thread()
    first = stubs.agent.ExecuteRun(
        stubs.ExecuteRunRequest(thread_id=thread, task="words=3", model="script/words"), timeout=LIMIT
    )
    assert (first.status, first.thread_id, first.attempt) == ("queued", thread, 0)
    stubs.events(thread, first.run_id)
    run = stubs.agent.GetRun(stubs.GetRunRequest(thread_id=thread, run_id=first.run_id), timeout=LIMIT)
    assert (run.status, run.attempt, run.model, run.task) == ("completed", 1, "script/words", "words=3")
    assert run.text == "word 0 word 1 word 2 "
    assert run.created_at <= run.started_at <= run.ended_at
    assert run.usage.output_tokens > 0 and run.usage.input_tokens > 0
    assert stubs.parse(rest.run(thread, first.run_id), "Run") == run

    more = [stubs.execute(thread, "words=1") for _ in range(4)]
    stubs.events(thread, more[-1])
    expected = [first.run_id, *more][::-1]
    listed, token = [], ""
    while True:
        request = stubs.ListRunsRequest(thread_id=thread, page_size=2, page_token=token)
        page = stubs.agent.ListRuns(request, timeout=LIMIT)
        listed += [run.run_id for run in page.runs]
        token = page.next_page_token
        if not token:
            break
    assert listed == expected


def test_cancel_run(stubs):
    thread = stubs.new_thread()
    run = stubs.execute(thread, "words=100 pause_ms=60000")
    call = stubs.stream(thread, run_id=run)
    for event in call:
        if event.type == "run_attempt_started":
            stubs.agent.CancelRun(stubs.CancelRunRequest(thread_id=thread, run_id=run), timeout=LIMIT)
    assert event.type == "run_cancelled" and event.final and event.run.reason == "user"


def test_execute_and_stream(stubs):
    thread = stubs.new_thread()
    request = stubs.ExecuteRunRequest(thread_id=thread, task="words=5", model="script/words")
    events = list(stubs.agent.ExecuteAndStream(request, timeout=LIMIT))
    stored = [event for event in events if event.id]
    assert stored[0].type == "run_queued" and stored[-1].type == "run_completed"
    assert [event.final for event in stored].count(True) == 1 and stored[-1].final
    assert stored == stubs.events(thread, stored[0].run_id)


def test_execute_and_stream_refuses_as_execute_does(stubs):
    request = stubs.ExecuteRunRequest(thread_id=stubs.new_thread(), task=" ", model="script/words")
    assert refusal(lambda: stubs.agent.ExecuteAndStream(request, timeout=LIMIT))[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_stream_flow_hands_on_what_an_older_producer_writes(stubs, rest, redis_server):
    flow, input = "0f9d-flow", "51aa-input"
    with redis.Redis(unix_socket_path=str(redis_server.socket)) as producer:
        first = producer.xadd(f"stream:{flow}:{input}", {"event": "progress", "data": '{"n": 1}'}).decode()
        request = stubs.StreamFlowRequest(flow_uuid=flow, flow_input_uuid=input)
        call = stubs.flow.StreamFlow(request, timeout=LIMIT)
        event = next(call)
        assert (event.id, event.type, event.data) == (first, "progress", '{"n": 1}')
        second = producer.xadd(f"stream:{flow}:{input}", {"event": "done", "data": '{"n": 2}'}).decode()
        event = next(event for event in call if event.id)
        assert (event.id, event.type, event.data) == (second, "done", '{"n": 2}')
        call.cancel()
    query = {"flowUuid": flow, "flowInputUuid": input, "last_id": first}
    with rest.http.stream("GET", "/agent/event-stream", params=query) as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith("id:")) == f"id: {second}"
        assert [next(lines), next(lines)] == ["event: done", 'data: {"n": 2}']


def test_an_unknown_method_is_unimplemented(stubs):
    for path in ("/baud.v1.AgentService/NoSuchMethod", "/no.such.Service/Method"):
        call = stubs.channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
        assert refusal(lambda: call(b"", timeout=LIMIT))[0] == grpc.StatusCode.UNIMPLEMENTED


def test_a_deadline_ends_the_call_but_not_the_run(stubs, rest):
    thread = stubs.new_thread()
    run = stubs.execute(thread, "words=60 pause_ms=20")
    request = stubs.StreamThreadRequest(thread_id=thread, run_id=run)
    code, _ = refusal(lambda: stubs.agent.StreamThread(request, timeout=0.3))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert rest.events(thread, run)[-1]["type"] == "run_completed"


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate], ids=["gzip", "deflate"])
def test_a_compressed_request(stubs, compression):
    request = stubs.InitiateThreadRequest(metadata={"text": "a" * 400})
    answer = stubs.agent.InitiateThread(request, timeout=LIMIT, compression=compression)
    assert answer.metadata["text"] == "a" * 400
