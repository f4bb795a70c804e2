"""Calls that wait for a run's end and do not live to see it: `wait`, and `cancel` with wait."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from clients import AGENT
from processes import wait_until

LONG = "words=2000 pause_ms=20"
WAIT = 1
# Neither SIGTERM to its group nor the end of its pipes ends it: it takes 2 s until it is killed.
STUBBORN = "trap '' TERM; touch begun; while :; do sleep 1; done"


@pytest.fixture(scope="module")
def bench(module_workshop):
    """A server on which a call waits for a second, and the same Redis without workers behind another."""
    scripts = module_workshop.folder / "play"
    scripts.mkdir()
    turns = [{"tool_calls": [{"name": "bash", "arguments": {"command": STUBBORN}}]}, {"text": "done"}]
    (scripts / "stubborn.json").write_text(json.dumps({"turns": turns}))
    question = [{"tool_calls": [{"name": "ask_user", "arguments": {"question": "Red?"}}]}, {"text": "ok"}]
    (scripts / "ask.json").write_text(json.dumps({"turns": question}))
    settings = {"BAUD_SERVER_WAIT_SECONDS": WAIT, "BAUD_SCRIPT_DIR": scripts}
    redis = module_workshop.redis()
    return module_workshop.baud("serve", "--redis-url", redis.url, **settings), module_workshop


@pytest.fixture(scope="module")
def rest(bench):
    server, workshop = bench
    return workshop.rest(server)


@pytest.fixture(scope="module")
def stubs(bench):
    server, workshop = bench
    return workshop.stubs(server)


@pytest.fixture(scope="module")
def idle(another_module_workshop):
    """A gateway without a worker."""
    redis = another_module_workshop.redis()
    settings = {"BAUD_SERVER_WAIT_SECONDS": WAIT}
    return another_module_workshop.rest(another_module_workshop.baud("gateway", "--redis-url", redis.url, **settings))


def timed(call):
    begin = time.monotonic()
    answer = call()
    return answer, time.monotonic() - begin


def wait(rest, thread, run):
    return rest.http.get(f"{AGENT}/{thread}/runs/{run}/wait")


def cancel(rest, thread, run):
    return rest.http.post(f"{AGENT}/{thread}/runs/{run}/cancel", json={"wait": True})


def test_a_run_that_goes_on_is_202(rest, stubs):
    thread = rest.new_thread()
    run = rest.execute(thread, LONG)
    answer, seconds = timed(lambda: wait(rest, thread, run))
    assert answer.status_code == 202 and answer.json()["status"] in ("queued", "running")
    assert answer.json()["run_id"] == run and WAIT * 0.9 < seconds < WAIT + 2
    # gRPC has no word for it: the run says it.
    request = stubs.WaitRunRequest(thread_id=thread, run_id=run)
    reply, seconds = timed(lambda: stubs.agent.WaitRun(request, timeout=20))
    assert reply.status == "running" and WAIT * 0.9 < seconds < WAIT + 2
    # Many at once, each for its own time.
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: timed(lambda: wait(rest, thread, run)), range(8)))
    assert [answer.status_code for answer, _ in answers] == [202] * 8
    assert all(WAIT * 0.9 < seconds < WAIT + 2 for _, seconds in answers)
    # And then it ends while somebody waits.
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait, rest, thread, run)
        rest.cancel(thread, run)
        ended = waiting.result()
    assert ended.status_code == 200 and ended.json()["status"] == "cancelled"


def test_a_run_that_is_queued_is_202(idle):
    thread = idle.new_thread()
    run = idle.execute(thread, "words=1")
    answer, seconds = timed(lambda: wait(idle, thread, run))
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert WAIT * 0.9 < seconds < WAIT + 2
    # No worker holds it: the cancel has nothing to wait for.
    answer, seconds = timed(lambda: cancel(idle, thread, run))
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled") and seconds < WAIT * 0.9


def test_a_run_that_asks_is_200(rest):
    thread = rest.new_thread()
    run = rest.execute(thread, "x", "script/ask")
    answer = wait(rest, thread, run)
    assert (answer.status_code, answer.json()["status"]) == (200, "requires_action")
    answer = cancel(rest, thread, run)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


def test_a_cancel_that_takes_longer_is_202_and_can_be_asked_again(rest, stubs, bench):
    thread = rest.new_thread()
    run = rest.execute(thread, "x", "script/stubborn")
    workspace = bench[1].folder / "data/workspaces" / thread
    wait_until(lambda: (workspace / "begun").exists(), 20, "the command")
    answer, seconds = timed(lambda: cancel(rest, thread, run))
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    assert WAIT * 0.9 < seconds < WAIT + 0.9
    deadline = time.monotonic() + 10
    while (answer := cancel(rest, thread, run)).status_code == 202:
        assert answer.json()["status"] == "cancelling" and time.monotonic() < deadline
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    request = stubs.CancelRunRequest(thread_id=thread, run_id=run, wait=True)
    assert stubs.agent.CancelRun(request, timeout=20).status == "cancelled"
    # Without wait it is 200 whatever the state.
    other = rest.execute(thread, LONG)
    answer = rest.http.post(f"{AGENT}/{thread}/runs/{other}/cancel")
    assert answer.status_code == 200
