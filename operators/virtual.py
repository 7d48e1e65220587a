"""Virtual time for whole chains: the production clock over a loop whose time moves only when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, cast

from operators.clock import Clock, Queue

DIGITS = 9
"""Virtual time counts in nanoseconds: what is due in the same moment, however its time was added up, is due together."""

MOST = 1_000_000
"""Calls of one ``run``: more means that timers set timers for ever."""


class Handle:
    """A call that is due; ``cancel`` takes it back."""

    __slots__ = ("args", "callback", "cancelled", "when")

    def __init__(self, when: float, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.when = when
        self.callback = callback
        self.args = args
        self.cancelled = False

    def cancel(self) -> None:
        """It will not be called."""
        self.cancelled = True


class VirtualLoop:
    """What a clock needs of an event loop, with a time of its own: seconds from 0 on."""

    def __init__(self) -> None:
        self._now = 0.0
        self._due: list[tuple[float, int, Handle]] = []
        self._number = count()

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._now

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> Handle:
        """Call it in this very moment, after what is due already."""
        return self.call_at(self._now, callback, *args)

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Handle:
        """Call it once, ``delay`` seconds from now."""
        return self.call_at(self._now + delay, callback, *args)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any) -> Handle:
        """Call it once at that time, or now where it has passed."""
        handle = Handle(max(round(when, DIGITS), self._now), callback, args)
        heappush(self._due, (handle.when, next(self._number), handle))
        return handle

    @property
    def waiting(self) -> list[Handle]:
        """What is due some time, in no order."""
        return [handle for _, _, handle in self._due if not handle.cancelled]

    def run(self, until: float) -> None:
        """Let time pass up to ``until``; what is due at that very time still happens.

        Raises:
            RuntimeError: it would never come to that time.
        """
        until = round(until, DIGITS)
        for _ in range(MOST):
            if not self._due or self._due[0][0] > until:
                self._now = max(self._now, until)
                return
            when, _, handle = heappop(self._due)
            self._now = when
            if not handle.cancelled:
                handle.callback(*handle.args)
        raise RuntimeError(f"{MOST} calls were due before {until:g} s; timers seem to set timers for ever")


class VirtualClock(Clock):
    """The clock of production in virtual time, for tests of chains that were built for production.

    >>> clock = VirtualClock()
    >>> timer = clock.after(3600, lambda: print("an hour later"))
    >>> clock.advance(3599)
    >>> clock.advance(1)
    an hour later
    """

    def __init__(self) -> None:
        self.virtual = VirtualLoop()
        super().__init__(cast(Any, self.virtual))

    @property
    def second(self) -> float:
        """Seconds since the beginning."""
        return self.virtual.time()

    def advance(self, seconds: float) -> None:
        """Let that much time pass. Raises RuntimeError when timers set timers for ever."""
        self.virtual.run(self.second + seconds)

    @property
    def timers(self) -> int:
        """How many calls somebody still waits for."""
        queued = sum(len(queue.waiting) for queue in self._queues.values())
        others = sum(not isinstance(getattr(handle.callback, "__self__", None), Queue) for handle in self.virtual.waiting)
        return queued + others
