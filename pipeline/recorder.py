"""Begins and ends the record of each request: its trace, the line in the log, and the sums that /debug/stats tells."""

from __future__ import annotations

import time
from typing import Any, Final

from pipeline.config import TracesConfig
from pipeline.errors import GatewayError
from pipeline.events import UNKNOWN, Usage
from pipeline.exchange import Exchange
from pipeline.noting import said
from pipeline.resolve import Route
from pipeline.tallies import Tallies
from pipeline.traces import Ring, Trace
from pipeline.traces.row import CODES

# How the client's row ends.
_LAST: Final = {"ok": CODES["completed"], "client_left": CODES["dispose"]}


class Recorder:
    """What is known of the requests of one process.

    Args:
        config: the section ``traces``.
        digest: of the configuration in force.
        worker: number of the process.
    """

    def __init__(self, config: TracesConfig, digest: str = "", worker: int = 0) -> None:
        self.ring = Ring(config.keep)
        self.tallies = Tallies()
        self._digest = digest
        self._worker = worker

    def use(self, config: TracesConfig, digest: str) -> None:
        """Another configuration is in force; requests under way are recorded as they began."""
        self.ring.resize(config.keep)
        self._digest = digest

    def begin(self, exchange: Exchange, route: Route) -> None:
        """A request is about to be answered."""
        if not self.ring.keep:
            return
        trace = self._trace(exchange.id, exchange.dialect.name, exchange.began)
        trace.model, trace.asked, trace.chain = exchange.label, exchange.model, route.chain
        trace.caller, trace.stream, trace.bytes_in = exchange.caller, exchange.stream, len(exchange.raw)
        trace.parsed = exchange.parsed_at
        exchange.trace = trace
        self.ring.begin(trace)

    def _trace(self, id: str, dialect: str, began: float) -> Trace:
        return Trace(id, time.time() - (time.monotonic() - began), began, dialect, self._worker, self._digest)

    def end(self, exchange: Exchange, outcome: str, status: int | None, error: GatewayError | None = None) -> None:
        """It ended, whatever its end.

        Args:
            outcome: ``ok``, ``client_left``, or the error's reason.
            status: of the response; None where none was begun.
            error: what it ended with.
        """
        self.tallies.count(exchange, outcome)
        trace = exchange.trace
        if trace is None:
            return
        if status is None and exchange.first_write_at is not None:
            status = 200
        at = trace.now()
        trace.client.add(at, _LAST.get(outcome, CODES["error"]))
        trace.end(at, outcome, status, None if error is None else (error.reason, said(error)))
        fill(trace, exchange)
        self.ring.end(trace)

    def refused(
        self,
        id: str,
        dialect: str,
        began: float,
        outcome: str,
        status: int | None,
        error: GatewayError | None,
        caller: str | None,
    ) -> None:
        """A request was refused, or its client left, before it was known what it asks for (TR-O3).

        ``caller``: None: a stranger, who must not be able to push others' traces out.
        """
        self.tallies.refuse()
        if caller is None or not self.ring.keep:
            return
        trace = self._trace(id, dialect, began)
        trace.caller = caller
        trace.end(trace.now(), outcome, status, None if error is None else (error.reason, said(error)))
        self.ring.end(trace)


def fill(trace: Trace, exchange: Exchange) -> None:
    """What the exchange knows by now, for the trace of a request that is under way or has just ended."""
    opened = exchange.opened
    trace.first_event, trace.first_write = exchange.first_event_at, exchange.first_write_at
    trace.queued = exchange.waited
    if opened is not None:
        trace.candidate = opened.candidate
    if exchange.usage is not UNKNOWN:
        trace.usage = counted(exchange.usage)


def counted(usage: Usage) -> dict[str, int]:
    """What is known of a usage."""
    values: dict[str, Any] = {
        "input": usage.input,
        "output": usage.output,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
        "reasoning": usage.reasoning,
    }
    return {name: value for name, value in values.items() if value is not None}
