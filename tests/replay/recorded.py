"""Recorded requests for tests: the faults of the crash test in virtual time, through the real chain and its real taps."""

from __future__ import annotations

from typing import Any

from pipeline.config import Config
from pipeline.dialects import DIALECTS
from pipeline.errors import GatewayError, Kind, classify
from pipeline.parse import parse
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
        trace = exchange.trace = Trace(
            exchange.id, 1764211951.0, self.clock.second, client, 0, self.config.digest, lambda: self.clock.second
        )
        trace.model, trace.asked, trace.chain, trace.stream = route.model, exchange.model, self._chain, exchange.stream
        trace.parsed = self.clock.second
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
            if trace.first_write is None:
                trace.first_write = trace.now()
        super().on_next(data)

    def _end(self) -> None:
        if not self.over:
            # A turn later, as the task that writes to a real client: what brought the end notes that after it was handed on.
            self._clock.virtual.call_soon(self._end_trace)
        super()._end()

    def _end_trace(self) -> None:
        exchange = self.exchange
        trace: Trace = exchange.trace
        trace.candidate = exchange.opened.candidate if exchange.opened is not None else ""
        usage = exchange.usage
        names = ("input", "output", "cache_read", "cache_write", "reasoning")
        trace.usage = {name: value for name in names if (value := getattr(usage, name)) is not None}
        if exchange.ended:
            trace.end(trace.now(), "ok", 200)
        else:
            error = classify(exchange.error or GatewayError(Kind.CUT))
            trace.end(trace.now(), error.reason, error.status, (error.reason, error.message))
        trace.client.add(trace.now(), CODES["completed" if exchange.ended else "error"])


def question(client: str, *, stream: bool) -> Any:
    """The body of a request."""
    return {**hello(client, MODEL), "stream": stream}
