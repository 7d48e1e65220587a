"""The guards of a chain by position, each bound once to its options and to what it shares with other requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reactivex import Observable

from operators import Chain

Guard = Callable[[Observable[Any]], Any]


class Guards:
    """A chain's positions as operators.

    Args:
        name: of the chain.
        chain: its steps.
        resources: what the steps need beside their options, by parameter name.
        around: operators that the gateway itself puts around each attempt.

    Raises:
        ChainError: a step cannot be built.
    """

    __slots__ = ("answer", "attempt", "candidates", "chain", "request", "wire")

    def __init__(self, name: str, chain: Chain, resources: Mapping[str, Any], around: Sequence[Guard] = ()) -> None:
        self.chain = name
        self.candidates: Guard = chain.build("candidates", resources)
        self.wire: Guard = chain.build("wire", resources)
        self.attempt: Guard = _joined(chain.build("attempt", resources), *around)
        self.answer: Guard = chain.build("answer", resources)
        self.request: Guard = chain.build("request", resources)


def _joined(*guards: Guard) -> Guard:
    def apply(source: Observable[Any]) -> Observable[Any]:
        for guard in guards:
            source = guard(source)
        return source

    return apply
