"""gRPC's published interoperability test cases, with grpcio as the client.

    python interop_client.py ADDRESS [CASE ...]

The service's definitions are those of Debian's grpc-proto. grpcio cannot choose compression for one message of a stream, nor show how
one came; the Ruby client of `test_interop.py` and the tests of the RPC module do that.
"""

import importlib
import queue
import sys
import tempfile
import time
from pathlib import Path

import grpc
from grpc_tools import protoc

PROTO = Path("/usr/share/grpc-proto")
REQUEST_SIZES = [27182, 8, 1828, 45904]
RESPONSE_SIZES = [31415, 9, 2653, 58979]
LIMIT = 20
INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
TRAILING = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")


def compile_stubs(folder: Path):
    """Makes the modules of grpc.testing importable, as part of grpcio's package."""
    sources = [f"grpc/testing/{name}.proto" for name in ("empty", "messages", "test")]
    outputs = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    assert protoc.main(["protoc", f"-I{PROTO}", *outputs, *sources]) == 0
    grpc.__path__.append(str(folder / "grpc"))
    sys.path.insert(0, str(folder))


class Cases:
    """The test cases; each is a method and fails by an exception."""

    def __init__(self, address: str, authority: bytes | None = None):
        """With an authority, in PEM, it is TLS."""
        if authority:
            self.channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(authority))
        else:
            self.channel = grpc.insecure_channel(address)
        self.m = importlib.import_module("grpc.testing.messages_pb2")
        self.empty = importlib.import_module("grpc.testing.empty_pb2").Empty()
        services = importlib.import_module("grpc.testing.test_pb2_grpc")
        self.stub = services.TestServiceStub(self.channel)
        self.unimplemented = services.UnimplementedServiceStub(self.channel)

    def close(self):
        self.channel.close()

    @classmethod
    def names(cls) -> list[str]:
        return [name for name in vars(cls) if not name.startswith("_") and name not in ("names", "close", "run")]

    def run(self, name: str):
        getattr(self, name)()

    # The messages

    def _payload(self, size: int):
        return self.m.Payload(body=bytes(size))

    def _simple(self, response=314159, request=271828, **fields):
        return self.m.SimpleRequest(response_size=response, payload=self._payload(request), **fields)

    def _output(self, *sizes, request=0, interval=0, compressed=None, **fields):
        parameters = [self.m.ResponseParameters(size=size, interval_us=interval) for size in sizes]
        for parameter, value in zip(parameters, compressed or []):
            parameter.compressed.value = value
        return self.m.StreamingOutputCallRequest(response_parameters=parameters, payload=self._payload(request), **fields)

    def _inputs(self):
        return [self.m.StreamingInputCallRequest(payload=self._payload(size)) for size in REQUEST_SIZES]

    def _fails(self, code: grpc.StatusCode, call) -> grpc.RpcError:
        try:
            call()
        except grpc.RpcError as error:
            assert error.code() == code, f"{error.code()} rather than {code}: {error.details()}"
            return error
        raise AssertionError(f"succeeded, and did not fail with {code}")

    # The cases

    def empty_unary(self):
        assert self.stub.EmptyCall(self.empty, timeout=LIMIT) == self.empty

    def large_unary(self):
        assert self.stub.UnaryCall(self._simple(), timeout=LIMIT).payload == self._payload(314159)

    def client_compressed_unary(self):
        request = self._simple(expect_compressed=self.m.BoolValue(value=True))
        self._fails(grpc.StatusCode.INVALID_ARGUMENT, lambda: self.stub.UnaryCall(request, timeout=LIMIT))
        for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            answer = self.stub.UnaryCall(request, timeout=LIMIT, compression=compression)
            assert answer.payload == self._payload(314159)
        request.expect_compressed.value = False
        assert self.stub.UnaryCall(request, timeout=LIMIT).payload == self._payload(314159)

    def server_compressed_unary(self):
        for value in (True, False):
            request = self._simple(response_compressed=self.m.BoolValue(value=value))
            assert self.stub.UnaryCall(request, timeout=LIMIT).payload == self._payload(314159)

    def client_streaming(self):
        answer = self.stub.StreamingInputCall(iter(self._inputs()), timeout=LIMIT)
        assert answer.aggregated_payload_size == sum(REQUEST_SIZES)

    def client_compressed_streaming(self):
        requests = self._inputs()
        for request in requests:
            # What would not become shorter is not sent compressed.
            request.expect_compressed.value = len(request.payload.body) > 100
        call = self.stub.StreamingInputCall
        self._fails(grpc.StatusCode.INVALID_ARGUMENT, lambda: call(iter(requests), timeout=LIMIT))
        answer = call(iter(requests), timeout=LIMIT, compression=grpc.Compression.Gzip)
        assert answer.aggregated_payload_size == sum(REQUEST_SIZES)

    def server_streaming(self):
        answers = list(self.stub.StreamingOutputCall(self._output(*RESPONSE_SIZES), timeout=LIMIT))
        assert [len(answer.payload.body) for answer in answers] == RESPONSE_SIZES

    def server_compressed_streaming(self):
        request = self._output(31415, 92653, compressed=[True, False])
        answers = list(self.stub.StreamingOutputCall(request, timeout=LIMIT))
        assert [len(answer.payload.body) for answer in answers] == [31415, 92653]

    def ping_pong(self):
        sent = _Handed()
        answers = self.stub.FullDuplexCall(sent, timeout=LIMIT)
        for request, response in zip(REQUEST_SIZES, RESPONSE_SIZES):
            sent.put(self._output(response, request=request))
            assert len(next(answers).payload.body) == response
        sent.end()
        assert list(answers) == []

    def half_duplex(self):
        requests = [self._output(size) for size in RESPONSE_SIZES]
        answers = list(self.stub.HalfDuplexCall(iter(requests), timeout=LIMIT))
        assert [len(answer.payload.body) for answer in answers] == RESPONSE_SIZES

    def empty_stream(self):
        assert list(self.stub.FullDuplexCall(iter([]), timeout=LIMIT)) == []

    def cancel_after_begin(self):
        call = self.stub.StreamingInputCall.future(_Handed(), timeout=LIMIT)
        call.cancel()
        assert call.cancelled() and call.code() == grpc.StatusCode.CANCELLED

    def cancel_after_first_response(self):
        sent = _Handed()
        call = self.stub.FullDuplexCall(sent, timeout=LIMIT)
        sent.put(self._output(31415, request=27182))
        assert len(next(call).payload.body) == 31415
        call.cancel()
        self._fails(grpc.StatusCode.CANCELLED, lambda: next(call))

    def timeout_on_sleeping_server(self):
        sent = _Handed()
        call = self.stub.FullDuplexCall(sent, timeout=0.001)
        sent.put(self._output(31415, request=27182, interval=1_000_000))
        self._fails(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: list(call))

    def slow_consumer(self):
        """A reader that falls far behind still gets everything."""
        sizes = [20_000] * 200
        count = 0
        for answer in self.stub.StreamingOutputCall(self._output(*sizes), timeout=LIMIT):
            assert len(answer.payload.body) == sizes[count]
            count += 1
            if count % 50 == 0:
                time.sleep(0.02)
        assert count == len(sizes)

    def status_code_and_message(self):
        self._status("test status message")

    def special_status_message(self):
        self._status("\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n")

    def _status(self, message: str):
        status = self.m.EchoStatus(code=2, message=message)
        unary = lambda: self.stub.UnaryCall(self.m.SimpleRequest(response_status=status), timeout=LIMIT)
        duplex = lambda: list(self.stub.FullDuplexCall(iter([self._output(response_status=status)]), timeout=LIMIT))
        for call in (unary, duplex):
            assert self._fails(grpc.StatusCode.UNKNOWN, call).details() == message

    def custom_metadata(self):
        _, unary = self.stub.UnaryCall.with_call(self._simple(), timeout=LIMIT, metadata=(INITIAL, TRAILING))
        duplex = self.stub.FullDuplexCall(iter([self._output(314159)]), timeout=LIMIT, metadata=(INITIAL, TRAILING))
        assert len(list(duplex)) == 1
        for call in (unary, duplex):
            assert INITIAL in [tuple(pair) for pair in call.initial_metadata()]
            assert TRAILING in [tuple(pair) for pair in call.trailing_metadata()]

    def unimplemented_method(self):
        self._fails(grpc.StatusCode.UNIMPLEMENTED, lambda: self.stub.UnimplementedCall(self.empty, timeout=LIMIT))

    def unimplemented_service(self):
        call = self.unimplemented.UnimplementedCall
        self._fails(grpc.StatusCode.UNIMPLEMENTED, lambda: call(self.empty, timeout=LIMIT))


class _Handed:
    """Requests that are handed over one by one, while the call goes on."""

    def __init__(self):
        self._queue = queue.SimpleQueue()

    def put(self, request):
        self._queue.put(request)

    def end(self):
        self._queue.put(None)

    def __iter__(self):
        return self

    def __next__(self):
        request = self._queue.get()
        if request is None:
            raise StopIteration
        return request


def main():
    address, *names = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        compile_stubs(Path(folder))
        cases = Cases(address)
        for name in names or Cases.names():
            cases.run(name)
            print(f"passed: {name}", flush=True)
        cases.close()


if __name__ == "__main__":
    main()
