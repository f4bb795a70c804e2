"""One log, two protocols: what gRPC streams is what SSE streams, and a cursor taken on one goes on on the other."""

import json
from contextlib import ExitStack

import pytest
from clients import assert_gapless, numbers, stored, text_of, types, until, words

HEADER_FIELDS = {"id", "seq", "thread_id", "run_id", "attempt", "type", "time", "final"}


@pytest.mark.parametrize("finished", ["forty_words", "demo"])
def test_sse_and_grpc_carry_the_same_events(stubs, finished, request):
    thread, run, by_sse = request.getfixturevalue(finished)
    by_grpc = stubs.events(thread, run)
    assert len(by_sse) == len(by_grpc) >= 10
    for json_event, event in zip(by_sse, by_grpc):
        assert stubs.parse(json_event) == event
        payload = event.WhichOneof("payload")
        assert set(json_event) == HEADER_FIELDS | ({payload} if payload else set())
        assert (json_event["id"], json_event["seq"], json_event["type"]) == (event.id, event.seq, event.type)
        assert isinstance(json_event["seq"], int) and isinstance(json_event["time"], int)


def test_the_sse_fields_are_those_of_the_event(rest, forty_words):
    thread, run, _ = forty_words
    with rest.stream(thread, run_id=run) as stream:
        for frame in stream:
            event = json.loads(frame.data)
            assert (frame.id, frame.event) == (event["id"], event["type"])


def test_a_run_is_told_in_full(forty_words):
    thread, run, events = forty_words
    assert_gapless(events)
    assert types(events)[:2] == ["run_queued", "run_attempt_started"]
    assert {(event["thread_id"], event["run_id"]) for event in events} == {(thread, run)}
    assert [event["final"] for event in events].count(True) == 1 and events[-1]["final"]
    assert events[-1]["type"] == "run_completed" and events[-1]["run"]["usage"]["output_tokens"] > 0
    assert text_of(events) == words(40)
    completed = [event["message_completed"]["text"] for event in events if event["type"] == "message_completed"]
    assert completed == [words(40)]
    assert len(events) >= 20, "deltas that are further apart than the interval do not share events, but where the machine is busy"


def test_every_position_continues_on_the_other_protocol(rest, stubs, forty_words):
    thread, run, events = forty_words
    for place in range(len(events) - 1):
        rest_of_it = numbers(events[place + 1 :])
        last_id = events[place]["id"]
        assert [event.seq for event in stubs.events(thread, run, last_id=last_id)] == rest_of_it
        assert numbers(rest.events(thread, run, last_id=last_id)) == rest_of_it


@pytest.fixture(scope="module")
def five_hundred(rest):
    """A finished run of at least 500 events: thread, run, its events."""
    for pause in (20, 30, 50):
        finished = rest.finished(f"words=560 pause_ms={pause}")
        if len(finished[2]) >= 500:
            return finished
    raise AssertionError(f"{len(finished[2])} events: deltas that are {pause} ms apart share events")


def test_each_position_of_a_long_run_continues_without_a_difference(rest, stubs, five_hundred):
    thread, run, events = five_hundred
    parsed = [stubs.parse(event) for event in events]
    assert_gapless(events)
    assert text_of(events) == words(560)
    for place in range(len(events) - 1):
        last_id = events[place]["id"]
        if place % 2:
            assert stubs.events(thread, run, last_id=last_id) == parsed[place + 1 :], place
        else:
            assert rest.events(thread, run, last_id=last_id) == events[place + 1 :], place


def test_a_reader_that_changes_protocol_after_each_event_of_a_live_run_loses_none(rest, stubs):
    thread = rest.new_thread()
    run = rest.execute(thread, "words=40 pause_ms=20")
    read, last_id = [], ""
    while not (read and read[-1].final):
        if len(read) % 2:
            call = stubs.stream(thread, run_id=run, last_id=last_id)
            event = next(event for event in call if event.id)
            call.cancel()
        else:
            with rest.stream(thread, run_id=run, last_id=last_id) as stream:
                event = stubs.parse(until(stream, lambda _: True)[0])
        read.append(event)
        last_id = event.id
    assert read == stubs.events(thread, run)


def test_many_live_viewers_see_the_same(rest, stubs):
    thread = rest.new_thread()
    run = rest.execute(thread, "words=40 pause_ms=10")
    calls = [stubs.stream(thread, run_id=run) for _ in range(20)]
    with ExitStack() as open_streams:
        streams = [open_streams.enter_context(rest.stream(thread, run_id=run)) for _ in range(20)]
        by_sse = [stored(json.loads(frame.data) for frame in stream) for stream in streams]
    by_grpc = [[event for event in call if event.id] for call in calls]
    assert text_of(by_sse[0]) == words(40)
    assert all(events == by_sse[0] for events in by_sse)
    assert all(events == by_grpc[0] for events in by_grpc)
    assert [stubs.parse(event) for event in by_sse[0]] == by_grpc[0]


