"""What is no longer kept is told, in both protocols: folded deltas, trimmed events, and what stands for them."""

import json

import grpc
import pytest
from clients import error_of, stored, text_of, types, words
from contract import refusal
from processes import wait_until

RUN = "words=12 pause_ms=20"


def serve(workshop, **settings):
    redis = workshop.redis()
    server = workshop.baud("serve", "--redis-url", redis.url, BAUD_EVENTS_SWEEP_SECONDS=1, **settings)
    return workshop.rest(server), workshop.stubs(server)


def all_events(rest, thread, **query) -> list[dict]:
    """Those that are not stored as well; the stream must end by itself."""
    with rest.stream(thread, **query) as stream:
        return [json.loads(frame.data) for frame in stream]


@pytest.fixture(scope="module")
def trimmed(module_workshop):
    """A server that keeps events for a second, and a run of which none is left."""
    rest, stubs = serve(module_workshop, BAUD_EVENTS_KEEP_SECONDS=1)
    thread, run, events = rest.finished(RUN)
    address = f"/api/agent/{thread}/stream"
    query = {"last_id": events[3]["id"], "on_gap": "error", "run_id": run}

    def is_gone():
        with rest.http.stream("GET", address, params=query) as answer:
            return answer.status_code == 410

    wait_until(is_gone, 40, "the end of the run's events")
    return rest, stubs, thread, run, events


def test_with_on_gap_error_the_answer_is_410(trimmed):
    rest, stubs, thread, run, events = trimmed
    last_id = events[3]["id"]
    answer = rest.http.get(f"/api/agent/{thread}/stream", params={"last_id": last_id, "on_gap": "error"})
    assert error_of(answer, 410, "gone")["field"] == "last_id"
    code, details = refusal(lambda: stubs.stream(thread, last_id=last_id, on_gap="error"))
    assert code == grpc.StatusCode.OUT_OF_RANGE and "no longer kept" in details


def test_otherwise_a_gap_and_a_snapshot_come_instead(trimmed):
    rest, stubs, thread, run, events = trimmed
    received = all_events(rest, thread, run_id=run, last_id=events[3]["id"])
    assert types(received) == ["stream_gap", "stream_snapshot"]
    gap, snapshot = received[0]["stream_gap"], received[1]["stream_snapshot"]
    assert gap["from"] <= events[4]["seq"] and gap["to"] == events[-1]["seq"] and not gap.get("folded")
    assert [(one["run_id"], one["status"], one["text"]) for one in snapshot["runs"]] == [(run, "completed", words(12))]
    assert (snapshot["seq"], snapshot["last_id"]) == (events[-1]["seq"], events[-1]["id"])
    by_grpc = list(stubs.stream(thread, run_id=run, last_id=events[3]["id"]))
    assert [event.type for event in by_grpc] == types(received)
    assert by_grpc[0].stream_gap == stubs.parse(gap, "StreamGap")
    assert by_grpc[1].stream_snapshot == stubs.parse(snapshot, "ThreadSnapshot")


def test_the_last_event_is_a_cursor_without_a_gap(trimmed):
    rest, _, thread, _, events = trimmed
    run = rest.execute(thread, "words=2")
    received = all_events(rest, thread, run_id=run, last_id=events[-1]["id"])
    assert "stream_gap" not in types(received)
    assert stored(received)[0]["seq"] == events[-1]["seq"] + 1


def test_a_wrong_on_gap_is_refused(trimmed):
    rest, _, thread, _, _ = trimmed
    answer = rest.http.get(f"/api/agent/{thread}/stream", params={"on_gap": "maybe"})
    assert error_of(answer, 400, "invalid_argument")["field"] == "on_gap"


def test_folded_deltas_leave_the_message(workshop):
    rest, stubs = serve(workshop, BAUD_EVENTS_KEEP_DELTAS_SECONDS=1)
    thread, run, events = rest.finished(RUN)

    def folded():
        received = all_events(rest, thread, run_id=run)
        return received if text_of(received) == "" else None

    received = wait_until(folded, 40, "the end of the deltas")
    gaps = [event["stream_gap"] for event in received if event["type"] == "stream_gap"]
    assert gaps and all(gap["folded"] for gap in gaps) and "stream_snapshot" not in types(received)
    completed = [event["message_completed"]["text"] for event in received if event["type"] == "message_completed"]
    assert completed == [words(12)]
    left = {event["seq"] for event in stored(received)}
    told = {seq for gap in gaps for seq in range(gap["from"], gap["to"] + 1)}
    assert left | told == {event["seq"] for event in events} and not left & told
    assert [event.seq for event in stubs.events(thread, run, on_gap="error")] == sorted(left)
