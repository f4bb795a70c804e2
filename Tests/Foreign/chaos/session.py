"""A session: one fault, struck in so many cycles at one system, and the report of what came of it."""

import os
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from clients import AGENT
from processes import wait_until

from chaos import oracle
from chaos.faults import FAULTS, Struck
from chaos.load import Load
from chaos.system import DEFAULT_LEASE_MS, System

# At the default lease a lost worker's runs resume within 15 s; with another lease it is as much longer than that.
TAKE_OVER_MARGIN = 5
RECOVERY_LIMIT = 5
OTHER_TIME_MS = 45_000
SHOWN = 10


@dataclass
class Report:
    fault: str
    seed: int
    lease_ms: int
    cycles: int = 0
    seconds: float = 0
    runs: int = 0
    completed: int = 0
    cancelled: int = 0
    # Runs whose end came before the cancel that had been accepted.
    completed_while_cancelling: int = 0
    taken_over: int = 0
    events: int = 0
    received: int = 0
    connects: int = 0
    model_calls: int = 0
    tool_runs: int = 0
    tool_calls_interrupted: int = 0
    # Events whose time, by their writer's clock, is far from the one by the clock of Redis.
    events_of_other_time: int = 0
    # From the acceptance of a thread's first run to its first attempt.
    max_start_seconds: float = 0
    max_take_over_seconds: float | None = None
    max_recovery_seconds: float | None = None
    # Of the machine, over a minute; the times above mean little where it is far above the number of cores.
    max_load: float = 0
    violations: int = 0
    first_violations: list[str] = field(default_factory=list)

    def blame(self, found: list[str]):
        self.violations += len(found)
        self.first_violations += found[: SHOWN - len(self.first_violations)]

    def take_over(self, seconds: float):
        self.taken_over += 1
        self.max_take_over_seconds = round(max(seconds, self.max_take_over_seconds or 0), 3)

    def recovery(self, seconds: float):
        self.max_recovery_seconds = round(max(seconds, self.max_recovery_seconds or 0), 3)


