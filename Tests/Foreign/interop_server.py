"""`grpc.testing.TestService` on grpcio, for the project's own client to be tried against.

grpcio does not show how a request came, nor compress single messages: the cases that need this are for other servers.
"""

import importlib
import time
from concurrent import futures

import grpc
from interop_client import INITIAL, TRAILING


class Server:
    """Listens on a free port of localhost; `identity` is the key and the certificate of TLS, in PEM."""

    def __init__(self, identity=None):
        services = importlib.import_module("grpc.testing.test_pb2_grpc")
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        services.add_TestServiceServicer_to_server(_service(services.TestServiceServicer), self._server)
        if identity:
            self.port = self._server.add_secure_port("localhost:0", grpc.ssl_server_credentials([identity]))
        else:
            self.port = self._server.add_insecure_port("localhost:0")
        self._server.start()

    def close(self):
        self._server.stop(None).wait()


def _service(base):
    m = importlib.import_module("grpc.testing.messages_pb2")
    empty = importlib.import_module("grpc.testing.empty_pb2")

    def payload(size):
        return m.Payload(body=bytes(size))

    def echo(context):
        given = dict(context.invocation_metadata())
        context.send_initial_metadata([(INITIAL[0], given[INITIAL[0]])] if INITIAL[0] in given else [])
        context.set_trailing_metadata([(TRAILING[0], given[TRAILING[0]])] if TRAILING[0] in given else [])

    def check(request, context):
        if request.response_status.code:
            code = next(code for code in grpc.StatusCode if code.value[0] == request.response_status.code)
            context.abort(code, request.response_status.message)

    def answers(request):
        for parameters in request.response_parameters:
            time.sleep(parameters.interval_us / 1_000_000)
            yield m.StreamingOutputCallResponse(payload=payload(parameters.size))

    class Service(base):
        def EmptyCall(self, request, context):
            return empty.Empty()

        def UnaryCall(self, request, context):
            echo(context)
            check(request, context)
            return m.SimpleResponse(payload=payload(request.response_size))

        def StreamingInputCall(self, requests, context):
            size = sum(len(request.payload.body) for request in requests)
            return m.StreamingInputCallResponse(aggregated_payload_size=size)

        def StreamingOutputCall(self, request, context):
            return answers(request)

        def FullDuplexCall(self, requests, context):
            echo(context)
            for request in requests:
                check(request, context)
                yield from answers(request)

        def HalfDuplexCall(self, requests, context):
            for request in list(requests):
                yield from answers(request)

    return Service()
