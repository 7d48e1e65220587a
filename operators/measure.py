"""Notes how one attempt does, for whoever chooses among candidates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.commit import retryable
from operators.errors import StepError
from operators.load import Load, Loads
from operators.stream import Left, Link, Operator, Stream

T = TypeVar("T")

__all__ = ["SAMPLE", "Load", "Loads", "measure"]

SAMPLE: Final = 32
"""So many items after the first one tell the pace; the others pass by for nothing."""


def measure(load: Load, *, when: Callable[[Exception], bool] = retryable) -> Operator[T, T]:
    """Note how one attempt does: that it is under way, when its first committing item comes, and the pace of those that follow.

        source         -s--a-b-c--|
        measure(load)  -s--a-b-c--|     first event after 4 s, pace 2 s an item

    Args:
        load: of the candidate that is tried.
        when: whether an error counts as a long time to the first event; by default the error's own ``retryable``, True where
            it has none. Any other error tells nothing.

    The pace is that of up to ``SAMPLE`` items after the first one. An attempt that is let go before its first event counts where
    it took longer by then than was known.

    Raises (as ``on_error``):
        StepError: ``when`` raised.

    After dispose: the source is let go, and the attempt is no longer in flight.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> load = Loads(now=lambda: t.second).of("a")
    >>> t.check(t.cold("----a-b-c--|").pipe(measure(load)), "----a-b-c--|")
    >>> load.first_event, load.pace, load.in_flight
    (4.0, 2.0, 0)
    """

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _Measure[T] = _Measure(load, when)
            load.begin(link)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Measure(Link[T, T]):
    __slots__ = ("_failed", "_first_at", "_items", "_last_at", "_load", "_when")

    def __init__(self, load: Load, when: Callable[[Exception], bool]) -> None:
        self._load = load
        self._when = when
        self._first_at: float | None = None
        self._last_at = 0.0
        self._items = 0
        """After the first one, up to ``SAMPLE``."""
        self._failed = False

    def on_next(self, item: T) -> None:
        if self._first_at is None:
            if getattr(item, "commits", True) and not self.stopped:
                self._first_at = self._load.first(self)
        elif self._items < SAMPLE:
            self._last_at = self._load.now()
            self._items += 1
            if self._items == SAMPLE:
                self._load.follow(SAMPLE, self._last_at - self._first_at)
                self.step_aside()
        self.receiver.on_next(item)

    def on_error(self, error: Exception) -> None:
        if self.stopped:
            return
        try:
            self._failed = self._when(error)
        except Exception as fault:
            self.fail(StepError("measure", fault))
        else:
            self.fail(error)

    def ended(self, how: Exception | Left | None) -> None:
        if self._first_at is not None and 0 < self._items < SAMPLE:
            self._load.follow(self._items, self._last_at - self._first_at)
            self._items = SAMPLE
        self._load.end(self, failed=self._failed)
