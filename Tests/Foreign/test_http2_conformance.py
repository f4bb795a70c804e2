"""Conformance to HTTP/2 and HPACK, the cases of h2spec (146, and one more that is strict) by its numbers, in cleartext and over TLS.

A case is what is sent, piece by piece, and what has to come of it. The sections of the `http2` and `hpack` cases are those of
RFC 7540 and RFC 7541, which h2spec is arranged by.
"""

import ssl
import struct
import subprocess
from collections.abc import Callable
from typing import NamedTuple

import pytest
from frames import *
from frames import frame as any_frame

GET = headers(fields())
POST = headers(fields("POST"), flags=END_HEADERS)
REGULAR = block(("x-test", "h2spec"))
OPENED = headers(fields(), flags=END_STREAM)  # the header block goes on
STRANGE = 0x16  # a type of frame that nobody knows


# What may be between two pieces

def stream_ends(wire: Wire):
    assert wire.until(lambda frame: frame.ends_stream), "the stream was not ended"


def settings_are_acknowledged(wire: Wire):
    assert wire.until(lambda frame: frame.type == SETTINGS and frame.flags & ACK), "SETTINGS was not acknowledged"


def data_comes(wire: Wire):
    assert wire.until(lambda frame: frame.type == DATA), "there was no DATA"


# What has to come of it

def connection_error(*codes: int):
    """GOAWAY with one of the codes, and the end, or just the end (RFC 9113 section 5.4.1)."""

    def check(wire: Wire):
        seen = [frame for frame in wire.frames() if frame.type == GOAWAY]
        assert wire.has_ended, "the connection goes on"
        assert all(frame.code in codes for frame in seen), seen

    return check


def goaway_of(code: int):
    def check(wire: Wire):
        found = wire.until(lambda frame: frame.type == GOAWAY)
        assert found and found.code == code, found

    return check


def stream_error(*codes: int):
    """RST_STREAM with one of the codes, or the same as an error of the connection (RFC 9113 section 5.4.2)."""

    def check(wire: Wire):
        ends = (RST_STREAM, GOAWAY)
        found = wire.until(lambda frame: frame.type in ends and not (frame.type == RST_STREAM and frame.code == NO_ERROR))
        assert found.code in codes if found else wire.has_ended, found

    return check


def reset_of(code: int):
    def check(wire: Wire):
        found = wire.until(lambda frame: frame.type == RST_STREAM and frame.stream == 1)
        assert found and found.code == code, found

    return check


def closed(wire: Wire):
    assert wire.wait_for_end()


def alive(wire: Wire):
    assert wire.answers_ping()


def alive_or_closed(wire: Wire):
    assert wire.answers_ping() or wire.has_ended


def answered(wire: Wire):
    found = wire.until(lambda frame: frame.type in (HEADERS, RST_STREAM, GOAWAY))
    assert found and (found.type, found.stream) == (HEADERS, 1), found
    status = dict(wire.decoder.decode(found.payload))[":status"]
    assert status == "200" and found.flags & END_HEADERS


def answered_with_data(wire: Wire):
    answered(wire)
    data_comes(wire)


def one_byte(wire: Wire):
    found = wire.until(lambda frame: frame.type == DATA)
    assert found and len(found.payload) == 1, found


def greeted(wire: Wire):
    first = wire.read()
    assert first and (first.type, first.flags) == (SETTINGS, 0), first


class Case(NamedTuple):
    id: str
    what: str
    pieces: list[bytes | Callable]
    outcome: Callable
    preface: bytes = PREFACE + settings()


def priority(stream: int, depends_on: int = 0, weight: int = 255, exclusive: bool = False) -> bytes:
    return any_frame(PRIORITY, stream=stream, payload=struct.pack(">IB", depends_on | exclusive << 31, weight))


def prioritized(depends_on: int, weight: int = 255, exclusive: bool = False) -> bytes:
    prefix = struct.pack(">IB", depends_on | exclusive << 31, weight)
    return headers(prefix + block(*fields()), flags=END_STREAM | END_HEADERS | PRIORITIZED)


def continuation(block: bytes, stream: int = 1, flags: int = END_HEADERS) -> bytes:
    return any_frame(CONTINUATION, flags, stream, block)


def without(name: str) -> list[tuple[str, str]]:
    return [field for field in fields() if field[0] != name]


def with_field(*extra: tuple[str, str]) -> bytes:
    return headers(fields() + list(extra))


