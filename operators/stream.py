"""Our Observable: the Rx contract kept for a third of the price.

A :class:`Stream` is silent after its end and after dispose, lets go of its source at the end, and turns an exception raised
while subscribing into ``on_error``. It skips what a chain on one event loop does not need: the current-thread trampoline and
the locks. Stock operators of reactivex work below and above it.

An operator is a :class:`Link` with what it adds. Links know each other in both directions, so that one that has nothing more
to do with the items takes itself out of their way, and a guard that only waits costs an item nothing.

One thing is lost with the trampoline: a source that pushes without end inside ``subscribe`` cannot be stopped from below
(what it pushes after dispose is dropped, but it is not interrupted). Sources of ours push from a task or a timer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from types import FunctionType
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, ObservableBase, ObserverBase, SchedulerBase
from reactivex.internal import default_error

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
L = TypeVar("L", bound="Link[Any, Any]")

Release: TypeAlias = DisposableBase | Callable[[], None] | None
"""What ends a subscription: a link, any other disposable, or a function that is called once."""

Subscribe: TypeAlias = Callable[[ObserverBase[T], SchedulerBase | None], Release]
"""What an operator does when somebody subscribes."""


def _ignore(*_: Any) -> None:
    """What is told to nobody."""


class Upstream(Protocol):
    """What a link holds of its source."""

    stopped: bool
    """Whether it has ended, so that nothing is left to dispose."""

    def dispose(self) -> None:
        """End it. Called at most once, and not after its end."""

    def redirect(self, receiver: Any) -> bool:
        """Hand items to ``receiver`` from now on; False: it cannot."""


class _Observer:
    """Three functions as an observer."""

    __slots__ = ("on_completed", "on_error", "on_next")

    def __init__(
        self, on_next: Callable[[Any], None], on_error: Callable[[Exception], None], on_completed: Callable[[], None]
    ) -> None:
        self.on_next = on_next
        self.on_error = on_error
        self.on_completed = on_completed


class _Foreign:
    """A subscription to something that is no link of ours."""

    __slots__ = ("_release", "stopped")

    def __init__(self, release: Callable[[], None], *, stopped: bool = False) -> None:
        self._release = release
        self.stopped = stopped

    def dispose(self) -> None:
        self.stopped = True
        self._release()

    def redirect(self, receiver: Any) -> bool:
        return False


def _foreign(release: Any) -> _Foreign:
    return _NOTHING if release is None else _Foreign(getattr(release, "dispose", release))


def _copied(function: FunctionType) -> FunctionType:
    copy = FunctionType(
        function.__code__.replace(), function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__doc__ = function.__doc__
    copy.__dict__.update(function.__dict__)
    return copy


SILENT: Final[Any] = _Observer(_ignore, _ignore, _ignore)
"""Whom everything is sent to once a link has ended."""

_NOTHING: Final = _Foreign(_ignore, stopped=True)


class Left:
    """A stream did not end: whoever listened has left. See ``LEFT``."""


LEFT: Final = Left()


class Link(ObserverBase[T], DisposableBase, Generic[T, B]):
    """One subscription: what a source sees as its observer, and the disposable that ends it. By itself it changes nothing.

    It exists before the source is subscribed to, so that ``dispose`` works from inside the very first item, even where the
    source pushes in a loop. After its end it forwards nothing and holds no reference, so a finished stream is freed at once.

    Overwrite ``on_next`` to look at items, ``on_error`` and ``on_completed`` to make something else of the source's end, and
    ``ended`` for what has to happen once at whichever end. ``fail`` and ``complete`` end it: the source is let go first, then
    the observer is told.
    """

    __slots__ = ("aside", "observer", "receiver", "stopped", "upstream")

    observer: ObserverBase[B]
    """Who hears of the end."""
    receiver: ObserverBase[B]
    """Who gets the items: the observer, or who stands behind it where it stepped aside."""
    upstream: Upstream
    stopped: bool
    """Whether the source ended, or somebody disposed."""
    aside: bool
    """Whether items pass it by."""

    def __init_subclass__(cls) -> None:
        """Give each class code of its own for all that it inherits from links.

        The interpreter notes in a function's code which type it met there last, and is fast when it meets the same type again.
        A chain makes a dozen links a request, each of another type: shared code costs 7,700 instructions a link, this 5,000.
        """
        super().__init_subclass__()
        for base in cls.__mro__[1:]:
            if issubclass(base, Link):
                for name, function in vars(base).items():
                    if isinstance(function, FunctionType) and name not in vars(cls) and getattr(cls, name) is function:
                        setattr(cls, name, _copied(function))

    def begin(self: L, observer: ObserverBase[B]) -> L:
        """Serve ``observer``, for now without a source. Returns itself."""
        self.observer = self.receiver = observer
        self.upstream = _NOTHING
        self.stopped = self.aside = False
        return self

    def connect(self: L, source: ObservableBase[T], observer: ObserverBase[B], scheduler: SchedulerBase | None) -> L:
        """Subscribe to ``source`` for ``observer``. An exception raised there becomes ``on_error``. Returns itself."""
        self.observer = self.receiver = observer
        self.upstream = _NOTHING
        self.stopped = self.aside = False
        upstream: Any
        try:
            try:
                subscribe: Subscribe[T] = source.on_subscribe  # type: ignore[attr-defined]
            except AttributeError:
                upstream = source.subscribe(self.on_next, self.on_error, self.on_completed, scheduler=scheduler)
            else:
                upstream = subscribe(self, scheduler)
        except Exception as error:
            if self.stopped:
                raise
            self.on_error(error)
            return self
        try:
            serves = upstream.observer is self
        except AttributeError:
            serves = False
        if serves and not self.stopped:
            self.upstream = upstream
        else:
            self._adopt(upstream)
        return self

    def _adopt(self, upstream: Any) -> None:
        """Hold what the source gave, where it is no link that hands us its items; or let go of it, where we are over already."""
        if getattr(upstream, "stopped", False) and isinstance(upstream, Link):
            return
        upstream = _foreign(upstream)
        if self.stopped:
            upstream.dispose()
        else:
            self.upstream = upstream

    def follow(self, source: ObservableBase[Any], scheduler: SchedulerBase | None) -> None:
        """Subscribe to ``source``, so that one source can follow another and only the last is heard: through a link of its own,
        unless it gives one itself (``Stream.linked``).
        """
        if getattr(source, "linked", False):
            self._follow_linked(source, scheduler)
            return
        link: Link[Any, Any] = Link()
        self.upstream = link
        link.connect(source, self, scheduler)
        link.step_aside()

    def _follow_linked(self, source: Any, scheduler: SchedulerBase | None) -> None:
        try:
            link: Link[Any, T] = source.on_subscribe(self, scheduler)
        except Exception as error:
            if self.stopped:
                raise
            self.on_error(error)
            return
        # One that failed at once may have been followed by another one already.
        if not link.stopped:
            if link.observer is not self:
                self._adopt(_foreign(link))
            elif self.stopped:
                link.dispose()
            else:
                self.upstream = link

    def step_aside(self) -> None:
        """Let items pass by from now on, where the source can do that; the end is told as before."""
        self.aside = self.upstream.redirect(self.receiver)

    def step_aside_behind(self, item: T) -> None:
        """The same, unless ``item`` says that it is the last one (``ends``): then nothing follows that could pass by."""
        if not getattr(item, "ends", False):
            self.step_aside()

    def redirect(self, receiver: Any) -> bool:
        """Hand items to ``receiver`` from now on (who stood in between steps aside). True: it will."""
        if self.stopped:
            return False
        if self.aside:
            return self.upstream.redirect(receiver)
        self.receiver = receiver
        return True

    def on_queued(self, waiting: bool) -> None:
        """Its source stands in a queue from now on, or (False) no longer.

        Whoever waits in a queue says so, and each link tells the one below: a clock finds out what time is not the source's.
        Overwrite it for what makes one stream of several. Anything but a link breaks the line: what is below it hears nothing.
        """
        observer = self.observer
        if isinstance(observer, Link):
            observer.on_queued(waiting)

    def on_next(self, value: T) -> None:
        self.receiver.on_next(value)  # type: ignore[arg-type]

    def ended(self, how: Exception | Left | None) -> None:
        """It is over: with the error, with None where the stream is complete, with ``LEFT`` where it was disposed.

        Called once, after the source was let go and before anybody is told. It must not raise. (An end from within the
        subscribing comes before the source can be let go.)
        """

    # The three ends say the same thing each for itself: one call less for every link of every stream.

    def fail(self, error: Exception) -> None:
        """End with ``error``. Nothing where it has ended."""
        if self.stopped:
            return
        self.stopped = True
        observer = self.observer
        upstream = self.upstream
        self.observer = self.receiver = SILENT
        self.upstream = _NOTHING
        if not upstream.stopped:
            upstream.dispose()
        self.ended(error)
        observer.on_error(error)

    def complete(self) -> None:
        """End well. Nothing where it has ended."""
        if self.stopped:
            return
        self.stopped = True
        observer = self.observer
        upstream = self.upstream
        self.observer = self.receiver = SILENT
        self.upstream = _NOTHING
        if not upstream.stopped:
            upstream.dispose()
        self.ended(None)
        observer.on_completed()

    def dispose(self) -> None:
        if self.stopped:
            return
        self.stopped = True
        upstream = self.upstream
        self.observer = self.receiver = SILENT
        self.upstream = _NOTHING
        if not upstream.stopped:
            upstream.dispose()
        self.ended(LEFT)

    on_error = fail
    on_completed = complete


class Stream(Observable[T]):
    """An Observable made of a ``subscribe(observer, scheduler)`` function.

    The function's result ends the subscription: a link, another disposable, or a plain function. It is called at most once: at
    the end, on an error, or on dispose.
    """

    # The base class makes a lock for each instance; only a few stock operators ever ask for it.
    def __init__(self, subscribe: Subscribe[T], *, linked: bool = False) -> None:
        self.on_subscribe: Subscribe[T] = subscribe
        """What is done when somebody subscribes; another Stream may be made of it."""
        self.linked = linked
        """Whether that always gives a link that serves the very observer that it was given, and so is silent after its end by
        itself. False: nobody promises it.
        """

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
        if not hasattr(observer, "on_next"):
            observer = _Observer(observer or _ignore, on_error or default_error, on_completed or _ignore)
        link: Link[T, T] = Link()
        link.connect(self, observer, scheduler)
        link.step_aside()
        return link


Operator: TypeAlias = Callable[[Observable[A]], Stream[B]]
"""What a factory returns."""
