"""A client that follows a thread through every fault: it connects again with its last id, on the other protocol or gateway in turn."""

import itertools
import json
import random
import threading
import time
from contextlib import closing

import grpc
import httpx
import httpx_sse
from clients import AGENT
from google.protobuf import json_format

from chaos.system import Gateway, System

# Streams say something every second; one that is silent for so long is given up.
SILENCE = httpx.Timeout(5)
CALL_LIMIT = 10
# Between attempts to connect.
PAUSE = 0.05
PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED)


class Refused(Exception):
    """An answer that no fault excuses."""


class Viewer(threading.Thread):
    """Keeps what it received, each event as the message of the contract, until it has seen `ends` runs end.

    `run`: it follows that run only. `leaves`: now and then it ends its stream itself. `on_event` is called with each event.
    """

    def __init__(self, system: System, thread: str, ends: int, dice: random.Random, run=None, leaves=False, on_event=None):
        super().__init__(daemon=True)
        self.thread_id = thread
        self.run_id = run
        self.events = []
        self.refusals: list[str] = []
        self.connects = 0
        self._system = system
        self._ends = ends
        self._dice = dice
        self._leaves = leaves
        self._on_event = on_event or (lambda event: None)
        self._stopped = threading.Event()
        self.start()

    def stop(self):
        self._stopped.set()

    @property
    def is_done(self) -> bool:
        return self._ends <= 0 or self._stopped.is_set()

    def run(self):
        for turn in itertools.count(self._dice.randrange(4)):
            if self.is_done:
                return
            gateway = self._system.gateways[turn // 2 % len(self._system.gateways)]
            self.connects += 1
            try:
                self._follow((self._sse, self._grpc)[turn % 2](gateway))
            except Refused as error:
                self.refusals.append(str(error))
                return
            except grpc.RpcError as error:
                if error.code() not in PASSING:
                    self.refusals.append(f"gRPC, after {self._last_id}: {error.code().name} {error.details()}")
                    return
            except (httpx.HTTPError, httpx.StreamError, RuntimeError, ValueError):
                # The connection broke, or the client of a gateway that is gone was closed.
                pass
            except json_format.ParseError as error:
                self.refusals.append(f"after {self._last_id}: an event that is none of the contract: {error}")
                return
            time.sleep(PAUSE)

    @property
    def _last_id(self) -> str:
        return self.events[-1].id if self.events else ""

    def _follow(self, stream):
        """Takes what a stream brings, until the end of all or until it is time for another one."""
        count = self._dice.randrange(3, 40) if self._leaves else None
        with closing(stream):
            for event in stream:
                if self.is_done:
                    return
                if not event.id:
                    continue
                self.events.append(event)
                self._on_event(event)
                self._ends -= event.final
                if self.is_done or count == 1:
                    return
                count = count and count - 1

    def _grpc(self, gateway: Gateway):
        stubs = gateway.stubs
        request = stubs.StreamThreadRequest(thread_id=self.thread_id, run_id=self.run_id or "", last_id=self._last_id)
        call = stubs.agent.StreamThread(request, timeout=CALL_LIMIT)
        try:
            yield from call
        finally:
            call.cancel()

    def _sse(self, gateway: Gateway):
        headers = {"last-event-id": self._last_id} if self.events else {}
        query = {"run_id": self.run_id} if self.run_id else {}
        path = f"{AGENT}/{self.thread_id}/stream"
        with httpx_sse.connect_sse(gateway.rest.http, "GET", path, params=query, headers=headers, timeout=SILENCE) as source:
            if source.response.status_code != 200:
                source.response.read()
                if source.response.status_code == 503:
                    return
                raise Refused(f"SSE, after {self._last_id}: {source.response.status_code} {source.response.text}")
            for frame in source.iter_sse():
                if not frame.data:
                    continue
                event = gateway.stubs.parse(json.loads(frame.data))
                if event.type == "error" and event.error.code != "unavailable":
                    raise Refused(f"SSE, after {self._last_id}: {event.error.code} {event.error.message}")
                yield event
