"""The gateway's inside in virtual time: parse, resolve, the built chain, the encoder; only the providers' wires are played.

The official SDKs ask it through a transport of their own, so a test sees what a program would see, and when.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, Final, cast
from unittest import mock

# The SDKs' own HTTP client comes with them.
import httpx2
from reactivex import abc

from operators.circuit import Circuit, Circuits
from operators.virtual import VirtualClock
from pipeline.assemble import assemble
from pipeline.awaited import LINGER
from pipeline.config import Config
from pipeline.config import parse as parse_config
from pipeline.dialects import DIALECTS
from pipeline.errors import classify
from pipeline.metrics import Metrics
from pipeline.parse import parse
from pipeline.providers.http import HttpProvider
from pipeline.resolve import Candidate
from pipeline.server.refusal import refusal
from pipeline.shared import Shared
from tests.support.clients import Outcome, ask_through, hello
from tests.support.virtual_provider import Actor, Answerer

MODEL: Final = "served"
LONGEST: Final = 1000.0
"""Seconds: all clocks of the default chain together are shorter."""

CHAINS: Final = {
    "default": None,
    "resume": {"answer": ["failover", "resume"]},
    "elsewhere": {"answer": [{"failover": {"also": ["context_length"]}}]},
    "garbage": {"wire": [{"fault": {"kind": "garbage", "times": 1}}], "attempt": []},
    "paced": {"attempt": [{"pace": {"least": 5, "window": 10}}]},
    "breaking": {"candidates": [{"breaker": {"failures": 2}}], "attempt": [{"first_event_timeout": {"seconds": 5}}]},
}
"""The positions that a chain writes; all others are the built-in default's."""


@cache
def _config(chain: str, a: str, b: str) -> Config:
    providers = {
        f"{who}-{dialect}": {"dialect": dialect, "base_url": "http://127.0.0.1:9/v1", "api_key": f"key-{who}"}
        for who, dialect in (("a", a), ("b", b))
    }
    candidates = [f"a-{a}/model-a", {"use": f"b-{b}/model-b", "continues": chain == "resume"}]
    positions = CHAINS[chain]
    config = {
        "providers": providers,
        "models": [{"name": MODEL, "chain": chain, "candidates": candidates}],
        "chains": {} if positions is None else {chain: positions},
    }
    # JSON is YAML.
    return parse_config(json.dumps(config), "virtual", {})


class VirtualGateway:
    """One gateway with two candidates, A then B, in a time of its own.

    Args:
        chain: a name of ``CHAINS``.
        a, b: the dialect of each candidate.
        answers_a, answers_b: who answers its tries.
    """

    def __init__(self, chain: str, a: str, b: str, answers_a: Answerer, answers_b: Answerer) -> None:
        self.clock = VirtualClock()
        self.metrics = Metrics("virtual")
        self.a = Actor("A", a, answers_a, lambda: self.clock.second)
        self.b = Actor("B", b, answers_b, lambda: self.clock.second)
        self.calls: list[Call] = []
        self._circuits = Circuits(now=lambda: self.clock.second)
        shared = Shared(cast(Any, None), self.metrics, self._circuits)
        actors = {f"a-{a}": self.a, f"b-{b}": self.b}

        def opened(provider: HttpProvider, candidate: Candidate) -> Any:
            return actors[provider.name].open(candidate)

        with mock.patch.object(HttpProvider, "open", opened):
            self._resolver = assemble(_config(chain, a, b), shared).resolver
        (self.label_a, self.label_b) = (each.label for each in self._resolver.resolve(MODEL).candidates)

    def ask(self, client: str, *, stream: bool) -> Outcome:
        """What the SDK of this dialect makes of an answer; time passes up to the answer's end, and not further."""

        def answer(request: httpx2.Request) -> httpx2.Response:
            call = self.call(client, request.content)
            self.run(call)
            return httpx2.Response(call.status, headers=call.headers, content=call.data)

        transport = httpx2.Client(transport=httpx2.MockTransport(answer), trust_env=False)
        return ask_through(client, transport, hello(client, MODEL), stream=stream)

    def call(self, client: str, raw: bytes) -> Call:
        """A request under way, of which nothing happened yet."""
        exchange = parse(DIALECTS[client], raw, self.clock, id="req_virtual", headers={})
        route = self._resolver.resolve(exchange.model)
        exchange.label = route.model
        call = Call(exchange, self.clock)
        call.subscription = (route.stream if exchange.stream else route.body).subscribe(call, scheduler=exchange)
        self.calls.append(call)
        return call

    def run(self, *calls: Call) -> None:
        """Let time pass until these have their answers. Raises AssertionError when one hangs."""
        until = self.clock.second + LONGEST
        while not all(call.over for call in calls):
            due = min((handle.when for handle in self.clock.virtual.waiting), default=until)
            assert due < until, f"an answer hangs: {[call.data for call in calls if not call.over]}"
            self.clock.virtual.run(due)

    def settle(self, seconds: float = LINGER) -> None:
        """Let that much time pass: then nothing may be left of any request.

        Raises:
            AssertionError: a timer, a try or an answer is still there.
        """
        self.clock.advance(seconds)
        assert self.clock.timers == 0
        assert self.a.all_let_go
        assert self.b.all_let_go

    def circuit(self, label: str) -> Circuit:
        """The circuit of a candidate."""
        return self._circuits.of(label)

    def trips(self, operator: str, chain: str) -> float:
        """How often metrics say that a guard stopped a stream."""
        found = self.metrics.guard_trips.members.get((operator, chain))
        return 0 if found is None else found.value


