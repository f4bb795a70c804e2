"""Fixtures: a server that the whole session shares, and a workshop for tests that need processes of their own.

    pip install -r Tests/Foreign/requirements.txt
    BAUD=.build/debug/baud pytest Tests/Foreign
"""

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import contract
import pytest
from clients import Rest
from processes import BINARY, ROOT, Baud, RedisCluster, RedisServer

ORIGIN = "https://app.example"
# What was measured, for the end of the output.
notes: list[str] = []


@pytest.fixture(scope="session", autouse=True)
def stubs_made(tmp_path_factory):
    assert BINARY.exists(), f"{BINARY} is missing: build it, or name it in BAUD"
    contract.compile_stubs(ROOT / "proto", tmp_path_factory.mktemp("stubs"))


class Workshop:
    """Starts processes in a folder of its own and ends them all."""

    def __init__(self):
        # Short, as the path of a Unix socket must be.
        self.folder = Path(tempfile.mkdtemp(prefix="baud-"))
        self._open = []

    def keep(self, thing):
        self._open.append(thing)
        return thing

    def redis(self) -> RedisServer:
        return self.keep(RedisServer(self.folder / "redis"))

    def redis_cluster(self) -> RedisCluster:
        return self.keep(RedisCluster(self.folder / "cluster"))

    def baud(self, role: str, *flags, **settings) -> Baud:
        return self.keep(Baud(role, self.folder, *flags, **settings))

    def rest(self, server: Baud, **options) -> Rest:
        return self.keep(Rest(server.address, **options))

    def stubs(self, server: Baud) -> contract.Stubs:
        return self.keep(contract.Stubs(server.address))

    def close(self):
        with ExitStack() as last_opened_first:
            last_opened_first.callback(shutil.rmtree, self.folder)
            for thing in self._open:
                last_opened_first.callback(thing.close)


def open_workshop():
    workshop = Workshop()
    yield workshop
    workshop.close()


workshop = pytest.fixture(open_workshop, name="workshop")
module_workshop = pytest.fixture(open_workshop, scope="module", name="module_workshop")
another_module_workshop = pytest.fixture(open_workshop, scope="module", name="another_module_workshop")
session_workshop = pytest.fixture(open_workshop, scope="session", name="session_workshop")


@pytest.fixture(scope="session")
def redis_server(session_workshop):
    return session_workshop.redis()


@pytest.fixture(scope="session")
def server(session_workshop, redis_server):
    """`baud serve`, for all tests that leave it as it was."""
    settings = {"BAUD_EVENTS_KEEP_ALIVE_MS": 1000, "BAUD_EVENTS_WAITING_MS": 500, "BAUD_CORS_ORIGINS": ORIGIN}
    server = session_workshop.baud("serve", "--redis-url", redis_server.url, **settings)
    server.address
    return server


@pytest.fixture(scope="session")
def rest(session_workshop, server):
    return session_workshop.rest(server)


@pytest.fixture(scope="session")
def stubs(session_workshop, server):
    return session_workshop.stubs(server)


@pytest.fixture(scope="session")
def forty_words(rest):
    """A finished run of many events: thread, run, its events."""
    return rest.finished("words=40 pause_ms=20")


@pytest.fixture(scope="session")
def demo(rest):
    """The finished run of the demo: thread, run, its events."""
    return rest.finished("Write a small program, run it, and mend it if it fails", "script/demo")


def pytest_terminal_summary(terminalreporter):
    """How many cases of a table have passed, for each of its transports."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    counts = {}
    for report in reports:
        if table := dict(report.user_properties).get("table"):
            line = f"{table} over {report.nodeid.split('[')[1].split('-')[0]}"
            passed, all = counts.get(line, (0, 0))
            counts[line] = passed + report.passed, all + 1
    for line in [f"{line}: {passed} of {all}" for line, (passed, all) in counts.items()] + notes:
        terminalreporter.write_line(line)
