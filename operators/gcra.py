"""The generic cell rate algorithm: how much may pass now, from two numbers and the time.

It is kept as a meter that fills with what passes and drains at the rate. The textbook's other form, a time at which the next
cell is due, decides the same; but the meter adds whole numbers exactly where the time would add fractions of seconds.
"""

from __future__ import annotations

from typing import Final

from operators.options import positive

EARLY: Final = 1e-6
"""Seconds: who comes exactly when it was told to must not be sent away by the last digit of a sum."""


class Gcra:
    """Lets ``rate`` units a second pass, and up to ``burst`` at once after a pause. It knows time only as it is told.

    Args:
        rate: units a second.
        burst: the most units at once.

    Times are monotonic seconds; one that lies before an earlier one counts as that.

    Raises:
        ValueError: ``rate`` or ``burst`` is not positive.

    >>> limit = Gcra(rate=2, burst=3)
    >>> [limit.take(now=10) for _ in range(4)]
    [0.0, 0.0, 0.0, 0.5]
    >>> limit.take(now=10.5), limit.remaining(now=11.5)
    (0.0, 2.0)
    """

    __slots__ = ("_at", "_used", "burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        positive("Gcra", rate=rate, burst=burst)
        self.rate = rate
        self.burst = burst
        self._used = 0.0
        """What has not drained yet. More than ``burst``: a debt."""
        self._at = float("-inf")

    def take(self, now: float, cost: float = 1) -> float:
        """Let ``cost`` units pass if they may: 0. Otherwise nothing changes, and the seconds until they would are returned."""
        wait = self.wait(now, cost)
        if not wait:
            self.charge(now, cost)
        return wait

    def wait(self, now: float, cost: float = 1) -> float:
        """Seconds until ``cost`` units may pass, if nothing else does; 0: now.

        More than ``burst`` never has room: it may pass when nothing at all is used, and leaves a debt.
        """
        self._drain(now)
        wait = (self._used + min(cost, self.burst) - self.burst) / self.rate
        return wait if wait > EARLY else 0.0

    def charge(self, now: float, cost: float) -> None:
        """Note that ``cost`` units passed, whether they may or not; less than 0 gives some back, never more than were used."""
        self._drain(now)
        self._used = max(0.0, self._used + cost)

    def remaining(self, now: float) -> float:
        """Units that may pass now; less than 0: a debt."""
        self._drain(now)
        return self.burst - self._used

    def reset(self, now: float) -> float:
        """Seconds until ``burst`` units may pass; 0: it is as if new."""
        self._drain(now)
        return self._used / self.rate

    def _drain(self, now: float) -> None:
        if now > self._at:
            self._used = max(0.0, self._used - (now - self._at) * self.rate)
            self._at = now
