"""A receiver of webhooks on loopback, which checks what comes with the verifier that Standard Webhooks publishes."""

import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


class Server(ThreadingHTTPServer):
    request_queue_size = 128


class HookReceiver:
    """Answers with the given statuses in turn, the last one again and again; keeps what it has verified.

    `hold`: an event without which nothing is answered.
    """

    def __init__(self, *statuses: int):
        self.deliveries: list[dict] = []
        self.problems: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        self._statuses = list(statuses) or [204]
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status = outer.take(dict(self.headers.items()), body)
                outer.hold.wait(60)
                try:
                    self.send_response(status)
                    self.send_header("content-length", "0")
                    self.end_headers()
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, headers: dict, body: bytes) -> int:
        headers = {name.lower(): value for name, value in headers.items()}
        with self._lock:
            status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
            try:
                Webhook(SECRET).verify(body.decode(), headers)
                assert headers["webhook-signature"] == signature(headers, body)
            except Exception as error:  # noqa: BLE001: whatever it is, the test is to say it
                self.problems.append(f"{error!r} {headers}")
            message = json.loads(body)
            self.deliveries.append({"id": headers["webhook-id"], "status": status, "headers": headers} | message)
            return status

    @property
    def taken(self) -> list[dict]:
        """What was answered with 2xx."""
        return [delivery for delivery in self.deliveries if delivery["status"] // 100 == 2]

    def close(self):
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()


def signature(headers: dict, body: bytes) -> str:
    """By the words of the specification, without a library."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
