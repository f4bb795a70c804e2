"""Compares what clients were promised, what they received and what was really done with the log. Pure: no process, no clock.

Each check yields the violations it finds; `violations` asks all of them.
"""

from collections import Counter
from dataclasses import dataclass, field

ENDS = {"run_completed": "completed", "run_failed": "failed", "run_cancelled": "cancelled", "run_timed_out": "timed_out"}


@dataclass
class Accepted:
    """A run that a client was told is accepted, and what the model does in it."""

    run_id: str
    tag: str
    texts: list[str]
    call_ids: list[str]
    was_cancelled: bool = False
    # The run's status in the answer to the cancel, if there was one.
    cancel_answer: str | None = None


@dataclass
class Received:
    """What one client got, in order; of one run if `run_id` is set."""

    run_id: str | None
    events: list
    refusals: list[str] = field(default_factory=list)


@dataclass
class ThreadRecord:
    thread: str
    accepted: list[Accepted]
    received: list[Received]
    # The thread's log, as the contract's events with their ids.
    log: list
    # Status of each run that the thread knows, oldest first.
    runs: dict[str, str]


@dataclass
class Doings:
    """What was really done in a cycle, for all its runs."""

    # Ids of tool calls, once for each time the tool ran.
    tool_runs: list[str]
    # (tag, turn) of the model's calls, in order.
    model_calls: list[tuple[str, int]]
    # A worker that was stopped and goes on does not know at once that its run is another's: it may ask the model in vain.
    has_stale_worker: bool = False


@dataclass(frozen=True)
class Violation:
    subject: str
    text: str

    def __str__(self):
        return f"{self.subject}: {self.text}"


def violations(records: list[ThreadRecord], doings: Doings) -> list[Violation]:
    found = []
    for record in records:
        for check in (log_is_whole, runs_are_known, runs_end_once, attempts_are_fenced, texts_are_whole, clients_have_all):
            found += check(record)
    return found + list(tools_ran_once(records, doings)) + list(turns_were_not_repeated(doings))


def cursor(id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in id.split("-"))


def of_run(events, run: str) -> list:
    return [event for event in events if event.run_id == run]


# The log


def log_is_whole(record: ThreadRecord):
    """Numbers count from 1 without gap, ids rise."""
    numbers = [event.seq for event in record.log]
    if numbers != list(range(1, len(numbers) + 1)):
        odd = next(place for place, number in enumerate(numbers, 1) if number != place)
        yield Violation(f"thread {record.thread}", f"the log's event {odd} has the number {numbers[odd - 1]}")
    for before, after in zip(record.log, record.log[1:]):
        if cursor(before.id) >= cursor(after.id):
            yield Violation(f"thread {record.thread}", f"id {after.id} comes after {before.id}")


def runs_are_known(record: ThreadRecord):
    """Accepted runs and the thread's are the same, each once."""
    accepted = [run.run_id for run in record.accepted]
    for run in accepted:
        if run not in record.runs:
            yield Violation(f"run {run}", "was accepted and is lost")
        if sum(event.type == "run_queued" and event.attempt == 0 for event in of_run(record.log, run)) != 1:
            yield Violation(f"run {run}", "is not queued by exactly one event")
    for run, count in Counter(accepted).items():
        if count > 1:
            yield Violation(f"run {run}", f"answers {count} requests")
    for run in record.runs.keys() - set(accepted):
        yield Violation(f"run {run}", "exists and no request was answered with it")


def runs_end_once(record: ThreadRecord):
    """One terminal event, the last of its run, that says what the run's record says and what was to be expected."""
    for run in record.accepted:
        subject = f"run {run.run_id}"
        events = of_run(record.log, run.run_id)
        ends = [event for event in events if event.final]
        if len(ends) != 1:
            yield Violation(subject, f"has {len(ends)} terminal events; its status is {record.runs.get(run.run_id)}")
            continue
        end = ends[0]
        if events[-1] is not end:
            yield Violation(subject, f"event {events[-1].seq} ({events[-1].type}) comes after the terminal event {end.seq}")
        status = ENDS.get(end.type)
        if status != record.runs.get(run.run_id):
            yield Violation(subject, f"ends with {end.type} and its status is {record.runs.get(run.run_id)}")
        if status != "completed" and not (status == "cancelled" and run.was_cancelled):
            yield Violation(subject, f"ended as {status} ({end.run.error.code} {end.run.error.message})")
        if run.cancel_answer in ENDS.values() and run.cancel_answer != status:
            yield Violation(subject, f"the cancel was told {run.cancel_answer}, and it ended as {status}")


