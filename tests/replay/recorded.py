"""Recorded requests for tests: the faults of the crash test in virtual time, through the real chain and its real taps."""

from __future__ import annotations

from typing import Any

from pipeline.config import Config
from pipeline.dialects import DIALECTS
from pipeline.errors import GatewayError, Kind, classify
from pipeline.parse import parse
from pipeline.summary import Summary
from pipeline.traces import Trace
from pipeline.traces.row import CODES
from tests.support.clients import hello
from tests.support.virtual_gateway import MODEL, Call, VirtualGateway, _config
from tests.support.virtual_provider import Answerer


class TracedGateway(VirtualGateway):
    """A virtual gateway that traces each request as the server does.

    Args:
        chain: a name of ``virtual_gateway.CHAINS``.
        a, b: the dialect of each candidate.
        answers_a, answers_b: who answers its tries.
    """

    def __init__(self, chain: str, a: str, b: str, answers_a: Answerer, answers_b: Answerer) -> None:
        super().__init__(chain, a, b, answers_a, answers_b)
        self.config: Config = _config(chain, a, b)
        self._chain = chain

    def call(self, client: str, raw: bytes) -> TracedCall:
        exchange = parse(DIALECTS[client], raw, self.clock, id=f"req_{len(self.calls) + 1}", headers={})
        route = self._resolver.resolve(exchange.model)
        exchange.label = route.model
        now, digest = self.clock.second, self.config.digest
        exchange.began = exchange.parsed_at = now
        trace = Trace(exchange.id, 1764211951.0, now, client, 0, digest, lambda: self.clock.second, self._chain)
        exchange.trace = trace
        trace.client.add(trace.now(), CODES["subscribe"])
        call = TracedCall(exchange, self.clock)
        call.subscription = (route.stream if exchange.stream else route.body).subscribe(call, scheduler=exchange)
        self.calls.append(call)
        return call

    def trace(self, client: str, *, stream: bool) -> dict[str, Any]:
        """The trace of one request, in JSON."""
        self.ask(client, stream=stream)
        call = self.calls[-1]
        assert isinstance(call, TracedCall)
        return call.told


class TracedCall(Call):
    """One request whose trace ends with its answer."""

    @property
    def told(self) -> dict[str, Any]:
        """The trace, in JSON."""
        return self.exchange.trace.to_json()  # type: ignore[no-any-return]

    def on_next(self, data: bytes) -> None:
        if not self.over:
            trace = self.exchange.trace
            trace.client.add(trace.now(), CODES["bytes"], len(data))
            if self.exchange.first_write_at is None:
                self.exchange.first_write_at = trace.now()
        super().on_next(data)

    def _end(self) -> None:
        if not self.over:
            # A turn later, as the task that writes to a real client: what brought the end notes that after it was handed on.
            self._clock.virtual.call_soon(self._end_trace)
        super()._end()

    def _end_trace(self) -> None:
        exchange = self.exchange
        trace: Trace = exchange.trace
        error = None if exchange.ended else classify(exchange.error or GatewayError(Kind.CUT))
        summary = Summary(exchange, "ok", 200) if error is None else Summary(exchange, error.reason, error.status, error)
        # These two are not on the virtual clock.
        summary.over, summary.first_event = trace.now(), None
        trace.end(summary)
        trace.client.add(trace.now(), CODES["completed" if exchange.ended else "error"])


def question(client: str, *, stream: bool) -> Any:
    """The body of a request."""
    return {**hello(client, MODEL), "stream": stream}
