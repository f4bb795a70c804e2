"""The processes that a test talks to: a real redis-server and the `baud` binary. Each is ended by its own pid."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("BAUD", ROOT / ".build/debug/baud")).resolve()

START_LIMIT = 60
STOP_LIMIT = 15


class Process:
    """A child process whose standard error is kept, so that a line of it can be awaited."""

    def __init__(self, arguments, folder: Path, environment=None):
        self.folder = folder
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._has_ended = False
        self.child = subprocess.Popen(
            [str(argument) for argument in arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.child.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def wait_for_line(self, text: str, limit: float = START_LIMIT) -> str:
        """The first line with `text`, as soon as it is printed."""

        def found():
            return next((line for line in self.lines if text in line), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self._has_ended, limit)
            line = found()
        assert line, f"{self.child.args[:2]} did not print {text!r}:\n" + "\n".join(self.lines)
        return line

    def wait_for_end(self, unless: str, limit: float = START_LIMIT) -> int:
        """The exit status; fails as soon as a line with `unless` is printed instead."""

        def has_started():
            return any(unless in line for line in self.lines)

        wait_until(lambda: self.child.poll() is not None or has_started(), limit, "the end")
        assert not has_started(), "it has started:\n" + "\n".join(self.lines)
        return self.child.returncode

    def send(self, number: signal.Signals):
        self.child.send_signal(number)

    def kill(self):
        """As a crash of the machine would: without a word."""
        self.send(signal.SIGKILL)
        self.child.wait(STOP_LIMIT)

    def terminate(self) -> int:
        self.send(signal.SIGTERM)
        return self.child.wait(STOP_LIMIT)

    def close(self):
        if self.child.poll() is None:
            self.send(signal.SIGCONT)
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                self.kill()
        self._reader.join(2)
        assert not self._reader.is_alive(), f"{self.child.args[:2]} has ended and left a process behind"


class RedisServer:
    """A redis-server on a Unix socket that loses nothing it has acknowledged, even when it is killed."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.socket = folder / "redis.sock"
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self):
        options = ["--port", 0, "--unixsocket", self.socket, "--dir", self.folder, "--save", ""]
        durable = ["--appendonly", "yes", "--appendfsync", "always"]
        self.process = Process(["redis-server", *options, *durable], self.folder)
        self.process.wait_for_line("ready to accept connections")

    def kill(self):
        self.process.kill()

    def freeze(self):
        self.process.send(signal.SIGSTOP)

    def thaw(self):
        self.process.send(signal.SIGCONT)

    def close(self):
        self.process.close()


class RedisCluster:
    """Three masters, each with a replica, on the loopback address. A master that is silent for a second is replaced."""

    def __init__(self, folder: Path):
        self.nodes: dict[int, Process] = {}
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start(folder)
        except BaseException:
            self.close()
            raise

    def _start(self, folder: Path):
        ports = free_ports(12)
        for port, bus in zip(ports[::2], ports[1::2]):
            options = ["--port", port, "--cluster-port", bus, "--cluster-enabled", "yes", "--cluster-node-timeout", 1000]
            files = ["--cluster-config-file", f"{port}.conf", "--save", "", "--repl-diskless-sync-delay", 0]
            self.nodes[port] = Process(["redis-server", *options, *files], folder)
        for node in self.nodes.values():
            node.wait_for_line("Ready to accept connections")
        addresses = [f"127.0.0.1:{port}" for port in self.nodes]
        options = ["--cluster-replicas", "1", "--cluster-yes"]
        subprocess.run(["redis-cli", "--cluster", "create", *addresses, *options], check=True, capture_output=True)
        wait_until(lambda: all(self.is_well(port) for port in self.nodes), 30, "the cluster")

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in list(self.nodes)[::2])

    def ask(self, port: int, *command) -> str:
        arguments = ["redis-cli", "-p", str(port), *map(str, command)]
        return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout

    def is_well(self, port: int) -> bool:
        cluster, replication = self.ask(port, "CLUSTER", "INFO"), self.ask(port, "INFO", "replication")
        has_company = "master_link_status:up" in replication or "connected_slaves:1" in replication
        return "cluster_state:ok" in cluster and "cluster_known_nodes:6" in cluster and has_company

    def master_of(self, key: str) -> int:
        """The port of the node that serves a key, as one that is alive has it."""
        port = next(port for port, node in self.nodes.items() if node.child.poll() is None)
        slot = int(self.ask(port, "CLUSTER", "KEYSLOT", key))
        for line in self.ask(port, "CLUSTER", "NODES").splitlines():
            fields = line.split()
            ranges = [(int(part.split("-")[0]), int(part.split("-")[-1])) for part in fields[8:] if part[0] != "["]
            if "master" in fields[2] and any(first <= slot <= last for first, last in ranges):
                return int(fields[1].split("@")[0].rsplit(":", 1)[1])
        raise AssertionError(f"no node serves slot {slot}")

    def kill(self, port: int):
        self.nodes[port].kill()

    def close(self):
        for node in self.nodes.values():
            node.close()


def free_ports(count: int) -> list[int]:
    """TCP ports of the loopback address that nobody uses, for programs that cannot choose one themselves."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Baud(Process):
    """One process of the system; `role` is serve, gateway or modem.

    No setting of the caller's environment reaches it; one that is None here is left to the file or its default. `prefix` is a command
    that becomes it.
    """

    def __init__(self, role: str, folder: Path, *flags, prefix=(), **settings):
        folder.mkdir(parents=True, exist_ok=True)
        defaults = {
            "BAUD_SERVER_LISTEN": "127.0.0.1:0",
            "BAUD_DATA_DIR": folder / "data",
            "BAUD_SANDBOX_PROVIDER": "none",
            "BAUD_SERVER_DRAIN_SECONDS": 1,
        }
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        given = {name: str(value) for name, value in (defaults | settings).items() if value is not None}
        super().__init__([*prefix, BINARY, role, *flags], folder, inherited | given)

    @property
    def address(self) -> str:
        """`host:port`, once it listens."""
        return self.wait_for_line("listening on http").rsplit("://", 1)[1]

    @property
    def resident_kib(self) -> int:
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))

    def new_thread(self) -> str:
        connection = http.client.HTTPConnection(self.address)
        connection.request("POST", "/api/agent/initiate", "{}", {"content-type": "application/json"})
        thread = json.load(connection.getresponse())["thread_id"]
        connection.close()
        return thread


def wait_until(condition, limit: float = 15, what: str = "the condition"):
    """Asks until the answer is true, for what no event tells of. Returns that answer."""
    end = time.monotonic() + limit
    while not (answer := condition()):
        assert time.monotonic() < end, f"{what} did not come true within {limit} s"
        time.sleep(0.02)
    return answer
