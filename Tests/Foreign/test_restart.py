"""`baud serve` with its private Redis ends, in good order or not, and starts again in the same folder."""

import os
import socket
import subprocess

import pytest
from clients import Rest, assert_gapless, text_of, until, words
from processes import BINARY, free_ports, wait_until


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


def test_a_server_outlives_whoever_reads_its_log(tmp_path):
    [port] = free_ports(1)
    reader, writer = os.pipe()
    settings = {"PATH": os.environ["PATH"], "BAUD_SANDBOX_PROVIDER": "none", "BAUD_LOG_LEVEL": "debug"}
    command = [BINARY, "serve", "--listen", f"127.0.0.1:{port}", "--data", tmp_path / "data"]
    with subprocess.Popen(command, env=settings, stdout=writer, stderr=writer) as server:
        os.close(writer)
        try:
            rest = Rest(f"127.0.0.1:{port}")
            wait_until(lambda: can_connect(port), 60, "the server")
            os.close(reader)
            assert rest.finished("words=3")[2]
        finally:
            server.terminate()
        assert server.wait(30) == 0


def can_connect(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