def with_bytes(more: bytes) -> bytes:
    return headers(block(*fields()) + more)


def trailers(flags: int, *extra: tuple[str, str]) -> bytes:
    return headers(list(extra), flags=flags)


# Literals by RFC 7541 section 6.2, as plain text and in Huffman's code.
NAME, VALUE = b"\x06x-test", b"\x06h2spec"
HUFFMAN_NAME, HUFFMAN_VALUE = b"\x85\xf2\xb2\x4a\x84\xff", b"\x84\x9c\x48\xac\xa4"
USER_AGENT = 58  # its place in the static table


def literals(kind: str, first: int, prefix_bits: int, number: int) -> list[Case]:
    """The four ways to write a literal of one kind: its name by index or in full, plain or in Huffman's code."""
    full = (1 << prefix_bits) - 1
    index = bytes([first | USER_AGENT]) if USER_AGENT < full else bytes([first | full, USER_AGENT - full])
    new = bytes([first])
    return [
        Case(f"generic/5/{number}", f"{kind}, indexed name", [with_bytes(index + VALUE)], answered),
        Case(f"generic/5/{number + 1}", f"{kind}, indexed name, Huffman", [with_bytes(index + HUFFMAN_VALUE)], answered),
        Case(f"generic/5/{number + 2}", f"{kind}, new name", [with_bytes(new + NAME + VALUE)], answered),
        Case(f"generic/5/{number + 3}", f"{kind}, new name, Huffman", [with_bytes(new + HUFFMAN_NAME + HUFFMAN_VALUE)], answered),
    ]


GENERIC = [
    Case("generic/1/1", "the preface", [], greeted),
    Case("generic/2/1", "PRIORITY on an idle stream", [priority(1)], alive),
    Case("generic/2/2", "WINDOW_UPDATE on a half-closed stream",
         [settings((INITIAL_WINDOW_SIZE, 0)), GET, window_update(1, 1)], data_comes),
    Case("generic/2/3", "PRIORITY on a half-closed stream",
         [settings((INITIAL_WINDOW_SIZE, 0)), GET, priority(1), window_update(1, 1)], data_comes),
    Case("generic/2/4", "RST_STREAM on a half-closed stream", [GET, reset(1)], alive_or_closed),
    Case("generic/2/5", "PRIORITY on a closed stream", [GET, stream_ends, priority(1)], alive),
    Case("generic/3.1/1", "a DATA frame", [POST, data(b"test")], answered),
    Case("generic/3.1/2", "several DATA frames", [POST, data(b"test", flags=0), data(b"test")], answered),
    Case("generic/3.1/3", "DATA with padding", [POST, data(b"\6testpadded", flags=END_STREAM | PADDED)], answered),
    Case("generic/3.2/1", "a HEADERS frame", [GET], answered),
    Case("generic/3.2/2", "HEADERS with padding",
         [headers(b"\6" + block(*fields()) + bytes(6), flags=END_STREAM | END_HEADERS | PADDED)], answered),
    Case("generic/3.2/3", "HEADERS with priority", [prioritized(0)], answered),
    Case("generic/3.3/1", "PRIORITY with priority 1", [priority(1, weight=0), GET], answered),
    Case("generic/3.3/2", "PRIORITY with priority 256", [priority(1, weight=255), GET], answered),
    Case("generic/3.3/3", "PRIORITY that depends on a stream", [priority(1, 3), GET], answered),
    Case("generic/3.3/4", "PRIORITY that depends exclusively", [priority(1, 3, exclusive=True), GET], answered),
    Case("generic/3.3/5", "PRIORITY on an idle stream, then HEADERS on a lower one", [priority(5), GET], answered),
    Case("generic/3.4/1", "RST_STREAM", [POST, reset(1)], alive),
    Case("generic/3.5/1", "SETTINGS", [settings((ENABLE_PUSH, 0))], settings_are_acknowledged),
    Case("generic/3.7/1", "PING", [], alive),
    Case("generic/3.8/1", "GOAWAY", [goaway()], alive_or_closed),
    Case("generic/3.9/1", "WINDOW_UPDATE of the connection", [window_update(1)], alive),
    Case("generic/3.9/2", "WINDOW_UPDATE of a stream",
         [settings((INITIAL_WINDOW_SIZE, 0)), GET, window_update(1, 1)], data_comes),
    Case("generic/3.10/1", "a CONTINUATION frame", [OPENED, continuation(REGULAR)], answered),
    Case("generic/3.10/2", "several CONTINUATION frames",
         [OPENED, continuation(REGULAR, flags=0), continuation(REGULAR)], answered),
    Case("generic/4/1", "GET", [GET], answered_with_data),
    Case("generic/4/2", "HEAD", [headers(fields("HEAD"))], answered),
    Case("generic/4/3", "POST", [POST, data(b"test")], answered_with_data),
    Case("generic/4/4", "POST with trailers",
         [POST, data(b"test", flags=0), trailers(END_STREAM | END_HEADERS, ("x-test", "ok"))], answered_with_data),
    Case("generic/5/1", "an indexed field", [with_bytes(bytes([0x80 | USER_AGENT]))], answered),
    *literals("a literal that is indexed", 0x40, 6, 2),
    *literals("a literal that is not indexed", 0x00, 4, 6),
    *literals("a literal that is never indexed", 0x10, 4, 10),
    Case("generic/5/14", "a new size of the dynamic table", [headers(b"\x20" + block(*fields()))], answered),
    Case("generic/5/15", "several new sizes", [headers(b"\x20\x3f\xe1\x1f" + block(*fields()))], answered),
]

