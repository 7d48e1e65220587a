"""What the taps see: attempts and answers, counted once each at their end."""

from __future__ import annotations

import time

from operators.errors import GuardError
from pipeline.encode import note
from pipeline.errors import classify
from pipeline.events import Batch
from pipeline.exchange import Exchange
from pipeline.metrics import Metrics
from pipeline.resolve import Candidate


class AttemptProbe:
    """Sits above an attempt's guards: how each attempt ended, and which guard ended it."""

    __slots__ = ("_candidate", "_chain", "_metrics", "_over")

    def __init__(self, candidate: Candidate, chain: str, metrics: Metrics) -> None:
        self._candidate = candidate
        self._chain = chain
        self._metrics = metrics
        self._over = False

    def on_error(self, error: Exception) -> None:
        self._over = True
        trip(error, self._chain, self._metrics)
        self._metrics.attempts.labels(self._candidate.label, "error", classify(error).reason).inc()

    def on_completed(self) -> None:
        self._over = True
        self._metrics.attempts.labels(self._candidate.label, "ok", "").inc()

    def on_dispose(self) -> None:
        if not self._over:
            self._metrics.attempts.labels(self._candidate.label, "let_go", "").inc()


class AnswerProbe:
    """Sits below the encoder: folds usage and times into the exchange, and keeps the error that ends it."""

    __slots__ = ("_chain", "_exchange", "_metrics")

    def __init__(self, exchange: Exchange, chain: str, metrics: Metrics) -> None:
        self._exchange = exchange
        self._chain = chain
        self._metrics = metrics

    def on_next(self, batch: Batch) -> None:
        exchange = self._exchange
        if exchange.first_event_at is None and batch.commits:
            exchange.first_event_at = time.monotonic()
        note(exchange, batch)

    def on_error(self, error: Exception) -> None:
        self._exchange.error = error
        trip(error, self._chain, self._metrics)


def trip(error: Exception, chain: str, metrics: Metrics) -> None:
    """Count the guard that stopped a stream, once, however many taps see its error pass."""
    if isinstance(error, GuardError) and not getattr(error, "counted", False):
        error.counted = True  # type: ignore[attr-defined]
        metrics.guard_trips.labels(error.operator, chain).inc()
