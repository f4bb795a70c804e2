"""The model of the chaos: says what the script of a run says, fails where the script says so, and keeps what it was asked."""

import random
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from model_server import Anthropic, Cut, ModelServer, OpenAI, Refusal

# How long a hanging answer hangs, if nobody ends it sooner.
HANG_LIMIT = 30
PIECES = 6
TAG = re.compile(r"\[(c[0-9]+t[0-9]+r[0-9]+)\]")
GARBAGE = ("cut", "not json", "wrong type", "early end", "error event")
FAILURES = {
    "model-hang": ("hang at once", "hang in the middle"),
    "model-garbage": GARBAGE,
    "model-429": ("429", "429 later"),
    "model-500": ("500", "502", "503", "529", "no answer"),
}


@dataclass
class Turn:
    text: str
    # Of the tool `bash`: (call id, command).
    calls: list[tuple[str, str]] = field(default_factory=list)
    # How the first calls for this turn fail.
    failures: list[str] = field(default_factory=list)


@dataclass
class Script:
    """What the model does in one run."""

    # In the run's task, so that a request tells which run it is for.
    tag: str
    format: type
    turns: list[Turn]
    # Seconds between two parts of an answer.
    pace: float

    @property
    def task(self) -> str:
        return f"carry out [{self.tag}]"

    @property
    def texts(self) -> list[str]:
        return [turn.text for turn in self.turns]

    @property
    def call_ids(self) -> list[str]:
        return [id for turn in self.turns for id, _ in turn.calls]


class ScriptedModel(ModelServer):
    """Answers by the conversation that a request brings, so that an attempt that was lost and its follower are told the same."""

    def __init__(self):
        super().__init__([])
        self.scripts: dict[str, Script] = {}
        # (tag, number of the turn) in the order of the requests.
        self.asked: list[tuple[str, int]] = []
        # What is wrong with the conversations that were sent.
        self.complaints: list[str] = []
        self._calls = Counter()
        self._closed = threading.Event()

    def close(self):
        self._closed.set()
        super().close()

    def answer(self, path: str, headers: dict, body: dict):
        messages = conversation(body)
        tag, number = place(messages)
        with self._lock:
            script = self.scripts.get(tag)
            if problem := what_is_wrong(script, number, messages):
                self.complaints.append(f"model call {tag}: {problem}")
                return Refusal(400)
            self.asked.append((tag, number))
            turn = script.turns[number]
            count = self._calls[tag, number]
            self._calls[tag, number] += 1
        if count < len(turn.failures):
            return self._failure(turn.failures[count], script, turn)
        return paced(events_of(script, turn), script.pace)

    def forget(self, tags: set[str]):
        """What is over need not be kept."""
        with self._lock:
            for tag in tags:
                del self.scripts[tag]
            self.asked = [entry for entry in self.asked if entry[0] not in tags]

    def _failure(self, kind: str, script: Script, turn: Turn):
        events = events_of(script, turn)
        half = events[: len(events) // 2]
        match kind:
            case "no answer":
                return Cut
            case "429":
                return Refusal(429)
            case "429 later":
                return Refusal(429, {"retry-after": "1"})
            case "hang at once":
                return self._hanging([])
            case "hang in the middle":
                return self._hanging(half)
            case "cut":
                return [*half, Cut]
            case "not json":
                return [*half, 'data: {"choices": [\u0001\n\n']
            case "wrong type":
                return [*half, script.format.event(type="error") if script.format is OpenAI else "data: [7]\n\n", Cut]
            case "early end":
                return half
            case "error event":
                return [*half, script.format.error()]
            case _:
                return Refusal(int(kind))

    def _hanging(self, events: list[str]):
        yield from events
        self._closed.wait(HANG_LIMIT)
        yield Cut


def events_of(script: Script, turn: Turn) -> list[str]:
    calls = [(id, "bash", {"command": command}) for id, command in turn.calls]
    return script.format.answer(turn.text, calls, pieces=PIECES)


def paced(events: list[str], pace: float):
    for event in events:
        yield event
        time.sleep(pace)


# What a request says, in the words of both formats


def conversation(body: dict) -> list[tuple[str, str]]:
    """A request's messages as pairs: user or assistant and a text, call or result and the id of the call."""
    parts = []
    for message in body["messages"]:
        content = message["content"] or ""
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if message["role"] == "tool":
            parts.append(("result", message["tool_call_id"]))
            continue
        parts += [("assistant", "")] if message["role"] == "assistant" else []
        for block in blocks:
            match block["type"]:
                case "text" if message["role"] == "user":
                    parts.append(("user", block["text"]))
                case "tool_use":
                    parts.append(("call", block["id"]))
                case "tool_result":
                    parts.append(("result", block["tool_use_id"]))
        parts += [("call", call["id"]) for call in message.get("tool_calls", [])]
    return parts


def place(messages: list[tuple[str, str]]) -> tuple[str, int]:
    """For which run a request is, and for which turn of it."""
    last = max(index for index, (kind, text) in enumerate(messages) if kind == "user" and TAG.search(text))
    return TAG.search(messages[last][1])[1], sum(kind == "assistant" for kind, _ in messages[last:])


def what_is_wrong(script: Script | None, number: int, messages: list[tuple[str, str]]) -> str | None:
    if script is None:
        return "its cycle is over"
    if number >= len(script.turns):
        return f"turn {number} of {len(script.turns)}"
    if open_calls := dangling(messages):
        return f"the calls {open_calls} have no result, for which a provider would refuse it"
    return None


def dangling(messages: list[tuple[str, str]]) -> list[str]:
    """Tool calls without a result."""
    results = {id for kind, id in messages if kind == "result"}
    return [id for kind, id in messages if kind == "call" and id not in results]


# Scripts


def make_script(tag: str, dice: random.Random, log, turns: int, pace: float, failures: tuple[str, ...] = ()) -> Script:
    """A run of some turns; all but the last call tools, which add their call's id to the file `log`."""
    made = []
    for number in range(turns):
        text = f"{tag} turn {number}: " + " ".join(f"word{dice.randrange(100)}" for _ in range(12)) + ". "
        calls = []
        for call in range(dice.choice((1, 1, 2)) if number < turns - 1 else 0):
            id = f"{tag}n{number}c{call}"
            pause = dice.choice(("", "", "sleep 0.3; "))
            calls.append((id, f"{pause}echo {id} >> {log}"))
        kinds = [dice.choice(failures) for _ in range(dice.choice((0, 1, 2)))] if failures else []
        made.append(Turn(text, calls, kinds))
    return Script(tag, dice.choice((OpenAI, Anthropic)), made, pace)


def model_of(script: Script) -> str:
    return script.format.model
