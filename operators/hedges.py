"""What hedging knows of other requests: how long first events took of late, and how many hedges are still paid for."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from typing import Final

from operators.options import Count, Percent, positive

ENOUGH: Final = 20
"""So many first events must have been seen before they say anything about the next one."""

_PRICE: Final = 100.0


class FirstEvents:
    """How long the latest first events took. A request costs a search in a short sorted list; the memory is bounded.

    Args:
        window: how many are remembered; at least ``ENOUGH``.

    Raises:
        ValueError: ``window`` is less.
    """

    __slots__ = ("_latest", "_sorted", "_window")

    def __init__(self, window: Count = 256) -> None:
        if window < ENOUGH:
            raise ValueError(f"FirstEvents: window must be at least {ENOUGH}, not {window!r}")
        self._window = window
        self._latest: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._latest)

    def add(self, seconds: float) -> None:
        """One more; the oldest is forgotten."""
        if len(self._latest) == self._window:
            oldest = self._latest.popleft()
            del self._sorted[bisect_left(self._sorted, oldest)]
        self._latest.append(seconds)
        insort(self._sorted, seconds)

    def percentile(self, percent: Percent) -> float | None:
        """The least span, in seconds, within which ``percent`` of them came; None: too few were seen."""
        count = len(self._sorted)
        return self._sorted[max(math.ceil(count * percent / 100) - 1, 0)] if count >= ENOUGH else None


class Hedges:
    """What subscriptions of :func:`hedge` share: the latest first events, and the budget. For one event loop.

    Each request pays a part of a hedge in, each hedge takes a whole one out: of any number of requests no more than that part
    is hedged, and ``burst`` in all on top.

    Args:
        burst: how many hedges may be saved up. It starts with as many, so that rare requests can be hedged too.
        first_events: their times.

    Raises:
        ValueError: ``burst`` is not positive.
    """

    __slots__ = ("_saved", "burst", "first_events")

    def __init__(self, burst: Count = 5, *, first_events: FirstEvents | None = None) -> None:
        positive("Hedges", burst=burst)
        self.burst = burst
        self.first_events = FirstEvents() if first_events is None else first_events
        # In hundredths of a hedge: percents add up to whole hedges without a rest.
        self._saved = burst * _PRICE

    @property
    def left(self) -> int:
        """How many hedges could start now."""
        return int(self._saved // _PRICE)

    def pay_in(self, percent: Percent) -> None:
        """One more request, of which so many in a hundred may be hedged."""
        self._saved = min(self._saved + percent, self.burst * _PRICE)

    def take(self) -> bool:
        """Take a hedge out; False: none is left."""
        if self._saved < _PRICE:
            return False
        self._saved -= _PRICE
        return True
