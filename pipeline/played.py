"""A source that plays what it is given, one play a try, in whatever time its subscriber has; it remembers its tries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from operators import clock
from operators.stream import Left, Link, Stream

T = TypeVar("T")

Play = Callable[[SchedulerBase, ObserverBase[Any]], Sequence[DisposableBase]]
"""Sets the timers of one try; they are disposed when it ends."""


class Played(Stream[T]):
    """One play for each try, the last one for all further tries.

    Args:
        plays: at least one.
        now: the time that is noted of each try.
    """

    def __init__(self, plays: Sequence[Play], now: Callable[[], float]) -> None:
        super().__init__(self._tried)
        self.tries: list[list[float]] = []
        """(tried, let go) by ``now``; without the second where it is still under way."""
        self._plays = plays
        self._now = now

    def _tried(self, observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
        play = self._plays[min(len(self.tries), len(self._plays) - 1)]
        self.tries.append([self._now()])
        link: _Playing[T] = _Playing(self.tries[-1], self._now)
        link.begin(observer)
        link.timers = play(clock.require(scheduler, "source"), link)
        return link


class _Playing(Link[T, T]):
    """One try."""

    __slots__ = ("_now", "_record", "timers")

    timers: Sequence[DisposableBase]

    def __init__(self, record: list[float], now: Callable[[], float]) -> None:
        self._record = record
        self._now = now

    def ended(self, how: Exception | Left | None) -> None:
        self._record.append(self._now())
        for timer in self.timers:
            timer.dispose()


def almost_one() -> float:
    """Chance is left out: a wait with jitter is the whole wait, and a share of the requests is none of them."""
    return 1 - 1e-9