class Call(abc.ObserverBase[bytes]):
    """One request and what its client got: what ``emit`` does, without a socket."""

    def __init__(self, exchange: Any, clock: VirtualClock) -> None:
        self.exchange = exchange
        self.began = clock.second
        self.ended_at: float | None = None
        self.status = 200
        self.headers: dict[str, str] = {}
        self.data = b""
        self.after_end = b""
        """What would have reached the client behind the end of its answer."""
        self.subscription: abc.DisposableBase | None = None
        self._clock = clock

    @property
    def over(self) -> bool:
        """Whether the client has its answer."""
        return self.ended_at is not None

    @property
    def took(self) -> float:
        """Seconds of virtual time from the request to the answer's end."""
        assert self.ended_at is not None
        return self.ended_at - self.began

    def on_next(self, data: bytes) -> None:
        if self.over:
            # ``emit`` drops it; a complete answer that goes on would still be a fault.
            self.after_end += data
            return
        exchange = self.exchange
        if not self.data:
            self.headers["content-type"] = "text/event-stream; charset=utf-8" if exchange.stream else "application/json"
            if exchange.opened is not None:
                self.headers["x-penstock-candidate"] = exchange.opened.candidate
        self.data += data
        if exchange.ended:
            self._end()
            self._clock.virtual.call_later(LINGER, self._let_go)

    def on_error(self, error: Exception) -> None:
        assert not self.data, f"the answer could only be broken off: {error!r}"
        told = refusal(classify(error), self.exchange.dialect, self.exchange.id, {})
        self.status, self.headers, self.data = told.status, dict(told.headers), cast(bytes, told.body)
        self._end()

    def on_completed(self) -> None:
        self._end()

    def _end(self) -> None:
        if not self.over:
            self.ended_at = self._clock.second

    def _let_go(self) -> None:
        assert self.subscription is not None
        self.subscription.dispose()


# ---------------------------------------------------------------------------------------------------------- wire marks

_SUCCESS: Final[dict[str, Callable[[Any], bool]]] = {
    "chat": lambda event: any(choice.get("finish_reason") for choice in event.get("choices") or ()),
    "responses": lambda event: event["type"] in ("response.completed", "response.incomplete"),
    "messages": lambda event: event["type"] in ("message_stop", "message_delta"),
}
_FAILURE: Final[dict[str, Callable[[Any], bool]]] = {
    "chat": lambda event: "error" in event,
    # A provider's lone `error` is followed by it (DI-122).
    "responses": lambda event: event["type"] == "response.failed",
    "messages": lambda event: event["type"] == "error",
}


def marks(client: str, data: bytes) -> tuple[int, int]:
    """How many events of a client's stream say that all went well, and how many that it failed."""
    lines = [line[5:].strip() for line in data.splitlines() if line.startswith(b"data:")]
    events = [json.loads(line) for line in lines if line != b"[DONE]"]
    done = sum(line == b"[DONE]" for line in lines)
    return done + sum(map(_SUCCESS[client], events)), sum(map(_FAILURE[client], events))
