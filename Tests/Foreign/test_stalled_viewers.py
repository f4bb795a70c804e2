"""Viewers that do not read cost a gateway their cursors, not the stream."""

import resource

import pytest
from clients import text_of, words
from raw_streams import open_grpc, open_sse

VIEWERS = 1000
RUNS, WORDS = 70, 8_000
LIMIT_KIB = 64 * 1024


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_thousand_stalled_viewers_of_a_large_stream(module_workshop, many_files):
    redis = module_workshop.redis()
    flags = ["--redis-url", redis.url]
    gateway = module_workshop.baud("gateway", *flags, BAUD_SERVER_MAX_CONCURRENT_STREAMS=VIEWERS)
    module_workshop.baud("modem", *flags)
    rest = module_workshop.rest(gateway)
    thread = rest.new_thread()
    rest.events(thread, rest.execute(thread, f"words={WORDS}"))
    before = gateway.resident_kib
    # A small buffer fills soon; half of them share connections.
    stalled = [open_sse(gateway.address, thread, 4096) for _ in range(VIEWERS // 2)]
    stalled += [open_grpc(gateway.address, thread, VIEWERS // 20, 4096) for _ in range(10)]
    size = 0
    for _ in range(RUNS):
        run = rest.execute(thread, f"words={WORDS}")
        events = rest.events(thread, run)
        assert text_of(events) == words(WORDS)
        size += sum(len(str(event)) for event in events)
    growth = gateway.resident_kib - before
    assert size > 10 << 20
    assert growth < LIMIT_KIB, f"{growth} KiB for {VIEWERS} viewers that do not read {size >> 10} KiB"
    print(f"{growth} KiB more for {VIEWERS} stalled viewers of {size >> 10} KiB")
    for connection in stalled:
        connection.close()
