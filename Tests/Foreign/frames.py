"""HTTP/2 frame by frame (RFC 9113 section 6), for what no client library lets one send."""

import select
import socket
import ssl
import struct
import time
from typing import NamedTuple

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LIMIT = 10

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
# Flags; ACK of SETTINGS and PING has the bit of END_STREAM.
END_STREAM = ACK = 1
END_HEADERS = 4
PADDED = 8
PRIORITIZED = 32
# Parameters of SETTINGS.
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = range(1, 6)
# Error codes (section 7).
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, _, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL = range(9)
COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 9, 11


class Frame(NamedTuple):
    type: int
    flags: int
    stream: int
    payload: bytes

    @property
    def ends_stream(self) -> bool:
        return self.type in (DATA, HEADERS) and bool(self.flags & END_STREAM)

    @property
    def code(self) -> int:
        """The error code of RST_STREAM or GOAWAY."""
        return struct.unpack_from(">I", self.payload, 4 if self.type == GOAWAY else 0)[0]

    @property
    def last_stream(self) -> int:
        """The last stream that a GOAWAY names."""
        return struct.unpack_from(">I", self.payload)[0]


# Frames to send

def frame(type: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", type, flags, stream) + payload


def settings(*parameters: tuple[int, int]) -> bytes:
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", name, value) for name, value in parameters))


def ping(payload: bytes = bytes(8)) -> bytes:
    return frame(PING, payload=payload)


def window_update(increment: int, stream: int = 0) -> bytes:
    return frame(WINDOW_UPDATE, stream=stream, payload=struct.pack(">I", increment))


def reset(stream: int, code: int = CANCEL) -> bytes:
    return frame(RST_STREAM, stream=stream, payload=struct.pack(">I", code))


def goaway(code: int = NO_ERROR) -> bytes:
    return frame(GOAWAY, payload=struct.pack(">II", 0, code))


def data(payload: bytes, stream: int = 1, flags: int = END_STREAM) -> bytes:
    return frame(DATA, flags, stream, payload)


def block(*fields: tuple[str, str]) -> bytes:
    """A header block that changes no dynamic table, so that it means the same wherever it is sent."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)


def _text(text: str) -> bytes:
    bytes = text.encode("latin-1")
    length = len(bytes)
    if length < 127:
        return struct.pack("B", length) + bytes
    prefix, length = b"\x7f", length - 127
    while length >= 128:
        prefix, length = prefix + struct.pack("B", length % 128 + 128), length >> 7
    return prefix + struct.pack("B", length) + bytes


def fields(method: str = "GET", path: str = "/", **others: str) -> list[tuple[str, str]]:
    """The fields of a request; `_` in a name stands for `-`."""
    common = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost")]
    return common + [(name.replace("_", "-"), value) for name, value in others.items()]


def headers(fields: list[tuple[str, str]] | bytes, stream: int = 1, flags: int = END_STREAM | END_HEADERS) -> bytes:
    return frame(HEADERS, flags, stream, fields if isinstance(fields, bytes) else block(*fields))


class Wire:
    """One connection, of which frames are read only when they are asked for."""

    def __init__(self, address: str, tls: ssl.SSLContext | None = None, preface: bytes | None = PREFACE + settings()):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.has_ended = False
        self.was_reset = False
        self.decoder = hpack.Decoder()
        self._received = b""
        if preface is not None:
            self.send(preface)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *frames: bytes):
        """Sends each on its own; that the peer has closed meanwhile shows when it is read from."""
        for bytes in frames:
            try:
                self.socket.sendall(bytes)
            except OSError:
                return

    def read(self, limit: float = LIMIT) -> Frame | None:
        """The next frame; None when the connection has ended, or has been silent for so long."""
        end = time.monotonic() + limit
        while True:
            if len(self._received) >= 9:
                length = int.from_bytes(self._received[:3])
                if len(self._received) >= 9 + length:
                    type, flags, stream = struct.unpack_from(">BBI", self._received, 3)
                    payload, self._received = self._received[9 : 9 + length], self._received[9 + length :]
                    return Frame(type, flags, stream & 0x7FFF_FFFF, payload)
            if self.has_ended or not self._receive(end - time.monotonic()):
                return None

    def _receive(self, limit: float) -> bool:
        pending = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()
        if not pending and not select.select([self.socket], [], [], max(0, limit))[0]:
            return False
        try:
            bytes = self.socket.recv(1 << 18)
        except OSError:
            bytes, self.was_reset = b"", True
        self.has_ended = not bytes
        self._received += bytes
        return bool(bytes)

    def frames(self, limit: float = LIMIT):
        """Frames until the end of the connection, or until it has been silent for so long."""
        while (frame := self.read(limit)) is not None:
            yield frame

    def until(self, accept, limit: float = LIMIT) -> Frame | None:
        """The first frame that is accepted; None when the connection ends first, or is silent for so long."""
        return next((frame for frame in self.frames(limit) if accept(frame)), None)

    def wait_for_end(self, limit: float = LIMIT) -> bool:
        """Whether the connection is ended within the limit."""
        end = time.monotonic() + limit
        while not self.has_ended and time.monotonic() < end:
            self.read(end - time.monotonic())
        return self.has_ended

    def answers_ping(self, payload: bytes = b"barrier!") -> bool:
        """Whether everything sent so far has been taken, and the connection lives on."""
        self.send(ping(payload))
        return self.until(lambda frame: frame.type == PING and frame.flags & ACK and frame.payload == payload) is not None
