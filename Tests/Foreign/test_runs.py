"""What runs do: the demo, conversations of several runs, the queue of a thread, cancelling."""

import json

import pytest
from clients import assert_gapless, error_of, types, until


def test_the_demo_fails_is_mended_and_passes(demo):
    _, _, events = demo
    told = [
        event["tool_bash"]["exit_code"] if event["type"] == "tool_bash" else "edit"
        for event in events
        if event["type"] in ("tool_bash", "tool_file_edit")
    ]
    assert told == [1, "edit", 0]
    edit = next(event["tool_file_edit"] for event in events if event["type"] == "tool_file_edit")
    assert edit["path"] == "demo/primes.sh" and edit["replacements"] == 1
    assert '-while [ "$n" -lt "$limit" ]; do' in edit["diff"]
    assert '+while [ "$n" -le "$limit" ]; do' in edit["diff"]


def test_the_demo_ends_once(demo, rest):
    thread, run, events = demo
    assert_gapless(events)
    assert [event["type"] for event in events if event["final"]] == ["run_completed"]
    assert events[-1]["final"]
    answer = rest.run(thread, run)
    assert answer["status"] == "completed" and answer["usage"] == events[-1]["run"]["usage"]


def test_the_demo_tells_of_plan_files_todos_and_next_steps(demo):
    _, _, events = demo
    assert {"job_plan", "files_created", "todo_list", "next_steps"} <= set(types(events))
    todos = [event["todo_list"]["todos"] for event in events if event["type"] == "todo_list"]
    assert {todo["status"] for todo in todos[-1]} == {"completed"}


def test_every_tool_call_has_its_result(demo):
    _, _, events = demo
    progress = [event["task_agent_execute"] for event in events if event["type"] == "task_agent_execute"]
    calls = [part["tool_call"]["call_id"] for part in progress if "tool_call" in part]
    results = [part["tool_result"]["call_id"] for part in progress if "tool_result" in part]
    assert len(calls) == len(set(calls)) == 11
    assert sorted(results) == sorted(calls)
    assert all(json.loads(part["tool_call"]["arguments"]) for part in progress if "tool_call" in part)


def test_a_second_run_goes_on_with_the_conversation(demo, rest):
    thread, _, first = demo
    run = rest.execute(thread, "Once more, please", "script/demo")
    events = rest.events(thread, run)
    edit = next(event["tool_file_edit"] for event in events if event["type"] == "tool_file_edit")
    assert edit["path"] == "demo-2/primes.sh", "the script sees that it is the second task of the conversation"
    assert events[0]["seq"] == first[-1]["seq"] + 1
    assert events[-1]["type"] == "run_completed"
    answer = rest.thread(thread)
    assert (answer["run_count"], answer["status"], answer["active_run_id"]) == (2, "idle", "")
    usages = [events[-1]["run"]["usage"], first[-1]["run"]["usage"]]
    assert answer["usage"]["output_tokens"] == sum(usage["output_tokens"] for usage in usages)


def test_runs_that_wait_are_told_their_place_and_run_in_order(rest):
    thread = rest.new_thread()
    first = rest.execute(thread, "words=100 pause_ms=15")
    second, third = rest.execute(thread, "words=2"), rest.execute(thread, "words=2")
    assert rest.run(thread, second)["status"] == "queued"
    assert rest.thread(thread)["active_run_id"] == first
    with rest.stream(thread, run_id=third) as stream:
        events = [json.loads(frame.data) for frame in stream]
    waiting = [event for event in events if event["type"] == "waiting"]
    assert waiting and waiting[0]["waiting"]["position"] == 2
    assert len(waiting) >= 3, "told again each half second"
    places = [event["waiting"]["position"] for event in waiting]
    assert places == sorted(places, reverse=True)
    assert all((event["id"], event["seq"], event["final"]) == ("", 0, False) for event in waiting)
    assert events.index(waiting[-1]) < types(events).index("run_attempt_started")

    with rest.stream(thread, last_id="0") as stream:
        log = until(stream, lambda event: event["final"] and event["run_id"] == third)
    assert_gapless(log, first=1)
    marks = [(event["type"], event["run_id"]) for event in log if event["run_id"]]
    for earlier, later in ((first, second), (second, third)):
        assert marks.index(("run_completed", earlier)) < marks.index(("run_attempt_started", later))


