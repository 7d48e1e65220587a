"""Three clocks, each its own guard and error: until the first event, between events, for the whole answer.

Each keeps one private timer a stream: an item only notes the time, and the timer re-arms itself when it fires too early.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from operators import clock
from operators.errors import Elapsed
from operators.options import Seconds, positive
from operators.source import FlowGate
from operators.stream import Link, Operator, Stream

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
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Callable[[], None]:
            def on_next(item: T) -> None:
                if getattr(item, "commits", True):
                    timer.dispose()
                    upstream.redirect(observer.on_next, observer.on_error)
                observer.on_next(item)

            def elapsed() -> None:
                upstream.dispose()
                observer.on_error(Elapsed("first_event_timeout", seconds))

            def dispose() -> None:
                timer.dispose()
                upstream.dispose()

            timer = clock.after(clock.require(scheduler, "first_event_timeout"), seconds, elapsed)
            upstream: Link[T] = Link(on_next, observer.on_error, observer.on_completed)
            upstream.connect(source, scheduler)
            return dispose

        return Stream(subscribe)

    return operator


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
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Callable[[], None]:
            time = clock.require(scheduler, "idle_timeout")
            gate: FlowGate = getattr(time, "gate", None) or _NEVER_SHUT
            now = clock.seconds(time)
            reopened = 0
            silence: clock.Silence | None = None

            def on_next(item: T) -> None:
                nonlocal reopened, silence
                reopened = gate.reopened
                if silence is not None:
                    silence.last = now()
                elif getattr(item, "commits", True) and not getattr(item, "ends", False):
                    silence = clock.Silence(time, seconds, elapsed)
                observer.on_next(item)

            def elapsed() -> None:
                nonlocal reopened
                if not gate.is_open or gate.reopened != reopened:
                    reopened = gate.reopened
                    return
                upstream.dispose()
                observer.on_error(Elapsed("idle_timeout", seconds))

            def dispose() -> None:
                if silence is not None:
                    silence.dispose()
                upstream.dispose()

            upstream: Link[T] = Link(on_next, observer.on_error, observer.on_completed)
            upstream.connect(source, scheduler)
            return dispose

        return Stream(subscribe)

    return operator


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
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Callable[[], None]:
            time = clock.require(scheduler, "total_timeout")
            granted = 0.0
            timer: DisposableBase

            def elapsed() -> None:
                nonlocal granted, timer
                waited = getattr(time, "waited", 0.0) - granted
                if waited > clock.EARLY:
                    granted += waited
                    timer = clock.after(time, waited, elapsed)
                    return
                upstream.dispose()
                observer.on_error(Elapsed("total_timeout", seconds))

            def dispose() -> None:
                timer.dispose()
                upstream.dispose()

            timer = clock.after(time, seconds, elapsed)
            upstream: Link[T] = Link(observer.on_next, observer.on_error, observer.on_completed)
            upstream.connect(source, scheduler)
            return dispose

        return Stream(subscribe)

    return operator
