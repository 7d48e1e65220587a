"""Says something when nobody else does, so that whoever waits below knows that the stream is alive."""

from __future__ import annotations

from typing import TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators import clock
from operators.options import Seconds
from operators.signature import checked
from operators.stream import Left, Link, Operator, Stream

T = TypeVar("T")


@checked
def heartbeat(seconds: Seconds, *, beat: T) -> Operator[T, T]:
    """Emit ``beat`` whenever nothing came for ``seconds``, from the subscription to the end.

    An item whose attribute ``ends`` is true says that nothing has to follow it: after it there is no beat.

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

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            return _Heartbeat(clock.require(scheduler, "heartbeat"), seconds, beat).connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Heartbeat(Link[T, T]):
    __slots__ = ("_beat", "_now", "_silence")

    def __init__(self, scheduler: SchedulerBase, seconds: float, beat: T) -> None:
        self._beat = beat
        self._silence = clock.Silence(scheduler, seconds, self._say)
        self._now = self._silence.now

    def on_next(self, item: T) -> None:
        # Most items have it, and each is asked: a default would cost three times as much.
        try:
            over = item.ends  # type: ignore[attr-defined]
        except AttributeError:
            over = False
        if over:
            self._silence.dispose()
            self.step_aside()
        else:
            now = self._now
            self._silence.last = now()
        self.receiver.on_next(item)

    def ended(self, how: Exception | Left | None) -> None:
        self._silence.dispose()

    def _say(self) -> None:
        self.receiver.on_next(self._beat)
