"""Says something when nobody else does, so that whoever waits below knows that the stream is alive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators import clock
from operators.options import Seconds, positive
from operators.stream import Link, Operator, Stream

T = TypeVar("T")


def heartbeat(seconds: Seconds, *, beat: T) -> Operator[T, T]:
    """Emit ``beat`` whenever nothing came for ``seconds``, from the subscription to the end.

        source                  ------a-b-----|
        heartbeat(2, beat="h")  --h-h-a-b-h-h-|

    Args:
        seconds: more than 0.
        beat: the item to emit, the same object each time.

    Raises:
        ValueError: ``seconds`` is not positive.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose: the timer is gone.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> t.check(t.cold("-----a|").pipe(heartbeat(2, beat="h")), "--h-ha|")
    """
    positive("heartbeat", seconds=seconds)

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Callable[[], None]:
            silence = clock.Silence(clock.require(scheduler, "heartbeat"), seconds, lambda: observer.on_next(beat))
            now = silence.now

            def on_next(item: T) -> None:
                silence.last = now()
                observer.on_next(item)

            def dispose() -> None:
                silence.dispose()
                upstream.dispose()

            upstream: Link[T] = Link(on_next, observer.on_error, observer.on_completed)
            upstream.connect(source, scheduler)
            return dispose

        return Stream(subscribe)

    return operator
