"""The faults. Each strikes a system under load, holds on for as long as the dice say, and leaves the system as it was.

A fault is a function of system and dice; what it returns says which promises have a time that runs from it. What a system must have
for a fault, and what load it is struck under, is in the table at the end.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from processes import Baud, wait_until

from chaos.load import Shape
from chaos.model import FAILURES
from chaos.system import FAKETIME, System


# The grace, which is a second here, and what a loaded machine takes.
DRAIN_LIMIT = 15


@dataclass
class Struck:
    """Times are the wall clock's, as event ids have them."""

    # When a worker went, and the runs it had.
    worker_lost_at: float | None = None
    runs_lost: list[str] = field(default_factory=list)
    # When Redis could be reached again.
    redis_back_at: float | None = None
    has_stale_worker: bool = False
    problems: list[str] = field(default_factory=list)


def kill_worker(system: System, dice: random.Random) -> Struck:
    worker = system.busiest_worker()
    worker.kill()
    struck = Struck(worker_lost_at=time.time(), runs_lost=system.held_by(worker))
    system.replace_worker(worker)
    return struck


def stop_worker(system: System, dice: random.Random) -> Struck:
    """For two leases, or until others are in the middle of its runs; what it writes when it goes on must be refused."""
    worker = system.busiest_worker()
    worker.send(signal.SIGSTOP)
    struck = Struck(worker_lost_at=time.time(), runs_lost=system.held_by(worker), has_stale_worker=True)
    end = time.monotonic() + 2 * system.lease
    if dice.random() < 0.7:
        while not system.held_by_others(worker) & set(struck.runs_lost) and time.monotonic() < end:
            time.sleep(0.05)
        end = time.monotonic() + dice.uniform(0, 0.3)
    time.sleep(max(0, end - time.monotonic()))
    worker.send(signal.SIGCONT)
    system.wait_for_sign_of_life(worker)
    return struck


def drain_worker(system: System, dice: random.Random) -> Struck:
    """As an update does it: asked to stop, it hands back what it has not finished within the grace."""
    worker = system.busiest_worker()
    worker.send(signal.SIGTERM)
    system.replace_worker(worker)
    return Struck(problems=end_of(worker))


def kill_gateway(system: System, dice: random.Random) -> Struck:
    gateway = dice.choice(system.gateways)
    gateway.process.kill()
    time.sleep(dice.uniform(0, 0.5))
    system.replace_gateway(gateway)
    return Struck()


def drain_gateway(system: System, dice: random.Random) -> Struck:
    gateway = dice.choice(system.gateways)
    gateway.process.send(signal.SIGTERM)
    system.replace_gateway(gateway)
    return Struck(problems=end_of(gateway.process))


def end_of(process: Baud) -> list[str]:
    """What is wrong with the end of a process that was asked for it."""
    try:
        status = process.child.wait(DRAIN_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        return [f"{process.child.args[1]} {process.child.pid} did not end within {DRAIN_LIMIT} s"]
    return [f"{process.child.args[1]} {process.child.pid} ended with {status} when it was asked to"] if status else []


def kill_redis(system: System, dice: random.Random) -> Struck:
    system.redis.kill()
    time.sleep(dice.uniform(0, 2))
    system.redis.start()
    return Struck(redis_back_at=time.time())


def pause_redis(system: System, dice: random.Random) -> Struck:
    """Its clients are held up; some commands come to their time limit of 3 s, others do not."""
    seconds = dice.uniform(0.5, 5)
    system.store.client_pause(int(seconds * 1000))
    time.sleep(seconds)
    return Struck(redis_back_at=time.time())


def stop_redis(system: System, dice: random.Random) -> Struck:
    """For a while; one time in four for longer than any lease, so that all runs begin another attempt."""
    system.redis.freeze()
    time.sleep(dice.choice((*[dice.uniform(0.5, 6)] * 3, 1.2 * system.lease)))
    system.redis.thaw()
    return Struck(redis_back_at=time.time())


def cut_proxy(system: System, dice: random.Random) -> Struck:
    """For some seconds a part of all replies end in their middle, whatever commands they are for."""
    system.proxy.cut_share = dice.uniform(0.05, 0.3)
    time.sleep(dice.uniform(1, 4))
    system.proxy.cut_share = 0
    return Struck()


def disk_full(system: System, dice: random.Random) -> Struck:
    """Redis ends when it cannot write; room is made and it is started again."""
    filler = system.disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 65536):
                pass
        except OSError:
            pass
    wait_until(lambda: system.redis.process.child.poll() is not None, 20, "the end of a redis-server without room")
    time.sleep(dice.uniform(0, 1))
    filler.unlink()
    system.redis.start()
    return Struck(redis_back_at=time.time())


