"""`baud serve` with its private Redis ends, in good order or not, and starts again in the same folder."""

import pytest
from clients import assert_gapless, text_of, until, words


def is_word(event) -> bool:
    return "text_delta" in event.get("task_agent_execute", {})


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_what_was_accepted_survives(workshop, end):
    first = workshop.baud("serve")
    rest = workshop.rest(first)
    finished = rest.finished("words=5")
    thread = rest.new_thread(name="kept")
    active, queued = rest.execute(thread, "words=60 pause_ms=50"), rest.execute(thread, "words=3")
    with rest.stream(thread) as stream:
        before = until(stream, is_word)
        getattr(first, end)()

    settings = {"BAUD_WORKER_LEASE_MS": 1000, "BAUD_WORKER_HEARTBEAT_MS": 300, "BAUD_WORKER_REAPER_MS": 200}
    rest = workshop.rest(workshop.baud("serve", **settings))
    assert rest.events(*finished[:2]) == finished[2]
    assert rest.thread(thread)["metadata"] == {"name": "kept"}
    with rest.stream(thread, last_id=before[-1]["id"]) as stream:
        after = until(stream, lambda event: event["final"] and event["run_id"] == queued)
    events = before + after
    assert_gapless(events, first=1)
    assert [event["run_id"] for event in events if event["final"]] == [active, queued]
    assert rest.run(thread, active)["text"] == words(60) and rest.run(thread, active)["attempt"] == 2
    assert text_of(event for event in events if event["run_id"] == queued) == words(3)


def test_a_stopping_server_ends_its_streams_in_good_order(workshop):
    server = workshop.baud("serve")
    rest, stubs = workshop.rest(server), workshop.stubs(server)
    thread = rest.new_thread()
    call = stubs.stream(thread)
    next(event for event in call if event.id)
    with rest.stream(thread) as stream:
        until(stream, lambda event: event["type"] == "thread_created")
        assert server.terminate() == 0
        assert [frame.event for frame in stream if frame.event != "waiting"] == []
    assert [event.type for event in call if event.type != "waiting"] == []


def test_two_servers_do_not_share_a_folder(workshop):
    workshop.baud("serve").address
    second = workshop.baud("serve")
    assert second.wait_for_end(unless="listening") == 1
    second.close()
    assert any("data" in line for line in second.lines)