def attempts_are_fenced(record: ThreadRecord):
    """Once an attempt has begun, nothing is written by those before it."""
    for run in record.accepted:
        attempt = 0
        for event in of_run(record.log, run.run_id):
            if event.attempt < attempt:
                text = f"event {event.seq} ({event.type}) of attempt {event.attempt} comes after attempt {attempt} began"
                yield Violation(f"run {run.run_id}", text)
            elif event.attempt > attempt and event.type != "run_attempt_started":
                yield Violation(f"run {run.run_id}", f"attempt {event.attempt} begins with event {event.seq} ({event.type})")
            attempt = max(attempt, event.attempt)


def texts_are_whole(record: ThreadRecord):
    """A client that drops what it is told to drop has the model's texts, each once."""
    for run in record.accepted:
        events = of_run(record.log, run.run_id)
        if not events or events[-1].type != "run_completed":
            continue
        kept = kept_events(events)
        deltas = "".join(event.task_agent_execute.text_delta.text for event in kept if event.type == "task_agent_execute")
        whole = [event.message_completed.text for event in kept if event.type == "message_completed"]
        if deltas != "".join(run.texts):
            yield Violation(f"run {run.run_id}", f"the deltas make {deltas!r}, the model said {''.join(run.texts)!r}")
        if whole != run.texts:
            yield Violation(f"run {run.run_id}", f"the messages are {whole}, the model said {run.texts}")


def kept_events(events: list) -> list:
    """What a client has that drops what `run_attempt_started` and `step_restarted` declare void."""
    kept = []
    for event in events:
        if event.type == "run_attempt_started" and (first := event.run.discard_from_seq):
            kept = [other for other in kept if other.seq < first]
        elif tells(event, "step_restarted"):
            while kept and not tells(kept[-1], "step_started"):
                kept.pop()
        kept.append(event)
    return kept


# Clients


def clients_have_all(record: ThreadRecord):
    """Each client received the log, every event once, in order, unchanged."""
    for number, received in enumerate(record.received):
        log = record.log if received.run_id is None else of_run(record.log, received.run_id)
        subject = f"thread {record.thread}, client {number}" + (f" of run {received.run_id}" if received.run_id else "")
        yield from (Violation(subject, f"was refused: {refusal}") for refusal in received.refusals)
        got = [event.seq for event in received.events]
        for seq, count in Counter(got).items():
            if count > 1:
                yield Violation(subject, f"received event {seq} {count} times")
        if missing := sorted({event.seq for event in log} - set(got)):
            yield Violation(subject, f"did not receive the events {missing[:10]} of {len(log)}")
        if got != sorted(got):
            odd = next(after for before, after in zip(got, got[1:]) if after < before)
            yield Violation(subject, f"received event {odd} out of order")
        stored = {event.seq: event for event in log}
        for event in received.events:
            if stored.get(event.seq) != event:
                yield Violation(subject, f"received an event {event.seq} that is not the log's")


# What was done


def tools_ran_once(records: list[ThreadRecord], doings: Doings):
    """No call ran twice, none that the log does not know; one with a result ran, unless the result says that this is in doubt."""
    counts = Counter(doings.tool_runs)
    for id, count in counts.items():
        if count > 1:
            yield Violation(f"tool call {id}", f"ran {count} times")
    known = set()
    for record in records:
        known |= {event.task_agent_execute.tool_call.call_id for event in record.log if tells(event, "tool_call")}
        for run in record.accepted:
            yield from calls_are_answered(record, run, counts)
    for id in counts.keys() - known:
        yield Violation(f"tool call {id}", "ran and no event tells of it")


def calls_are_answered(record: ThreadRecord, run: Accepted, ran: Counter):
    """Each call has one result that is not void; in a run that completed, each that the model asked for."""
    kept = kept_events(of_run(record.log, run.run_id))
    results = [event.task_agent_execute.tool_result for event in kept if tells(event, "tool_result")]
    for result in results:
        if not result.is_error and result.call_id not in ran:
            yield Violation(f"run {run.run_id}", f"the call {result.call_id} has a result and did not run")
    answered = Counter(result.call_id for result in results)
    for id, count in answered.items():
        if count > 1:
            yield Violation(f"run {run.run_id}", f"the call {id} has {count} results")
    if record.runs.get(run.run_id) == "completed" and answered.keys() != set(run.call_ids):
        yield Violation(f"run {run.run_id}", f"completed; results for {sorted(answered)}, calls {run.call_ids}")


def tells(event, kind: str) -> bool:
    """Whether the agent's progress is of this kind."""
    return event.task_agent_execute.HasField(kind)


def turns_were_not_repeated(doings: Doings):
    """Once the model was asked for a turn, it is not asked for one before it, which was recorded."""
    if doings.has_stale_worker:
        return
    latest: dict[str, int] = {}
    for tag, turn in doings.model_calls:
        if turn < latest.get(tag, 0):
            yield Violation(f"model call {tag}", f"turn {turn} was asked for after turn {latest[tag]}")
        latest[tag] = max(turn, latest.get(tag, 0))
