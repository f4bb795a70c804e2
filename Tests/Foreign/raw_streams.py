"""Streams of a thread over bare sockets, for when there are thousands, or when nobody is to read them."""

import select
import socket
import struct
import time


def open_sse(address: str, thread: str, receive_bytes: int = 0) -> socket.socket:
    """A connection with one stream of server-sent events."""
    connection = connect(address, receive_bytes)
    connection.sendall(f"GET /api/agent/{thread}/stream HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n".encode())
    return connection


def open_grpc(address: str, thread: str, count: int = 1, receive_bytes: int = 0) -> socket.socket:
    """A connection in HTTP/2 (RFC 9113) with so many calls of StreamThread; its header fields are literals (RFC 7541 section 6.2.2)."""
    fields = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": b"/baud.v1.AgentService/StreamThread",
        b":authority": b"x",
        b"te": b"trailers",
        b"content-type": b"application/grpc",
    }
    headers = b"".join(b"\0" + prefixed(name) + prefixed(value) for name, value in fields.items())
    request = b"\x0a" + prefixed(thread.encode())
    message = b"\0" + struct.pack(">I", len(request)) + request
    window = struct.pack(">I", (1 << 31) - 1 - 65_535)
    connection = connect(address, receive_bytes)
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(8, 0, 0, window))
    for stream in range(1, 2 * count, 2):
        connection.sendall(frame(1, 4, stream, headers) + frame(0, 1, stream, message))
    return connection


def count_received(connections, word: bytes, seconds: float) -> int:
    """Reads for so long; how often the word came."""
    by_number, poll, count = {connection.fileno(): connection for connection in connections}, select.poll(), 0
    for connection in connections:
        connection.setblocking(False)
        poll.register(connection, select.POLLIN)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            data = by_number[number].recv(1 << 20)
            assert data, "the server has closed a connection"
            count += data.count(word)
    return count


def connect(address: str, receive_bytes: int) -> socket.socket:
    host, port = address.rsplit(":", 1)
    connection = socket.socket()
    if receive_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.connect((host, int(port)))
    return connection


def prefixed(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def frame(type: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", type, flags, stream) + payload
