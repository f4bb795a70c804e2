"""Redis is killed or stands still: every call says so in time, and the same server works again by itself."""

import concurrent.futures
import json
import time

import grpc
import httpx
import pytest
from clients import AGENT, assert_gapless, error_of, text_of, until, words
from processes import wait_until

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
# What a client of a dead Redis waits at most, and of one that stands still: the timeout of a command is 1 s here.
LIMIT = 3


class System:
    """A redis-server of the test's own and `baud serve` on it, with what there was before the outage."""

    def __init__(self, workshop):
        self.redis = workshop.redis()
        self.server = workshop.baud("serve", "--redis-url", self.redis.url, BAUD_REDIS_COMMAND_TIMEOUT_MS=1000)
        self.rest = workshop.rest(self.server)
        self.stubs = workshop.stubs(self.server)
        self.thread, self.run, self.events = self.rest.finished("words=5")
        # A command that a frozen Redis has received is carried out once it thaws, though the caller was told 503.
        self.doomed = self.rest.new_thread()

    def rest_requests(self):
        task = {"task": "words=1", "model": "script/words"}
        thread = f"{AGENT}/{self.thread}"
        return [
            ("POST", f"{AGENT}/initiate", {}),
            ("GET", AGENT, None),
            ("GET", thread, None),
            ("DELETE", f"{AGENT}/{self.doomed}", None),
            ("POST", f"{thread}/execute", task),
            ("POST", f"{thread}/execute/stream", task),
            ("GET", f"{thread}/runs", None),
            ("GET", f"{thread}/runs/{self.run}", None),
            ("POST", f"{thread}/runs/{self.run}/cancel", {}),
            ("GET", f"{thread}/stream?run_id={self.run}", None),
            ("GET", "/agent/event-stream?flowUuid=a&flowInputUuid=b", None),
        ]

    def grpc_calls(self):
        stubs, thread, run = self.stubs, self.thread, self.run
        execute = stubs.ExecuteRunRequest(thread_id=thread, task="words=1", model="script/words")
        return [
            (stubs.agent.InitiateThread, stubs.InitiateThreadRequest()),
            (stubs.agent.ListThreads, stubs.ListThreadsRequest()),
            (stubs.agent.GetThread, stubs.GetThreadRequest(thread_id=thread)),
            (stubs.agent.DeleteThread, stubs.DeleteThreadRequest(thread_id=self.doomed)),
            (stubs.agent.ExecuteRun, execute),
            (stubs.agent.ExecuteAndStream, execute),
            (stubs.agent.ListRuns, stubs.ListRunsRequest(thread_id=thread)),
            (stubs.agent.GetRun, stubs.GetRunRequest(thread_id=thread, run_id=run)),
            (stubs.agent.CancelRun, stubs.CancelRunRequest(thread_id=thread, run_id=run)),
            (stubs.agent.StreamThread, stubs.StreamThreadRequest(thread_id=thread, run_id=run)),
            (stubs.flow.StreamFlow, stubs.StreamFlowRequest(flow_uuid="a", flow_input_uuid="b")),
        ]

    def assert_unavailable(self):
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            rest = [pool.submit(self.try_rest, *request) for request in self.rest_requests()]
            health = pool.submit(lambda: self.rest.http.get("/health", timeout=LIMIT))
            calls = [pool.submit(self.try_grpc, *call) for call in self.grpc_calls()]
            problems = [problem for future in rest + calls if (problem := future.result())]
            answer = health.result()
        assert not problems
        assert answer.status_code == 503
        assert answer.json()["status"] == "unavailable" and answer.json()["redis"] != "ok"

    def try_rest(self, verb, path, body):
        """What is wrong with the answer to a request."""
        try:
            options = {"json": body} if body is not None else {}
            answer = self.rest.http.request(verb, path, timeout=LIMIT, **options)
            error_of(answer, 503, "unavailable")
            return None if int(answer.headers["retry-after"]) >= 1 else f"{path}: no Retry-After"
        except Exception as error:
            return f"{verb} {path}: {error!r}"

    def try_grpc(self, method, request):
        """What is wrong with the answer to a call."""
        try:
            answer = method(request, timeout=LIMIT)
            return f"{method._method}: {list(answer) if hasattr(answer, '__next__') else answer}"
        except grpc.RpcError as error:
            return None if error.code() == UNAVAILABLE else f"{method._method}: {error.code()} {error.details()}"

    def wait_until_back(self):
        """Each event loop has a connection of its own to Redis; new connections reach all loops."""

        def is_back():
            address = f"http://{self.server.address}{AGENT}/{self.thread}"
            return all(httpx.get(address, timeout=5).status_code == 200 for _ in range(8))

        wait_until(is_back, 5, "the service")

    def assert_works_again(self):
        self.wait_until_back()
        assert self.rest.events(self.thread, self.run) == self.events, "nothing that was acknowledged is lost"
        assert text_of(self.rest.finished("words=7")[2]) == words(7)
        request = self.stubs.ExecuteRunRequest(thread_id=self.rest.new_thread(), task="words=7", model="script/words")
        events = [event for event in self.stubs.agent.ExecuteAndStream(request, timeout=10) if event.id]
        assert events[-1].type == "run_completed"


