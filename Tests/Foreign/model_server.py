"""A stand-in for the models' providers on loopback: speaks the streaming formats of Anthropic's Messages and OpenAI's chat completions.

Answers the requests in the order of a script and keeps them. An answer is SSE events, sent as they are iterated over; `Cut` ends the
connection, in place of an event in the middle of the body, in place of the answer without a word; `Refusal` is a status without a
stream.
"""

import json
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Refusal:
    status: int
    headers: dict = field(default_factory=dict)
    body: dict = field(default_factory=lambda: {"error": {"type": "error", "message": "not now"}})


class Cut:
    """The connection ends here, without the end of the chunked body."""


class Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A client that went away is none of the server's business."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class ModelServer:
    def __init__(self, answers: list):
        self.requests: list[tuple[str, dict, dict]] = []
        self._answers = list(answers)
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer = outer.answer(self.path, dict(self.headers.items()), body)
                if isinstance(answer, Refusal):
                    return self.refuse(answer)
                if answer is Cut:
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for event in answer:
                    if event is Cut:
                        self.close_connection = True
                        return
                    self.chunk(event.encode())
                self.chunk(b"")

            def refuse(self, answer: Refusal):
                body = json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in {"content-type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def chunk(self, data: bytes):
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                self.wfile.flush()

            def log_message(self, *arguments):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str, headers: dict, body: dict):
        """What a request gets; called by many threads."""
        with self._lock:
            self.requests.append((path, headers, body))
            return self._answers.pop(0)

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Anthropic:
    """Builds answers in the format of Anthropic's Messages."""

    model = "anthropic/some-model"
    path = "/v1/messages"
    # Events of an answer until the first half of its text has come.
    until_text = 4

    @staticmethod
    def event(type: str, **data) -> str:
        return f"event: {type}\ndata: {json.dumps({'type': type, **data})}\n\n"

    @classmethod
    def answer(cls, text: str, calls=(), stop=None, pieces: int = 2) -> list[str]:
        usage = {"input_tokens": 11, "output_tokens": 1}
        events = [cls.event("message_start", message={"id": "m", "role": "assistant", "content": [], "usage": usage}), cls.event("ping")]
        blocks = [({"type": "text", "text": ""}, [{"type": "text_delta", "text": part} for part in split(text, pieces)])]
        for id, name, arguments in calls:
            parts = [{"type": "input_json_delta", "partial_json": part} for part in split(json.dumps(arguments))]
            blocks.append(({"type": "tool_use", "id": id, "name": name, "input": {}}, parts))
        for index, (block, deltas) in enumerate(blocks):
            events.append(cls.event("content_block_start", index=index, content_block=block))
            events += [cls.event("content_block_delta", index=index, delta=delta) for delta in deltas]
            events.append(cls.event("content_block_stop", index=index))
        stop = stop or ("tool_use" if calls else "end_turn")
        events.append(cls.event("message_delta", delta={"stop_reason": stop}, usage={"output_tokens": 7}))
        return events + [cls.event("message_stop")]

    @classmethod
    def error(cls) -> str:
        return cls.event("error", error={"type": "overloaded_error", "message": "Overloaded"})

    @staticmethod
    def results(request: dict) -> dict[str, str]:
        """The results of tools that a request brings, by the ids of their calls."""
        parts = [part for part in request["messages"][-1]["content"] if part["type"] == "tool_result"]
        return {part["tool_use_id"]: json.dumps(part["content"]) for part in parts}


class OpenAI:
    """Builds answers in the format of OpenAI's chat completions."""

    model = "openai/some-model"
    path = "/v1/chat/completions"
    until_text = 2

    @staticmethod
    def event(**data) -> str:
        return f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', **data})}\n\n"

    @classmethod
    def delta(cls, finish=None, **delta) -> str:
        return cls.event(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])

    @classmethod
    def answer(cls, text: str, calls=(), stop=None, pieces: int = 2) -> list[str]:
        events = [cls.delta(role="assistant", content="")] + [cls.delta(content=part) for part in split(text, pieces)]
        for index, (id, name, arguments) in enumerate(calls):
            function = {"name": name, "arguments": ""}
            events.append(cls.delta(tool_calls=[{"index": index, "id": id, "type": "function", "function": function}]))
            for part in split(json.dumps(arguments)):
                events.append(cls.delta(tool_calls=[{"index": index, "function": {"arguments": part}}]))
        events.append(cls.delta(finish=stop or ("tool_calls" if calls else "stop")))
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        return events + [cls.event(choices=[], usage=usage), "data: [DONE]\n\n"]

    @classmethod
    def error(cls) -> str:
        return f"data: {json.dumps({'error': {'type': 'server_error', 'message': 'Overloaded'}})}\n\n"

    @staticmethod
    def results(request: dict) -> dict[str, str]:
        return {part["tool_call_id"]: part["content"] for part in request["messages"] if part["role"] == "tool"}


def split(text: str, pieces: int = 2) -> list[str]:
    """The text in pieces of nearly equal length, without empty ones."""
    ends = [len(text) * piece // pieces for piece in range(pieces + 1)]
    return [text[begin:end] for begin, end in zip(ends, ends[1:]) if begin < end]
