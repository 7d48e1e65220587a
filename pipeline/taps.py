"""What the taps see: attempts and answers, counted once each at their end."""

from __future__ import annotations

import time

from reactivex import Observable, abc

from operators.errors import GuardError
from operators.stream import Link, Operator, Stream
from pipeline.errors import classify
from pipeline.events import UNKNOWN, Batch, Usage
from pipeline.exchange import Exchange
from pipeline.metrics import Metrics
from pipeline.resolve import Candidate


class AttemptProbe:
    """Sits above an attempt's guards: how each attempt ended, and which guard ended it. One for all requests."""

    __slots__ = ("_chain", "_label", "_let_go", "_metrics", "_ok")

    def __init__(self, candidate: Candidate, chain: str, metrics: Metrics) -> None:
        self._label = candidate.label
        self._chain = chain
        self._metrics = metrics
        self._ok = metrics.attempts.labels(candidate.label, "ok", "")
        self._let_go = metrics.attempts.labels(candidate.label, "let_go", "")

    def on_error(self, error: Exception) -> None:
        trip(error, self._chain, self._metrics)
        self._metrics.attempts.labels(self._label, "error", classify(error).reason).inc()

    def on_completed(self) -> None:
        self._ok.inc()

    def on_dispose(self) -> None:
        self._let_go.inc()


def observe(chain: str, metrics: Metrics) -> Operator[Batch, Batch]:
    """The tap below the encoder: folds usage, times and the error into the exchange. Through it the gateway can end an answer."""

    def operator(source: Observable[Batch]) -> Stream[Batch]:
        def subscribe(observer: abc.ObserverBase[Batch], scheduler: abc.SchedulerBase | None) -> Link[Batch, Batch]:
            assert isinstance(scheduler, Exchange)
            return _Observed(scheduler, chain, metrics).connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Observed(Link[Batch, Batch]):
    __slots__ = ("_chain", "_exchange", "_metrics")

    def __init__(self, exchange: Exchange, chain: str, metrics: Metrics) -> None:
        self._exchange = exchange
        self._chain = chain
        self._metrics = metrics
        exchange.abort = self.on_error

    def on_next(self, batch: Batch) -> None:
        if self.stopped:
            return
        exchange = self._exchange
        if exchange.first_event_at is None and batch.commits:
            exchange.first_event_at = time.monotonic()
        for event in batch.events:
            if type(event) is Usage:
                exchange.usage = event if exchange.usage is UNKNOWN else exchange.usage.updated(event)
        self.receiver.on_next(batch)

    def on_error(self, error: Exception) -> None:
        if not self.stopped:
            self._exchange.error = error
            trip(error, self._chain, self._metrics)
            self.fail(error)


def trip(error: Exception, chain: str, metrics: Metrics) -> None:
    """Count the guard that stopped a stream, once, however many taps see its error pass.

    A circuit that is open refuses with the error that opened it: that is the breaker's doing, whoever spoke then.
    """
    guard = getattr(error, "refused_by", None) or (error.operator if isinstance(error, GuardError) else None)
    if guard is not None and getattr(error, "counted", None) != guard:
        error.counted = guard  # type: ignore[attr-defined]
        metrics.guard_trips.labels(guard, chain).inc()