def test_cancel_a_running_run(rest):
    thread = rest.new_thread()
    run = rest.execute(thread, "words=100 pause_ms=60000")
    with rest.stream(thread, run_id=run) as stream:
        until(stream, lambda event: event["type"] == "run_attempt_started")
        assert rest.cancel(thread, run)["status"] in ("cancelling", "cancelled")
        events = until(stream, lambda event: event["final"])
    assert types(events)[-1] == "run_cancelled" and events[-1]["run"]["reason"] == "user"
    again = rest.cancel(thread, run)
    assert (again["status"], again["reason"]) == ("cancelled", "user")
    assert [event["final"] for event in rest.events(thread, run)].count(True) == 1
    assert rest.events(thread, rest.execute(thread, "words=1"))[-1]["type"] == "run_completed"


def test_cancel_a_running_tool(rest, server):
    thread = rest.new_thread()
    script = {"turns": [{"tool_calls": [{"name": "bash", "arguments": {"command": "sleep 600"}}]}]}
    folder = server.folder / "scripts"
    folder.mkdir(exist_ok=True)
    (folder / "sleeper.json").write_text(json.dumps(script))
    run = rest.execute(thread, "sleep", "script/sleeper")
    with rest.stream(thread, run_id=run) as stream:
        until(stream, lambda event: "tool_call" in event.get("task_agent_execute", {}))
        rest.cancel(thread, run)
        assert until(stream, lambda event: event["final"])[-1]["type"] == "run_cancelled"
    assert rest.events(thread, rest.execute(thread, "words=1"))[-1]["type"] == "run_completed"


def test_cancel_a_queued_run(rest):
    thread = rest.new_thread()
    first = rest.execute(thread, "words=100 pause_ms=60000")
    second, third = rest.execute(thread, "words=1"), rest.execute(thread, "words=1")
    answer = rest.cancel(thread, second)
    assert (answer["status"], answer["reason"], answer["attempt"]) == ("cancelled", "user", 0)
    assert types(rest.events(thread, second)) == ["run_queued", "run_cancelled"]
    rest.cancel(thread, first)
    assert rest.events(thread, third)[-1]["type"] == "run_completed"


def test_cancel_a_finished_run_changes_nothing(rest):
    thread, run, events = rest.finished("words=2")
    assert rest.cancel(thread, run)["status"] == "completed"
    assert rest.events(thread, run) == events
    assert rest.thread(thread)["seq"] == events[-1]["seq"]


def test_a_run_that_fails_says_why(rest):
    thread, run, events = rest.finished("no words")
    assert [event["type"] for event in events if event["final"]] == ["run_failed"]
    failure = events[-1]["run"]["error"]
    assert failure["code"] == "model_invalid_request" and "words=N" in failure["message"]
    assert rest.run(thread, run)["error"] == failure


def test_a_thread_with_an_active_run_cannot_be_deleted(rest):
    thread = rest.new_thread()
    run = rest.execute(thread, "words=100 pause_ms=60000")
    error = error_of(rest.http.delete(f"/api/agent/{thread}"), 409, "busy")
    assert run in error["message"]
    rest.cancel(thread, run)
    rest.events(thread, run)
    assert rest.http.delete(f"/api/agent/{thread}").json() == {}
    error_of(rest.http.get(f"/api/agent/{thread}"), 404, "not_found")


def test_the_queue_of_a_thread_is_bounded(rest, stubs):
    thread = rest.new_thread()
    active = rest.execute(thread, "words=100 pause_ms=60000")
    waiting = [rest.execute(thread, "words=1") for _ in range(100)]
    answer = rest.http.post(f"/api/agent/{thread}/execute", json={"task": "words=1", "model": "script/words"})
    error_of(answer, 429, "exhausted")
    assert int(answer.headers["retry-after"]) >= 1
    with pytest.raises(Exception, match="RESOURCE_EXHAUSTED"):
        stubs.execute(thread, "words=1")
    rest.cancel(thread, active)
    assert rest.events(thread, waiting[-1])[-1]["type"] == "run_completed"
    assert rest.thread(thread)["run_count"] == 101
