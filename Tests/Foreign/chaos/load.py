"""The load of one cycle: threads with runs, submitted before and during the fault, and the clients that watch them."""

import itertools
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
import httpx
from clients import AGENT

from chaos import model, oracle
from chaos.system import System
from chaos.viewer import PASSING, PAUSE, Refused, Viewer

TRY_LIMIT = 5
# Until a cycle's runs must have ended, all faults included.
CYCLE_LIMIT = 180


@dataclass
class Shape:
    """What the load of a cycle is like."""

    threads: int = 10
    runs: int = 2
    turns: tuple[int, ...] = (2, 3)
    pace: float = 0.03
    # How the model fails now and then, see `model.FAILURES`.
    failures: tuple[str, ...] = ()
    # The part of the runs that are cancelled, when the client has seen some number of their events up to `cancel_by`.
    cancels: float = 0
    cancel_by: int = 40


@dataclass
class Planned:
    script: model.Script
    thread: int
    # Whether it is submitted while the fault goes on.
    is_late: bool
    # Cancelled when so many of its events were seen.
    cancel_at: int | None
    run_id: str = ""
    seen: int = 0
    # What the cancel was answered: the run's status then.
    cancel_answer: Future | None = None


@dataclass
class Watched:
    """A thread and its clients."""

    id: str
    runs: list[Planned]
    viewers: list[Viewer] = field(default_factory=list)


