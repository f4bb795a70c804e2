"""Clients of the REST and SSE interface as users have them: httpx and httpx-sse."""

import json
import time
from contextlib import contextmanager

import httpx
import httpx_sse

AGENT = "/api/agent"
LIMIT = httpx.Timeout(20)
# No stream of a test goes on for longer; a silent one ends by LIMIT, this is for one that is never silent.
STREAM_LIMIT = 30


class Rest:
    """The REST interface of one server."""

    def __init__(self, address: str, **options):
        self.http = httpx.Client(base_url=f"http://{address}", timeout=LIMIT, **options)

    def close(self):
        self.http.close()

    # Threads and runs; what is not answered with 200 fails the test.

    def new_thread(self, **metadata) -> str:
        answer = self.http.post(f"{AGENT}/initiate", json={"metadata": metadata})
        assert answer.status_code == 200, answer.text
        return answer.json()["thread_id"]

    def execute(self, thread: str, task: str, model: str = "script/words", **headers) -> str:
        answer = self.http.post(f"{AGENT}/{thread}/execute", json={"task": task, "model": model}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["run_id"]

    def run(self, thread: str, run: str) -> dict:
        answer = self.http.get(f"{AGENT}/{thread}/runs/{run}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def thread(self, thread: str) -> dict:
        answer = self.http.get(f"{AGENT}/{thread}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def cancel(self, thread: str, run: str) -> dict:
        answer = self.http.post(f"{AGENT}/{thread}/runs/{run}/cancel")
        assert answer.status_code == 200, answer.text
        return answer.json()

    # Events

    @contextmanager
    def stream(self, thread: str, headers=None, **query):
        """The server-sent events of a thread, one by one as they come; with `run_id` they end by themselves."""
        path = f"{AGENT}/{thread}/stream"
        with httpx_sse.connect_sse(self.http, "GET", path, params=query, headers=headers or {}) as source:
            if source.response.status_code != 200:
                source.response.read()
                raise AssertionError(source.response.text)
            # httpx-sse hands on a frame without data (`retry`), where a browser would not.
            yield (frame for frame in in_time(source.iter_sse()) if frame.data)

    def events(self, thread: str, run: str, **query) -> list[dict]:
        """All stored events of a run, to its end."""
        with self.stream(thread, run_id=run, **query) as stream:
            return stored(json.loads(frame.data) for frame in stream)

    def finished(self, task: str, model: str = "script/words") -> tuple[str, str, list[dict]]:
        """A new thread, a run that has been carried out on it, and the run's events."""
        thread = self.new_thread()
        run = self.execute(thread, task, model)
        return thread, run, self.events(thread, run)


def in_time(parts, limit: float = STREAM_LIMIT):
    """The parts of a stream, which must end or be left within the limit."""
    end = time.monotonic() + limit
    for part in parts:
        assert time.monotonic() < end, f"the stream goes on after {limit} s, with {part}"
        yield part


def stored(events) -> list[dict]:
    """Without those that are for the moment only: `waiting`, `keep_alive`."""
    return [event for event in events if event["id"]]


def until(stream, accept) -> list[dict]:
    """Stored events of an SSE stream up to the first one that is accepted."""
    events = []
    for frame in stream:
        event = json.loads(frame.data)
        if event["id"]:
            events.append(event)
            if accept(event):
                return events
    raise AssertionError(f"the stream ended after {[event['type'] for event in events]}")


def text_of(events) -> str:
    """What the model has said, put together from its deltas."""
    return "".join(event.get("task_agent_execute", {}).get("text_delta", {}).get("text", "") for event in events)


def words(count: int) -> str:
    """What `script/words` says."""
    return "".join(f"word {index} " for index in range(count))


def numbers(events) -> list[int]:
    return [event["seq"] for event in events]


def types(events) -> list[str]:
    return [event["type"] for event in events]


def assert_gapless(events, first: int | None = None):
    """Numbers count on by one, ids rise as pairs of integers."""
    begin = events[0]["seq"] if first is None else first
    assert numbers(events) == list(range(begin, begin + len(events)))
    ids = [cursor(event["id"]) for event in events]
    assert all(left < right for left, right in zip(ids, ids[1:])), ids


def cursor(id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in id.split("-"))


def error_of(answer: httpx.Response, status: int, code: str) -> dict:
    """The error of an answer, whose form is the same for all."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert error["code"] == code, error
    assert error["message"]
    assert error["request_id"] == answer.headers["x-request-id"]
    return error
