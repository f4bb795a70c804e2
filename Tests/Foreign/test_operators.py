"""What operators do on the command line: `baud queue`, `baud cancel`, and the tenant they do it for."""

import json
import subprocess

import pytest
from processes import BINARY, wait_until

# A run that loses one worker is given up.
SETTINGS = {"BAUD_WORKER_MAX_ATTEMPTS": 1, "BAUD_WORKER_LEASE_MS": 2000, "BAUD_WORKER_HEARTBEAT_MS": 500, "BAUD_WORKER_REAPER_MS": 200}


def baud(server, *words, **environment):
    command = [BINARY, *words, "--server", f"http://{server.address}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)


@pytest.fixture
def pool(workshop):
    redis = workshop.redis()
    gateway = workshop.baud("gateway", "--redis-url", redis.url, **SETTINGS)

    def start_worker():
        return workshop.baud("modem", "--redis-url", redis.url, **SETTINGS)

    return gateway, workshop.rest(gateway), start_worker


def test_a_run_that_was_given_up_is_listed_requeued_and_forgotten(pool):
    gateway, rest, start_worker = pool
    assert "none: start one with baud modem" in baud(gateway, "queue").stdout
    worker = start_worker()
    thread = rest.new_thread()
    run = rest.execute(thread, "words=400 pause_ms=50")
    wait_until(lambda: rest.run(thread, run)["status"] == "running", 10, "the run's begin")
    worker.kill()
    start_worker()
    wait_until(lambda: rest.run(thread, run)["status"] == "failed", 30, "the run's end")

    result = baud(gateway, "queue", "dead")
    assert result.returncode == 0
    assert f"{thread} {run}" in result.stdout
    assert "max_attempts" in result.stdout
    assert "\x1b" not in result.stdout
    (letter,) = map(json.loads, baud(gateway, "queue", "dead", "--json").stdout.splitlines())
    assert (letter["thread_id"], letter["run_id"]) == (thread, run)
    stats = json.loads(baud(gateway, "queue", "stats", "--json").stdout)
    assert stats["dead_letters"] == 1
    assert stats["workers"] >= 1

    result = baud(gateway, "queue", "requeue", thread, run)
    assert result.returncode == 0, result.stderr
    again = result.stdout.split()[1].rstrip(",")
    assert again != run
    assert baud(gateway, "queue", "dead").stdout == "no run was given up\n"
    assert baud(gateway, "cancel", thread).stdout.startswith(f"run {again}, cancel")
    wait_until(lambda: rest.run(thread, again)["status"] == "cancelled", 10, "the cancel")
    assert baud(gateway, "cancel", thread).stdout == "nothing goes on there\n"


def test_the_list_is_emptied_only_when_that_is_said(pool):
    gateway, _, _ = pool
    assert baud(gateway, "queue", "purge").stdout == "0 dead letters; remove them with --yes\n"
    assert baud(gateway, "queue", "purge", "--yes").stdout == "0 dead letters removed\n"


def test_all_that_waits_on_a_thread_is_cancelled_before_it_begins(pool):
    gateway, rest, start_worker = pool
    start_worker()
    thread = rest.new_thread()
    runs = [rest.execute(thread, "words=400 pause_ms=50") for _ in range(3)]
    lines = baud(gateway, "cancel", thread).stdout.splitlines()
    assert [line.split()[1].rstrip(",") for line in lines] == runs[::-1]
    wait_until(lambda: rest.run(thread, runs[0])["status"] == "cancelled", 10, "the end of the first")
    assert [rest.run(thread, run)["attempt"] for run in runs[1:]] == [0, 0]


def test_a_tenant_is_named_by_option_or_environment(pool):
    gateway, rest, _ = pool
    answer = rest.http.post("/api/agent/initiate", json={}, headers={"x-tenant": "acme"})
    thread = answer.json()["thread_id"]
    missing = baud(gateway, "cancel", thread)
    assert missing.returncode == 1
    assert "error:" in missing.stderr
    assert baud(gateway, "cancel", thread, "--tenant", "acme").stdout == "nothing goes on there\n"
    assert baud(gateway, "cancel", thread, BAUD_TENANT="acme").stdout == "nothing goes on there\n"


def test_what_is_not_there_is_an_error_with_its_name(pool):
    gateway, rest, _ = pool
    result = baud(gateway, "queue", "requeue", rest.new_thread(), "nobody")
    assert result.returncode == 1
    assert "nobody" in result.stderr
    assert baud(gateway, "queue", "dead", "--limit", "0").returncode == 64
