"""Changing a thread, forking it, and its snapshot, by REST and gRPC."""

import grpc
from clients import error_of, stored, text_of, until, words
from contract import LIMIT, refusal


def test_a_change_counts_and_another_version_is_refused(rest, stubs):
    thread = rest.new_thread(kept="1", gone="2")
    body = {"version": 1, "title": "A title", "tags": ["a", "b"], "metadata": {"gone": "", "on_busy": "enqueue"}}
    answer = rest.http.patch(f"/api/agent/{thread}", json=body)
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert changed == rest.thread(thread)
    assert (changed["title"], changed["tags"], changed["version"]) == ("A title", ["a", "b"], 2)
    assert changed["metadata"] == {"kept": "1", "on_busy": "enqueue"}
    error_of(rest.http.patch(f"/api/agent/{thread}", json=body), 409, "stale")
    request = stubs.UpdateThreadRequest(thread_id=thread, version=1, title="Another")
    assert refusal(lambda: stubs.agent.UpdateThread(request, timeout=LIMIT))[0] == grpc.StatusCode.ABORTED
    request = stubs.UpdateThreadRequest(thread_id=thread, clear=["title", "tags"])
    cleared = stubs.agent.UpdateThread(request, timeout=LIMIT)
    assert (cleared.title, list(cleared.tags), cleared.version) == ("", [], 3)


def test_what_cannot_be_attached_is_refused(rest):
    thread = rest.new_thread()
    for body, field in [
        ({"title": "x" * 513}, "title"),
        ({"tags": ["x"] * 65}, "tags"),
        ({"tags": [""]}, "tags"),
        ({"clear": ["metadata"]}, "clear"),
    ]:
        error = error_of(rest.http.patch(f"/api/agent/{thread}", json=body), 400, "invalid_argument")
        assert error["field"] == field


def test_who_watches_is_told_of_a_change(rest):
    thread = rest.new_thread()
    with rest.stream(thread, last_id="$") as stream:
        assert rest.http.patch(f"/api/agent/{thread}", json={"title": "x"}).status_code == 200
        until(stream, lambda event: event["type"] == "thread_updated")


def test_a_fork_goes_on_from_a_run(rest, stubs):
    thread, first, _ = rest.finished("words=3")
    rest.events(thread, rest.execute(thread, "words=4"))
    answer = rest.http.post(f"/api/agent/{thread}/fork", json={"run_id": first})
    assert answer.status_code == 200, answer.text
    fork = answer.json()
    assert fork["forked_from"]["thread_id"] == thread and fork["run_count"] == 1
    with rest.stream(fork["thread_id"]) as stream:
        copied = until(stream, lambda event: event["final"])
    assert text_of(copied) == words(3) and [event["seq"] for event in copied] == list(range(1, len(copied) + 1))
    assert {event["thread_id"] for event in copied} == {fork["thread_id"]}
    run = rest.execute(fork["thread_id"], "words=5")
    assert text_of(rest.events(fork["thread_id"], run)) == words(5)
    whole = stubs.agent.ForkThread(stubs.ForkThreadRequest(thread_id=thread), timeout=LIMIT)
    assert whole.run_count == 2 and rest.thread(thread)["run_count"] == 2
    both = rest.http.post(f"/api/agent/{thread}/fork", json={"run_id": first, "last_id": "1-0"})
    assert error_of(both, 400, "invalid_argument")["field"] == "run_id"


def test_a_snapshot_is_where_a_stream_goes_on(rest, stubs):
    thread, first, events = rest.finished("words=3")
    answer = rest.http.get(f"/api/agent/{thread}/snapshot")
    assert answer.status_code == 200, answer.text
    snapshot = answer.json()
    assert [(run["run_id"], run["task"], run["text"]) for run in snapshot["runs"]] == [(first, "words=3", words(3))]
    assert (snapshot["seq"], snapshot["last_id"]) == (events[-1]["seq"], events[-1]["id"])
    request = stubs.GetThreadSnapshotRequest(thread_id=thread)
    assert stubs.agent.GetThreadSnapshot(request, timeout=LIMIT) == stubs.parse(snapshot, "ThreadSnapshot")
    run = rest.execute(thread, "words=2")
    with rest.stream(thread, last_id=snapshot["last_id"]) as stream:
        assert until(stream, lambda event: event["final"]) == stored(rest.events(thread, run))
