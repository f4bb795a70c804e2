"""A client that stands still is found out by the server's PINGs, and its connection ends."""

import signal
import subprocess
import sys
from pathlib import Path

from processes import wait_until

CLIENT = """
import sys, grpc
channel = grpc.insecure_channel(sys.argv[1])
watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
next(watch)
print("watching", flush=True)
next(watch)
"""


def test_client_that_stands_still_is_given_up(workshop, redis_server):
    settings = {"REDIS_PREFIX": "keepalive:", "SERVER_KEEPALIVE_SECONDS": 1, "SERVER_KEEPALIVE_TIMEOUT_SECONDS": 2}
    environment = {f"BAUD_{name}": value for name, value in settings.items()}
    server = workshop.baud("serve", "--redis-url", redis_server.url, **environment)
    awake, asleep = (
        subprocess.Popen([sys.executable, "-c", CLIENT, server.address], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    )
    try:
        for client in (awake, asleep):
            assert client.stdout.readline() == "watching\n"
        peers = connections(server)
        asleep.send_signal(signal.SIGSTOP)
        server.wait_for_line("reason=unresponsive")
        # The other one, just as silent, acknowledged each PING and is still there.
        wait_until(lambda: len(connections(server)) == len(peers) - 1, what="the end of its connection alone")
        assert awake.poll() is None
    finally:
        for client in (awake, asleep):
            client.kill()
            client.communicate()


def connections(server) -> set[str]:
    """The established TCP connections of the server's port, as the kernel lists them, from the server's side."""
    port = f"{int(server.address.rsplit(':', 1)[1]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[2] for row in rows if row[1].endswith(f":{port}") and row[3] == "01"}
