"""The oracle of the chaos sees each violation in a doctored record, and none in a short session with faults of all kinds."""

import copy
import importlib

import pytest
from chaos import oracle
from chaos.oracle import Accepted, Doings, Received, ThreadRecord
from chaos.session import run_session
from chaos.system import DEFAULT_LEASE_MS

TEXTS = ["first ", "second"]
ACCEPTED = Accepted("r", "c0t0r0", TEXTS, ["call"])
DOINGS = Doings(["call"], [("c0t0r0", 0), ("c0t0r0", 1)])


def make_log() -> list:
    """Two attempts at a run that calls one tool; the first was lost in the middle of the second text."""
    event_pb2 = importlib.import_module("baud.v1.event_pb2")
    log = []

    def add(type: str, attempt: int, **fields):
        number = len(log) + 1
        run = "" if type == "thread_created" else "r"
        log.append(event_pb2.Event(id=f"1-{number}", seq=number, type=type, run_id=run, attempt=attempt, **fields))

    def progress(attempt: int, **fields):
        add("task_agent_execute", attempt, task_agent_execute=fields)

    add("thread_created", 0)
    add("run_queued", 0)
    add("run_attempt_started", 1, run={"status": "running"})
    progress(1, step_started={"number": 1})
    progress(1, text_delta={"text": "wrong"})
    progress(1, step_restarted={"number": 1})
    progress(1, text_delta={"text": "first "})
    add("message_completed", 1, message_completed={"text": "first "})
    progress(1, tool_call={"call_id": "call", "name": "bash"})
    progress(1, tool_result={"call_id": "call", "text": "ran"})
    progress(1, step_ended={"number": 1})
    progress(1, step_started={"number": 2})
    progress(1, text_delta={"text": "sec"})
    add("run_attempt_started", 2, run={"status": "running", "discard_from_seq": 11})
    progress(2, step_started={"number": 2})
    progress(2, text_delta={"text": "second"})
    add("message_completed", 2, message_completed={"text": "second"})
    add("run_completed", 2, final=True, run={"status": "completed"})
    return log


class Case:
    """A record without fault, for a test to spoil."""

    def __init__(self):
        log = make_log()
        of_run = [event for event in log if event.run_id]
        received = [Received(None, copy.deepcopy(log)), Received("r", copy.deepcopy(of_run))]
        self.record = ThreadRecord("t", [copy.copy(ACCEPTED)], received, log, {"r": "completed"})
        self.doings = copy.deepcopy(DOINGS)
        self.client = self.record.received[0].events

    def violations(self) -> list[str]:
        return [str(violation) for violation in oracle.violations([self.record], self.doings)]

    @property
    def lists(self) -> list[list]:
        """The log, and what the clients have."""
        return [self.record.log, *(received.events for received in self.record.received)]

    def add(self, event, **fields):
        """One more event at the end of the log, that the clients get too."""
        last = self.record.log[-1].seq + 1
        for events in self.lists:
            events.append(copy.deepcopy(event))
        for copied in (events[-1] for events in self.lists):
            copied.seq, copied.id = last, f"1-{last}"
        self.change(last, **fields)

    def copies(self, seq: int) -> list:
        """An event of the log, and with the clients."""
        return [event for events in self.lists for event in events if event.seq == seq]

    def change(self, seq: int, **fields):
        for event in self.copies(seq):
            for name, value in fields.items():
                setattr(event, name, value)


@pytest.fixture
def case(stubs_made) -> Case:
    return Case()


def test_a_record_without_fault_has_no_violation(case):
    assert case.violations() == []


