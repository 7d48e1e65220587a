"""Counts and spreads as plain numbers by their labels: adding takes a fraction of a microsecond and no lock.

For one event loop. Who tells the numbers to whom, and in what format, is none of their business.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

TOGETHER: Final = 256
"""Values that are put into their buckets, and requests that are counted, at once."""


Mark = tuple[str, float, float]
"""Whose value it was, the value, and when (unix seconds)."""

Told = tuple[list[int], float, list[Mark | None]]
"""What a spread stands at: the count of each bucket for itself, the sum of all values, and each bucket's last mark (or [])."""


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
    """How many values lie in each bucket, and their sum.

    Args:
        bounds: of the buckets, ascending; each belongs to the bucket below it. What is above the last one is counted too.

    >>> spread = Spread((1, 10))
    >>> for value in (1, 2, 30):
    ...     spread.observe(value)
    >>> spread.counts, spread.sum
    ([1, 1, 1], 33.0)
    """

    __slots__ = ("_bounds", "_counts", "_fresh", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._fresh: list[float] = []
        """Values that are not counted yet: together they cost a third."""

    def observe(self, value: float) -> None:
        """Take note of one value."""
        fresh = self._fresh
        fresh.append(value)
        if len(fresh) >= TOGETHER:
            self._settle()

    def observe_all(self, values: Iterable[float]) -> None:
        """Take note of several values."""
        self._fresh.extend(values)
        if len(self._fresh) >= TOGETHER:
            self._settle()

    @property
    def counts(self) -> list[int]:
        """How many values lie in each bucket."""
        self._settle()
        return self._counts

    @property
    def sum(self) -> float:
        """Of all values."""
        self._settle()
        return self._sum

    def told(self) -> Told:
        """A copy, as it stands now."""
        self._settle()
        return self._counts.copy(), self._sum, []

    def _settle(self) -> None:
        fresh, counts, below = self._fresh, self._counts, 0
        if not fresh:
            return
        self._sum += sum(fresh)
        fresh.sort()
        for bucket, bound in enumerate(self._bounds):
            if below == len(fresh):
                break
            upto = bisect_right(fresh, bound, below)
            counts[bucket] += upto - below
            below = upto
        counts[-1] += len(fresh) - below
        fresh.clear()


class Marked(Spread):
    """A spread that knows of each bucket whose value was the last one: the way from a slow bucket to a request.

    >>> spread = Marked((1, 10))
    >>> spread.mark_all([2, 3, 0.5], ["req_1", "req_2", "req_3"], [7, 8, 9])
    >>> spread.marks
    [('req_3', 0.5, 9), ('req_2', 3, 8), None]
    """

    __slots__ = ("marks",)

    def __init__(self, bounds: Sequence[float]) -> None:
        super().__init__(bounds)
        self.marks: list[Mark | None] = [None] * (len(bounds) + 1)

    def mark_all(self, values: Sequence[float], whose: Sequence[str], at: Sequence[float]) -> None:
        """Take note of several values, of whose each is, and of when it was (unix seconds), the last one last."""
        buckets = [bisect_left(self._bounds, value) for value in values]
        for bucket, number in Counter(buckets).items():
            self._counts[bucket] += number
        self._sum += sum(values)
        now = time.time()
        for bucket, last in {bucket: place for place, bucket in enumerate(buckets)}.items():
            known = self.marks[bucket]
            # Others, counted before, may have come later. Where the clock was set back, those before it seem to lie ahead.
            if known is None or not at[last] < known[2] <= now:
                self.marks[bucket] = (whose[last], values[last], at[last])

    def told(self) -> Told:
        self._settle()
        return self._counts.copy(), self._sum, self.marks.copy()


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
