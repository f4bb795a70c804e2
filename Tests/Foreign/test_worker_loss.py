"""A worker is killed or stopped in the middle of a run: another one goes on, and does nothing twice."""

import json
import time

import pytest
from clients import assert_gapless, text_of, types, until, words
from processes import wait_until


def bash(command: str) -> list[dict]:
    return [{"name": "bash", "arguments": {"command": command}}]


# The worker goes while the third text is written.
LETTERS = "A B C D E F G H I J K L M N O P Q R S T"
STEPS = [
    {"text": "First.", "tool_calls": bash("echo one >> done.txt")},
    {"text": "Second.", "tool_calls": bash("echo two >> done.txt")},
    {"text": LETTERS, "tool_calls": bash("echo three >> done.txt")},
    {"text": "All three are done."},
]
# The call is under way when the worker goes; nobody can know whether it has taken effect.
DOUBT = [
    {"tool_calls": bash("echo begun >> doubt.txt; sleep 20; echo ended >> doubt.txt")},
    {"text": "I was told."},
]


class Pool:
    """A gateway and workers as processes of their own, on one Redis and one folder of workspaces."""

    def __init__(self, workshop, pause: int = 0):
        self.workshop = workshop
        self.redis = workshop.redis()
        self.gateway = workshop.baud("gateway", "--redis-url", self.redis.url)
        self.rest = workshop.rest(self.gateway)
        scripts = workshop.folder / "play"
        scripts.mkdir()
        steps = [turn | {"pause_ms": pause} if turn["text"] == LETTERS else turn for turn in STEPS]
        (scripts / "steps.json").write_text(json.dumps({"turns": steps}))
        (scripts / "doubt.json").write_text(json.dumps({"turns": DOUBT}))

    def start_worker(self):
        count = self.workers
        settings = {"BAUD_SCRIPT_DIR": self.workshop.folder / "play"}
        worker = self.workshop.baud("modem", "--redis-url", self.redis.url, **settings)
        wait_until(lambda: self.workers == count + 1, 10, "the worker's first sign of life")
        return worker

    @property
    def workers(self) -> int:
        return self.rest.http.get("/health").json()["workers"]

    def lines(self, thread: str, file: str) -> list[str]:
        return (self.workshop.folder / "data/workspaces" / thread / file).read_text().split()


def is_word(text: str):
    return lambda event: text in event.get("task_agent_execute", {}).get("text_delta", {}).get("text", "")


def called(event) -> bool:
    return "tool_call" in event.get("task_agent_execute", {})


def attempt(events, number: int) -> dict:
    """The one event with which an attempt begins."""
    found = [event for event in events if event["type"] == "run_attempt_started" and event["attempt"] == number]
    assert len(found) == 1
    return found[0]


def after_discard(events) -> list[dict]:
    """What a client has that drops what it is told to drop."""
    for event in events:
        if event["type"] == "run_attempt_started" and (first := event["run"]["discard_from_seq"]):
            events = [kept for kept in events if not first <= kept["seq"] < event["seq"]]
    return events


class Loss:
    """Three runs in the middle of which their only worker was taken away while another stood by."""

    def __init__(self, workshop, end_worker, pause: int):
        self.pool = Pool(workshop, 2 * pause)
        rest = self.pool.rest
        first = self.pool.start_worker()
        tasks = {
            "words": (f"words=40 pause_ms={pause}", "script/words"),
            "steps": ("go", "script/steps"),
            "doubt": ("go", "script/doubt"),
        }
        self.threads = {name: rest.new_thread() for name in tasks}
        self.runs = {name: rest.execute(self.threads[name], *task) for name, task in tasks.items()}
        with rest.stream(self.threads["doubt"]) as stream:
            until(stream, called)
        wait_until(lambda: (workshop.folder / "data/workspaces" / self.threads["doubt"] / "doubt.txt").exists())
        self.pool.start_worker()
        with rest.stream(self.threads["steps"]) as stream:
            until(stream, is_word("D"))
        with rest.stream(self.threads["words"]) as stream:
            until(stream, is_word("word 3 "))
        for name in tasks:
            assert rest.run(self.threads[name], self.runs[name])["status"] == "running"
        begin = time.monotonic()
        end_worker(first)
        self.events = {}
        self.seconds = {}
        for name in tasks:
            self.events[name] = rest.events(self.threads[name], self.runs[name])
            self.seconds[name] = time.monotonic() - begin


@pytest.fixture(scope="module")
def killed(module_workshop):
    return Loss(module_workshop, lambda worker: worker.kill(), pause=50)


