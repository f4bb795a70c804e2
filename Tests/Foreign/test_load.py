"""`baud load` against a server of its own: what it measures is there, and what goes wrong is told."""

import json
import signal
import subprocess
import time

import pytest
from processes import BINARY


def load(server, *options, **popen):
    command = [BINARY, "load", "--server", f"http://{server.address}", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **popen)


@pytest.fixture
def own(workshop, redis_server):
    return workshop.baud("serve", "--redis-url", redis_server.url)


def test_every_run_is_counted(own, workshop):
    result = load(own, "--runs", "60", "--concurrency", "15", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["runs"] == 60
    assert report["failed"] == 0
    # Created, queued, begun, at least one with words, the message, the end.
    assert report["events"] >= 60 * 5
    for step in ("accepted", "first_text", "whole_run"):
        assert 0 < report[f"{step}_ms_p50"] <= report[f"{step}_ms_p99"] <= report[f"{step}_ms_max"]
    threads = workshop.rest(own).http.get("/api/agent", params={"page_size": 100}).json()["threads"]
    assert len(threads) >= 60


def test_people_get_a_table_without_escapes_in_a_pipe(own):
    result = load(own, "--runs", "5", "--concurrency", "2")
    assert result.returncode == 0
    assert "all in order" in result.stdout
    assert "\x1b" not in result.stdout + result.stderr


def test_a_run_that_fails_is_told_and_is_the_exit_status(own):
    result = load(own, "--runs", "4", "--concurrency", "2", "--model", "script/no-such-script")
    assert result.returncode == 1
    assert "4 failed" in result.stdout
    assert "4 times: " in result.stdout


def test_an_interrupt_ends_it_with_what_was_measured(own):
    command = [BINARY, "load", "--server", f"http://{own.address}", "--runs", "1000000", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    report = json.loads(output)
    assert 0 < report["runs"] < 1_000_000
    assert report["failed"] == 0
    assert process.returncode == 1


def test_without_a_server_it_says_so():
    command = [BINARY, "load", "--server", "http://127.0.0.1:1", "--runs", "1"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert "baud serve" in result.stderr
