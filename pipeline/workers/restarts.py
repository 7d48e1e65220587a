"""When a worker that ended is started again: at once, unless it did not live long; then later each time."""

from __future__ import annotations

from typing import Final

HEALTHY: Final = 10.0
"""Seconds: who lived so long ended for a reason of its own, not because it cannot live."""
FIRST: Final = 0.25
LONGEST: Final = 30.0
"""Seconds between a death and the next start."""


class Restarts:
    """The starts of one worker's place.

    >>> place = Restarts()
    >>> [place.delay(lived=0.1) for _ in range(4)]
    [0.25, 0.5, 1.0, 2.0]
    >>> place.delay(lived=3600), place.delay(lived=0.1)
    (0.0, 0.25)
    """

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = FIRST

    def delay(self, lived: float) -> float:
        """Seconds to wait after a worker ended that had lived so long."""
        if lived >= HEALTHY:
            self._next = FIRST
            return 0.0
        wait, self._next = self._next, min(LONGEST, self._next * 2)
        return wait