HPACK = [
    Case("hpack/2.3.3/1", "an index that is not there", [with_bytes(b"\xc6")], connection_error(COMPRESSION_ERROR)),
    Case("hpack/2.3.3/2", "a literal with such an index", [with_bytes(b"\x7f\x07" + VALUE)], connection_error(COMPRESSION_ERROR)),
    Case("hpack/4.2/1", "a new size of the table at the end of a block", [with_bytes(b"\x20")], connection_error(COMPRESSION_ERROR)),
    Case("hpack/5.2/1", "Huffman's code, padded with more than 7 bits",
         [with_bytes(b"\0" + HUFFMAN_NAME + b"\x84\x49\x50\x9f\xff")], connection_error(COMPRESSION_ERROR)),
    Case("hpack/5.2/2", "Huffman's code, padded with zeros",
         [with_bytes(b"\0" + HUFFMAN_NAME + b"\x83\x49\x50\x90")], connection_error(COMPRESSION_ERROR)),
    Case("hpack/5.2/3", "Huffman's code with the end of a string in it",
         [with_bytes(b"\0" + HUFFMAN_NAME + b"\x87\x49\x50\x9f\xff\xff\xff\xfc")], connection_error(COMPRESSION_ERROR)),
    Case("hpack/6.1/1", "the index 0", [with_bytes(b"\x80")], connection_error(COMPRESSION_ERROR)),
    Case("hpack/6.3/1", "a table larger than allowed",
         [headers(b"\x3f\xe2\x1f" + block(*fields()))], connection_error(COMPRESSION_ERROR)),
]

STARTING = [
    Case("http2/3.5/1", "the preface", [], greeted),
    Case("http2/3.5/2", "a preface that is wrong", [], closed, b"INVALID CONNECTION PREFACE\r\n\r\n"),
    Case("http2/4.1/1", "a frame of unknown type", [any_frame(STRANGE, payload=bytes(8))], alive),
    Case("http2/4.1/2", "a frame with unknown flags", [any_frame(PING, 0x16, payload=b"barrier!")], alive),
    Case("http2/4.1/3", "a frame with the reserved bit", [any_frame(PING, 0, 1 << 31, b"reserved")], alive),
    Case("http2/4.2/1", "DATA of 2^14 bytes", [POST, data(bytes(1 << 14))], answered),
    Case("http2/4.2/2", "DATA of more", [POST, data(bytes((1 << 14) + 1))], stream_error(FRAME_SIZE_ERROR)),
    Case("http2/4.2/3", "HEADERS of more",
         [headers(block(*fields()) + bytes(1 << 14))], connection_error(FRAME_SIZE_ERROR)),
    Case("http2/4.3/1", "a header block that cannot be decoded", [headers(b"\x40")], connection_error(COMPRESSION_ERROR)),
    Case("http2/4.3/2", "PRIORITY within a header block",
         [OPENED, priority(1), continuation(REGULAR)], connection_error(PROTOCOL_ERROR)),
    Case("http2/4.3/3", "HEADERS of another stream within a header block",
         [OPENED, headers(fields(), 3), continuation(REGULAR)], connection_error(PROTOCOL_ERROR)),
]

