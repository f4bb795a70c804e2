"""The processes of one session: Redis, gateways, workers, the model; what a fault ends is started anew."""

import os
import re
import signal
import subprocess
import time
from contextlib import ExitStack, closing
from pathlib import Path

import redis
from clients import Rest
from contract import Stubs
from processes import Baud, RedisServer, wait_until

from chaos.model import ScriptedModel
from chaos.proxy import Proxy

DEFAULT_LEASE_MS = 10_000
GATEWAYS = 2
WORKERS = 3
FAKETIME = Path(f"/usr/lib/{os.uname().machine}-linux-gnu/faketime/libfaketimeMT.so.1")


class Gateway:
    """A gateway with a client of each kind."""

    def __init__(self, process: Baud):
        self.process = process
        self.rest = Rest(process.address)
        self.stubs = Stubs(process.address)

    def close(self):
        self.rest.close()
        self.stubs.close()


class System:
    """`through_proxy`: baud reaches Redis through a proxy. `disk_mb`: Redis has a disk of its own, of that size (needs root).

    `fakes_clock`: the first worker's wall clock is what `set_clock` says. `together`: each process is gateway and worker, and takes up
    what it accepts without the queue.
    """

    def __init__(
        self,
        folder: Path,
        lease_ms=DEFAULT_LEASE_MS,
        through_proxy=False,
        disk_mb=None,
        fakes_clock=False,
        together=False,
        **settings,
    ):
        self.folder = folder
        self.lease = lease_ms / 1000
        self.calls = folder / "calls.log"
        self.calls.touch()
        self.gateways: list[Gateway] = []
        self.workers: list[Baud] = []
        self._together = together
        self._settings = settings
        self._clock = folder / "clock" if fakes_clock else None
        self._ended: list[Baud] = []
        self._left: list[Gateway] = []
        with ExitStack() as parts:
            self._start_parts(parts, lease_ms, through_proxy, disk_mb)
            self._parts = parts.pop_all()

    def _start_parts(self, parts: ExitStack, lease_ms: int, through_proxy: bool, disk_mb: int | None):
        self.disk = self.folder / "redis" if disk_mb else None
        if self.disk:
            self.disk.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk_mb}m", "chaos", self.disk], check=True)
            parts.callback(subprocess.run, ["umount", self.disk], check=True)
        self.model = parts.enter_context(closing(ScriptedModel()))
        self.redis = parts.enter_context(closing(RedisServer(self.folder / "redis")))
        # The oracle's own connection, past the proxy.
        self.store = parts.enter_context(closing(redis.Redis(unix_socket_path=str(self.redis.socket))))
        self.proxy = parts.enter_context(closing(Proxy(self.redis.socket, self.folder / "proxy.sock"))) if through_proxy else None
        self._write_configuration(lease_ms)
        if self._clock:
            self.set_clock(0)
        parts.callback(self._close_processes)
        self.workers += [self._start_worker(number) for number in range(WORKERS)]
        self.gateways += [Gateway(worker) for worker in self.workers] if self._together else [self._start_gateway() for _ in range(GATEWAYS)]
        rest = self.gateways[0].rest
        wait_until(lambda: rest.http.get("/health").json()["workers"] == WORKERS, 60, "the workers' first sign of life")

    def _write_configuration(self, lease_ms: int):
        text = f'[llm.providers.anthropic]\nbase_url = "{self.model.url}"\napi_key = "a"\n'
        text += f'[llm.providers.openai]\nbase_url = "{self.model.url}/v1"\napi_key = "o"\n'
        if lease_ms != DEFAULT_LEASE_MS:
            parts = {"lease_ms": lease_ms, "heartbeat_ms": lease_ms * 3 // 10, "reaper_ms": lease_ms // 5}
            text += "[worker]\n" + "".join(f"{name} = {value}\n" for name, value in parts.items())
        (self.folder / "config.toml").write_text(text)

    def _start(self, role: str, prefix=(), **settings) -> Baud:
        socket = self.proxy.socket if self.proxy else self.redis.socket
        settings = {"BAUD_EVENTS_KEEP_ALIVE_MS": 1000} | self._settings | settings
        return Baud(role, self.folder, "--redis-url", f"unix://{socket}", prefix=prefix, **settings)

    def _start_gateway(self) -> Gateway:
        return Gateway(self._start("gateway"))

    def _start_worker(self, number: int) -> Baud:
        if not self._clock or number:
            return self._start("serve" if self._together else "modem")
        faked = {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": self._clock, "FAKETIME_NO_CACHE": 1}
        # The library adds to the environment at its start, behind which Swift looks for the arguments: it starts in `env`.
        return self._start("modem", prefix=["env"], FAKETIME_DONT_FAKE_MONOTONIC=1, **faked)

    # What faults ask for

    def set_clock(self, offset: int):
        """Sets the first worker's wall clock forward or back by seconds."""
        new = self._clock.with_suffix(".new")
        new.write_text(f"{offset:+d}\n")
        new.rename(self._clock)

    def busiest_worker(self) -> Baud:
        """The one with the most runs in hand."""
        return max(self.workers, key=lambda worker: len(self.held_by(worker)))

    def held_by(self, worker: Baud) -> list[str]:
        """The runs whose records say that this worker carries them out."""
        held = []
        for key in self.store.scan_iter("thread:*:run:*", count=1000, _type="hash"):
            status, name = self.store.hmget(key, "status", "worker")
            if status == b"running" and is_name(name, worker):
                held.append(key.decode().rsplit(":", 1)[1])
        return held

    def held_by_others(self, worker: Baud) -> set[str]:
        return {run for other in self.workers if other is not worker for run in self.held_by(other)}

    def wait_for_sign_of_life(self, worker: Baud):
        since = time.time() * 1000

        def has_come():
            signs = [sign for key in self.store.scan_iter("*workers", _type="zset") for sign in self.store.zrange(key, 0, -1, withscores=True)]
            return any(is_name(name, worker) and at > since for name, at in signs)

        wait_until(has_come, 30, "the worker's sign of life")

    def replace_gateway(self, gateway: Gateway):
        """In place of one that has ended."""
        if self._together:
            return self.replace_worker(gateway.process)
        self._ended.append(gateway.process)
        self._put(self._start_gateway(), gateway)

    def replace_worker(self, worker: Baud):
        self._ended.append(worker)
        place = self.workers.index(worker)
        self.workers[place] = self._start_worker(place)
        if self._together:
            self._put(Gateway(self.workers[place]), next(gateway for gateway in self.gateways if gateway.process is worker))

    def _put(self, gateway: Gateway, old: Gateway):
        self._left.append(old)
        self.gateways[self.gateways.index(old)] = gateway

    # Between cycles

    @property
    def processes(self) -> list[Baud]:
        return self.workers if self._together else [gateway.process for gateway in self.gateways] + self.workers

    def the_dead(self) -> list[str]:
        """Those that ended though no fault ended them, with what they said last.

        A process does not begin while Redis is away, and says so; those are started again, as what watches over processes does.
        """
        for worker in filter(could_not_begin, list(self.workers)):
            self.replace_worker(worker)
        for gateway in [gateway for gateway in self.gateways if could_not_begin(gateway.process)]:
            self.replace_gateway(gateway)
        dead = [process for process in self.processes if process.child.poll() is not None]
        return [f"{process.child.args[1]} ended with {process.child.returncode}: {process.lines[-5:]}" for process in dead]

    def call_lines(self) -> list[str]:
        """The ids of the calls that ran. A shell that is ended while it writes a line may leave it without its end."""
        return re.findall(r"c\d+t\d+r\d+n\d+c\d+", self.calls.read_text())

    def let_go(self):
        """Closes the clients of gateways that are gone; nobody uses them any more."""
        while self._left:
            self._left.pop().close()

    def save_output(self):
        for process in self._ended + self.processes:
            path = self.folder / f"{process.child.args[1]}-{process.child.pid}.log"
            path.write_text("\n".join(process.lines))

    def _close_processes(self):
        for part in [*self.gateways, *self._left]:
            part.close()
        running = [process for process in self.processes if process.child.poll() is None]
        for number in (signal.SIGCONT, signal.SIGTERM):
            for process in running:
                process.send(number)
        for process in running:
            process.close()

    def close(self):
        self._parts.close()


def is_name(name: bytes | None, worker: Baud) -> bool:
    """A worker's name has its process id in it; the name of a lease begins with it."""
    return re.search(rf"-{worker.child.pid}-\d+(#|$)", (name or b"").decode()) is not None


def could_not_begin(process: Baud) -> bool:
    said = process.lines[-1] if process.lines else ""
    return process.child.poll() == 1 and said.startswith("baud: Redis is not available")
