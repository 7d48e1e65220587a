"""The sentence itself: parse -> resolve candidates -> dispatch -> SSE decode -> re-encode -> emit.

    candidates --choose--> for each: dispatch -> wire guards -> decode -> attempt guards -> tap
               --answer (failover)--> request guards -> tap -> encode

``compile`` binds a chain's guards once, when a configuration is taken into use; ``answer`` joins the stations for one request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from operators.chain import Chain, Step
from operators.stream import Stream
from operators.tap import tap
from operators.through import through
from pipeline.decode import Decode
from pipeline.encode import Encode, SealFor
from pipeline.exchange import Exchange
from pipeline.metrics import Metrics
from pipeline.resolve import Candidate, Route
from pipeline.taps import AnswerProbe, AttemptProbe

POSITIONS: Final = ("candidates", "wire", "attempt", "answer", "request")

DEFAULT: Final = Chain(
    {
        "candidates": (
            Step(
                "breaker",
                {"failures": 5, "cool_down": 30.0},
                "Before anything is dispatched: a candidate that fails again and again, or asked for a pause, is not tried.",
            ),
        ),
        "wire": (
            Step(
                "buffer_limit",
                {"bytes": 1024 * 1024},
                "On raw bytes, before the decoder gathers them: one event that never ends cannot fill the memory.",
            ),
        ),
        "attempt": (
            Step(
                "retry",
                {"times": 1},
                "Innermost: a reset or a 503 gets a second try at the same candidate; the time limits above cover both tries.",
            ),
            Step(
                "first_event_timeout",
                {"seconds": 120.0},
                "Above retry, so that a silent candidate is not asked twice; below failover, so that the next one is.",
            ),
            Step("idle_timeout", {"seconds": 60.0}, "Gaps between events, from the first one on."),
        ),
        "answer": (Step("failover", {}, "Only while nothing of an answer was shown; afterwards an error is an error."),),
        "request": (
            Step("total_timeout", {"seconds": 900.0}, "Above failover: all candidates together get this long (TR-L4)."),
            Step("output_limit", {"bytes": 16 * 1024 * 1024}, "What a client gets, whoever answered."),
            Step("heartbeat", {"seconds": 15.0}, "Outermost: it sees every silence that the client would."),
        ),
    }
)


class Attempt(Stream[Any]):
    """One candidate, not tried yet: the item that failover works on."""

    def __init__(self, candidate: Candidate, subscribe: abc.Subscription[Any]) -> None:
        super().__init__(subscribe)
        self.candidate = candidate


def answer(exchange: Exchange, route: Route, metrics: Metrics, seal_for: SealFor) -> Observable[bytes]:
    """The chain of one request, cold: nothing happens before ``emit`` subscribes, and disposing that lets go of everything."""
    gate = exchange.gate
    candidates = route.choose.apply(_each(route.candidates), gate)
    stream = route.answer.apply(_attempts(exchange, route, metrics)(candidates), gate)
    stream = route.request.apply(_abortable(exchange)(stream), gate)
    stream = tap(AnswerProbe(exchange, route.chain, metrics))(stream)
    return through(lambda: Encode(exchange, seal_for))(stream)


def attempt(exchange: Exchange, candidate: Candidate, chain: str, metrics: Metrics) -> Observable[Any]:
    """One candidate, tried once: dispatch -> wire guards -> decode -> attempt guards -> tap."""
    gate = exchange.gate
    frames = candidate.wire.apply(candidate.provider.open(exchange, candidate), gate)
    stream = candidate.guards.apply(through(lambda: Decode(exchange, candidate))(frames), gate)
    return tap(AttemptProbe(candidate, chain, metrics))(stream)


def _each(candidates: Sequence[Candidate]) -> Observable[Candidate]:
    def subscribe(observer: abc.ObserverBase[Candidate], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        for candidate in candidates:
            observer.on_next(candidate)
        observer.on_completed()
        return Disposable()

    return Stream(subscribe)


def _attempts(exchange: Exchange, route: Route, metrics: Metrics) -> Callable[[Observable[Candidate]], Observable[Attempt]]:
    """Candidates in, attempts out; an attempt is built when somebody subscribes to it."""

    def as_attempt(candidate: Candidate) -> Attempt:
        def subscribe(observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
            return attempt(exchange, candidate, route.chain, metrics).subscribe(observer, scheduler=scheduler)

        return Attempt(candidate, subscribe)

    def operator(source: Observable[Candidate]) -> Observable[Attempt]:
        def subscribe(observer: abc.ObserverBase[Attempt], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
            def on_next(candidate: Candidate) -> None:
                observer.on_next(as_attempt(candidate))

            return source.subscribe(on_next, observer.on_error, observer.on_completed, scheduler=scheduler)

        return Stream(subscribe)

    return operator


def _abortable(exchange: Exchange) -> Callable[[Observable[Any]], Observable[Any]]:
    """Let the gateway end an answer from outside (drain): the error goes the way of every other error."""

    def operator(source: Observable[Any]) -> Observable[Any]:
        def subscribe(observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
            upstream = source.subscribe(observer, scheduler=scheduler)

            def abort(error: Exception) -> None:
                upstream.dispose()
                observer.on_error(error)

            exchange.abort = abort
            return upstream

        return Stream(subscribe)

    return operator