@pytest.fixture
def system(workshop):
    return System(workshop)


@pytest.fixture(params=["killed", "frozen"])
def outage(request, system):
    """Begins and ends an outage of one kind or the other."""
    redis = system.redis
    return (redis.kill, redis.start) if request.param == "killed" else (redis.freeze, redis.thaw)


def test_every_call_says_so_in_time_and_works_again_by_itself(system, outage):
    begin, end = outage
    begin()
    system.assert_unavailable()
    end()
    system.assert_works_again()


def test_a_new_stream_of_a_thread_is_refused_in_time(system, outage):
    begin, _ = outage
    begin()
    problems = [
        system.try_rest("GET", f"{AGENT}/{system.thread}/stream", None),
        system.try_grpc(system.stubs.agent.StreamThread, system.stubs.StreamThreadRequest(thread_id=system.thread)),
    ]
    assert problems == [None, None]


def test_open_streams_and_the_run_go_on_after_an_outage(system, outage):
    begin, end = outage
    thread = system.rest.new_thread()
    run = system.rest.execute(thread, "words=60 pause_ms=50")
    with system.rest.stream(thread) as stream:
        events = until(stream, lambda event: "text_delta" in event.get("task_agent_execute", {}))
        call = system.stubs.stream(thread, run_id=run)
        next(event for event in call if event.id)
        begin()
        error_of(system.rest.http.get(f"{AGENT}/{thread}"), 503, "unavailable")
        end()
        back = time.monotonic()
        events += until(stream, lambda event: event["final"])
    assert time.monotonic() - back < 10
    assert_gapless(events, first=1)
    assert events[-1]["type"] == "run_completed"
    assert [event["final"] for event in events].count(True) == 1
    assert text_of(events) == words(60)
    assert events[1:] == system.rest.events(thread, run)
    rest_of_call = [event.seq for event in call if event.id]
    assert rest_of_call == [event["seq"] for event in events[2:]]


def test_a_stream_of_an_idle_thread_survives_an_outage(system):
    with system.rest.stream(system.thread, last_id="$") as stream:
        assert json.loads(next(stream).data)["type"] in ("waiting", "keep_alive")
        system.redis.kill()
        system.redis.start()
        system.wait_until_back()
        run = system.rest.execute(system.thread, "words=3")
        events = until(stream, lambda event: event["final"])
    assert events == system.rest.events(system.thread, run)


def test_runs_accepted_before_a_crash_are_carried_out_after_it(system):
    thread = system.rest.new_thread()
    runs = [system.rest.execute(thread, "words=3 pause_ms=50") for _ in range(5)]
    system.redis.kill()
    system.redis.start()
    system.wait_until_back()
    assert [system.rest.events(thread, run)[-1]["type"] for run in runs] == ["run_completed"] * 5