def test_last_event_id_header_says_the_same(rest, forty_words):
    thread, run, events = forty_words
    header = {"Last-Event-ID": events[7]["id"]}
    with rest.stream(thread, run_id=run, headers=header) as stream:
        assert stored(json.loads(frame.data) for frame in stream) == events[8:]


def test_the_query_goes_before_the_header(rest, forty_words):
    thread, run, events = forty_words
    header = {"Last-Event-ID": events[3]["id"]}
    with rest.stream(thread, run_id=run, last_id=events[20]["id"], headers=header) as stream:
        assert stored(json.loads(frame.data) for frame in stream) == events[21:]


@pytest.mark.parametrize("last_id", ["", "0", "0-0"])
def test_from_the_oldest(rest, stubs, forty_words, last_id):
    thread, run, events = forty_words
    with rest.stream(thread, last_id=last_id) as stream:
        read = until(stream, lambda event: event["final"])
    assert types(read)[0] == "thread_created"
    assert_gapless(read, first=1)
    assert read[1:] == events
    assert [event.seq for event in stubs.events(thread, run, last_id=last_id)] == numbers(events)


def test_dollar_is_only_what_is_new(rest, stubs):
    thread, _, before = rest.finished("words=5")
    call = stubs.stream(thread, last_id="$")
    call.initial_metadata()
    with rest.stream(thread, last_id="$") as stream:
        run = rest.execute(thread, "words=2")
        read = until(stream, lambda event: event["final"])
    assert read[0]["seq"] == before[-1]["seq"] + 1
    assert read == rest.events(thread, run)
    first = next(event for event in call if event.id)
    call.cancel()
    assert first.seq == before[-1]["seq"] + 1


def test_the_cursor_of_the_thread_yields_only_what_is_new(rest, forty_words):
    thread, _, events = forty_words
    answer = rest.thread(thread)
    assert (answer["last_id"], answer["seq"]) == (events[-1]["id"], events[-1]["seq"])


@pytest.mark.parametrize("last_id", ["$", "last", "beyond"])
def test_joining_a_finished_run_tells_of_its_end_and_closes(rest, stubs, last_id):
    thread, run, events = rest.finished("words=3")
    later = rest.execute(thread, "words=3")
    end = rest.events(thread, later)[-1]["id"]
    last_id = {"$": "$", "last": events[-1]["id"], "beyond": end}[last_id]
    assert rest.events(thread, run, last_id=last_id) == events[-1:]
    assert [event.seq for event in stubs.events(thread, run, last_id=last_id)] == numbers(events[-1:])


def test_a_stream_of_one_run_has_no_event_of_another(rest):
    thread, first, events = rest.finished("words=3")
    second = rest.execute(thread, "words=4")
    others = rest.events(thread, second)
    assert {event["run_id"] for event in others} == {second}
    assert others[0]["seq"] == events[-1]["seq"] + 1
    assert rest.events(thread, first) == events


def test_a_thread_stream_stays_open_over_runs(rest):
    thread = rest.new_thread()
    with rest.stream(thread) as stream:
        for count in (2, 3):
            run = rest.execute(thread, f"words={count}")
            read = until(stream, lambda event: event["final"])
            assert read[-1]["run_id"] == run
            assert text_of(read) == words(count)


def test_a_deleted_thread_ends_its_streams(rest):
    thread = rest.new_thread()
    with rest.stream(thread) as stream:
        until(stream, lambda event: event["type"] == "thread_created")
        assert rest.http.delete(f"/api/agent/{thread}").status_code == 200
        frames = list(stream)
    assert [frame.event for frame in frames if frame.event != "waiting"] == ["error"]
    assert json.loads(frames[-1].data)["error"]["code"] == "not_found"


def test_execute_and_stream_over_rest(rest):
    thread = rest.new_thread()
    body = {"task": "words=4", "model": "script/words"}
    with rest.http.stream("POST", f"/api/agent/{thread}/execute/stream", json=body) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        data = [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: ")]
    assert stored(data) == rest.events(thread, data[0]["run_id"])


def test_a_large_text_comes_whole(rest):
    thread, _, events = rest.finished("words=20000")
    assert text_of(events) == words(20000)
    assert_gapless(events)
