"""What a fault does to one subscription that it is meant for, and what all of them share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from operators import clock
from operators.errors import StepError
from operators.stream import Left, Link
from operators.tap import quietly

T = TypeVar("T")

Kind = Literal["delay", "stall", "cut", "garbage", "error"]


OVER: Final = -1
"""In place of how many items still pass: all of them."""


class Times:
    """How often a fault may happen yet, over everything that has the same; None: as often as it likes."""

    __slots__ = ("left",)

    def __init__(self, left: int | None) -> None:
        self.left = left


class Drill:
    """What all subscriptions of one operator share."""

    __slots__ = ("_on_fault", "_times", "kind")

    def __init__(self, kind: Kind, times: Times, on_fault: Callable[[Kind], None] | None) -> None:
        self.kind = kind
        self._times = times
        self._on_fault = on_fault

    @property
    def over(self) -> bool:
        """Whether it never happens again."""
        return self._times.left == 0

    def strikes(self) -> bool:
        """Whether it happens now; if so, it is counted and told."""
        times = self._times
        if times.left == 0:
            return False
        if times.left is not None:
            times.left -= 1
        quietly(self._on_fault, self.kind)
        return True


class _Hit(Link[T, T]):
    """A subscription that is meant: lets so many items pass, then asks whether it is its turn, once."""

    __slots__ = ("_drill", "_left")

    def __init__(self, drill: Drill, after: int) -> None:
        self._drill = drill
        self._left = after


class End(_Hit[T]):
    """An error, a cut, a stall: nothing comes of the source after the last item that passes."""

    __slots__ = ("_failure", "_struck")

    def __init__(self, drill: Drill, after: int, failure: Callable[[], Exception]) -> None:
        super().__init__(drill, after)
        self._failure = failure
        self._struck = False

    def run(self, source: Observable[T], observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
        """Subscribe to ``source``, unless nothing of it may pass. Returns itself."""
        if not self._left:
            self.begin(observer)
            self._strikes()
            self._end()
            return self
        self.connect(source, observer, scheduler)
        if self._struck:
            # It pushed while it was subscribed to: only now can it be let go.
            self._let_go()
        return self

    def on_next(self, item: T) -> None:
        if self._struck:
            return
        self._left -= 1
        if self._left:
            self.receiver.on_next(item)
        elif self._strikes():
            self.receiver.on_next(item)
            self._end()
        else:
            self.step_aside()
            self.receiver.on_next(item)

    def on_error(self, error: Exception) -> None:
        if not self._struck:
            self.fail(error)

    def on_completed(self) -> None:
        if not self._struck:
            self.complete()

    def _strikes(self) -> bool:
        self._struck = self._drill.strikes()
        if self._struck:
            self._let_go()
        return self._struck

    def _let_go(self) -> None:
        if not self.upstream.stopped:
            self.upstream.dispose()

    def _end(self) -> None:
        if self._drill.kind == "cut":
            self.complete()
        elif self._drill.kind == "error":
            try:
                error = self._failure()
            except Exception as fault:
                error = StepError("fault", fault)
            self.fail(error)


class Garbage(_Hit[T]):
    """One item is another one: the first that ``garbage`` does not give back as it is."""

    __slots__ = ("_garbage",)

    def __init__(self, drill: Drill, after: int, garbage: Callable[[Any], Any]) -> None:
        super().__init__(drill, after)
        self._garbage = garbage

    def on_next(self, item: T) -> None:
        if self._left > 0:
            self._left -= 1
        elif self._left == 0:
            try:
                other: Any = self._garbage(item) if not self._drill.over else None
            except Exception as error:
                self._drill.strikes()
                self.fail(StepError("fault", error))
                return
            if other is not item:
                self._left = OVER
                self.step_aside()
                if self._drill.strikes():
                    item = other
        self.receiver.on_next(item)


class Delay(_Hit[T]):
    """One item is late, and all that follows it."""

    __slots__ = ("_ending", "_held", "_scheduler", "_seconds", "_timer")

    def __init__(self, drill: Drill, after: int, scheduler: SchedulerBase, seconds: float) -> None:
        super().__init__(drill, after)
        self._scheduler = scheduler
        self._seconds = seconds
        self._held: list[T] | None = None
        self._ending: Callable[[], None] | None = None
        """The end of the source, where it came while items are held."""
        self._timer: DisposableBase | None = None

    def on_next(self, item: T) -> None:
        if self._held is not None:
            if self._ending is None:
                self._held.append(item)
            return
        left = self._left
        self._left = left - 1
        if left != 0:
            self.receiver.on_next(item)
        elif self._drill.strikes():
            self._hold(item)
        else:
            self.step_aside()
            self.receiver.on_next(item)

    def on_error(self, error: Exception) -> None:
        self._end(partial(self.fail, error))

    def on_completed(self) -> None:
        self._end(self.complete)

    def ended(self, how: Exception | Left | None) -> None:
        self._held = self._ending = None
        if self._timer is not None:
            self._timer.dispose()

    def _hold(self, item: T) -> None:
        if not self.stopped:
            self._held = [item]
            self._timer = clock.after(self._scheduler, self._seconds, self._release)

    def _release(self) -> None:
        # What comes while this loop runs is appended, and so keeps its place.
        for item in self._held or ():
            self.receiver.on_next(item)
        self._held = None
        if self._ending is not None:
            self._ending()
        else:
            self.step_aside()

    def _end(self, ending: Callable[[], None]) -> None:
        if self._held is None:
            ending()
        elif self._ending is None:
            self._ending = ending
            if not self.upstream.stopped:
                self.upstream.dispose()