class Session:
    """`judges_time`: what takes longer than was promised is a violation; a machine with other work to do needs it to be off."""

    def __init__(self, fault: str, seed: int, lease_ms: int, folder: Path, judges_time=True):
        self._judges_time = judges_time
        self.report = Report(fault, seed, lease_ms)
        self._fault = FAULTS[fault]
        self._folder = folder
        self._system = System(folder, lease_ms=lease_ms, **self._fault.options)
        # Logs of the cycle before: nothing may have been added to them since.
        self._settled: dict[str, bytes] = {}
        self._tool_runs_before = Counter()

    def run(self, cycles: int):
        """Ends early at a violation that leaves the system unfit for more."""
        begin = time.monotonic()
        for number in range(cycles):
            is_fit = self._cycle(number)
            self.report.cycles += 1
            self.report.max_load = max(self.report.max_load, round(os.getloadavg()[0], 1))
            self.report.seconds = round(time.monotonic() - begin, 1)
            show(f"{self.report.fault} {number + 1}/{cycles}, {self.report.violations} violations")
            if not is_fit:
                return

    def close(self):
        self._check_unchanged()
        if self.report.violations:
            self._system.save_output()
        self._system.close()

    # A cycle

    def _cycle(self, number: int) -> bool:
        dice = random.Random(f"{self.report.fault} {self.report.seed} {number}")
        load = Load(self._system, number, dice, self._fault.shape)
        load.begin()
        time.sleep(dice.uniform(0, 1.5))
        load.submit_rest()
        struck = self._strike(dice)
        have_ended = load.wait()
        if have_ended:
            load.repeat_a_request()
            load.join_late()
            load.wait()
        load.close()
        self._judge(load, struck)
        dead = self._system.the_dead()
        self.report.blame(dead)
        self._system.let_go()
        return have_ended and not dead

    def _strike(self, dice: random.Random) -> Struck:
        try:
            struck = self._fault.strike(self._system, dice)
            if struck.redis_back_at:
                self._measure_recovery(struck.redis_back_at)
            return struck
        except AssertionError as error:
            # Something did not start or did not come true in time.
            return Struck(problems=[str(error)])

    def _measure_recovery(self, back_at: float):
        """Until both gateways accept again, on connections of any event loop."""
        addresses = [gateway.process.address for gateway in self._system.gateways]

        def serve() -> bool:
            return all(accepts(address) for address in addresses for _ in range(4))

        wait_until(serve, 60, "the service")
        seconds = time.time() - back_at
        self.report.recovery(seconds)
        if seconds > RECOVERY_LIMIT and self._judges_time:
            self.report.blame([f"service came back {seconds:.1f} s after Redis"])

    # What came of it

    def _judge(self, load: Load, struck: Struck):
        # A worker that was stopped may be about to write what must be refused; a moment for it to come to light.
        time.sleep(0.3 if struck.has_stale_worker else 0)
        records = load.records(self._read_thread)
        tool_runs = Counter(self._system.call_lines())
        new = tool_runs - self._tool_runs_before
        self._tool_runs_before = tool_runs
        asked = [call for call in list(self._system.model.asked) if call[0] in load.tags]
        doings = oracle.Doings(list(new.elements()), asked, struck.has_stale_worker)
        found = [str(violation) for violation in oracle.violations(records, doings)]
        complaints, self._system.model.complaints = self._system.model.complaints, []
        self.report.blame(found + load.problems + struck.problems + complaints)
        self._count(records, doings, load)
        self._measure_take_over(records, struck)
        self._check_settled()
        self._settled = {record.thread: self._last_id(record.thread) for record in records}
        self._system.model.forget(load.tags)

    def _read_thread(self, thread: str) -> dict:
        """A thread's log and runs, as they lie in Redis."""
        store, event = self._system.store, self._system.gateways[0].stubs.Event
        log = []
        for id, fields in store.xrange(f"thread:{thread}:stream"):
            log.append(event.FromString(fields[b"e"]))
            log[-1].id = id.decode()
        ids = [id.decode() for id in store.lrange(f"thread:{thread}:runs", 0, -1)]
        statuses = [store.hget(f"thread:{thread}:run:{id}", "status") or b"" for id in ids]
        return {"log": log, "runs": {id: status.decode() for id, status in zip(ids, statuses)}}

    def _last_id(self, thread: str) -> bytes:
        return self._system.store.hget(f"thread:{thread}:metadata", "last_id")

    def _check_settled(self):
        """The threads of the cycle before are as they were; then they are deleted, as the system must not fill up."""
        self._check_unchanged()
        for thread in self._settled:
            self._system.gateways[0].rest.http.delete(f"{AGENT}/{thread}")
        self._settled = {}

    def _check_unchanged(self):
        """Nothing was added to the threads of the cycle before. Needs no gateway: this may be the end of a session that has lost one."""
        for thread, last_id in self._settled.items():
            if self._last_id(thread) != last_id:
                self.report.blame([f"thread {thread}: an event was added after the end of all its runs"])

    def _count(self, records: list[oracle.ThreadRecord], doings: oracle.Doings, load: Load):
        report = self.report
        statuses = Counter(status for record in records for status in record.runs.values())
        accepted = [(run, record.runs.get(run.run_id)) for record in records for run in record.accepted]
        report.runs += len(accepted)
        report.completed += statuses["completed"]
        report.cancelled += statuses["cancelled"]
        outcomes = Counter((run.cancel_answer, status) for run, status in accepted)
        report.completed_while_cancelling += outcomes["cancelling", "completed"]
        report.events += sum(len(record.log) for record in records)
        report.received += sum(len(received.events) for record in records for received in record.received)
        report.connects += sum(viewer.connects for viewer in load.viewers)
        report.model_calls += len(doings.model_calls)
        report.tool_runs += len(doings.tool_runs)
        report.max_start_seconds = max(report.max_start_seconds, *(start_seconds(record.log) for record in records))
        times = [(oracle.cursor(event.id)[0], event.time) for record in records for event in record.log]
        report.events_of_other_time += sum(abs(stored - written) > OTHER_TIME_MS for stored, written in times)
        results = [event.task_agent_execute.tool_result for record in records for event in record.log]
        report.tool_calls_interrupted += sum(result.is_error and "interrupted" in result.text for result in results)

    def _measure_take_over(self, records: list[oracle.ThreadRecord], struck: Struck):
        """From the loss of the worker to the event with which another one goes on; both by the wall clock."""
        limit = self._system.lease + TAKE_OVER_MARGIN
        for event in (event for record in records for event in record.log):
            if event.run_id not in struck.runs_lost or event.type != "run_attempt_started":
                continue
            seconds = oracle.cursor(event.id)[0] / 1000 - struck.worker_lost_at
            if seconds > 0:
                struck.runs_lost.remove(event.run_id)
                self.report.take_over(seconds)
                if seconds > limit and self._judges_time:
                    self.report.blame([f"run {event.run_id}: taken over after {seconds:.1f} s"])


def start_seconds(log: list) -> float:
    """How long the thread's first run waited for a worker."""
    queued = next((event for event in log if event.type == "run_queued"), None)
    run = queued.run_id if queued else None
    started = next((event for event in log if event.type == "run_attempt_started" and event.run_id == run), queued)
    return (oracle.cursor(started.id)[0] - oracle.cursor(queued.id)[0]) / 1000 if queued else 0


def accepts(address: str) -> bool:
    """Over a connection of its own."""
    try:
        # Without the authorities of TLS, which take longer to load than the answer takes.
        return httpx.post(f"http://{address}{AGENT}/initiate", json={}, timeout=5, verify=False).status_code == 200
    except httpx.HTTPError:
        return False


def show(text: str):
    """Progress, for a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def run_session(fault: str, cycles: int, seed: int, lease_ms: int, folder: Path, judges_time=True) -> Report:
    session = Session(fault, seed, lease_ms, folder, judges_time)
    try:
        session.run(cycles)
    finally:
        session.close()
    show("")
    return session.report
