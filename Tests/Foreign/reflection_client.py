"""Finds out by server reflection what a server offers, and makes a call with what it has found.

    python reflection_client.py ADDRESS

In a process of its own, which knows none of the contract's files. Prints JSON: the methods of each service, and what a new thread
answers.
"""

import json
import sys

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

LIMIT = 20


def call(channel, method, **fields):
    """A unary call of a method that is known by its descriptor alone."""
    request = message_factory.GetMessageClass(method.input_type)(**fields)
    answer = message_factory.GetMessageClass(method.output_type)
    path = f"/{method.containing_service.full_name}/{method.name}"
    stub = channel.unary_unary(path, type(request).SerializeToString, answer.FromString)
    return stub(request, timeout=LIMIT)


def main():
    with grpc.insecure_channel(sys.argv[1]) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        services = {name: pool.FindServiceByName(name) for name in database.get_services()}
        found = {name: sorted(service.methods_by_name) for name, service in services.items()}
        initiate = services["baud.v1.AgentService"].methods_by_name["InitiateThread"]
        thread = json_format.MessageToDict(call(channel, initiate, metadata={"found": "by reflection"}))
        print(json.dumps({"methods": found, "thread": thread}))


if __name__ == "__main__":
    main()
