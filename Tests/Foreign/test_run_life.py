"""What becomes of a run beside being carried out: it is waited for, asked to stop, steered, asks, is scheduled."""

import json

import pytest
from clients import AGENT, error_of, types

LONG = "words=2000 pause_ms=20"


@pytest.fixture(scope="module")
def asking(module_workshop):
    """A server whose model `script/ask` asks the user before it goes on."""
    scripts = module_workshop.folder / "play"
    scripts.mkdir()
    question = {"question": "Red or blue?", "choices": ["red", "blue"]}
    turns = [{"tool_calls": [{"name": "ask_user", "arguments": question}]}, {"text": "So be it."}]
    (scripts / "ask.json").write_text(json.dumps({"turns": turns}))
    redis = module_workshop.redis()
    server = module_workshop.baud("serve", "--redis-url", redis.url, BAUD_SCRIPT_DIR=scripts)
    return module_workshop.rest(server)


def post(rest, path, status=200, headers=None, **body):
    answer = rest.http.post(path, json=body, headers=headers or {})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_waiting_for_a_run(rest):
    thread = rest.new_thread()
    run = rest.execute(thread, "words=20 pause_ms=10")
    answer = rest.http.get(f"{AGENT}/{thread}/runs/{run}/wait")
    assert answer.status_code == 200 and answer.json()["status"] == "completed"
    again = rest.http.get(f"{AGENT}/{thread}/runs/{run}/wait")
    assert again.json() == answer.json()
    error_of(rest.http.get(f"{AGENT}/{thread}/runs/nobody/wait"), 404, "not_found")


def test_a_cancel_that_waits_answers_when_all_is_gone(rest):
    thread = rest.new_thread()
    run = rest.execute(thread, LONG)
    with rest.stream(thread, run_id=run) as stream:
        next(frame for frame in stream if "text_delta" in frame.data)
    answer = post(rest, f"{AGENT}/{thread}/runs/{run}/cancel", wait=True)
    assert answer["status"] == "cancelled" and answer["reason"] == "user"
    last = rest.events(thread, run)[-1]
    assert last["final"] and last["run"]["stopped"] == ["model"]


def test_the_five_ways_of_a_busy_thread(rest):
    thread = rest.new_thread()
    path = f"{AGENT}/{thread}/execute"
    body = {"task": "words=1", "model": "script/words"}
    first = rest.execute(thread, LONG)
    refused = rest.http.post(path, json=body | {"on_busy": "reject"})
    assert first in error_of(refused, 409, "busy")["message"]
    error_of(rest.http.post(path, json=body | {"on_busy": "whatever"}), 400, "invalid_argument")
    steered = post(rest, path, **body, on_busy="steer")
    assert steered["run_id"] == first
    waiting = post(rest, path, **body, on_busy="enqueue")["run_id"]
    last = post(rest, path, **body, on_busy="rollback")["run_id"]
    assert rest.http.get(f"{AGENT}/{thread}/runs/{last}/wait").json()["status"] == "completed"
    assert [rest.run(thread, run)["reason"] for run in (first, waiting)] == ["rollback", "superseded"]
    events = rest.events(thread, last, last_id="0")
    assert types(events)[0] == "run_queued"


def test_a_question_and_its_answer(asking):
    thread = asking.new_thread()
    run = asking.execute(thread, "paint it", "script/ask")
    waited = asking.http.get(f"{AGENT}/{thread}/runs/{run}/wait").json()
    assert waited["status"] == "requires_action"
    assert waited["question"]["text"] == "Red or blue?" and waited["question"]["choices"] == ["red", "blue"]
    assert asking.http.get("/api/queue/stats").json()["running"] == 0
    path = f"{AGENT}/{thread}/runs/{run}/answer"
    error_of(asking.http.post(path, json={"text": "blue", "call_id": "other"}), 409, "busy")
    error_of(asking.http.post(path, json={"text": ""}), 400, "invalid_argument")
    post(asking, path, text="blue")
    ended = asking.http.get(f"{AGENT}/{thread}/runs/{run}/wait").json()
    assert ended["status"] == "completed" and ended["text"] == "So be it."
    results = [
        event["task_agent_execute"]["tool_result"]["text"]
        for event in asking.events(thread, run)
        if "tool_result" in event.get("task_agent_execute", {})
    ]
    assert results == ["blue"]
    error_of(asking.http.post(path, json={"text": "red"}), 409, "busy")


def test_trying_a_run_again(rest):
    thread, run, _ = rest.finished("words=2")
    key = {"idempotency-key": "again"}
    first = post(rest, f"{AGENT}/{thread}/runs/{run}/retry", headers=key)
    assert first["retry_of"] == run and first["task"] == "words=2"
    assert post(rest, f"{AGENT}/{thread}/runs/{run}/retry", headers=key)["run_id"] == first["run_id"]


def test_schedules(rest):
    thread = rest.new_thread()
    path = f"{AGENT}/{thread}/schedules"
    body = {"task": "words=1", "model": "script/words"}
    cron = post(rest, path, **body, cron="0 0 1 1 *")
    post(rest, path, **body, delay_seconds=1)
    error_of(rest.http.post(path, json=body | {"cron": "61 * * * *"}), 400, "invalid_argument")
    error_of(rest.http.post(path, json=body), 400, "invalid_argument")
    with rest.stream(thread) as stream:
        next(frame for frame in stream if frame.event == "run_completed")
    left = rest.http.get(path).json()["schedules"]
    assert [schedule["schedule_id"] for schedule in left] == [cron["schedule_id"]]
    assert rest.http.delete(f"{path}/{cron['schedule_id']}").status_code == 200
    error_of(rest.http.delete(f"{path}/{cron['schedule_id']}"), 404, "not_found")


def test_the_queue_and_tenants(rest, stubs):
    letters = rest.http.get("/api/queue/dead-letters")
    assert letters.status_code == 200 and letters.json()["total"] == 0
    error_of(rest.http.post("/api/queue/dead-letters/t/r/requeue"), 404, "not_found")
    assert rest.http.get("/api/queue/stats").json()["workers"] >= 1
    acme = {"x-tenant": "acme"}
    thread = rest.http.post(f"{AGENT}/initiate", json={}, headers=acme).json()["thread_id"]
    run = rest.execute(thread, "words=1", **acme)
    assert rest.http.get(f"{AGENT}/{thread}/runs/{run}", headers=acme).json()["tenant"] == "acme"
    refused = rest.http.post(f"{AGENT}/{thread}/execute", json={"task": "x"}, headers={"x-tenant": "a b"})
    error_of(refused, 400, "invalid_argument")