class Load:
    def __init__(self, system: System, cycle: int, dice: random.Random, shape: Shape):
        self._system = system
        self._dice = dice
        self._shape = shape
        self._turn = itertools.count(dice.randrange(4))
        self._pool = ThreadPoolExecutor(32)
        self._deadline = time.monotonic() + CYCLE_LIMIT
        self._late: list[Future] = []
        self.problems: list[str] = []
        self.planned = [
            self._plan(f"c{cycle}t{thread}r{number}", thread, number)
            for thread in range(shape.threads)
            for number in range(shape.runs)
        ]
        system.model.scripts |= {run.script.tag: run.script for run in self.planned}
        self.threads: list[Watched] = []

    def _plan(self, tag: str, thread: int, number: int) -> Planned:
        shape, dice = self._shape, self._dice
        script = model.make_script(tag, dice, self._system.calls, dice.choice(shape.turns), shape.pace, shape.failures)
        cancel_at = dice.randrange(1, shape.cancel_by) if dice.random() < shape.cancels else None
        return Planned(script, thread, number > 0 or thread % 3 == 2, cancel_at)

    # In the order of a cycle

    def begin(self):
        """Makes the threads and submits what comes before the fault."""
        ids = list(self._pool.map(lambda number: self._new_thread(f"{number}"), range(self._shape.threads)))
        for number, id in enumerate(ids):
            runs = [run for run in self.planned if run.thread == number]
            watched = Watched(id, runs)
            self.threads.append(watched)
            watched.viewers.append(self._watch(watched, leaves=True, on_event=self._observer(watched)))
        list(self._pool.map(self._submit, [run for run in self.planned if not run.is_late]))

    def submit_rest(self):
        """While the fault goes on; does not wait for the answers."""
        self._late = [self._pool.submit(self._submit, run) for run in self.planned if run.is_late]

    def wait(self) -> bool:
        """Until every request is answered and every client has seen every run end. False if that takes too long."""
        while self._is_busy:
            if time.monotonic() > self._deadline:
                self.problems.append(f"not all runs have ended for all clients within {CYCLE_LIMIT} s")
                return False
            time.sleep(0.05)
        return True

    @property
    def _is_busy(self) -> bool:
        return not all(answer.done() for answer in self._late) or any(viewer.is_alive() for viewer in self.viewers)

    def close(self):
        """All clients stop; what was asked of the system has been answered or is given up."""
        for viewer in self.viewers:
            viewer.stop()
        self._deadline = 0
        self._pool.shutdown()
        for viewer in self.viewers:
            viewer.join()
        errors = [error for answer in self._late if (error := answer.exception())]
        self.problems += [repr(error) for error in errors if not isinstance(error, Refused)]

    @property
    def viewers(self) -> list[Viewer]:
        return [viewer for watched in self.threads for viewer in watched.viewers]

    @property
    def tags(self) -> set[str]:
        return {run.script.tag for run in self.planned}

    def repeat_a_request(self):
        """A client that did not hear the answer asks again with its key, and is told of the same run."""
        run = self._dice.choice(self.planned)
        before = run.run_id
        if before and self._submit(run) != before:
            self.problems.append(f"run {before}: a retry with its idempotency key made the run {run.run_id}")

    def join_late(self):
        """One more client for a thread and one for a run, whose events are all there by now."""
        watched = self._dice.choice(self.threads)
        watched.viewers.append(self._watch(watched))
        watched.viewers.append(self._watch(watched, self._dice.choice(watched.runs).run_id))

    # Clients

    def _watch(self, watched: Watched, run: str | None = None, **options) -> Viewer:
        ends = 1 if run else len(watched.runs)
        dice = random.Random(self._dice.random())
        return Viewer(self._system, watched.id, ends, dice, run=run, **options)

    def _observer(self, watched: Watched):
        """Cancels a run when as many of its events have been seen as was planned."""

        def observe(event):
            run = next((run for run in watched.runs if run.run_id and run.run_id == event.run_id), None)
            if run is None:
                return
            run.seen += 1
            if run.cancel_at is not None and run.seen >= run.cancel_at and run.cancel_answer is None:
                run.cancel_answer = self._pool.submit(self._cancel, watched.id, run)

        return observe

    def _new_thread(self, key: str) -> str:
        key = f"{self.planned[0].script.tag} {key}"
        return self._ask(
            f"{AGENT}/initiate", {}, key, lambda stubs: (stubs.agent.InitiateThread, stubs.InitiateThreadRequest(idempotency_key=key))
        )["thread_id"]

    def _submit(self, run: Planned) -> str:
        watched = self.threads[run.thread]
        key, fields = run.script.tag, {"task": run.script.task, "model": model.model_of(run.script)}

        def call(stubs):
            return stubs.agent.ExecuteRun, stubs.ExecuteRunRequest(thread_id=watched.id, idempotency_key=key, **fields)

        is_first = not run.run_id
        run.run_id = self._ask(f"{AGENT}/{watched.id}/execute", fields, key, call)["run_id"]
        if is_first and run.thread % 2:
            watched.viewers.append(self._watch(watched, run.run_id))
        return run.run_id

    def _cancel(self, thread: str, run: Planned) -> str:
        def call(stubs):
            return stubs.agent.CancelRun, stubs.CancelRunRequest(thread_id=thread, run_id=run.run_id)

        return self._ask(f"{AGENT}/{thread}/runs/{run.run_id}/cancel", {}, None, call)["status"]

    def _ask(self, path: str, body: dict, key: str | None, call) -> dict:
        """Asks until it is answered: on REST and gRPC, at one gateway and the other."""
        while True:
            turn = next(self._turn)
            gateway = self._system.gateways[turn // 2 % len(self._system.gateways)]
            try:
                if turn % 2:
                    return ask_rest(gateway.rest.http, path, body, key)
                return ask_grpc(*call(gateway.stubs))
            except Refused as error:
                self.problems.append(str(error))
                raise
            except (httpx.HTTPError, Passing, RuntimeError, ValueError) as error:
                if time.monotonic() > self._deadline:
                    self.problems.append(f"{path} was not answered in time: {error}")
                    raise
            time.sleep(PAUSE)

    # For the oracle

    def records(self, log_of) -> list[oracle.ThreadRecord]:
        """What was promised to the clients and what they got; `log_of` reads a thread's log and runs."""
        return [
            oracle.ThreadRecord(
                thread=watched.id,
                accepted=[expected(run) for run in watched.runs if run.run_id],
                received=[oracle.Received(viewer.run_id, viewer.events, viewer.refusals) for viewer in watched.viewers],
                **log_of(watched.id),
            )
            for watched in self.threads
        ]


class Passing(Exception):
    """An answer that says: not now."""


def ask_rest(http: httpx.Client, path: str, body: dict, key: str | None) -> dict:
    headers = {"idempotency-key": key} if key else {}
    answer = http.post(path, json=body, headers=headers, timeout=TRY_LIMIT)
    if answer.status_code == 503:
        raise Passing(answer.text)
    if answer.status_code not in (200, 202):
        raise Refused(f"{path}: {answer.status_code} {answer.text}")
    return answer.json()


def ask_grpc(method, request) -> dict:
    try:
        answer = method(request, timeout=TRY_LIMIT)
    except grpc.RpcError as error:
        if error.code() in PASSING:
            raise Passing(str(error.details())) from error
        raise Refused(f"{error.code().name} {error.details()}") from error
    return {name: getattr(answer, name) for name in ("thread_id", "run_id", "status") if hasattr(answer, name)}


def expected(run: Planned) -> oracle.Accepted:
    answer = run.cancel_answer
    cancel = answer.result() if answer and answer.done() and not answer.exception() else None
    calls = run.script.call_ids
    return oracle.Accepted(run.run_id, run.script.tag, run.script.texts, calls, answer is not None, cancel)
