"""What a port must bear: each row of the tables of bad input, against a real gateway, while somebody else is being served.

Attack by attack another connection is answered, and the server's memory grows by less than 32 MB. Where the rows are:

rapid reset, provoked resets, CONTINUATION, HPACK bomb, floods      test_flood
header list of 12 and of 17 KB                                      test_header_lists
streams above the limit                                             test_streams_above_the_limit; http2/5.1.2/1
window 0 and large replies                                          test_replies_that_are_not_read, test_a_log_that_is_not_read
replies that the socket does not take                               test_a_socket_that_is_not_read
silent connection, half a preface, half-open stream                 test_connections_that_say_nothing, test_a_half_open_stream
connections above the cap                                           test_connections_above_the_cap
gRPC: sizes, framing, compression, encodings, timeouts, base64      test_grpc_call; RPCTests/ProtocolTests, CompressionTests
gRPC: deadline                                                      test_the_server_keeps_the_deadline
gRPC: content type, GET                                             test_what_is_no_grpc_call
HTTP/1.1: smuggling, lengths, lines, header sizes                   test_one_answer_and_the_end; HTTPTests/HTTP1Tests
HTTP/1.1: slowloris, in the header and in the body                  test_slowloris
HTTP/1.1: SSE clients that leave                                    test_two_hundred_viewers_that_leave
bodies over the limit, JSON, verbs and paths                        test_bad_input.py
SIGTERM under load                                                  test_shutdown.py
"""

import gzip
import os
import socket
import struct
import threading
import time

import pytest
import redis
from conftest import notes
from frames import *
from processes import wait_until

MEGABYTE = 1 << 20
# The time limits of the gateway here, in seconds.
SHORT = 2
# What an answer may take on a machine that does much else; what it took is printed.
PATIENCE = 1.0


class Bystander:
    """Somebody who uses the server all the while, on one connection of HTTP/2, and notes how long each answer takes."""

    def __init__(self, address: str):
        self.worst = 0.0
        self.answers = 0
        self._wire = Wire(address)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        stream = 1
        while not self._ends.wait(0.01):
            begin = time.monotonic()
            self._wire.send(headers(fields(), stream), window_update(1000))
            if not self._wire.until(lambda frame: frame.ends_stream):
                self.worst = float("inf")
                return
            self.worst = max(self.worst, time.monotonic() - begin)
            self.answers += 1
            stream += 2

    def leave(self):
        self._ends.set()
        self._thread.join(LIMIT)
        self._wire.close()


