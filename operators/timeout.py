"""Three clocks, each its own guard and error: until the first event, between events, for the whole answer.

Each keeps one private timer a stream: an item only notes the time, and the timer re-arms itself when it fires too early. The time
in which the source stands in a queue (of ``admit``) counts into none of them.
"""

from __future__ import annotations

from typing import TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators import clock
from operators.errors import Elapsed
from operators.flow import Flow
from operators.options import Seconds
from operators.signature import checked
from operators.stream import Left, Link, Operator, Stream, Subscribe

T = TypeVar("T")


@checked
def first_event_timeout(seconds: Seconds) -> Operator[T, T]:
    """Fail when no committing item came within ``seconds`` of the subscription. Items that do not commit do not count.

    While the source stands in a queue, of ``admit`` above, the seconds do not run.

        source                  -s-----a-|     s does not commit
        first_event_timeout(4)  -s--#

    Args:
        seconds: more than 0.

    Raises:
        ValueError: ``seconds`` is not positive.
        Elapsed (as ``on_error``): the time is over. The source is let go first.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose, and after the first committing item: the timer is gone.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> t.check(t.cold("------a|").pipe(first_event_timeout(4)), "----#", error=Elapsed)
    """

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _FirstEvent[T] = _FirstEvent(scheduler, seconds)
            return link.connect(source, observer, scheduler)

        return _Opened(subscribe, source, seconds)

    return operator


class _Opened(Stream[T]):
    """What ``first_event_timeout`` makes of a stream. ``idle_timeout`` right above it does the work of both with one link."""

    def __init__(self, subscribe: Subscribe[T], source: Observable[T], seconds: float) -> None:
        super().__init__(subscribe)
        self.source = source
        self.seconds = seconds


class _Countdown(Link[T, T]):
    """Fails when its seconds are over. While the source stands in a queue, they do not run."""

    __slots__ = ("_countdown", "_operator", "_seconds")

    def __init__(self, scheduler: SchedulerBase | None, operator: str, seconds: float) -> None:
        self._operator = operator
        self._seconds = seconds
        self._countdown = clock.Countdown(clock.require(scheduler, operator), seconds, self._elapsed)

    def on_queued(self, waiting: bool) -> None:
        self._countdown.hold(waiting)
        super().on_queued(waiting)

    def ended(self, how: Exception | Left | None) -> None:
        self._countdown.dispose()

    def _elapsed(self) -> None:
        self.fail(Elapsed(self._operator, self._seconds))


class _FirstEvent(_Countdown[T]):
    __slots__ = ("_waiting",)

    def __init__(self, scheduler: SchedulerBase | None, seconds: float) -> None:
        super().__init__(scheduler, "first_event_timeout", seconds)
        self._waiting = True

    def on_next(self, item: T) -> None:
        if self._waiting and getattr(item, "commits", True):
            self._waiting = False
            self._countdown.dispose()
            self.step_aside_behind(item)
        self.receiver.on_next(item)


@checked
def idle_timeout(seconds: Seconds) -> Operator[T, T]:
    """Fail when nothing came for ``seconds``. It starts with the first committing item; then every item counts.

    An item whose attribute ``ends`` is true says that nothing has to follow it: it ends the watch.

        source           -a--b-------c-|
        idle_timeout(4)  -a--b---#

    Args:
        seconds: more than 0. A silence in which the flow gate of ``clock.Scope`` was shut, or the source (a continuation) stood
            in a queue, is our own: a new span begins.

    Raises:
        ValueError: ``seconds`` is not positive.
        Elapsed (as ``on_error``): the gap was too long. The source is let go first.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose: the timer is gone.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> t.check(t.cold("-a--b-------c-|").pipe(idle_timeout(4)), "-a--b---#", error=Elapsed)
    """

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            if isinstance(source, _Opened):
                both: _OpenedIdle[T] = _OpenedIdle(clock.require(scheduler, "first_event_timeout"), source.seconds, seconds)
                return both.connect(source.source, observer, scheduler)
            link: _Idle[T] = _Idle(clock.require(scheduler, "idle_timeout"), seconds)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Idle(Flow[T]):
    __slots__ = ("_over", "_scheduler", "_seconds", "_silence")

    def __init__(self, scheduler: SchedulerBase, seconds: float) -> None:
        super().__init__(scheduler)
        self._scheduler = scheduler
        self._seconds = seconds
        self._silence: clock.Silence | None = None
        self._over = False

    def on_next(self, item: T) -> None:
        silence = self._silence
        if silence is None:
            self._begin(item)
        else:
            now = silence.now
            silence.last = now()
            self.reopened = self.gate.reopened
            # Most items have it, and each is asked: a default would cost three times as much.
            try:
                over = item.ends  # type: ignore[attr-defined]
            except AttributeError:
                over = False
            if over:
                silence.dispose()
        self.receiver.on_next(item)

    def _begin(self, item: T) -> None:
        """Nothing that commits came before this one."""
        if getattr(item, "ends", False):
            self._over = True
        elif not self._over and getattr(item, "commits", True) and not self.stopped:
            self.reopened = self.gate.reopened
            self._silence = clock.Silence(self._scheduler, self._seconds, self._elapsed)

    def ended(self, how: Exception | Left | None) -> None:
        if self._silence is not None:
            self._silence.dispose()

    def _elapsed(self) -> None:
        if self.ours():
            self.reopened = self.gate.reopened
        else:
            self.fail(Elapsed("idle_timeout", self._seconds))


class _OpenedIdle(_Idle[T]):
    """Both clocks: the first one runs until the first committing item, with which the other one begins."""

    __slots__ = ("_countdown", "_first")

    def __init__(self, scheduler: SchedulerBase, first: float, seconds: float) -> None:
        _Idle.__init__(self, scheduler, seconds)
        self._first = first
        self._countdown = clock.Countdown(scheduler, first, self._late)

    def on_queued(self, waiting: bool) -> None:
        self._countdown.hold(waiting)
        super().on_queued(waiting)

    def _begin(self, item: T) -> None:
        if getattr(item, "commits", True):
            self._countdown.dispose()
        _Idle._begin(self, item)

    def ended(self, how: Exception | Left | None) -> None:
        self._countdown.dispose()
        _Idle.ended(self, how)

    def _late(self) -> None:
        self.fail(Elapsed("first_event_timeout", self._first))


@checked
def total_timeout(seconds: Seconds) -> Operator[T, T]:
    """Fail when the stream has not ended ``seconds`` after the subscription.

    While the source stands in a queue, of ``admit`` above, the seconds do not run. Of several attempts beside each other
    (``hedge``) it stands there as long as each of them does. They run to the end of the stream, whatever an item says of it.

        source            -a--b--c--|
        total_timeout(6)  -a--b-#

    Args:
        seconds: more than 0.

    Raises:
        ValueError: ``seconds`` is not positive.
        Elapsed (as ``on_error``): the time is over. The source is let go first.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose: the timer is gone.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> t.check(t.cold("-a--b--c--|").pipe(total_timeout(6)), "-a--b-#", error=Elapsed)
    """

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _Countdown[T] = _Countdown(scheduler, "total_timeout", seconds)
            link.connect(source, observer, scheduler)
            link.step_aside()
            return link

        return Stream(subscribe)

    return operator
