"""gRPC stubs made from `proto/` by the published compiler, and a client over grpcio that uses them."""

import importlib
import sys
from importlib.resources import files
from pathlib import Path

import grpc
from google.protobuf import json_format
from grpc_tools import protoc

LIMIT = 20


def compile_stubs(proto: Path, folder: Path):
    """Makes the modules `baud.v1.*` and `grpc_health.*` importable."""
    sources = sorted(str(path) for path in proto.rglob("*.proto"))
    includes = [f"-I{proto}", f"-I{files('grpc_tools') / '_proto'}"]
    assert protoc.main(["protoc", *includes, f"--python_out={folder}", f"--grpc_python_out={folder}", *sources]) == 0
    sys.path.insert(0, str(folder))
    # The package `grpc` is grpcio's; the folder with the health service's stubs becomes part of it.
    grpc.__path__.append(str(folder / "grpc"))


class Stubs:
    """The services of one server, and the messages of the contract by name."""

    def __init__(self, address: str):
        self.channel = grpc.insecure_channel(address)
        services = importlib.import_module("baud.v1.service_pb2_grpc")
        health = importlib.import_module("grpc.health.v1.health_pb2_grpc")
        self.agent = services.AgentServiceStub(self.channel)
        self.flow = services.FlowServiceStub(self.channel)
        self.system = services.SystemServiceStub(self.channel)
        self.health = health.HealthStub(self.channel)
        self.health_messages = importlib.import_module("grpc.health.v1.health_pb2")
        names = ("thread", "run", "event", "system")
        self._modules = [importlib.import_module(f"baud.v1.{name}_pb2") for name in names]

    def __getattr__(self, name: str):
        """A message type: `stubs.Event`."""
        for module in self._modules:
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(name)

    def close(self):
        self.channel.close()

    def new_thread(self, **metadata) -> str:
        return self.agent.InitiateThread(self.InitiateThreadRequest(metadata=metadata), timeout=LIMIT).thread_id

    def execute(self, thread: str, task: str, model: str = "script/words", **fields) -> str:
        request = self.ExecuteRunRequest(thread_id=thread, task=task, model=model, **fields)
        return self.agent.ExecuteRun(request, timeout=LIMIT).run_id

    def stream(self, thread: str, **fields):
        """A call that can be iterated over and cancelled."""
        return self.agent.StreamThread(self.StreamThreadRequest(thread_id=thread, **fields), timeout=LIMIT)

    def events(self, thread: str, run: str, **fields) -> list:
        """All stored events of a run, to its end."""
        return [event for event in self.stream(thread, run_id=run, **fields) if event.id]

    def parse(self, json: dict, type: str = "Event"):
        """JSON of the REST interface as a message; a member that the contract does not know is an error."""
        return json_format.ParseDict(json, getattr(self, type)())


def refusal(call) -> tuple[grpc.StatusCode, str]:
    """Status and message of a call that must fail, be it unary or a stream."""
    try:
        answer = call()
        if hasattr(answer, "__next__"):
            answer = list(answer)
    except grpc.RpcError as error:
        return error.code(), error.details()
    raise AssertionError(f"answered {answer}")
