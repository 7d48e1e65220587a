"""Bounds a whole stream: its bytes, and if wanted its number of items."""

from __future__ import annotations

import builtins
from typing import Any, TypeVar

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
    limit = bytes

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T]:
            size = 0
            count = 0

            def on_next(item: T) -> None:
                nonlocal size, count
                size += _size(item)
                count += 1
                if size > limit:
                    upstream.dispose()
                    observer.on_error(TooLarge("output_limit", limit))
                elif items is not None and count > items:
                    upstream.dispose()
                    observer.on_error(TooLarge("output_limit", items, "items"))
                else:
                    observer.on_next(item)

            upstream: Link[T] = Link(on_next, observer.on_error, observer.on_completed)
            return upstream.connect(source, scheduler)

        return Stream(subscribe)

    return operator


def _size(item: Any) -> int:
    size: int | None = getattr(item, "size", None)
    if size is None:
        return len(item) if isinstance(item, builtins.bytes) else 0
    return size
