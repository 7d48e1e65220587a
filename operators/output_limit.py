"""Bounds a whole stream: its bytes, its number of items, the tokens that it says it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.errors import StepError, TooLarge
from operators.options import Bytes, Count
from operators.signature import checked
from operators.stream import Link, Operator, Stream

T = TypeVar("T")

ANY: Final = sys.maxsize
"""More than ever comes."""

OutputTokens = Callable[[T], int | None]


@checked
def output_limit(
    bytes: Bytes | None = None,
    items: Count | None = None,
    tokens: Count | None = None,
    *,
    output_tokens: OutputTokens[T] | None = None,
) -> Operator[T, T]:
    """Fail when the stream grows over ``bytes`` bytes, over ``items`` items, or over ``tokens`` tokens.

        source                  -a-b-c-|     each of 2 bytes
        output_limit(bytes=5)   -a-b-#

    Args:
        bytes: the most that may pass in all; None: any number. An item counts by its attribute ``size``, bytes by their length,
            others 0.
        items: the most items; None: any number.
        tokens: the most tokens; None: any number. They are known when an item tells them: many sources do so at the end only.
        output_tokens: how many tokens the stream is so far in total, as an item says; None: this one says nothing.

    Raises:
        ValueError: a limit is not positive; there is none; ``tokens`` is given without ``output_tokens``.
        TooLarge (as ``on_error``): more came. The item that was too much is not passed on; the source is let go first.
        StepError (as ``on_error``): ``output_tokens`` raised.

    After dispose: the source is let go.

    >>> import reactivex
    >>> reactivex.of(b"ab", b"cd").pipe(output_limit(bytes=4)).run()
    b'cd'
    """
    limits = {"bytes": bytes, "items": items, "tokens": tokens}
    given = {name: limit for name, limit in limits.items() if limit is not None}
    if not given:
        raise ValueError("output_limit: needs at least one of bytes, items and tokens")
    if tokens is not None and output_tokens is None:
        raise ValueError("output_limit: tokens needs the resource output_tokens, which says how many there are so far")

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _OutputLimit[T] = _OutputLimit(bytes, items, tokens, output_tokens)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _OutputLimit(Link[T, T]):
    __slots__ = ("_bytes", "_count", "_further", "_items", "_output_tokens", "_size", "_tokens")

    def __init__(self, bytes: int | None, items: int | None, tokens: int | None, output_tokens: OutputTokens[T] | None) -> None:
        self._bytes = ANY if bytes is None else bytes
        self._items = ANY if items is None else items
        self._tokens = ANY if tokens is None else tokens
        self._output_tokens = None if tokens is None else output_tokens
        self._size = 0
        self._count = 0
        self._further = items is not None or self._output_tokens is not None
        """Whether more than bytes is limited."""

    def on_next(self, item: T) -> None:
        try:
            size = self._size + item.size  # type: ignore[attr-defined]
        except AttributeError:
            size = self._size + (len(item) if isinstance(item, bytes) else 0)
        self._size = size
        if size > self._bytes:
            self.fail(TooLarge("output_limit", self._bytes))
        elif not self._further or self._counts(item):
            self.receiver.on_next(item)

    def _counts(self, item: T) -> bool:
        """Whether there may be this item. False: the stream has failed."""
        self._count += 1
        if self._count > self._items:
            self.fail(TooLarge("output_limit", self._items, "items"))
            return False
        return self._output_tokens is None or self._within(item, self._output_tokens)

    def _within(self, item: T, output_tokens: OutputTokens[T]) -> bool:
        """Whether ``item`` tells of no more tokens than there may be. False: the stream has failed."""
        try:
            known = output_tokens(item)
            if known is None or known <= self._tokens:
                return True
        except Exception as error:
            self.fail(StepError("output_limit", error))
        else:
            self.fail(TooLarge("output_limit", self._tokens, "tokens"))
        return False
