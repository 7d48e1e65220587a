"""Three clocks, each its own guard and error: until the first event, between events, for the whole answer.

Each keeps one private timer a stream: an item only notes the time, and the timer re-arms itself when it fires too early.
"""

from __future__ import annotations

from typing import TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators import clock
from operators.errors import Elapsed
from operators.options import Seconds, positive
from operators.source import FlowGate
from operators.stream import Left, Link, Operator, Stream

T = TypeVar("T")

_NEVER_SHUT = FlowGate()


def first_event_timeout(seconds: Seconds) -> Operator[T, T]:
    """Fail when no committing item came within ``seconds`` of the subscription. Items that do not commit do not count.

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
    positive("first_event_timeout", seconds=seconds)

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _FirstEvent[T] = _FirstEvent(clock.require(scheduler, "first_event_timeout"), seconds)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _FirstEvent(Link[T, T]):
    __slots__ = ("_seconds", "_timer", "_waiting")

    def __init__(self, scheduler: SchedulerBase, seconds: float) -> None:
        self._seconds = seconds
        self._waiting = True
        self._timer = clock.after(scheduler, seconds, self._elapsed)

    def on_next(self, item: T) -> None:
        if self._waiting and getattr(item, "commits", True):
            self._waiting = False
            self._timer.dispose()
            self.step_aside()
        self.receiver.on_next(item)

    def ended(self, how: Exception | Left | None) -> None:
        self._timer.dispose()

    def _elapsed(self) -> None:
        self.fail(Elapsed("first_event_timeout", self._seconds))


def idle_timeout(seconds: Seconds) -> Operator[T, T]:
    """Fail when nothing came for ``seconds``. It starts with the first committing item; then every item counts.

    An item whose attribute ``ends`` is true says that nothing has to follow it: it starts nothing.

        source           -a--b-------c-|
        idle_timeout(4)  -a--b---#

    Args:
        seconds: more than 0. A silence in which the flow gate of ``clock.Scope`` was shut is our own: a new span begins.

    Raises:
        ValueError: ``seconds`` is not positive.
        Elapsed (as ``on_error``): the gap was too long. The source is let go first.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose: the timer is gone.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> t.check(t.cold("-a--b-------c-|").pipe(idle_timeout(4)), "-a--b---#", error=Elapsed)
    """
    positive("idle_timeout", seconds=seconds)

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _Idle[T] = _Idle(clock.require(scheduler, "idle_timeout"), seconds)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Idle(Link[T, T]):
    __slots__ = ("_gate", "_reopened", "_scheduler", "_seconds", "_silence")

    def __init__(self, scheduler: SchedulerBase, seconds: float) -> None:
        self._scheduler = scheduler
        self._seconds = seconds
        self._gate: FlowGate = getattr(scheduler, "gate", None) or _NEVER_SHUT
        self._reopened = 0
        self._silence: clock.Silence | None = None

    def on_next(self, item: T) -> None:
        silence = self._silence
        self._reopened = self._gate.reopened
        if silence is not None:
            silence.last = silence.now()
        elif getattr(item, "commits", True) and not getattr(item, "ends", False) and not self.stopped:
            self._silence = clock.Silence(self._scheduler, self._seconds, self._elapsed)
        self.receiver.on_next(item)

    def ended(self, how: Exception | Left | None) -> None:
        if self._silence is not None:
            self._silence.dispose()

    def _elapsed(self) -> None:
        gate = self._gate
        if gate.is_open and gate.reopened == self._reopened:
            self.fail(Elapsed("idle_timeout", self._seconds))
        else:
            self._reopened = gate.reopened


def total_timeout(seconds: Seconds) -> Operator[T, T]:
    """Fail when the stream has not ended ``seconds`` after the subscription.

    Where the scheduler is a ``clock.Scope``, the time that the stream stood in the queue of ``admit`` below does not count.

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
    positive("total_timeout", seconds=seconds)

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _Total[T] = _Total(clock.require(scheduler, "total_timeout"), seconds)
            link.connect(source, observer, scheduler)
            link.step_aside()
            return link

        return Stream(subscribe)

    return operator


class _Total(Link[T, T]):
    __slots__ = ("_granted", "_scheduler", "_seconds", "_timer")

    def __init__(self, scheduler: SchedulerBase, seconds: float) -> None:
        self._scheduler = scheduler
        self._seconds = seconds
        self._granted = 0.0
        self._timer = clock.after(scheduler, seconds, self._elapsed)

    def ended(self, how: Exception | Left | None) -> None:
        self._timer.dispose()

    def _elapsed(self) -> None:
        waited = getattr(self._scheduler, "waited", 0.0) - self._granted
        since = getattr(self._scheduler, "queued_since", None)
        if since is not None:
            waited += clock.seconds(self._scheduler)() - since
        if waited > clock.EARLY:
            self._granted += waited
            self._timer = clock.after(self._scheduler, waited, self._elapsed)
        else:
            self.fail(Elapsed("total_timeout", self._seconds))
