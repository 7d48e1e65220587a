"""How many retries all who try one candidate may make together: a share of their first tries, so that retries never pile up."""

from __future__ import annotations

from operators.options import Seconds, Share, Wait, not_negative, positive, shares
from operators.window import Window

RATIO = 0.2
LEAST = 1.0
SPAN = 10.0


class Budget:
    """Tokens for retries, shared by all subscriptions of ``retry`` to one candidate.

    Each first try puts ``ratio`` of a token in, a retry takes one out, and ``least`` tokens a second are there in any case.
    What came in and went out is forgotten after ``span`` seconds, so that quiet times save nothing up. A bound on the tries of
    each request cannot say as much: when everything fails, every request brings its retries, and the load doubles where it
    hurts most.

    It asks no clock: whoever calls says what time it is.

    Args:
        ratio: retries for each first try, more than 0 and at most 1.
        least: retries a second that are allowed without any first try, so that rare traffic can retry.
        span: seconds.

    Raises:
        ValueError: a number is out of its range.

    >>> budget = Budget(ratio=0.5, least=0)
    >>> for second in range(4):
    ...     budget.deposit(second)
    >>> [budget.withdraw(4) for _ in range(3)], budget.refused
    ([True, True, False], 1)
    """

    __slots__ = ("_window", "least", "ratio", "refused", "span")

    def __init__(self, ratio: Share = RATIO, *, least: Wait = LEAST, span: Seconds = SPAN) -> None:
        shares("Budget", ratio=ratio)
        not_negative("Budget", least=least)
        positive("Budget", span=span)
        self.ratio = ratio
        self.least = least
        self.span = span
        self.refused = 0
        """Retries that it did not allow, since it was made."""
        self._window = Window(span)

    def tries(self, now: float) -> int:
        """First tries of the last span."""
        self._window.forget(now)
        return self._window.total - self._window.marked

    def retries(self, now: float) -> int:
        """Retries of the last span."""
        self._window.forget(now)
        return self._window.marked

    def balance(self, now: float) -> float:
        """Tokens that are there; a retry needs one."""
        return self.tries(now) * self.ratio + self.least * self.span - self._window.marked

    def deposit(self, now: float) -> None:
        """A first try begins, at ``now`` (seconds of a clock that never goes back)."""
        self._window.count(now, marked=False)

    def withdraw(self, now: float) -> bool:
        """Take a token for a retry; False: there is none."""
        # A hair less than one token is one: five times a fifth is.
        if self.balance(now) < 1 - 1e-9:
            self.refused += 1
            return False
        self._window.count(now, marked=True)
        return True
