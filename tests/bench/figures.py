"""What a run measures, and what comes of it: a plan, and one figure a line of the result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tests.bench.cases import Pair, pairs, wanted

US: Final = 1e6

Say = Callable[[str], None]
"""Where progress is told."""


@dataclass(frozen=True)
class Figure:
    """One line of the result. ``floor`` and ``gateway`` are in ``unit``; ``spread`` is half the range of the gateway's rounds."""

    name: str
    pair: str
    unit: str
    floor: float
    gateway: float
    ratio: float
    budget: float | None
    relative: bool = True
    """Whether the budget is a multiple of the floor's value, or a value of its own."""
    spread: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the budget holds; a figure without one is always well."""
        return self.budget is None or (self.ratio if self.relative else self.gateway) <= self.budget


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int = 6
    quick: bool = False
    only: tuple[str, ...] = ()

    def pairs_of(self, name: str) -> list[Pair]:
        return [pair for pair in pairs(quick=self.quick) if wanted(name, pair, self.only)]


def group(figures: Iterable[Figure]) -> dict[str, list[Figure]]:
    """By name, in the order of the first of each."""
    groups: dict[str, list[Figure]] = defaultdict(list)
    for figure in figures:
        groups[figure.name].append(figure)
    return dict(groups)