SPOILED = {
    "an accepted run is lost": (lambda case: case.record.runs.clear(), "run r: was accepted and is lost"),
    "a run that nobody asked for": (lambda case: case.record.runs.update(x="queued"), "run x: exists and no request"),
    "a run that answers two requests": (lambda case: case.record.accepted.append(ACCEPTED), "answers 2 requests"),
    "a run that is not queued": (lambda case: case.change(2, type="other"), "is not queued by exactly one event"),
    "a gap in the log": (lambda case: case.record.log.pop(6), "the log's event 7 has the number 8"),
    "an event twice in the log": (lambda case: case.record.log.insert(4, case.record.log[4]), "event 6 has the number 5"),
    "ids that do not rise": (lambda case: case.change(9, id="0-9"), "id 0-9 comes after 1-8"),
    "no terminal event": (lambda case: case.record.log.pop(), "has 0 terminal events"),
    "two terminal events": (lambda case: case.add(case.record.log[-1]), "has 2 terminal events"),
    "an event after the end": (lambda case: case.add(case.record.log[1], attempt=2), "comes after the terminal event 18"),
    "an end that the record denies": (lambda case: case.record.runs.update(r="running"), "and its status is running"),
    "a run that failed": (lambda case: (case.change(18, type="run_failed"), case.record.runs.update(r="failed")), "ended as failed"),
    "a cancel that was told otherwise": (
        lambda case: case.record.accepted.__setitem__(0, Accepted("r", "c0t0r0", TEXTS, ["call"], True, "cancelled")),
        "the cancel was told cancelled, and it ended as completed",
    ),
    "a write of a stale attempt": (lambda case: case.change(16, attempt=1), "of attempt 1 comes after attempt 2 began"),
    "an attempt without its beginning": (lambda case: case.change(14, type="x"), "attempt 2 begins with event 14 (x)"),
    "text that is lost": (lambda case: case.record.log[6].task_agent_execute.Clear(), "the deltas make"),
    "text that is not discarded": (lambda case: case.record.log[13].run.Clear(), "the deltas make"),
    "a message that is lost": (lambda case: case.change(8, type="x"), "the messages are ['second']"),
    "an event that a client did not get": (lambda case: case.client.pop(5), "client 0: did not receive the events [6]"),
    "the last event that a client did not get": (lambda case: case.client.pop(), "did not receive the events [18]"),
    "an event of its run that a client did not get": (
        lambda case: case.record.received[1].events.pop(3),
        "client 1 of run r: did not receive the events [5]",
    ),
    "an event that a client got twice": (lambda case: case.client.insert(5, case.client[5]), "received event 6 2 times"),
    "events out of order": (lambda case: case.client.insert(3, case.client.pop(5)), "received event 4 out of order"),
    "an event that was changed": (lambda case: setattr(case.client[4], "time", 7), "received an event 5 that is not the log's"),
    "a client that was refused": (lambda case: case.record.received[0].refusals.append("no"), "was refused: no"),
    "a tool that ran twice": (lambda case: case.doings.tool_runs.append("call"), "tool call call: ran 2 times"),
    "a tool that did not run": (lambda case: case.doings.tool_runs.clear(), "the call call has a result and did not run"),
    "a tool that ran unannounced": (lambda case: case.doings.tool_runs.append("x"), "tool call x: ran and no event tells of it"),
    "two results of a call": (lambda case: case.add(case.record.log[9]), "the call call has 2 results"),
    "a call without result": (lambda case: case.record.log[9].task_agent_execute.Clear(), "completed; results for []"),
    "a recorded turn asked for again": (
        lambda case: case.doings.model_calls.append(("c0t0r0", 0)),
        "turn 0 was asked for after turn 1",
    ),
}


@pytest.mark.parametrize("spoil, text", SPOILED.values(), ids=SPOILED.keys())
def test_the_oracle_sees(case, spoil, text):
    spoil(case)
    assert any(text in violation for violation in case.violations()), case.violations()


def test_turns_repeated_by_a_worker_that_was_stopped_are_no_violation(case):
    case.doings.model_calls.append(("c0t0r0", 0))
    case.doings.has_stale_worker = True
    assert case.violations() == []


def test_a_run_that_was_cancelled_may_end_so(case):
    case.record.accepted[0].was_cancelled = True
    case.change(18, type="run_cancelled")
    case.record.runs["r"] = "cancelled"
    assert case.violations() == []


def test_a_result_that_is_void_may_come_again(case):
    for event in case.copies(14):
        event.run.discard_from_seq = 10
    for event in case.copies(15):
        event.task_agent_execute.CopyFrom(case.record.log[9].task_agent_execute)
    assert case.violations() == []


@pytest.mark.parametrize("fault, cycles", [("mix", 3), ("mix-servers", 3), ("kill-worker", 1), ("kill-server", 1), ("cancel-race", 3)])
def test_no_promise_is_broken(workshop, fault, cycles):
    report = run_session(fault, cycles, 1, DEFAULT_LEASE_MS, workshop.folder, judges_time=False)
    assert report.first_violations == []
    assert report.cycles == cycles
    assert report.events > 0 and report.received > report.events
