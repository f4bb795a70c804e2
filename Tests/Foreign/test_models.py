"""Runs with models behind HTTP, whose formats a stand-in speaks: from the request of a client to the events, with everything between."""

import pytest
from clients import text_of
from model_server import Anthropic, Cut, ModelServer, OpenAI, Refusal

FORMATS = pytest.mark.parametrize("format", [Anthropic, OpenAI])


@pytest.fixture
def serve(workshop):
    """Starts a server whose providers are a stand-in that gives these answers."""

    def start(*answers):
        models = workshop.keep(ModelServer(answers))
        (workshop.folder / "config.toml").write_text(
            f'[llm.providers.anthropic]\nbase_url = "{models.url}"\napi_key = "secret-a"\n'
            f'[llm.providers.openai]\nbase_url = "{models.url}/v1"\napi_key = "secret-o"\n'
        )
        redis = workshop.redis()
        server = workshop.baud("serve", "--redis-url", redis.url)
        return workshop.rest(server), models, server

    return start


def of_type(events: list[dict], type: str) -> list[dict]:
    return [event[type] for event in events if event["type"] == type]


def progress(events: list[dict], kind: str) -> list[dict]:
    return [part[kind] for part in of_type(events, "task_agent_execute") if kind in part]


@FORMATS
def test_text(serve, format):
    rest, models, _ = serve(format.answer("Grüße, 你好."))
    thread, run, events = rest.finished("say hello", format.model)
    assert of_type(events, "message_completed") == [{"text": "Grüße, 你好."}] and text_of(events) == "Grüße, 你好."
    assert events[-1]["type"] == "run_completed"
    usage = events[-1]["run"]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (11, 7)
    (path, headers, request), = models.requests
    assert path == format.path and request["model"] == "some-model" and request["stream"] is True
    key = headers.get("x-api-key") or headers.get("authorization") or headers.get("Authorization")
    assert key in ("secret-a", "Bearer secret-o")


@FORMATS
def test_parallel_tool_calls(serve, format):
    calls = [("call_a", "ls", {"path": "."}), ("call_b", "bash", {"command": "echo from-b"}), ("call_c", "no_such_tool", {})]
    rest, models, _ = serve(format.answer("I look.", calls), format.answer("Done."))
    thread, run, events = rest.finished("look around", format.model)
    assert events[-1]["type"] == "run_completed"
    assert [call["call_id"] for call in progress(events, "tool_call")] == ["call_a", "call_b", "call_c"]
    results = format.results(models.requests[1][2])
    assert set(results) == {"call_a", "call_b", "call_c"}
    assert "from-b" in results["call_b"] and "Unknown tool" in results["call_c"]
    # The next run goes on with the same conversation.
    assert [message["role"] for message in models.requests[1][2]["messages"]][-1] in ("user", "tool")


@FORMATS
def test_an_error_in_mid_stream(serve, format):
    broken = [*format.answer("Half an answer.")[: format.until_text], format.error()]
    rest, models, _ = serve(broken, format.answer("A whole answer."))
    thread, run, events = rest.finished("answer", format.model)
    assert events[-1]["type"] == "run_completed" and of_type(events, "message_completed") == [{"text": "A whole answer."}]
    assert len(progress(events, "step_restarted")) == 1 and len(models.requests) == 2


@FORMATS
def test_too_many_requests_are_repeated_when_the_provider_says(serve, format):
    rest, models, _ = serve(Refusal(429, {"retry-after": "1"}), format.answer("Now."))
    thread, run, events = rest.finished("answer", format.model)
    assert events[-1]["type"] == "run_completed" and len(models.requests) == 2
    assert events[-1]["time"] - events[0]["time"] >= 900


@FORMATS
def test_a_body_that_is_cut_off(serve, format):
    calls = [("call_a", "bash", {"command": "echo ran >> ran.txt"})]
    whole = format.answer("I run it.", calls)
    # Cut behind the tool call but before the end of the message: the tool must not run for it.
    rest, models, _ = serve([*whole[:-2], Cut], whole, format.answer("Done."))
    thread, run, events = rest.finished("run it", format.model)
    assert events[-1]["type"] == "run_completed" and len(models.requests) == 3
    assert len(progress(events, "tool_call")) == 1 and len(of_type(events, "tool_bash")) == 1


@FORMATS
def test_a_refused_key_ends_the_run_and_is_told_to_no_one(serve, format):
    body = {"error": {"type": "authentication_error", "message": "invalid key: secret-a secret-o"}}
    rest, models, server = serve(Refusal(401, body=body))
    thread, run, events = rest.finished("answer", format.model)
    assert events[-1]["type"] == "run_failed" and events[-1]["run"]["error"]["code"] == "model_authentication"
    told = str(events) + "\n".join(server.lines) + rest.http.get(f"/api/agent/{thread}/runs/{run}").text
    assert "secret-a" not in told and "secret-o" not in told
