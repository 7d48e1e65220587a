"""Counts of the last seconds: what happened longer ago than a span is forgotten, bucket by bucket."""

from __future__ import annotations

from typing import Final

BUCKETS: Final = 10


class Window:
    """How many events came lately, and how many of them were marked. It costs the same however many there are.

    A span is ten buckets. An event is forgotten with its bucket: between nine and ten tenths of the span after it came.

    Args:
        span: seconds. It may be changed at any time; what was counted stays and ages by the new span from then on.
    """

    __slots__ = ("_all", "_at", "_began", "_marked", "_span", "_until", "marked", "total")

    def __init__(self, span: float) -> None:
        self.span = span
        self.total = 0
        """Events of the span, as of the last call with a time."""
        self.marked = 0
        """Those of them that were marked."""
        self._all = [0] * BUCKETS
        self._marked = [0] * BUCKETS
        self._at = 0
        self._began = float("-inf")
        """When the present bucket began."""

    @property
    def span(self) -> float:
        """Seconds."""
        return self._span

    @span.setter
    def span(self, span: float) -> None:
        self._span = span
        self._until = float("-inf")
        """Until when nothing can be too old: most events come in the bucket of the one before."""

    def count(self, now: float, *, marked: bool) -> None:
        """One event, at ``now`` (seconds of a clock that never goes back)."""
        if now >= self._until:
            self.forget(now)
        self._all[self._at] += 1
        self.total += 1
        if marked:
            self._marked[self._at] += 1
            self.marked += 1

    def forget(self, now: float) -> None:
        """Leave out what is too old at ``now``."""
        width = self._span / BUCKETS
        passed = (now - self._began) / width
        if passed >= BUCKETS:
            self.clear()
            self._began = now
        elif passed >= 1:
            for _ in range(int(passed)):
                self._at = (self._at + 1) % BUCKETS
                self.total -= self._all[self._at]
                self.marked -= self._marked[self._at]
                self._all[self._at] = self._marked[self._at] = 0
            self._began += int(passed) * width
        self._until = self._began + width

    def clear(self) -> None:
        """Leave out everything."""
        if self.total:
            self._all = [0] * BUCKETS
            self._marked = [0] * BUCKETS
            self.total = self.marked = 0