STREAMS = [
    Case("http2/5.1/1", "idle: DATA", [data(b"test")], connection_error(PROTOCOL_ERROR)),
    Case("http2/5.1/2", "idle: RST_STREAM", [reset(1)], connection_error(PROTOCOL_ERROR)),
    Case("http2/5.1/3", "idle: WINDOW_UPDATE", [window_update(100, 1)], connection_error(PROTOCOL_ERROR)),
    Case("http2/5.1/4", "idle: CONTINUATION", [continuation(block(*fields()))], connection_error(PROTOCOL_ERROR)),
    Case("http2/5.1/5", "half-closed: DATA", [GET, data(b"test")], stream_error(STREAM_CLOSED)),
    Case("http2/5.1/6", "half-closed: HEADERS", [GET, GET], stream_error(STREAM_CLOSED)),
    Case("http2/5.1/7", "half-closed: CONTINUATION",
         [GET, continuation(REGULAR)], stream_error(STREAM_CLOSED, PROTOCOL_ERROR)),
    Case("http2/5.1/8", "reset: DATA", [POST, reset(1), data(b"test")], stream_error(STREAM_CLOSED)),
    Case("http2/5.1/9", "reset: HEADERS", [POST, reset(1), GET], stream_error(STREAM_CLOSED)),
    Case("http2/5.1/10", "reset: CONTINUATION",
         [POST, reset(1), continuation(REGULAR)], stream_error(STREAM_CLOSED, PROTOCOL_ERROR)),
    Case("http2/5.1/11", "closed: DATA", [GET, stream_ends, data(b"test")], connection_error(STREAM_CLOSED)),
    Case("http2/5.1/12", "closed: HEADERS", [GET, stream_ends, GET], connection_error(STREAM_CLOSED)),
    Case("http2/5.1/13", "closed: CONTINUATION",
         [GET, stream_ends, continuation(REGULAR)], connection_error(STREAM_CLOSED, PROTOCOL_ERROR)),
    Case("http2/5.1.1/1", "an even stream", [headers(fields(), 2)], connection_error(PROTOCOL_ERROR)),
    Case("http2/5.1.1/2", "a stream below the last one",
         [headers(fields(), 5), headers(fields(), 3)], connection_error(PROTOCOL_ERROR)),
    Case("http2/5.1.2/1", "more streams than allowed",
         [settings((INITIAL_WINDOW_SIZE, 0)), b"".join(headers(fields(), 2 * number + 1) for number in range(257))],
         stream_error(PROTOCOL_ERROR, REFUSED_STREAM)),
    Case("http2/5.3.1/1", "HEADERS that depend on themselves", [prioritized(1)], stream_error(PROTOCOL_ERROR)),
    Case("http2/5.3.1/2", "PRIORITY that depends on itself", [priority(2, 2)], stream_error(PROTOCOL_ERROR)),
    Case("http2/5.4.1/1", "the end after an error", [any_frame(PING, 0, 3, bytes(8))], closed),
    Case("http2/5.4.1/2", "GOAWAY before the end (strict)", [any_frame(PING, 0, 3, bytes(8))], goaway_of(PROTOCOL_ERROR)),
    Case("http2/5.5/1", "an extension", [any_frame(STRANGE, payload=bytes(8))], alive),
    Case("http2/5.5/2", "an extension within a header block",
         [OPENED, any_frame(STRANGE, payload=bytes(8)), continuation(REGULAR)], connection_error(PROTOCOL_ERROR)),
]

