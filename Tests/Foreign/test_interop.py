"""gRPC's interoperability cases against the RPC module: with grpcio, and with the client that Debian ships for Ruby."""

import os
import subprocess
from pathlib import Path

import interop_client
import pytest
from processes import BINARY

SERVER = Path(os.environ.get("INTEROP_SERVER", BINARY.parent / "interop-server"))
RUBY_CLIENTS = sorted(Path("/usr/lib").glob("**/grpc-*/src/ruby/pb/test/client.rb"))
RUBY_CASES = """
    empty_unary large_unary client_compressed_unary client_streaming client_compressed_streaming server_streaming ping_pong
    timeout_on_sleeping_server empty_stream cancel_after_begin cancel_after_first_response unimplemented_method
    unimplemented_service status_code_and_message custom_metadata
""".split()


@pytest.fixture(scope="module")
def server():
    """The address of an interop-server."""
    child = subprocess.Popen([SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    yield child.stdout.readline().strip()
    child.terminate()
    assert child.wait(timeout=20) == 0


@pytest.fixture(scope="module")
def cases(server, tmp_path_factory):
    interop_client.compile_stubs(tmp_path_factory.mktemp("testing"))
    cases = interop_client.Cases(server)
    yield cases
    cases.close()


@pytest.mark.parametrize("name", interop_client.Cases.names())
def test_grpcio(cases, name):
    for _ in range(20):
        cases.run(name)


@pytest.mark.skipif(not RUBY_CLIENTS, reason="Debian's ruby-grpc is not installed")
@pytest.mark.parametrize("name", RUBY_CASES)
def test_ruby(server, name):
    host, port = server.split(":")
    arguments = ["--server_host", host, "--server_port", port, "--test_case", name]
    result = subprocess.run(["ruby", RUBY_CLIENTS[0], *arguments], capture_output=True, text=True, timeout=60)
    assert f"OK: {name}" in result.stdout, result.stdout + result.stderr
