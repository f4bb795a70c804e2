"""SIGTERM while clients are calling: what was accepted is finished, and of the rest every client knows that it was not.

GOAWAY twice, at the level of frames    test_goaway_comes_twice_and_what_was_accepted_is_finished
raw clients that never stop asking      test_every_stream_is_answered_or_known_to_be_untouched
grpcio                                  test_grpcio_sees_no_error_but_that_nobody_listens
h2load                                  test_h2load_loses_nothing_that_was_accepted
"""

import re
import signal
import subprocess
import threading
import time

import grpc
import pytest
from contract import Stubs
from frames import *
from processes import wait_until

NO_STREAM = (1 << 31) - 1
CLIENTS = 6


@pytest.fixture(params=["gateway", "serve"])
def server(request, workshop):
    server = workshop.baud(request.param, "--redis-url", workshop.redis().url, BAUD_SERVER_DRAIN_SECONDS=20)
    server.address
    return server


def test_goaway_comes_twice_and_what_was_accepted_is_finished(server):
    wire = Wire(server.address)
    wire.send(headers(fields("POST", "/api/agent/initiate", content_type="application/json"), 1, END_HEADERS))
    assert wire.answers_ping()
    server.send(signal.SIGTERM)
    first = wire.until(lambda frame: frame.type == GOAWAY)
    assert (first.code, first.last_stream) == (NO_ERROR, NO_STREAM)
    probe = wire.until(lambda frame: frame.type == PING and not frame.flags & ACK)
    # This one crossed with the first GOAWAY; those after the second one are in vain.
    wire.send(headers(fields(), 3), frame(PING, ACK, 0, probe.payload))
    second = wire.until(lambda frame: frame.type == GOAWAY)
    assert (second.code, second.last_stream) == (NO_ERROR, 3)
    wire.send(headers(fields(), 5), data(b"{}", 1))
    ended = {frame.stream: frame for frame in wire.frames() if frame.ends_stream or frame.type == RST_STREAM}
    assert 1 in ended and 5 not in ended and wire.has_ended and not wire.was_reset
    # The server has ended its side only: what is still sent does not make it reset what may not have been read yet.
    for _ in range(3):
        wire.socket.sendall(ping())
    wire.close()
    assert server.child.wait(15) == 0


class Asker(threading.Thread):
    """Asks on one connection, 20 requests at a time, until the last GOAWAY or the end."""

    def __init__(self, address: str, requests: list[bytes]):
        super().__init__(daemon=True)
        self.wire = Wire(address)
        self.wire.send(window_update(1 << 30))
        self.requests = requests
        self.waiting: set[int] = set()
        self.answered = 0
        self.goaways: list[Frame] = []
        self.start()

    def run(self):
        next_stream = 1
        while not self.wire.has_ended:
            while len(self.waiting) < 20 and len(self.goaways) < 2:
                self.waiting.add(next_stream)
                request = self.requests[next_stream // 2 % len(self.requests)]
                self.wire.send(headers(request, next_stream))
                next_stream += 2
            if got := self.wire.read():
                self.take(got)

    def take(self, got: Frame):
        if got.type == PING and not got.flags & ACK:
            self.wire.send(frame(PING, ACK, 0, got.payload))
        elif got.type == GOAWAY:
            self.goaways.append(got)
        elif got.type == RST_STREAM and got.code == REFUSED_STREAM:
            self.waiting.discard(got.stream)
        elif got.ends_stream:
            self.answered += 1
            self.waiting.discard(got.stream)


def test_every_stream_is_answered_or_known_to_be_untouched(server):
    requests = [block(*fields()), block(*fields(path="/health")), block(*fields(path="/api/agent?page_size=5"))]
    askers = [Asker(server.address, requests) for _ in range(CLIENTS)]
    wait_until(lambda: all(asker.answered > 100 for asker in askers), 30, "the load")
    server.send(signal.SIGTERM)
    assert server.child.wait(25) == 0
    for asker in askers:
        asker.join(10)
        assert not asker.is_alive() and not asker.wire.was_reset
        assert [frame.code for frame in asker.goaways] == [NO_ERROR, NO_ERROR]
        lost = [stream for stream in asker.waiting if stream <= asker.goaways[-1].last_stream]
        assert lost == [], f"accepted and not answered; {asker.answered} were"


def test_grpcio_sees_no_error_but_that_nobody_listens(server):
    stubs = [Stubs(server.address) for _ in range(CLIENTS)]
    errors, counts = [], [0] * CLIENTS

    def ask(number: int):
        try:
            while True:
                stubs[number].agent.ListThreads(stubs[number].ListThreadsRequest(), timeout=20)
                counts[number] += 1
        except grpc.RpcError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    wait_until(lambda: min(counts) > 20, 30, "the load")
    server.send(signal.SIGTERM)
    for thread in threads:
        thread.join(30)
    assert len(errors) == CLIENTS
    for error in errors:
        # The channel has tried to connect again: the call was not sent, or was refused by GOAWAY.
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        assert re.search("Connection refused|GOAWAY|too_many_pings", error.details()), error.details()
        assert "reset by peer" not in error.details(), error.details()
    for stub in stubs:
        stub.close()


def test_h2load_loses_nothing_that_was_accepted(server):
    load = ["h2load", "-c", "8", "-m", "16", "-D", "4", f"http://{server.address}/"]
    process = subprocess.Popen(load, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(2)  # in the middle of the 4 s it runs for
    server.send(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert server.child.wait(25) == 0
    counts = {name: int(count) for count, name in re.findall(r"(\d+) (total|started|done|succeeded|failed|errored)", output)}
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output)
    assert counts["succeeded"] > 100, output
    # h2load counts as failed what it does not even send: after the first GOAWAY each place of a client tries at most once more.
    assert counts["failed"] <= 8 * 16, output
    assert [int(code) for code in codes.groups()][1:] == [0, 0, 0], output
