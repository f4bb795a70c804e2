"""The bytes of server-sent events, and their headers."""

import json
import re

import pytest
from clients import AGENT, in_time


@pytest.fixture(params=["HTTP/1.1", "HTTP/2"])
def client(request, session_workshop, server):
    """REST over either version; HTTP/2 with prior knowledge."""
    options = {"http1": False, "http2": True} if request.param == "HTTP/2" else {}
    client = session_workshop.rest(server, **options)
    assert client.http.get("/health").http_version == request.param
    return client


def read(client, path, enough) -> str:
    text = ""
    with client.http.stream("GET", path) as answer:
        assert answer.status_code == 200
        for part in in_time(answer.iter_text(), 10):
            text += part
            if enough(text):
                return text
    return text


def test_the_headers_of_a_stream(client, forty_words):
    thread, run, _ = forty_words
    with client.http.stream("GET", f"{AGENT}/{thread}/stream?run_id={run}") as answer:
        assert answer.headers["content-type"].split(";")[0] == "text/event-stream"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-accel-buffering"] == "no"
        assert "content-length" not in answer.headers
        answer.read()


def test_every_frame_has_its_form(client, forty_words):
    thread, run, events = forty_words
    text = read(client, f"{AGENT}/{thread}/stream?run_id={run}", lambda _: False)
    first, *frames, last = text.split("\n\n")
    assert first == "retry: 1000"
    assert last == "", "the last frame ends with an empty line too"
    assert len(frames) == len(events) and "\r" not in text
    for frame, event in zip(frames, events):
        id, name, data = frame.split("\n")
        assert (id, name) == (f"id: {event['id']}", f"event: {event['type']}")
        assert json.loads(data.removeprefix("data: ")) == event


def test_retry_comes_before_anything_happens(client, rest):
    thread = rest.new_thread()
    assert read(client, f"{AGENT}/{thread}/stream?last_id=$", lambda text: "\n\n" in text).startswith("retry: 1000\n\n")


def test_line_ends_of_a_text_stay_within_one_line(client, rest):
    thread = rest.new_thread()
    task = "words=1\n\r\n\u2028data: {}\n\nid: 1"
    answer = rest.http.post(f"{AGENT}/{thread}/execute", json={"task": task, "model": "script/words"})
    run = answer.json()["run_id"]
    text = read(client, f"{AGENT}/{thread}/stream?run_id={run}", lambda _: False)
    frames = text.split("\n\n")[1:-1]
    assert all(re.fullmatch(r"(id: \d+-\d+\n)?event: \w+\ndata: \{[^\n\r]*\}", frame) for frame in frames), frames
    assert json.loads(frames[0].split("data: ", 1)[1])["run"]["task"] == task


def test_a_silent_stream_is_kept_alive(client, forty_words):
    thread, _, events = forty_words
    text = read(client, f"{AGENT}/{thread}/stream", lambda text: text.count("event: keep_alive") == 2)
    frames = [frame for frame in text.split("\n\n") if "keep_alive" in frame]
    for frame in frames:
        name, data = frame.split("\n")
        assert name == "event: keep_alive"
        event = json.loads(data.removeprefix("data: "))
        assert (event["type"], event["id"], event["seq"], event["final"]) == ("keep_alive", "", 0, False)
    first, second = (json.loads(frame.split("data: ")[1])["time"] for frame in frames)
    assert 900 <= second - first <= 2000


@pytest.mark.parametrize("last_id", ["$", "newest"])
def test_a_stream_from_the_end_of_an_idle_thread_is_kept_alive_and_not_told_to_wait(client, forty_words, last_id):
    thread, _, events = forty_words
    last_id = events[-1]["id"] if last_id == "newest" else last_id
    text = read(client, f"{AGENT}/{thread}/stream?last_id={last_id}", lambda text: text.count("event: ") == 1)
    assert "event: keep_alive" in text, "nothing is queued, so there is nothing to wait for"


def test_a_stream_from_the_middle_of_a_run_is_not_told_to_wait(client, rest):
    thread = rest.new_thread()
    run = rest.execute(thread, "words=3 pause_ms=1000")
    text = read(client, f"{AGENT}/{thread}/stream", lambda text: "text_delta" in text)
    last_id = re.findall(r"^id: (.*)$", text, re.MULTILINE)[-1]
    text = read(client, f"{AGENT}/{thread}/stream?last_id={last_id}", lambda text: "run_completed" in text)
    assert "event: waiting" not in text, "the run is being carried out"
    assert rest.run(thread, run)["status"] == "completed"


def test_an_error_before_the_first_event_is_json(client):
    answer = client.http.get(f"{AGENT}/no-such-thread/stream")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")


def test_head_of_a_stream(client, forty_words):
    answer = client.http.head(f"{AGENT}/{forty_words[0]}/stream")
    assert answer.status_code == 200 and answer.content == b""
    assert answer.headers["content-type"] == "text/event-stream"


def test_head_of_a_stream_that_does_not_exist(client):
    assert client.http.head(f"{AGENT}/no-such-thread/stream").status_code == 404
