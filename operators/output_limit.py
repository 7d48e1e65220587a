"""Bounds a whole stream: its bytes, and if wanted its number of items."""

from __future__ import annotations

from typing import TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.errors import TooLarge
from operators.options import Bytes, Count, positive
from operators.stream import Link, Operator, Stream

T = TypeVar("T")


def output_limit(bytes: Bytes, items: Count | None = None) -> Operator[T, T]:
    """Fail when the stream grows over ``bytes`` bytes, or over ``items`` items.

        source                  -a-b-c-|     each of 2 bytes
        output_limit(bytes=5)   -a-b-#

    Args:
        bytes: the most that may pass in all. An item counts by its attribute ``size``, bytes by their length, others 0.
        items: the most items; None: any number.

    Raises:
        ValueError: a limit is not positive.
        TooLarge (as ``on_error``): more came. The item that was too much is not passed on; the source is let go first.

    After dispose: the source is let go.

    >>> import reactivex
    >>> reactivex.of(b"ab", b"cd").pipe(output_limit(bytes=4)).run()
    b'cd'
    """
    positive("output_limit", bytes=bytes)
    if items is not None:
        positive("output_limit", items=items)

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _OutputLimit[T] = _OutputLimit(bytes, items)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _OutputLimit(Link[T, T]):
    __slots__ = ("_count", "_items", "_limit", "_size")

    def __init__(self, limit: int, items: int | None) -> None:
        self._limit = limit
        self._items = items
        self._size = 0
        self._count = 0

    def on_next(self, item: T) -> None:
        try:
            self._size += item.size  # type: ignore[attr-defined]
        except AttributeError:
            self._size += len(item) if isinstance(item, bytes) else 0
        self._count += 1
        if self._size > self._limit:
            self.fail(TooLarge("output_limit", self._limit))
        elif self._items is not None and self._count > self._items:
            self.fail(TooLarge("output_limit", self._items, "items"))
        else:
            self.receiver.on_next(item)
