"""What stock tools ask of any gRPC server: its services by reflection, and by the health service whether they can serve."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from contract import LIMIT
from processes import ROOT, wait_until

REFLECTION_CLIENT = Path(__file__).parent / "reflection_client.py"


def contract_methods() -> dict[str, list[str]]:
    """The methods of each service of the contract, as its files spell them."""
    services = {}
    for path in sorted((ROOT / "proto").rglob("*.proto")):
        text = path.read_text()
        package = re.search(r"^package ([\w.]+);", text, re.MULTILINE)[1]
        for name, body in re.findall(r"^service (\w+) \{(.*?)^\}", text, re.MULTILINE | re.DOTALL):
            services[f"{package}.{name}"] = sorted(re.findall(r"^\s*rpc (\w+)", body, re.MULTILINE))
    return services


def test_reflection_finds_every_method_and_enough_to_call_one(server):
    command = [sys.executable, REFLECTION_CLIENT, server.address]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["methods"] == contract_methods()
    assert found["thread"]["metadata"] == {"found": "by reflection"}


@pytest.fixture
def health(workshop):
    """The health service of a server with a redis-server of its own: its status, and the two processes."""
    redis = workshop.redis()
    server = workshop.baud("serve", "--redis-url", redis.url)
    stubs = workshop.stubs(server)
    messages = stubs.health_messages

    def status(service=""):
        answer = stubs.health.Check(messages.HealthCheckRequest(service=service), timeout=LIMIT)
        return messages.HealthCheckResponse.ServingStatus.Name(answer.status)

    return status, redis, stubs


def test_health_follows_a_redis_that_stands_still(health):
    status, redis, stubs = health
    services = ["", "baud.v1.AgentService", "baud.v1.FlowService", "baud.v1.SystemService"]
    wait_until(lambda: status() == "SERVING", what="SERVING")
    watch = stubs.health.Watch(stubs.health_messages.HealthCheckRequest())
    seen = []
    assert next(watch).status == 1
    for _ in range(2):
        redis.freeze()
        frozen = time.monotonic()
        wait_until(lambda: status() == "NOT_SERVING", what="NOT_SERVING")
        seen.append(time.monotonic() - frozen)
        assert {status(service) for service in services} == {"NOT_SERVING"}
        assert next(watch).status == 2
        redis.thaw()
        wait_until(lambda: status() == "SERVING", what="SERVING")
        assert {status(service) for service in services} == {"SERVING"}
        assert next(watch).status == 1
    # A probe once a second, which counts as failed after two; a machine that is busy may be late once.
    assert min(seen) < 3.5, seen
    watch.cancel()


def test_health_of_an_unknown_service_is_not_found(health):
    status, _, _ = health
    with pytest.raises(grpc.RpcError) as failure:
        status("no.Such")
    assert failure.value.code() == grpc.StatusCode.NOT_FOUND
