"""Our Observable: the Rx contract kept for a third of the price.

A :class:`Stream` is silent after its end and after dispose, lets go of its source at the end, and turns an exception raised
while subscribing into ``on_error``. It skips what a chain on one event loop does not need: the current-thread trampoline and
the locks. Stock operators of reactivex work below and above it.

One thing is lost with the trampoline: a source that pushes without end inside ``subscribe`` cannot be stopped from below
(what it pushes after dispose is dropped, but it is not interrupted). Sources of ours push from a task or a timer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, ObservableBase, ObserverBase, SchedulerBase
from reactivex.internal import default_error

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")

Release: TypeAlias = DisposableBase | Callable[[], None] | None
"""What ends a subscription: a disposable, or a function that is called once."""

Subscribe: TypeAlias = Callable[[ObserverBase[T], SchedulerBase | None], Release]
"""What an operator does when somebody subscribes."""


def _ignore(*_: Any) -> None:
    """What everything is sent to once a link has ended."""


class Link(ObserverBase[T], DisposableBase):
    """One subscription: the observer that a source sees, and the disposable that ends it.

    It exists before the source is subscribed to, so that ``dispose`` works from inside the very first item, even where the
    source pushes in a loop. After its end it forwards nothing and holds no reference, so a finished stream is freed at once.
    """

    __slots__ = ("_on_completed", "_on_error", "_on_next", "_release", "stopped")

    def __init__(
        self,
        on_next: Callable[[T], None],
        on_error: Callable[[Exception], None],
        on_completed: Callable[[], None],
    ) -> None:
        self._on_next: Callable[[T], None] = on_next
        self._on_error: Callable[[Exception], None] = on_error
        self._on_completed: Callable[[], None] = on_completed
        self._release: Callable[[], None] = _ignore
        self.stopped = False
        """Whether the source ended, or somebody disposed."""

    def connect(self, source: ObservableBase[T], scheduler: SchedulerBase | None) -> Link[T]:
        """Subscribe to ``source``. An exception raised there becomes ``on_error``. Returns itself."""
        subscribe: Subscribe[T] | None = getattr(source, "on_subscribe", None)
        if subscribe is None:
            self.hold(source.subscribe(self.on_next, self.on_error, self.on_completed, scheduler=scheduler))
            return self
        try:
            release = subscribe(self, scheduler)
        except Exception as error:
            if self.stopped:
                raise
            self.on_error(error)
        else:
            if release is not None:
                self.hold(release)
        return self

    def hold(self, release: Release) -> None:
        """Remember what ends the subscription; ends it at once where the link has already stopped."""
        # A link is a function, too: the usual release needs no look-up.
        action: Callable[[], None] = release if callable(release) else getattr(release, "dispose", _ignore)
        if self.stopped:
            action()
        else:
            self._release = action

    def redirect(self, on_next: Callable[[T], None], on_error: Callable[[Exception], None]) -> None:
        """Send what comes from now on elsewhere: an operator that has done its work takes itself out of the way."""
        if not self.stopped:
            self._on_next = on_next
            self._on_error = on_error

    def on_next(self, value: T) -> None:
        self._on_next(value)

    # The three ends say the same thing each for itself: one call less for every stage of every stream.

    def on_error(self, error: Exception) -> None:
        if self.stopped:
            return
        self.stopped = True
        forward, release = self._on_error, self._release
        self._on_next = self._on_error = self._on_completed = self._release = _ignore
        try:
            forward(error)
        finally:
            release()

    def on_completed(self) -> None:
        if self.stopped:
            return
        self.stopped = True
        forward, release = self._on_completed, self._release
        self._on_next = self._on_error = self._on_completed = self._release = _ignore
        try:
            forward()
        finally:
            release()

    def dispose(self) -> None:
        if self.stopped:
            return
        self.stopped = True
        release = self._release
        self._on_next = self._on_error = self._on_completed = self._release = _ignore
        release()

    __call__ = dispose


class Stream(Observable[T]):
    """An Observable made of a ``subscribe(observer, scheduler)`` function.

    The function's result ends the subscription: a disposable, or a plain function. It is called exactly once: at the end, on
    an error, or on dispose.
    """

    # The base class makes a lock for each instance; only a few stock operators ever ask for it.
    def __init__(self, subscribe: Subscribe[T]) -> None:
        self.on_subscribe: Subscribe[T] = subscribe
        """What is done when somebody subscribes; another Stream may be made of it."""

    @cached_property
    def lock(self) -> threading.RLock:  # type: ignore[override]
        """For stock operators that synchronise on their source."""
        return threading.RLock()

    def subscribe(
        self,
        on_next: ObserverBase[T] | Callable[[T], None] | None = None,
        on_error: Callable[[Exception], None] | None = None,
        on_completed: Callable[[], None] | None = None,
        *,
        scheduler: SchedulerBase | None = None,
    ) -> DisposableBase:
        """Subscribe an observer, or callbacks. Without ``on_error`` an error is raised where it happens.

        After dispose: nothing is delivered any more, and the source has been let go.
        """
        observer: Any = on_next
        if hasattr(observer, "on_next"):
            link: Link[T] = Link(observer.on_next, observer.on_error, observer.on_completed)
        else:
            link = Link(observer or _ignore, on_error or default_error, on_completed or _ignore)
        return link.connect(self, scheduler)


Operator: TypeAlias = Callable[[Observable[A]], Stream[B]]
"""What a factory returns."""
