"""A proxy between baud and Redis that can cut connections in the middle of a reply."""

import random
import socket
import threading
from pathlib import Path

CHUNK = 65536


class Proxy:
    """Listens on a Unix socket of its own. Each connection has two threads, one for each direction."""

    def __init__(self, target: Path, path: Path):
        self.socket = path
        # The part of all replies that end in their middle, and their connections with them.
        self.cut_share = 0.0
        self._target = str(target)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._target)
            except OSError:
                client.close()
                continue
            for source, sink, is_reply in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=(source, sink, is_reply), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, is_reply: bool):
        try:
            while data := source.recv(CHUNK):
                if is_reply and random.random() < self.cut_share:
                    sink.sendall(data[: len(data) // 2])
                    break
                sink.sendall(data)
        except OSError:
            pass
        # The other direction ends with this one; each of them closes what it has read from.
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        source.close()
