"""Counts and spreads as plain numbers by their labels: adding takes a fraction of a microsecond and no lock.

For one event loop. Who tells the numbers to whom, and in what format, is none of their business.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Generic, TypeVar


class Count:
    """How often something happened.

    >>> count = Count()
    >>> count.inc()
    >>> count.value
    1
    """

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def inc(self) -> None:
        """Once more."""
        self.value += 1

    def add(self, amount: float) -> None:
        """So much more; never less than nothing."""
        self.value += amount


class Spread:
    """How many values were not above each bound, and their sum.

    Args:
        bounds: ascending. What is above the last one is counted too.

    >>> spread = Spread((1, 10))
    >>> for value in (1, 2, 30):
    ...     spread.observe(value)
    >>> list(spread.cumulative()), spread.sum
    ([1, 2, 3], 33.0)
    """

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Take note of one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> Iterator[int]:
        """The number of values up to each bound, and at last of all."""
        return accumulate(self._counts)


Member = TypeVar("Member")


class Series(Generic[Member]):
    """One number, or one spread, for each combination of labels that was met.

    Args:
        name: as it is told.
        help: what it counts, in a sentence.
        names: of the labels. Without any, its only member is there from the beginning.
        make: a new member.

    >>> ended = Series("ended", "Requests ended.", ("outcome",), Count)
    >>> ended.labels("ok").inc()
    >>> {labels: count.value for labels, count in ended.members.items()}
    {('ok',): 1}
    """

    __slots__ = ("_make", "help", "members", "name", "names")

    def __init__(self, name: str, help: str, names: tuple[str, ...], make: Callable[[], Member]) -> None:
        self.name = name
        self.help = help
        self.names = names
        self.members: dict[tuple[str, ...], Member] = {}
        self._make = make
        if not names:
            self.labels()

    def labels(self, *values: str) -> Member:
        """The member of these labels' values, in the order of ``names``; a new one begins at nothing."""
        member = self.members.get(values)
        if member is None:
            if len(values) != len(self.names):
                raise ValueError(f"{self.name}: {len(values)} values for the labels {self.names}")
            member = self.members[values] = self._make()
        return member
