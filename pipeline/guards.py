"""The guards of a chain, bound once to their options and to what they share with other requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from reactivex import Observable

from operators import catalog
from operators.chain import Chain, Step
from operators.signature import function_of

Guard = Callable[[Observable[Any]], Any]
Supply = Callable[[Step], Mapping[str, Any]]
"""What a step gets beside its options, by parameter name (see ``pipeline.supply``)."""

# A body cannot be kept alive. ``buffer_limit`` stays: a provider may answer with a stream although none was asked for.
STREAM_ONLY: Final = ("heartbeat",)

REWRITING: Final = frozenset({"edit", "redact"})
READING: Final = frozenset({"pipeline.steps:mirror"})


class AttemptGuards(NamedTuple):
    """What stands around one attempt at one candidate."""

    chain: str
    """Its chain's name, for metrics."""
    wire: Guard
    attempt: Guard
    rewrites: bool
    """Whether a step of the chain says events anew: then bytes cannot pass as they came."""
    reads: bool
    """Whether a step compares what was said: then also a body that passes as it came is read as a whole."""


class AnswerGuards(NamedTuple):
    """What stands around all attempts of a request."""

    chain: str
    candidates: Guard
    answer: Guard
    request: Guard


def for_attempts(name: str, chain: Chain, supply: Supply, *around: Guard, rewritten: bool = False) -> AttemptGuards:
    """Bind the positions wire and attempt.

    Args:
        name: of the chain.
        chain: its steps.
        supply: what they get beside their options.
        around: what the gateway itself puts around each attempt.
        rewritten: events are said anew whatever the steps do.

    Raises:
        ChainError: a step cannot be built.
    """
    return AttemptGuards(
        name,
        chain.build("wire", supply),
        joined(chain.build("attempt", supply), *around),
        rewritten or any(map(_rewrites, chain.steps)),
        any(step.name in READING for step in chain.steps),
    )


def for_answers(name: str, chain: Chain, supply: Supply, *around: Guard) -> AnswerGuards:
    """Bind the positions candidates, answer and request, with ``around`` outside of all. Raises ChainError."""
    candidates, answer, request = (chain.build(position, supply) for position in ("candidates", "answer", "request"))
    return AnswerGuards(name, candidates, answer, joined(request, *around))


def _rewrites(step: Step) -> bool:
    """A step of your own says so by an attribute ``rewrites`` of its factory."""
    return step.name in REWRITING or bool(getattr(function_of(catalog.resolve(step.name)), "rewrites", False))


def for_bodies(chain: Chain) -> Chain:
    """The chain of answers that are no streams."""
    positions = chain.positions.items()
    return Chain({name: [step for step in steps if step.name not in STREAM_ONLY] for name, steps in positions})


def joined(*guards: Guard) -> Guard:
    """Several guards as one, the first one nearest to the source."""

    def apply(source: Observable[Any]) -> Observable[Any]:
        for guard in guards:
            source = guard(source)
        return source

    return apply
