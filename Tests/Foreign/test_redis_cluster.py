"""A gateway and a worker on a Redis Cluster, one of whose masters is killed while runs go on."""

import concurrent.futures
import json

import pytest
from clients import AGENT, assert_gapless, error_of, text_of, until, words
from processes import wait_until

# The worker's queue, and what lists all threads.
QUEUE, LIST = "{default}", "threads"


class System:
    """Gateway and worker as processes of their own, on a cluster of six."""

    def __init__(self, workshop):
        self.cluster = workshop.redis_cluster()
        flags = ["--redis-url", self.cluster.url]
        self.gateway = workshop.baud("gateway", *flags)
        self.modem = workshop.baud("modem", *flags, BAUD_WORKER_CONCURRENCY=32)
        self.rest = workshop.rest(self.gateway)
        self.stubs = workshop.stubs(self.gateway)
        wait_until(lambda: self.rest.http.get("/health").json()["workers"] == 1, 10, "the worker")

    def threads_on_all_masters(self) -> dict[int, str]:
        """A thread for each master, by the master's port."""
        threads = {}
        while len(threads) < 3:
            thread = self.rest.new_thread()
            threads[self.cluster.master_of(f"{{{thread}}}")] = thread
        return threads

    def executed(self, thread: str, key: str) -> str:
        """A run, asked for under a key as often as it takes: what a client does that wants it whatever happens."""

        def ask():
            body, headers = {"task": "words=3", "model": "script/words"}, {"Idempotency-Key": key}
            answer = self.rest.http.post(f"{AGENT}/{thread}/execute", json=body, headers=headers)
            if answer.status_code == 200:
                return answer.json()["run_id"]
            error_of(answer, 503, "unavailable")

        return wait_until(ask, 20, "the run")


@pytest.fixture(scope="module")
def system(module_workshop):
    return System(module_workshop)


def test_every_verb(system):
    rest = system.rest
    for thread in system.threads_on_all_masters().values():
        path = f"{AGENT}/{thread}"
        run = rest.execute(thread, "words=5")
        events = rest.events(thread, run)
        assert text_of(events) == words(5) and events[-1]["type"] == "run_completed"
        assert [event.seq for event in system.stubs.events(thread, run)] == [event["seq"] for event in events]

        long = rest.execute(thread, "words=500 pause_ms=20")
        waiting = rest.execute(thread, "words=1")
        assert rest.cancel(thread, waiting)["status"] == "cancelled"
        with rest.stream(thread, run_id=long) as stream:
            until(stream, lambda event: event["type"] == "run_attempt_started")
            assert rest.cancel(thread, long)["status"] in ("cancelling", "cancelled")
            assert json.loads(list(stream)[-1].data)["type"] == "run_cancelled"

        later = rest.http.post(f"{path}/schedules", json={"task": "words=2", "model": "script/words", "delay_seconds": 1})
        assert later.status_code == 200, later.text
        wait_until(lambda: rest.thread(thread)["run_count"] == 4, 15, "the schedule's run")
        wait_until(lambda: rest.thread(thread)["status"] == "idle", 15, "its end")

        fork = rest.http.post(f"{path}/fork", json={}).json()
        assert int(fork["run_count"]) == 4
        assert text_of(rest.events(fork["thread_id"], rest.execute(fork["thread_id"], "words=4"))) == words(4)
        listed = [entry["thread_id"] for entry in rest.http.get(AGENT).json()["threads"]]
        assert thread in listed and fork["thread_id"] in listed
        for gone in (thread, fork["thread_id"]):
            assert rest.http.delete(f"{AGENT}/{gone}").status_code == 200
        listed = [entry["thread_id"] for entry in rest.http.get(AGENT).json()["threads"]]
        assert thread not in listed and fork["thread_id"] not in listed
    stats = rest.http.get("/api/queue/stats").json()
    assert int(stats.get("ready", 0)) == 0 and int(stats.get("held", 0)) == 0


def assert_carried_out(system, thread, run, other, events, call):
    """What a stream over REST and one by gRPC have shown of a run is all there is of it, and right."""
    other_queued = system.rest.events(thread, other)[0]
    assert_gapless(sorted([*events, other_queued], key=lambda event: event["seq"]), first=2)
    assert events[-1]["type"] == "run_completed"
    assert text_of(events) == words(150)
    assert [event["seq"] for event in system.rest.events(thread, run)] == [event["seq"] for event in events]
    assert [event.seq for event in call] == [event["seq"] for event in events]


@pytest.mark.parametrize("victim", ["a thread's master", "the queue's master"])
def test_a_master_is_killed_and_runs_and_streams_go_on(workshop, victim):
    system = System(workshop)
    threads = system.threads_on_all_masters()
    queue = system.cluster.master_of(QUEUE)
    killed = queue if victim == "the queue's master" else next(port for port in threads if port != queue)
    runs = {thread: system.rest.execute(thread, "words=150 pause_ms=50") for thread in threads.values()}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        watched = {
            thread: (pool.submit(system.rest.events, thread, run), pool.submit(system.stubs.events, thread, run))
            for thread, run in runs.items()
        }
        for thread in runs:
            wait_until(lambda: int(system.rest.thread(thread)["seq"]) > 20, 10, "some of the run")
        system.cluster.kill(killed)
        # Meanwhile another run is asked for on each thread, also where that cannot be for a moment.
        others = {thread: system.executed(thread, f"key-{thread}") for thread in runs}
        for thread, (rest, call) in watched.items():
            assert_carried_out(system, thread, runs[thread], others[thread], rest.result(), call.result())
    for thread, run in others.items():
        assert text_of(system.rest.events(thread, run)) == words(3)
        assert int(system.rest.thread(thread)["run_count"]) == 2, "a key asked for again is the same run"
        assert int(system.rest.run(thread, runs[thread])["attempt"]) == 1, "the worker has not given it up"
    # And everything else works as before.
    assert text_of(system.rest.finished("words=7")[2]) == words(7)
