"""gRPC's interoperability cases, each twenty times, without and with TLS: the RPC module's server with the clients of grpcio
and of Debian's ruby-grpc, its client with the server of grpcio, and the two with each other."""

import os
import subprocess
from pathlib import Path

import certificates
import interop_client
import interop_server
import pytest
from processes import BINARY

SERVER = Path(os.environ.get("INTEROP_SERVER", BINARY.parent / "interop-server"))
CLIENT = SERVER.parent / "interop-client"
COUNT = 20
RUBY_CLIENTS = sorted(Path("/usr/lib").glob("**/grpc-*/src/ruby/pb/test/client.rb"))
RUBY_DRIVER = Path(__file__).parent / "interop_client.rb"
RUBY_CASES = """
    empty_unary large_unary client_compressed_unary client_streaming client_compressed_streaming server_streaming ping_pong
    timeout_on_sleeping_server empty_stream cancel_after_begin cancel_after_first_response unimplemented_method
    unimplemented_service status_code_and_message custom_metadata
""".split()
# What needs a server that sees how a request came.
COMPRESSION_CASES = ("client_compressed_unary", "client_compressed_streaming")


@pytest.fixture(scope="module", autouse=True)
def stubs(tmp_path_factory):
    interop_client.compile_stubs(tmp_path_factory.mktemp("testing"))


@pytest.fixture(scope="module", params=["cleartext", "tls"])
def identity(request, tmp_path_factory):
    """The files of TLS, or none."""
    return certificates.issue(tmp_path_factory.mktemp("tls")) if request.param == "tls" else None


@pytest.fixture(scope="module")
def port(identity):
    """The port of an interop-server."""
    flags = ["--cert", identity.certificate, "--key", identity.key] if identity else []
    child = subprocess.Popen([SERVER, *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    yield child.stdout.readline().strip().rsplit(":", 1)[1]
    child.terminate()
    assert child.wait(timeout=20) == 0


@pytest.fixture(scope="module")
def cases(port, identity):
    cases = interop_client.Cases(f"localhost:{port}", identity and identity.authority.read_bytes())
    yield cases
    cases.close()


@pytest.mark.parametrize("name", interop_client.Cases.names())
def test_grpcio(cases, name):
    for _ in range(COUNT):
        cases.run(name)


@pytest.fixture(scope="module")
def ruby(port, identity):
    """A process that runs the case whose name it is given, and says how it went."""
    variables = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(identity.authority)} if identity else {}
    child = subprocess.Popen(
        ["ruby", RUBY_DRIVER, RUBY_CLIENTS[0], port, "true" if identity else "false", str(COUNT)],
        env=os.environ | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield child
    child.communicate(timeout=20)


@pytest.mark.skipif(not RUBY_CLIENTS, reason="Debian's ruby-grpc is not installed")
@pytest.mark.parametrize("name", RUBY_CASES)
def test_ruby(ruby, name):
    ruby.stdin.write(name + "\n")
    ruby.stdin.flush()
    # What the cases print of themselves comes first.
    outcome = next(line for line in ruby.stdout if line.startswith(("passed: ", "failed: ")))
    assert outcome.strip() == f"passed: {name}"


def run_own_client(name, port, identity):
    flags = ["--cacert", identity.authority] if identity else []
    command = [CLIENT, "--server", f"localhost:{port}", "--count", str(COUNT), *flags, name]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.stdout.strip() == f"passed: {name}", result.stdout + result.stderr
    assert result.returncode == 0


@pytest.mark.parametrize("name", interop_client.Cases.names())
def test_own_client_with_own_server(port, identity, name):
    run_own_client(name, port, identity)


@pytest.fixture(scope="module")
def foreign_port(stubs, identity):
    server = interop_server.Server(identity and (identity.key.read_bytes(), identity.certificate.read_bytes()))
    yield server.port
    server.close()


@pytest.mark.parametrize("name", [name for name in interop_client.Cases.names() if name not in COMPRESSION_CASES])
def test_own_client_with_grpcio(foreign_port, identity, name):
    run_own_client(name, foreign_port, identity)
