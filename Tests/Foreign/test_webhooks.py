"""Webhooks: what a receiver gets, when it refuses, when workers die, and where nothing is sent."""

import socket

import pytest
from clients import AGENT, error_of
from contract import LIMIT, refusal
from grpc import StatusCode
from hook_receiver import SECRET, HookReceiver
from processes import wait_until

SETTINGS = {
    "BAUD_WEBHOOKS_SECRET": SECRET,
    "BAUD_WEBHOOKS_ALLOW_PRIVATE": "true",
    "BAUD_WEBHOOKS_RETRY_MS": 100,
    "BAUD_WEBHOOKS_TIMEOUT_MS": 5000,
}


def serve(workshop, *statuses, **settings):
    """A server, its REST client, and a receiver."""
    receiver = workshop.keep(HookReceiver(*statuses))
    server = workshop.baud("serve", "--redis-url", workshop.redis().url, **(SETTINGS | settings))
    return server, workshop.rest(server), receiver


def execute(rest, thread: str, task: str, url: str, **webhook) -> str:
    body = {"task": task, "model": "script/words", "webhook": {"url": url} | webhook}
    answer = rest.http.post(f"{AGENT}/{thread}/execute", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["webhook"]["url"] == url
    return answer.json()["run_id"]


def stats(rest) -> dict:
    return rest.http.get("/api/queue/stats").json()


def quiet(rest) -> bool:
    return stats(rest)["webhooks"] == 0


def test_the_end_is_told_after_some_refusals(workshop):
    _, rest, receiver = serve(workshop, 500, 500, 503, 200)
    thread = rest.new_thread()
    run = execute(rest, thread, "words=5", receiver.url)
    wait_until(lambda: receiver.taken, 30, "the delivery")
    wait_until(lambda: quiet(rest), 10, "an empty outbox")
    assert receiver.problems == []
    assert [delivery["status"] for delivery in receiver.deliveries] == [500, 500, 503, 200]
    assert len({delivery["id"] for delivery in receiver.deliveries}) == 1
    (taken,) = receiver.taken
    assert taken["type"] == "run_completed"
    last = rest.events(thread, run)[-1]
    assert taken["data"]["event"] == last and last["final"]
    assert taken["data"]["run"] == rest.run(thread, run)
    assert stats(rest)["dead_webhooks"] == 0


def test_what_it_is_for_other_endings_threads_schedules_and_grpc(workshop):
    server, rest, receiver = serve(workshop)
    stubs = workshop.stubs(server)
    # A thread's webhook, over gRPC.
    request = stubs.InitiateThreadRequest(webhook=stubs.Webhook(url=receiver.url, events=["run_cancelled"]))
    thread = stubs.agent.InitiateThread(request, timeout=LIMIT)
    assert thread.webhook.url == receiver.url
    run = stubs.execute(thread.thread_id, "words=50 pause_ms=1000")
    assert rest.run(thread.thread_id, run)["webhook"] == {"url": receiver.url, "events": ["run_cancelled"]}
    rest.cancel(thread.thread_id, run)
    wait_until(lambda: receiver.taken, 20, "run_cancelled")
    assert receiver.taken[0]["type"] == "run_cancelled" and receiver.taken[0]["data"]["run"]["run_id"] == run
    # A schedule's.
    other = rest.new_thread()
    body = {"task": "words=1", "model": "script/words", "delay_seconds": 1, "webhook": {"url": receiver.url}}
    answer = rest.http.post(f"{AGENT}/{other}/schedules", json=body)
    assert answer.json()["webhook"]["url"] == receiver.url
    wait_until(lambda: len(receiver.taken) == 2, 20, "the scheduled run's end")
    assert receiver.taken[1]["type"] == "run_completed"
    # A run with none tells nothing.
    rest.finished("words=1")
    wait_until(lambda: quiet(rest), 10, "an empty outbox")
    assert len(receiver.deliveries) == 2 and receiver.problems == []


def test_a_question_is_told(workshop):
    (workshop.folder / "play").mkdir()
    turn = '{"turns": [{"tool_calls": [{"name": "ask_user", "arguments": {"question": "Red?"}}]}, {"text": "ok"}]}'
    (workshop.folder / "play/ask.json").write_text(turn)
    _, rest, receiver = serve(workshop, BAUD_SCRIPT_DIR=workshop.folder / "play")
    thread = rest.new_thread()
    body = {"task": "x", "model": "script/ask", "webhook": {"url": receiver.url}}
    run = rest.http.post(f"{AGENT}/{thread}/execute", json=body).json()["run_id"]
    wait_until(lambda: receiver.taken, 20, "the question")
    assert receiver.taken[0]["type"] == "run_requires_action"
    assert receiver.taken[0]["data"]["run"]["question"]["text"] == "Red?"
    rest.http.post(f"{AGENT}/{thread}/runs/{run}/answer", json={"text": "red"})
    wait_until(lambda: len(receiver.taken) == 2, 20, "the end")
    assert receiver.taken[1]["type"] == "run_completed"


def test_every_end_arrives_though_workers_are_killed(workshop):
    redis = workshop.redis()
    gateway = workshop.baud("gateway", "--redis-url", redis.url, **SETTINGS)
    rest = workshop.rest(gateway)
    receiver = workshop.keep(HookReceiver(500, 200, 500, 200))
    settings = SETTINGS | {
        "BAUD_WORKER_LEASE_MS": 1000,
        "BAUD_WORKER_HEARTBEAT_MS": 300,
        "BAUD_WORKER_REAPER_MS": 200,
        "BAUD_WEBHOOKS_TIMEOUT_MS": 500,
        "BAUD_WORKER_MAX_ATTEMPTS": 20,
    }
    threads = [rest.new_thread() for _ in range(20)]
    runs = {execute(rest, thread, "words=10 pause_ms=40", receiver.url) for thread in threads}
    for _ in range(3):
        worker = workshop.baud("modem", "--redis-url", redis.url, **settings)
        count = len(receiver.deliveries)
        wait_until(lambda: len(receiver.deliveries) > count, 30, "some delivery")
        # In the middle of deliveries: the receiver has them and has not answered.
        receiver.hold.clear()
        wait_until(lambda: len(receiver.deliveries) > count + 1 or quiet(rest), 30, "one more delivery")
        worker.kill()
        receiver.hold.set()
    workshop.baud("modem", "--redis-url", redis.url, **settings)
    wait_until(lambda: quiet(rest), 90, "an empty outbox")
    assert receiver.problems == []
    assert {delivery["data"]["run"]["run_id"] for delivery in receiver.taken} == runs
    # More than once is allowed, but it is one message then.
    assert len({delivery["id"] for delivery in receiver.taken}) == len(runs)
    assert stats(rest)["dead_webhooks"] == 0


def test_two_workers_do_not_send_the_same(workshop):
    redis = workshop.redis()
    gateway = workshop.baud("gateway", "--redis-url", redis.url, **SETTINGS)
    rest = workshop.rest(gateway)
    for _ in range(2):
        workshop.baud("modem", "--redis-url", redis.url, **SETTINGS)
    receiver = workshop.keep(HookReceiver())
    for _ in range(30):
        execute(rest, rest.new_thread(), "words=1", receiver.url)
    # More than one worker sends to one receiver at once, which need not wait for long.
    wait_until(lambda: len(receiver.taken) >= 30 and quiet(rest), 8, "30 deliveries")
    assert len(receiver.deliveries) == len({delivery["id"] for delivery in receiver.deliveries}) == 30


def test_private_addresses_are_refused(workshop):
    receiver = workshop.keep(HookReceiver())
    redis = workshop.redis()
    careless = workshop.baud("gateway", "--redis-url", redis.url, **SETTINGS)
    strict = SETTINGS | {"BAUD_WEBHOOKS_ALLOW_PRIVATE": "false"}
    server = workshop.baud("serve", "--redis-url", redis.url, **strict)
    rest, other = workshop.rest(server), workshop.rest(careless)
    thread = rest.new_thread()
    for host in ("127.0.0.1", "10.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "localhost"):
        body = {"task": "x", "webhook": {"url": f"http://{host}:{receiver.port}/"}}
        error = error_of(rest.http.post(f"{AGENT}/{thread}/execute", json=body), 400, "invalid_argument")
        assert error["field"] == "webhook.url" and "allow_private" in error["message"]
    # What the address is by which it is really called counts, whatever stands in the URL and whoever has accepted it.
    names = [f"http://localhost.:{receiver.port}/", f"http://2130706433:{receiver.port}/", receiver.url]
    if socket.gethostname() != "localhost":
        names.append(f"http://{socket.gethostname()}:{receiver.port}/")
    for url in names:
        execute(other, other.new_thread(), "words=1", url)
    wait_until(lambda: stats(rest)["dead_webhooks"] == len(names), 30, "as many that are given up")
    assert receiver.deliveries == []
    assert any("given up" in line and "not public" in line for line in server.lines)


def test_one_that_is_gone_and_one_that_never_takes_it(workshop):
    _, rest, gone = serve(workshop, 410, BAUD_WEBHOOKS_MAX_TRIES=3, BAUD_WEBHOOKS_RETRY_MS=10)
    never = workshop.keep(HookReceiver(503))
    redirect = workshop.keep(HookReceiver(302))
    for receiver in (gone, never, redirect):
        execute(rest, rest.new_thread(), "words=1", receiver.url)
    wait_until(lambda: stats(rest)["dead_webhooks"] == 3, 30, "three that are given up")
    assert [len(receiver.deliveries) for receiver in (gone, never, redirect)] == [1, 3, 3]
    assert quiet(rest)


def test_what_is_refused(workshop):
    server, rest, receiver = serve(workshop, BAUD_WEBHOOKS_MAX_PENDING=1)
    stubs = workshop.stubs(server)
    thread = rest.new_thread()
    for url in ("", "ftp://a", "https://", "https://u:p@a/", "https://a/" + "x" * 2048):
        body = {"task": "x", "webhook": {"url": url}}
        for path in (f"{thread}/execute", f"{thread}/schedules", "initiate", f"{thread}/execute/stream"):
            refused = rest.http.post(f"{AGENT}/{path}", json=body | {"delay_seconds": 1} if "schedules" in path else body)
            assert error_of(refused, 400, "invalid_argument")["field"] == "webhook.url"
        request = stubs.ExecuteRunRequest(thread_id=thread, task="x", webhook=stubs.Webhook(url=url))
        code, message = refusal(lambda: stubs.agent.ExecuteRun(request, timeout=LIMIT))
        assert code == StatusCode.INVALID_ARGUMENT and message.startswith("webhook.url: ")
    body = {"task": "x", "webhook": {"url": receiver.url, "events": ["run_queued"]}}
    error = error_of(rest.http.post(f"{AGENT}/{thread}/execute", json=body), 400, "invalid_argument")
    assert error["field"] == "webhook.events" and "run_completed" in error["message"]
    execute(rest, thread, "words=100 pause_ms=1000", receiver.url)
    body = {"task": "x", "webhook": {"url": receiver.url}}
    error = error_of(rest.http.post(f"{AGENT}/{rest.new_thread()}/execute", json=body), 429, "exhausted")
    assert "webhooks.max_pending" in error["message"]
    assert rest.execute(rest.new_thread(), "words=1")


def test_without_a_secret_there_are_none(rest):
    body = {"task": "x", "webhook": {"url": "https://example.com/"}}
    refused = rest.http.post(f"{AGENT}/{rest.new_thread()}/execute", json=body)
    assert "webhooks.secret" in error_of(refused, 400, "invalid_argument")["message"]


@pytest.mark.parametrize("where", ["setting", "command"])
def test_the_servers_own_and_the_command_line(workshop, where):
    receiver = workshop.keep(HookReceiver())
    settings = SETTINGS | ({"BAUD_WEBHOOKS_URL": receiver.url} if where == "setting" else {})
    server = workshop.baud("serve", "--redis-url", workshop.redis().url, **settings)
    rest = workshop.rest(server)
    if where == "setting":
        rest.finished("words=1")
    else:
        flags = ["--server", f"http://{server.address}", "--model", "script/words", "--webhook", receiver.url]
        command = workshop.baud("run", "words=1", *flags, BAUD_SERVER_LISTEN=None)
        assert command.child.wait(30) == 0
    wait_until(lambda: receiver.taken, 20, "the delivery")
    assert receiver.taken[0]["type"] == "run_completed" and receiver.problems == []