FRAMES = [
    Case("http2/6.1/1", "DATA without a stream", [data(b"test", 0)], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.1/2", "DATA on a half-closed stream", [GET, data(b"test")], stream_error(STREAM_CLOSED)),
    Case("http2/6.1/3", "DATA with more padding than payload",
         [POST, data(b"\6test", flags=END_STREAM | PADDED)], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.2/1", "PRIORITY after HEADERS that go on", [OPENED, priority(1)], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.2/2", "HEADERS of another stream after such", [OPENED, headers(fields(), 3)], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.2/3", "HEADERS without a stream", [headers(fields(), 0)], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.2/4", "HEADERS with more padding than payload",
         [headers(b"\xff" + block(*fields()), flags=END_STREAM | END_HEADERS | PADDED)], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.3/1", "PRIORITY without a stream", [priority(0)], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.3/2", "PRIORITY that is not 5 bytes long",
         [POST, any_frame(PRIORITY, 0, 1, bytes(4))], stream_error(FRAME_SIZE_ERROR)),
    Case("http2/6.4/1", "RST_STREAM without a stream", [reset(0)], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.4/2", "RST_STREAM on an idle stream", [reset(1)], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.4/3", "RST_STREAM that is not 4 bytes long",
         [POST, any_frame(RST_STREAM, 0, 1, bytes(3))], connection_error(FRAME_SIZE_ERROR)),
    Case("http2/6.5/1", "SETTINGS with ACK and a payload", [any_frame(SETTINGS, ACK, 0, b"\0")], connection_error(FRAME_SIZE_ERROR)),
    Case("http2/6.5/2", "SETTINGS of a stream", [any_frame(SETTINGS, 0, 1, bytes(6))], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.5/3", "SETTINGS of odd length", [any_frame(SETTINGS, 0, 0, b"\0\3\0")], connection_error(FRAME_SIZE_ERROR)),
    Case("http2/6.5.2/1", "ENABLE_PUSH = 2", [settings((ENABLE_PUSH, 2))], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.5.2/2", "INITIAL_WINDOW_SIZE = 2^31",
         [settings((INITIAL_WINDOW_SIZE, 1 << 31))], connection_error(FLOW_CONTROL_ERROR)),
    Case("http2/6.5.2/3", "MAX_FRAME_SIZE below 2^14", [settings((MAX_FRAME_SIZE, 16383))], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.5.2/4", "MAX_FRAME_SIZE above 2^24-1", [settings((MAX_FRAME_SIZE, 1 << 24))], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.5.2/5", "an unknown parameter", [settings((255, 1))], alive),
    Case("http2/6.5.3/1", "two values of one parameter",
         [settings((INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 1)), settings_are_acknowledged, GET], one_byte),
    Case("http2/6.5.3/2", "SETTINGS is acknowledged", [settings_are_acknowledged, settings((ENABLE_PUSH, 0))],
         settings_are_acknowledged),
    Case("http2/6.7/1", "PING", [], alive),
    Case("http2/6.7/2", "PING with ACK", [any_frame(PING, ACK, 0, b"unwanted")], alive),
    Case("http2/6.7/3", "PING of a stream", [any_frame(PING, 0, 3, bytes(8))], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.7/4", "PING that is not 8 bytes long", [any_frame(PING, payload=bytes(6))], connection_error(FRAME_SIZE_ERROR)),
    Case("http2/6.8/1", "GOAWAY of a stream", [any_frame(GOAWAY, 0, 1, bytes(8))], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.9/1", "WINDOW_UPDATE by 0", [window_update(0)], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.9/2", "WINDOW_UPDATE by 0 of a stream", [POST, window_update(0, 1)], stream_error(PROTOCOL_ERROR)),
    Case("http2/6.9/3", "WINDOW_UPDATE that is not 4 bytes long",
         [any_frame(WINDOW_UPDATE, payload=bytes(3))], connection_error(FRAME_SIZE_ERROR)),
    Case("http2/6.9.1/1", "a window of 1",
         [settings((INITIAL_WINDOW_SIZE, 1)), settings_are_acknowledged, GET], one_byte),
    Case("http2/6.9.1/2", "a window above 2^31-1",
         [window_update((1 << 31) - 1), window_update((1 << 31) - 1)], goaway_of(FLOW_CONTROL_ERROR)),
    Case("http2/6.9.1/3", "a stream's window above 2^31-1",
         [headers(fields(), flags=END_HEADERS), window_update((1 << 31) - 1, 1), window_update((1 << 31) - 1, 1)],
         reset_of(FLOW_CONTROL_ERROR)),
    Case("http2/6.9.2/1", "windows follow INITIAL_WINDOW_SIZE",
         [settings((INITIAL_WINDOW_SIZE, 0)), settings_are_acknowledged, GET, settings((INITIAL_WINDOW_SIZE, 1))], one_byte),
    Case("http2/6.9.2/2", "a window below 0",
         [settings((INITIAL_WINDOW_SIZE, 3)), settings_are_acknowledged, GET, data_comes,
          settings((INITIAL_WINDOW_SIZE, 2)), settings_are_acknowledged, window_update(2, 1)], one_byte),
    Case("http2/6.9.2/3", "INITIAL_WINDOW_SIZE above 2^31-1",
         [settings((INITIAL_WINDOW_SIZE, 1 << 31))], connection_error(FLOW_CONTROL_ERROR)),
    Case("http2/6.10/1", "several CONTINUATION frames",
         [OPENED, continuation(REGULAR, flags=0), continuation(REGULAR)], answered),
    Case("http2/6.10/2", "another frame than CONTINUATION",
         [OPENED, continuation(REGULAR, flags=0), data(b"test")], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.10/3", "CONTINUATION without a stream",
         [OPENED, continuation(REGULAR, 0)], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.10/4", "CONTINUATION after the end of a header block",
         [headers(fields(), flags=END_HEADERS), continuation(REGULAR)], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.10/5", "CONTINUATION after the last one",
         [headers(fields(), flags=0), continuation(REGULAR), continuation(REGULAR)], connection_error(PROTOCOL_ERROR)),
    Case("http2/6.10/6", "CONTINUATION after DATA",
         [POST, data(b"test"), continuation(REGULAR)], connection_error(PROTOCOL_ERROR)),
    Case("http2/7/1", "GOAWAY with an unknown code", [goaway(0xFF)], alive_or_closed),
    Case("http2/7/2", "RST_STREAM with an unknown code", [POST, reset(1, 0xFF)], alive),
]

EXCHANGES = [
    Case("http2/8.1/1", "trailers that do not end the stream",
         [POST, data(b"test", flags=0), trailers(END_HEADERS, ("x-test", "ok"))], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2/1", "an uppercase name", [with_field(("X-TEST", "ok"))], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.1/1", "an unknown pseudo-header field", [with_field((":test", "ok"))], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.1/2", "a pseudo-header field of responses", [with_field((":status", "200"))], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.1/3", "a pseudo-header field in trailers",
         [POST, trailers(END_STREAM | END_HEADERS, (":method", "200"))], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.1/4", "a pseudo-header field after others",
         [headers([("x-test", "ok")] + fields())], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.2/1", "connection", [with_field(("connection", "keep-alive"))], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.2/2", "te other than trailers",
         [with_field(("trailers", "test"), ("te", "trailers, deflate"))], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.3/1", "an empty :path", [headers(fields(path=""))], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.3/2", "no :method", [headers(without(":method"))], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.3/3", "no :scheme", [headers(without(":scheme"))], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.3/4", "no :path", [headers(without(":path"))], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.3/5", "two of :method", [headers(fields()[:1] + fields())], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.3/6", "two of :scheme", [headers(fields()[1:2] + fields())], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.3/7", "two of :path", [headers(fields()[2:3] + fields())], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.6/1", "content-length that is not that of DATA",
         [headers(fields("POST", content_length="1"), flags=END_HEADERS), data(b"test")], stream_error(PROTOCOL_ERROR)),
    Case("http2/8.1.2.6/2", "content-length that is not that of all DATA",
         [headers(fields("POST", content_length="1"), flags=END_HEADERS), data(b"test", flags=0), data(b"test")],
         stream_error(PROTOCOL_ERROR)),
    Case("http2/8.2/1", "PUSH_PROMISE of a client",
         [GET, any_frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 3) + block(*fields()))], connection_error(PROTOCOL_ERROR)),
]

CASES = GENERIC + HPACK + STARTING + STREAMS + FRAMES + EXCHANGES


def test_the_table_is_that_of_h2spec():
    assert len({case.id for case in CASES}) == len(CASES) == 147


@pytest.fixture(scope="module")
def secure(module_workshop, redis_server):
    """A gateway with TLS, and what its clients trust."""
    folder = module_workshop.folder
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    files = [f"{folder}/key.pem", f"{folder}/cert.pem"]
    subprocess.run(f"openssl req -x509 {key} -keyout {files[0]} -out {files[1]}".split(), check=True, capture_output=True)
    names = {"BAUD_SERVER_TLS_KEY": files[0], "BAUD_SERVER_TLS_CERTIFICATE": files[1]}
    gateway = module_workshop.baud("gateway", "--redis-url", redis_server.url, **names)
    context = ssl.create_default_context(cafile=files[1])
    context.set_alpn_protocols(["h2"])
    return gateway.address, context


@pytest.fixture(scope="module", params=["h2c", "TLS"])
def connect(request):
    if request.param == "TLS":
        address, tls = request.getfixturevalue("secure")
    else:
        address, tls = request.getfixturevalue("server").address, None
    return lambda preface: Wire(address, tls, preface)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id} {case.what}")
def test_conformance(record_property, connect, case):
    record_property("table", "HTTP/2 conformance")
    with connect(case.preface) as wire:
        for piece in case.pieces:
            wire.send(piece) if isinstance(piece, bytes) else piece(wire)
        case.outcome(wire)