def resident(server) -> int:
    with open(f"/proc/{server.child.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def redis_here(module_workshop):
    return module_workshop.redis()


@pytest.fixture(scope="module")
def gateway(module_workshop, redis_here):
    limits = {f"BAUD_SERVER_{name}_SECONDS": SHORT for name in ("PREFACE", "HEADER", "STALL")}
    return module_workshop.baud("gateway", "--redis-url", redis_here.url, **limits)


@pytest.fixture(scope="module")
def address(gateway):
    address = gateway.address
    # What every process needs once, for its first requests, is not counted as growth.
    with Wire(address) as wire:
        for number in range(200):
            wire.send(headers(fields(), 2 * number + 1))
        assert wire.answers_ping()
    return address


@pytest.fixture(scope="module")
def measured():
    """For each attack the slowest answer to somebody else in milliseconds, and the growth of memory in MB."""
    measured = {}
    yield measured
    if not measured:
        return
    for index, what in enumerate(["slowest answer to others, ms", "growth of memory, MB"]):
        attack = max(measured, key=lambda attack: measured[attack][index])
        notes.append(f"{len(measured)} attacks, {what}: {measured[attack][index]:.1f} ({attack})")


@pytest.fixture(autouse=True)
def harmless(request, gateway, address, measured):
    """Each attack leaves others alone."""
    before = resident(gateway)
    bystander = Bystander(address)
    wait_until(lambda: bystander.answers, what="the first answer to somebody else")
    yield
    bystander.leave()
    growth = (resident(gateway) - before) / MEGABYTE
    measured[request.node.name] = bystander.worst * 1000, growth
    assert bystander.worst < PATIENCE
    assert growth < 32


# HTTP/2

POST = headers(fields("POST"), flags=END_HEADERS)


def opened(number: int, method: str = "POST", flags: int = END_HEADERS) -> bytes:
    return headers(fields(method), 2 * number + 1, flags)


def bomb(number: int) -> bytes:
    """A field of 4,000 bytes goes into the dynamic table, and is then named thousands of times by one byte each."""
    field = b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4000 if number == 0 else b""
    return headers(block(*fields()) + field + b"\xbe" * 4000, 2 * number + 1)


# nghttp2 counts resets itself, and says INTERNAL_ERROR of too many. What is sent in each round, after how many rounds the connection has to be over, and with which error.
FLOODS = {
    "rapid reset": (lambda n: opened(n, "GET", END_HEADERS | END_STREAM) + reset(2 * n + 1), 1200, INTERNAL_ERROR),
    "a window enlarged by 0": (lambda n: opened(n) + window_update(0, 2 * n + 1), 1200, PROTOCOL_ERROR),
    "resets provoked by a window too large":
        (lambda n: opened(n) + window_update((1 << 31) - 1, 2 * n + 1), 1200, ENHANCE_YOUR_CALM),
    "resets provoked by DATA after the end":
        (lambda n: opened(n, "GET", END_HEADERS | END_STREAM) + data(b"x", 2 * n + 1), 1200, STREAM_CLOSED),
    "resets provoked by fields": (lambda n: headers(fields(connection="close"), 2 * n + 1), 1200, ENHANCE_YOUR_CALM),
    "CONTINUATION": (lambda n: frame(CONTINUATION if n else HEADERS, 0, 1, block(("a", "b")) if n else block(*fields())),
                     16, ENHANCE_YOUR_CALM),
    "HPACK bomb": (bomb, 1500, ENHANCE_YOUR_CALM),
    "PING": (lambda n: ping(), 20_000, ENHANCE_YOUR_CALM),
    "SETTINGS": (lambda n: settings(), 20_000, ENHANCE_YOUR_CALM),
    "PRIORITY": (lambda n: frame(PRIORITY, stream=2 * n + 1, payload=bytes(4) + b"\1"), 20_000, ENHANCE_YOUR_CALM),
    "WINDOW_UPDATE": (lambda n: window_update(1), 20_000, ENHANCE_YOUR_CALM),
    "WINDOW_UPDATE of a stream": (lambda n: (b"" if n else POST) + window_update(1, 1), 20_000, ENHANCE_YOUR_CALM),
    "empty DATA": (lambda n: (b"" if n else POST) + data(b"", flags=0), 20_000, ENHANCE_YOUR_CALM),
    "streams above the limit": (opened, 2500, ENHANCE_YOUR_CALM),
}


@pytest.mark.parametrize("name", FLOODS)
def test_flood(address, name):
    round, bound, code = FLOODS[name]
    with Wire(address) as wire:
        for start in range(0, bound, 100):
            wire.send(b"".join(round(number) for number in range(start, min(start + 100, bound))))
        ends = [frame for frame in wire.frames() if frame.type == GOAWAY]
        assert wire.has_ended and [frame.code for frame in ends] == [code]


def test_header_lists(address):
    with Wire(address) as wire:
        wire.send(headers(fields(a="x" * 12_000)))
        status = wire.decoder.decode(wire.until(lambda frame: frame.type == HEADERS).payload)
        assert dict(status)[":status"] == "200"
        parts = block(*fields(a="x" * 8_000, b="y" * 9_000))
        wire.send(frame(HEADERS, END_STREAM, 3, parts[:16_000]), frame(CONTINUATION, END_HEADERS, 3, parts[16_000:]))
        assert wire.until(lambda frame: frame.type == RST_STREAM).stream == 3
        wire.send(headers(fields(**{f"f{number}": "" for number in range(101)}), 5))
        assert wire.until(lambda frame: frame.type == RST_STREAM).stream == 5
        assert wire.answers_ping()


def test_streams_above_the_limit(address):
    with Wire(address) as wire:
        wire.send(frame(SETTINGS, ACK), b"".join(opened(number) for number in range(257)))
        refused = wire.until(lambda frame: frame.type == RST_STREAM)
        assert (refused.stream, refused.code) == (513, REFUSED_STREAM)
        wire.send(data(b"", 1))
        assert wire.until(lambda frame: frame.ends_stream).stream == 1


@pytest.fixture(scope="module")
def stubs(module_workshop, gateway):
    return module_workshop.stubs(gateway)


@pytest.fixture(scope="module")
def large_run(stubs):
    """A thread with a run of a megabyte, which nobody carries out."""
    thread = stubs.new_thread()
    return thread, stubs.execute(thread, "x" * 1_000_000)


def test_replies_that_are_not_read(address, stubs, large_run):
    """Forty megabytes of them are too much to be held for the usual time, and are let go in good order."""
    request = message(stubs.GetRunRequest(thread_id=large_run[0], run_id=large_run[1]).SerializeToString())
    with Wire(address, preface=PREFACE + settings((INITIAL_WINDOW_SIZE, 0))) as wire:
        for stream in range(1, 81, 2):
            wire.send(headers(grpc_fields("/baud.v1.AgentService/GetRun"), stream, END_HEADERS), data(request, stream))
        resets = [wire.until(lambda frame: frame.type in (RST_STREAM, GOAWAY)) for _ in range(40)]
        assert {reset.stream for reset in resets if reset.code == CANCEL} == set(range(1, 81, 2))
        assert wire.answers_ping()


def test_a_socket_that_is_not_read(address, stubs, large_run):
    """Windows without an end, and a peer that says all the while that it is there: what is held for it is let go."""
    request = message(stubs.GetRunRequest(thread_id=large_run[0], run_id=large_run[1]).SerializeToString())
    endless = 0x7FFF_FFFF
    with Wire(address, preface=PREFACE + settings((INITIAL_WINDOW_SIZE, endless)) + window_update(endless - 65_535)) as wire:
        for stream in range(1, 81, 2):
            wire.send(headers(grpc_fields("/baud.v1.AgentService/GetRun"), stream, END_HEADERS), data(request, stream))
        begin = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - begin < SHORT * 6:
                wire.socket.sendall(ping())
                time.sleep(0.1)
        assert time.monotonic() - begin > SHORT / 2


def test_a_log_that_is_not_read(gateway, address, large_run):
    """A viewer who reads nothing is a cursor: what it costs does not depend on how much it has not read."""
    before = resident(gateway)
    path = f"/api/agent/{large_run[0]}/stream"
    with Wire(address, preface=PREFACE + settings((INITIAL_WINDOW_SIZE, 0))) as wire:
        for number in range(100):
            wire.send(headers(fields(path=path), 2 * number + 1))
        assert wire.answers_ping()
        assert (resident(gateway) - before) / 100 < MEGABYTE


@pytest.mark.parametrize("said", [b"", b"P", b"PRI * HTTP/2.0\r\n\r\nSM", PREFACE, b"G", b"GET / HTTP/1.1\r\n"])
def test_connections_that_say_nothing(address, said):
    with Wire(address, preface=said) as wire:
        begin = time.monotonic()
        assert wire.wait_for_end(SHORT * 4)
        assert time.monotonic() - begin > SHORT / 2


def test_a_half_open_stream(address):
    with Wire(address) as wire:
        wire.send(POST)
        stopped = wire.until(lambda frame: frame.type == RST_STREAM)
        assert (stopped.stream, stopped.code) == (1, CANCEL)
        wire.send(headers(fields(), 3, END_STREAM))
        assert wire.wait_for_end(SHORT * 4), "nothing else can come while a header is not complete"


def test_connections_above_the_cap(workshop, redis_here):
    small = workshop.baud("gateway", "--redis-url", redis_here.url, BAUD_SERVER_MAX_CONNECTIONS=5)
    accepted = [Wire(small.address) for _ in range(5)]
    assert all(wire.answers_ping() for wire in accepted)
    for _ in range(20):
        with Wire(small.address) as wire:
            assert wire.wait_for_end()
    assert all(wire.answers_ping() for wire in accepted)
    accepted.pop().close()

    def admitted():
        with Wire(small.address) as wire:
            return wire.answers_ping()

    wait_until(admitted, what="a place for another")
    for wire in accepted:
        wire.close()


# gRPC

METHOD = "/baud.v1.AgentService/GetThread"
EMPTY = bytes(5)


def message(bytes: bytes, flag: int = 0, length: int | None = None) -> bytes:
    return struct.pack(">BI", flag, len(bytes) if length is None else length) + bytes


def call(wire: Wire, fields_: list[tuple[str, str]], body: bytes, ends: bool = True) -> dict[str, str]:
    """The fields of the answer: of its head, and of its trailers."""
    wire.send(headers(fields_, flags=END_HEADERS), data(body, flags=END_STREAM if ends else 0))
    answer = {}
    while (got := wire.read()) is not None:
        if got.type == HEADERS:
            answer |= dict(wire.decoder.decode(got.payload))
        if got.ends_stream or got.type == RST_STREAM:
            return answer
    raise AssertionError("no answer")


def grpc_fields(path: str = METHOD, **others: str) -> list[tuple[str, str]]:
    return fields("POST", path, **({"te": "trailers", "content_type": "application/grpc"} | others))


CALLS = {
    "above the limit": (message(b"", length=4 * MEGABYTE + 1), {}, False, "8"),
    "of 2^32-1 bytes": (message(b"", length=0xFFFF_FFFF), {}, False, "8"),
    "inflates above the limit": (message(gzip.compress(bytes(5 * MEGABYTE)), 1), {"grpc_encoding": "gzip"}, True, "8"),
    "truncated": (message(b"abc", length=4), {}, True, "13"),
    "truncated prefix": (b"\0\0", {}, True, "13"),
    "flag 2": (message(b"", 2), {}, True, "13"),
    "compressed without an encoding": (message(b"", 1), {}, True, "13"),
    "compressed wrongly": (message(b"nothing", 1), {"grpc_encoding": "gzip"}, True, "13"),
    "no protobuf": (message(b"\xff\xff\xff"), {}, True, "13"),
    "half a protobuf": (message(b"\x0a\x7fshort"), {}, True, "13"),
    "no message": (b"", {}, True, "13"),
    "two messages": (EMPTY + EMPTY, {}, True, "13"),
    "unknown encoding": (EMPTY, {"grpc_encoding": "snappy"}, True, "12"),
    "unknown method": (EMPTY, {"path": "/baud.v1.AgentService/None"}, True, "12"),
    "unknown service": (EMPTY, {"path": "/none.Service/GetThread"}, True, "12"),
    "malformed timeout": (EMPTY, {"grpc_timeout": "1x"}, True, "13"),
    "timeout of 9 digits": (EMPTY, {"grpc_timeout": "123456789S"}, True, "13"),
    "timeout of 0": (EMPTY, {"grpc_timeout": "0n"}, True, "4"),
    "bad base64": (EMPTY, {"x_bin": "A*=="}, True, "13"),
}


@pytest.mark.parametrize("name", CALLS)
def test_grpc_call(address, name):
    body, others, ends, status = CALLS[name]
    with Wire(address) as wire:
        answer = call(wire, grpc_fields(**others), body, ends)
        assert (answer[":status"], answer["grpc-status"]) == ("200", status), answer
        assert status != "12" or "gzip" in answer["grpc-accept-encoding"]
        assert wire.answers_ping()


def test_the_server_keeps_the_deadline(address, large_run):
    path = "/baud.v1.AgentService/StreamThread"
    request = message(b"\x0a" + bytes([len(large_run[0])]) + large_run[0].encode() + b"\x1a\x00")
    with Wire(address) as wire:
        wire.send(window_update(1 << 30), settings((INITIAL_WINDOW_SIZE, 1 << 30)))
        assert call(wire, grpc_fields(path, grpc_timeout="300m"), request)["grpc-status"] == "4"


@pytest.mark.parametrize(
    ["method", "type", "status"],
    [("POST", "text/plain", "415"), ("POST", "application/grpcx", "415"), ("POST", None, "415"), ("GET", "application/grpc", "405")],
)
def test_what_is_no_grpc_call(address, method, type, status):
    with Wire(address) as wire:
        answer = call(wire, fields(method, METHOD, **({"content_type": type} if type else {})), EMPTY)
        assert answer[":status"] == status and (status != "405" or answer["allow"] == "POST")


# HTTP/1.1

HOST = "Host: x\r\n"
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def post(*lines: str, body: str = "", version: str = "1.1", host: str = HOST) -> str:
    return f"POST / HTTP/{version}\r\n{host}" + "".join(line + "\r\n" for line in lines) + "\r\n" + body


CHUNKED = "Transfer-Encoding: chunked"
REJECTED = {
    "length and coding": (post("Content-Length: 3", CHUNKED), 400),
    "coding and length": (post(CHUNKED, "Content-Length: 3"), 400),
    "differing lengths": (post("Content-Length: 3", "Content-Length: 4", body="abcd"), 400),
    "equal lengths": (post("Content-Length: 3", "Content-Length: 3", body="abc"), 400),
    "signed length": (post("Content-Length: +3", body="abc"), 400),
    "negative length": (post("Content-Length: -3", body="abc"), 400),
    "list of lengths": (post("Content-Length: 3, 3", body="abc"), 400),
    "length beyond 64 bits": (post("Content-Length: 18446744073709551619", body="abc"), 400),
    "hexadecimal length": (post("Content-Length: 0x3", body="abc"), 400),
    "unknown coding": (post("Transfer-Encoding: gzip"), 501),
    "another coding before chunked": (post("Transfer-Encoding: gzip, chunked"), 501),
    "another coding after chunked": (post("Transfer-Encoding: chunked, identity"), 400),
    "coding of HTTP/1.0": (post(CHUNKED, body="0\r\n\r\n", version="1.0"), 400),
    "blank before the colon": (post("A : b"), 400),
    "folded line": (post("A: b", " c"), 400),
    "LF alone": ("GET / HTTP/1.1\nHost: x\n\n", 400),
    "LF in a field": (post("A: b\nC: d"), 400),
    "CR in a field": (post("A: b\rc"), 400),
    "NUL in a field": (post("A: b\0c"), 400),
    "no host": (post(host=""), 400),
    "two hosts": (post("Host: y"), 400),
    "malformed chunk size": (post(CHUNKED, body="xyz\r\nabc\r\n0\r\n\r\n"), 400),
    "negative chunk size": (post(CHUNKED, body="-3\r\nabc\r\n0\r\n\r\n"), 400),
    "overflowing chunk size": (post(CHUNKED, body="fffffffffffffffff\r\nabc\r\n0\r\n\r\n"), 400),
    "wrong chunk size": (post(CHUNKED, body="3\r\nabcdef\r\n0\r\n\r\n"), 400),
    "line of 9 KB": (f"GET /{'a' * 9000} HTTP/1.1\r\n{HOST}\r\n", 414),
    "header of 17 KB": (post("A: " + "a" * 17_000), 431),
    "101 fields": (post(*["A: b"] * 101), 431),
    "body over the limit": (post(f"Content-Length: {5 * MEGABYTE}", "Expect: 100-continue"), 413),
}


def everything(connection: socket.socket) -> bytes:
    answer = b""
    while part := connection.recv(65536):
        answer += part
    return answer


def dial(address: str) -> socket.socket:
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), SHORT * 8)


