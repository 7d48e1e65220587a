"""The guards of a chain by position, each bound once to its options and to what it shares with other requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reactivex import Observable

from operators import Chain

Guard = Callable[[Observable[Any]], Any]

# A body cannot be kept alive. ``buffer_limit`` stays: a provider may answer with a stream although none was asked for.
STREAM_ONLY: Final = ("heartbeat",)


class Guards:
    """A chain's positions as operators.

    Args:
        name: of the chain.
        streamed: for streams, or for whole answers.
        chain: its steps.
        resources: what the steps need beside their options, by parameter name.
        own: position -> what its steps get in place of the resource of the same name.
        around: operators that the gateway itself puts around each attempt.

    Raises:
        ChainError: a step cannot be built.
    """

    __slots__ = ("answer", "attempt", "candidates", "chain", "request", "wire")

    def __init__(
        self,
        name: str,
        chain: Chain,
        resources: Mapping[str, Any],
        own: Mapping[str, Mapping[str, Any]],
        around: Sequence[Guard] = (),
        *,
        streamed: bool = True,
    ) -> None:
        self.chain = name
        if not streamed:
            chain = _for_bodies(chain)

        def built(position: str) -> Guard:
            return chain.build(position, {**resources, **own.get(position, {})})

        self.candidates = built("candidates")
        self.wire = built("wire")
        self.attempt = _joined(built("attempt"), *around)
        self.answer = built("answer")
        self.request = built("request")


def _for_bodies(chain: Chain) -> Chain:
    positions = chain.positions.items()
    return Chain({name: [step for step in steps if step.name not in STREAM_ONLY] for name, steps in positions})


def _joined(*guards: Guard) -> Guard:
    def apply(source: Observable[Any]) -> Observable[Any]:
        for guard in guards:
            source = guard(source)
        return source

    return apply
