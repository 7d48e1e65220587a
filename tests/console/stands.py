"""Processes whose requests a test begins, marks and ends, for the feed to tell of: all of a gateway but its sockets."""

from __future__ import annotations

import time
from typing import Any, Final, cast

from operators.circuit import Circuits
from operators.clock import Clock
from operators.virtual import VirtualClock
from pipeline.assemble import assemble
from pipeline.config import parse as parse_config
from pipeline.dialects import DIALECTS
from pipeline.exchange import Exchange
from pipeline.logs import Logs
from pipeline.logs.format import as_json
from pipeline.metrics import Metrics
from pipeline.recorder import Recorder
from pipeline.server.auth import Keyring
from pipeline.server.cors import Cors
from pipeline.server.news import Desk
from pipeline.server.runtime import Runtime
from pipeline.shared import Shared
from pipeline.summary import Summary
from pipeline.traces import Trace
from pipeline.traces.row import CODES
from pipeline.workers.colleagues import Colleagues

OPEN: Final = "models: [{name: m, candidates: [demo/demo]}]"
KEYS: Final = "server: {keys: [{name: alice, key: alice-key}, {name: root, key: root-key, admin: true}]}"


def runtime_of(text: str = OPEN, clock: Clock | None = None) -> Runtime:
    """All that a gateway's doors stand on, but for the sockets."""
    config = parse_config(text, "test", {})
    metrics = Metrics("test")
    return Runtime(
        assembly=assemble(config, Shared(cast(Any, None), metrics, Circuits())),
        keyring=Keyring(config.server.keys),
        cors=Cors(()),
        metrics=metrics,
        recorder=Recorder(config.traces, config.digest),
        logs=Logs(as_json, lambda lines: None),
        colleagues=Colleagues(metrics),
        clock=clock or VirtualClock(),
        started=0,
    )


class Stand:
    """A process whose requests a test begins, marks and ends."""

    def __init__(self) -> None:
        self.runtime = runtime_of()
        self.desk = Desk(self.runtime)
        self._at = time.monotonic()
        self._route = self.runtime.assembly.resolver.resolve("m")

    def begin(self, id: str) -> Exchange:
        exchange = Exchange(self.runtime.clock, id, DIALECTS["chat"], {"model": "m", "stream": True}, b"{}", {})
        exchange.label = self._route.model
        self.runtime.exchanges.add(exchange)
        self.runtime.recorder.begin(exchange, self._route)
        return exchange

    def mark(self, exchange: Exchange, kind: str = "text", times: int = 1) -> None:
        for _ in range(times):
            # Far enough from each other to be marks of their own.
            self._at += 0.01
            trace_of(exchange).answer.add(self._at, CODES[kind], 10, 1)

    def end(self, exchange: Exchange, outcome: str = "ok") -> None:
        self.runtime.exchanges.discard(exchange)
        self.runtime.recorder.end(exchange, Summary(exchange, outcome, 200))

    def look(self, viewer: str = "me", **arguments: Any) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self.desk.look(viewer, **arguments)["requests"])


def trace_of(exchange: Exchange) -> Trace:
    assert exchange.trace is not None
    return exchange.trace


class Several(Colleagues):
    """Workers that are asked in one process: each stand stands for one."""

    def __init__(self, stands: list[Stand]) -> None:
        super().__init__(Metrics("several"))
        self.stands = stands
        self.late: list[Stand] = []
        """Whose answers come too late: they are made, and nobody hears them."""
        self.answers["unlook"] = lambda viewer: None

    async def gather(self, question: str, **arguments: Any) -> list[Any]:
        answers = [(stand, stand.desk.look(**arguments)) for stand in self.stands]
        return [answer for stand, answer in answers if stand not in self.late]


async def nothing() -> dict[str, Any]:
    return {}