@pytest.mark.parametrize("name", REJECTED)
def test_one_answer_and_the_end(address, name):
    request, status = REJECTED[name]
    with dial(address) as connection:
        connection.sendall((request + SMUGGLED).encode("latin-1"))
        answer = everything(connection)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
        assert answer.count(b"HTTP/1.1 ") == 1 and b"connection: close" in answer and b"smuggled" not in answer


@pytest.mark.parametrize("head", ["GET / HTTP/1.1\r\nHost: x\r\nA: ", post("Content-Length: 100000")])
def test_slowloris(address, head):
    """A byte now and then, in the header and in the body, is not progress."""
    with dial(address) as connection:
        connection.sendall(head.encode())
        connection.settimeout(0.1)
        answer, end = b"", time.monotonic() + SHORT * 6
        while not answer:
            assert time.monotonic() < end, "it goes on"
            connection.sendall(b"x")
            try:
                answer = connection.recv(4096)
            except TimeoutError:
                pass
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_two_hundred_viewers_that_leave(gateway, address, stubs, redis_here):
    def descriptors():
        return len(os.listdir(f"/proc/{gateway.child.pid}/fd"))

    def subscriptions():
        with redis.Redis(unix_socket_path=str(redis_here.socket)) as client:
            return len(client.pubsub_channels()) + len(client.pubsub_shardchannels())

    thread = stubs.new_thread()

    def watch(count: int):
        viewers = [dial(address) for _ in range(count)]
        for viewer in viewers:
            viewer.sendall(f"GET /api/agent/{thread}/stream HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        for viewer in viewers:
            assert viewer.recv(4096).startswith(b"HTTP/1.1 200 ")
        return viewers

    # The first viewers make each event loop open its subscription to Redis, which stays.
    for viewer in watch(16):
        viewer.close()
    wait_until(lambda: subscriptions() == 0, 5, "that nobody watches")
    before = descriptors()
    viewers = watch(200)
    assert descriptors() >= before + 200 and subscriptions() > 0
    for viewer in viewers:
        viewer.close()
    wait_until(lambda: descriptors() <= before and subscriptions() == 0, 5, "the baseline")
