"""The sentence itself: parse -> resolve candidates -> dispatch -> SSE decode -> re-encode -> emit.

    candidates --choose--> for each: dispatch -> wire guards -> decode -> attempt guards -> tap
               --answer (failover)--> request guards -> tap -> encode

The chain of a route is built once, when a configuration is taken into use, and subscribed to once a request. What belongs to a
request travels with the subscription: the exchange is the scheduler, handed on from operator to operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from reactivex import Observable, abc

from operators.chain import Chain, Step
from operators.listed import Listed
from operators.stream import Stream
from pipeline.encode import SealFor
from pipeline.exchange import Exchange
from pipeline.guards import AnswerGuards, AttemptGuards
from pipeline.metrics import Metrics
from pipeline.noted import decoded
from pipeline.resolve import Candidate
from pipeline.taps import observed, probed

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
    """One candidate, tried once a subscription: what breakers look at and failover works on."""

    def __init__(self, candidate: Candidate, stream: Stream[Any]) -> None:
        super().__init__(stream.on_subscribe, linked=stream.linked)
        self.candidate = candidate


def attempt(candidate: Candidate, guards: AttemptGuards, metrics: Metrics) -> Attempt:
    """dispatch -> wire guards -> decode -> attempt guards -> tap."""
    frames = guards.wire(candidate.provider.open(candidate))
    batches = decoded(candidate, guards.rewrites, read=guards.reads)(frames)
    return Attempt(candidate, probed(candidate, guards.chain, metrics)(guards.attempt(batches)))


def answer(attempts: Sequence[Attempt], guards: AnswerGuards, metrics: Metrics, seal_for: SealFor) -> Observable[bytes]:
    """The whole chain of a route, built once; each subscription, with an exchange as its scope, answers one request.

    Nothing happens before ``emit`` subscribes, and disposing that one subscription lets go of everything.
    """
    tried = guards.answer(guards.candidates(each(attempts)))
    return observed(guards.chain, metrics, seal_for)(guards.request(tried))


def each(attempts: Sequence[Attempt], *, noted: bool = True) -> Listed[Attempt]:
    """The attempts as what the position candidates works on.

    ``noted``: with each subscription its exchange learns them, as all that its route has.
    """

    def items(scheduler: abc.SchedulerBase | None) -> Sequence[Attempt]:
        if noted and isinstance(scheduler, Exchange):
            scheduler.ways = attempts
        return attempts

    return Listed(items)