@pytest.fixture(scope="module")
def stopped(another_module_workshop):
    # Long enough not to end within the grace of 1 s.
    return Loss(another_module_workshop, lambda worker: worker.terminate(), pause=120)


@pytest.fixture(params=["killed", "stopped"])
def loss(request) -> Loss:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("name", ["words", "steps", "doubt"])
def test_the_run_completes_on_the_other_worker_in_time(loss, name):
    assert loss.events[name][-1]["type"] == "run_completed"
    assert loss.seconds[name] < 15
    run = loss.pool.rest.run(loss.threads[name], loss.runs[name])
    assert (run["status"], run["attempt"]) == ("completed", 2)


@pytest.mark.parametrize("name", ["words", "steps", "doubt"])
def test_the_log_is_whole_and_ends_once(loss, name):
    events = loss.events[name]
    assert_gapless(events)
    assert [event["final"] for event in events].count(True) == 1 and events[-1]["final"]
    assert [event["attempt"] for event in events] == sorted(event["attempt"] for event in events)


def test_the_new_attempt_says_what_to_discard(loss):
    events = loss.events["words"]
    second = attempt(events, 2)
    first = attempt(events, 1)
    assert second["run"]["discard_from_seq"] == first["seq"] + 1
    assert text_of(events) != words(40), "the text of the first attempt is in the log"
    assert text_of(after_discard(events)) == words(40)
    assert attempt(events, 1)["run"]["discard_from_seq"] == 0


def test_no_completed_call_is_run_again(loss):
    assert loss.pool.lines(loss.threads["steps"], "done.txt") == ["one", "two", "three"]


def test_what_was_completed_is_not_to_be_discarded(loss):
    kept = after_discard(loss.events["steps"])
    assert [event["tool_bash"]["command"] for event in kept if event["type"] == "tool_bash"] == [
        f"echo {number} >> done.txt" for number in ("one", "two", "three")
    ]
    texts = [event["message_completed"]["text"] for event in kept if event["type"] == "message_completed"]
    assert texts == [turn["text"] for turn in STEPS]
    assert text_of(kept) == "".join(texts)


def test_a_call_in_doubt_is_not_run_again(loss):
    assert loss.pool.lines(loss.threads["doubt"], "doubt.txt").count("begun") == 1
    results = [
        event["task_agent_execute"]["tool_result"]
        for event in loss.events["doubt"]
        if "tool_result" in event.get("task_agent_execute", {}) and event["attempt"] == 2
    ]
    assert len(results) == 1 and results[0]["is_error"] and "interrupted" in results[0]["text"]


def test_a_run_handed_back_is_queued_again(stopped):
    assert types(stopped.events["words"]).count("run_queued") == 2
    assert stopped.seconds["words"] < 9, "handed back, it need not wait for the end of the lease"


def test_the_worker_that_was_killed_is_forgotten_and_the_thread_is_idle(killed):
    for thread in killed.threads.values():
        answer = killed.pool.rest.thread(thread)
        assert (answer["status"], answer["run_count"]) == ("idle", 1)


def test_a_run_that_kills_its_workers_is_given_up(workshop):
    pool = Pool(workshop)
    settings = {"BAUD_WORKER_LEASE_MS": 1000, "BAUD_WORKER_HEARTBEAT_MS": 300, "BAUD_WORKER_REAPER_MS": 200}
    thread = pool.rest.new_thread()
    run = pool.rest.execute(thread, "words=100 pause_ms=60000")
    with pool.rest.stream(thread, run_id=run) as stream:
        for number in (1, 2, 3):
            worker = workshop.baud("modem", "--redis-url", pool.redis.url, **settings)
            until(stream, lambda event: event["type"] == "run_attempt_started" and event["attempt"] == number)
            worker.kill()
        workshop.baud("modem", "--redis-url", pool.redis.url, **settings)
        events = until(stream, lambda event: event["final"])
    assert events[-1]["type"] == "run_failed" and events[-1]["run"]["error"]["code"] == "max_attempts"
    assert pool.rest.run(thread, run)["error"]["code"] == "max_attempts"


def test_without_a_worker_a_run_waits_and_can_be_cancelled(workshop):
    pool = Pool(workshop)
    thread = pool.rest.new_thread()
    assert pool.workers == 0
    run = pool.rest.execute(thread, "words=1")
    with pool.rest.stream(thread, run_id=run) as stream:
        waiting = next(event for frame in stream if (event := json.loads(frame.data))["type"] == "waiting")
        assert waiting["waiting"]["position"] == 0
        pool.rest.cancel(thread, run)
        assert types(until(stream, lambda event: event["final"]))[-1] == "run_cancelled"
