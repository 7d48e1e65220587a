"""What the taps see: attempts and answers, counted once each at their end."""

from __future__ import annotations

import time
from typing import Any, Final

from reactivex import Observable, abc

from operators.errors import GuardError, Overloaded, RateLimited
from operators.rate_limit import EVERYBODY
from operators.stream import Left, Link, Operator, Stream
from operators.tap import quietly, tap
from pipeline.encode import Encode, Encoding, SealFor
from pipeline.errors import classify
from pipeline.events import UNKNOWN, Batch
from pipeline.exchange import Exchange
from pipeline.metrics import SHEDS, Metrics
from pipeline.noting import AttemptNotes, how_it_ended, note_batch, settled
from pipeline.resolve import Candidate
from pipeline.traces import ANSWER, Note, Trace
from pipeline.traces.log import pack
from pipeline.traces.record import MANY


class AttemptProbe:
    """Sits above an attempt's guards: how each attempt ended, and which guard ended it. One for all requests."""

    __slots__ = ("_chain", "_label", "_let_go", "_metrics", "_ok")

    def __init__(self, candidate: Candidate, chain: str, metrics: Metrics) -> None:
        self._label = candidate.label
        self._chain = chain
        self._metrics = metrics
        self._ok = metrics.attempts.labels(candidate.label, "ok", "")
        self._let_go = metrics.attempts.labels(candidate.label, "let_go", "")

    def on_error(self, error: Exception) -> bool:
        """Tells whether a guard's error was seen for the first time."""
        tripped = trip(error, self._chain, self._metrics)
        self._metrics.attempts.labels(self._label, "error", classify(error).reason).inc()
        return tripped

    def on_completed(self) -> None:
        self._ok.inc()

    def on_dispose(self) -> None:
        self._let_go.inc()


def probed(candidate: Candidate, chain: str, metrics: Metrics) -> Operator[Batch, Batch]:
    """The tap above an attempt's guards. Where the exchange is traced, the attempt's end is noted there, too."""
    probe = AttemptProbe(candidate, chain, metrics)
    counted: Operator[Batch, Batch] = tap(probe)
    name = candidate.name

    def operator(source: Observable[Batch]) -> Stream[Batch]:
        plain = counted(source)

        def subscribe(observer: abc.ObserverBase[Batch], scheduler: abc.SchedulerBase | None) -> Any:
            trace: Trace | None = getattr(scheduler, "trace", None)
            if trace is None or trace.ended is not None:
                return plain.on_subscribe(observer, scheduler)
            link = AttemptNotes(trace, name, candidate.label, probe).connect(source, observer, scheduler)
            link.step_aside()
            return link

        return Stream(subscribe, linked=True)

    return operator


def observed(chain: str, metrics: Metrics, seal_for: SealFor) -> Operator[Batch, bytes]:
    """The encode station as an operator, tapped: each subscription encodes for the exchange that is its scope.

    What comes to it folds usage, times and the error into the exchange. Through it the gateway can end an answer.
    """

    def operator(source: Observable[Batch]) -> Stream[bytes]:
        def subscribe(observer: abc.ObserverBase[bytes], scheduler: abc.SchedulerBase | None) -> Link[Batch, bytes]:
            assert isinstance(scheduler, Exchange)
            return _Observed(scheduler, chain, metrics, seal_for).connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


# By this name, since to look a method up in an imported class takes its time for each token.
_encode: Final = Encoding.on_next


class _Observed(Encoding):
    __slots__ = ("_chain", "_exchange", "_metrics", "_over", "_trace")

    def __init__(self, exchange: Exchange, chain: str, metrics: Metrics, seal_for: SealFor) -> None:
        Encoding.__init__(self, Encode(seal_for, exchange))
        self._exchange = exchange
        self._chain = chain
        self._metrics = metrics
        self._over = False
        """Whether the end of the answer was noted: an encoder may make another end of it."""
        self._trace = trace = exchange.trace
        exchange.abort = self.on_error
        if trace is not None:
            trace.subscribed = trace.now()

    def on_next(self, batch: Batch) -> None:
        if self.stopped:
            return
        trace = self._trace
        if trace is None:
            self._look(batch)
        else:
            if batch is trace.passing:
                # Whoever sent it on its way notes that it came here.
                trace.written = 0
                if not batch.alone or self._exchange.first_event_at is None:
                    self._look(batch)
            else:
                self._look(batch)
                note_batch(trace.log, ANSWER, trace.moment(), batch)
                if len(trace.log) >= MANY:
                    settled(trace)
            if trace.bodies is not None and self._exchange.stream:
                quietly(trace.bodies.note, batch)
        _encode(self, batch)

    def _look(self, batch: Batch) -> None:
        """What the exchange has to know of it."""
        exchange = self._exchange
        if exchange.first_event_at is None and batch.commits:
            exchange.first_event_at = time.monotonic()
        for usage in batch.usages:
            exchange.usage = usage if exchange.usage is UNKNOWN else exchange.usage.updated(usage)

    def on_error(self, error: Exception) -> None:
        if self.stopped:
            return
        if not self._over:
            self._exchange.error = error
            tripped = trip(error, self._chain, self._metrics)
            trace = self._trace
            if trace is not None and tripped:
                trace.trip(Note(trace.now(), getattr(error, "operator", ""), "request", str(error)))
            if isinstance(error, RateLimited):
                self._metrics.rate_limited.labels(self._exchange.caller or EVERYBODY, error.unit).inc()
            self._note_end(error)
        Encoding.on_error(self, error)

    def on_completed(self) -> None:
        if not self.stopped:
            if not self._over:
                self._note_end(None)
            Encoding.on_completed(self)

    def on_queued(self, waiting: bool) -> None:
        self._exchange.queued(waiting)
        Encoding.on_queued(self, waiting)

    def ended(self, how: Exception | Left | None) -> None:
        if not self._over:
            self._note_end(how)

    def _note_end(self, how: Exception | Left | None) -> None:
        trace = self._trace
        if trace is not None and trace.ended is None:
            trace.log.append(pack(ANSWER, trace.now(), how_it_ended(how), 0, 0))
        self._over = True


def trip(error: Exception, chain: str, metrics: Metrics) -> bool:
    """Count the guard that stopped a stream, once, however many taps see its error pass. Tells whether this one is the first.

    A circuit that is open refuses with the error that opened it: that is the breaker's doing, whoever spoke then.
    """
    guard = getattr(error, "refused_by", None) or (error.operator if isinstance(error, GuardError) else None)
    if guard is None or getattr(error, "counted", None) == guard:
        return False
    error.counted = guard  # type: ignore[attr-defined]
    metrics.tripped(guard, chain)
    if isinstance(error, Overloaded) and error.limit in SHEDS:
        metrics.sheds.labels(error.limit).inc()
    return True