def clock_jump(system: System, dice: random.Random) -> Struck:
    """One worker's wall clock jumps ahead or back, and some seconds later it is right again."""
    system.set_clock(dice.choice((-3600, -60, 60, 3600)))
    time.sleep(dice.uniform(1, 4))
    system.set_clock(0)
    return Struck()


def nothing(system: System, dice: random.Random) -> Struck:
    """The fault is in the load: the model fails, or runs are cancelled."""
    return Struck()


@dataclass
class Fault:
    strike: Callable[[System, random.Random], Struck]
    shape: Shape = field(default_factory=Shape)
    # What the system is started with.
    options: dict = field(default_factory=dict)
    # Why it cannot be done here.
    missing: Callable[[], str | None] = lambda: None


def no_root() -> str | None:
    if os.geteuid():
        return "needs root, to mount a small file system"
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "chaos", "/mnt"]
    return None if subprocess.run(probe, capture_output=True).returncode == 0 else "may not mount a small file system"


def no_faketime() -> str | None:
    return None if FAKETIME.exists() else f"needs libfaketime ({FAKETIME})"


# An answer that hangs is given up after a second; failed calls are made again soon.
IMPATIENT = {"BAUD_LLM_FIRST_TOKEN_MS": 1000, "BAUD_LLM_IDLE_MS": 1000}
# Processes that are gateway and worker.
TOGETHER = {"together": True}
# So few that some runs find room at once and some wait in the queue.
FEW_SLOTS = {"BAUD_WORKER_CONCURRENCY": 3}
RACE = Shape(threads=10, runs=2, turns=(1, 1, 2), pace=0.005, cancels=0.8, cancel_by=12)

FAULTS = {
    "kill-worker": Fault(kill_worker),
    "kill-gateway": Fault(kill_gateway),
    "drain-worker": Fault(drain_worker),
    "drain-gateway": Fault(drain_gateway),
    "kill-redis": Fault(kill_redis),
    "kill-server": Fault(kill_worker, options=TOGETHER),
    "drain-server": Fault(drain_worker, options=TOGETHER),
    "stop-server": Fault(stop_worker, options=TOGETHER),
    "stop-worker": Fault(stop_worker),
    "pause-redis": Fault(pause_redis),
    "stop-redis": Fault(stop_redis),
    "cut-proxy": Fault(cut_proxy, options={"through_proxy": True}),
    "disk-full": Fault(disk_full, options={"disk_mb": 256}, missing=no_root),
    "clock-jump": Fault(clock_jump, options={"fakes_clock": True}, missing=no_faketime),
    "cancel-race": Fault(nothing, RACE),
} | {name: Fault(nothing, Shape(failures=kinds), IMPATIENT) for name, kinds in FAILURES.items()}

# What can be had at one system. The model fails beside each of them, and some runs are cancelled.
MIXED = ("kill-worker", "kill-gateway", "drain-worker", "drain-gateway", "kill-redis", "pause-redis", "stop-redis", "cut-proxy")


def mixed(system: System, dice: random.Random) -> Struck:
    """One or two of them behind each other; only the last one's times can be measured."""
    names = [dice.choice(MIXED) for _ in range(dice.choice((1, 1, 2)))]
    return [FAULTS[name].strike(system, dice) for name in names][-1]


ANY_FAILURE = tuple(kind for kinds in FAILURES.values() for kind in kinds)
FAULTS["mix"] = Fault(mixed, Shape(failures=ANY_FAILURE, cancels=0.15), {"through_proxy": True} | IMPATIENT)
FAULTS["mix-servers"] = Fault(mixed, Shape(failures=ANY_FAILURE, cancels=0.15), {"through_proxy": True} | IMPATIENT | TOGETHER | FEW_SLOTS)
