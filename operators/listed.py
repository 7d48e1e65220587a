"""A stream whose items are all there when somebody subscribes. Who wants all of them at once need not subscribe to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from reactivex.abc import ObserverBase, SchedulerBase

from operators.stream import Stream

T = TypeVar("T")


class Listed(Stream[T]):
    """The items that a function gives, one after another from inside the subscribing, and then the end.

        Listed(lambda _: "ab")  (ab|)

    To an operator that looks at items before anything happens, such as ``breaker``, it is a list; what such an operator makes of
    it is a list again. A link for each of them would cost more than all that they look at.

    Args:
        items: called at each subscription, with its scheduler. What it raises is the stream's error.

    >>> Listed(lambda _: "ab").subscribe(print).dispose()
    a
    b
    """

    def __init__(self, items: Callable[[SchedulerBase | None], Sequence[T]]) -> None:
        def push(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> None:
            for item in items(scheduler):
                observer.on_next(item)
            observer.on_completed()

        super().__init__(push)
        self.items = items
        """The items of one subscription."""
