"""An operator of one's own, made of a Link; ``own_step.yaml`` uses it by its name, and tells its option in YAML."""

from __future__ import annotations

from typing import TypeVar

import reactivex
from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators import GuardError, Link, Operator, Stream
from operators.options import Count, positive

T = TypeVar("T")


class Stuck(GuardError):
    """The source says the same again and again."""


def unstick(times: Count = 3) -> Operator[T, T]:
    """Fail when an item that commits comes for the ``times``-th time in a row.

    source      -a-a-b-b-b-b-|
    unstick(3)  -a-a-b-b-#
    """
    positive("unstick", times=times)

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            return _Unstick[T](times).connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Unstick(Link[T, T]):
    def __init__(self, times: int) -> None:
        self._times = times
        self._last: object = self
        self._came = 0

    def on_next(self, item: T) -> None:
        said = getattr(item, "events", item)  # the gateway's items are batches of events; any other says itself
        self._came = self._came + 1 if said == self._last else 1
        self._last = said
        if self._came == self._times and getattr(item, "commits", True):
            self.fail(Stuck("unstick", f"unstick: {self._times} times the same"))
        else:
            self.receiver.on_next(item)


if __name__ == "__main__":
    reactivex.of("go", "go", "on", "on", "on", "on").pipe(unstick(3)).subscribe(print, on_error=print)
