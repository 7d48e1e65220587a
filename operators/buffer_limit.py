"""Bounds one event of a raw byte stream: what has come since the last blank line may not grow over a limit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.errors import TooLarge
from operators.options import Bytes
from operators.signature import checked
from operators.stream import Link, Operator, Stream

T = TypeVar("T")

# A blank line is two line ends in a row. Of LF, CR LF and CR, two neighbouring bytes tell: LF LF, LF CR, CR CR. An event ends
# behind the second one; looking behind finds every pair, also in a row of blank lines.
BOUNDARY = re.compile(rb"(?<=\n)[\n\r]|(?<=\r)\r")
_PAIRS = (b"\n\n", b"\n\r", b"\r\r")


@checked
def buffer_limit(bytes: Bytes) -> Operator[T, T]:
    """Fail when more than ``bytes`` bytes came since the last event boundary (a blank line), however they were cut.

        frames           -a-b-.-a-b-c-|    each letter two bytes, the point a blank line
        buffer_limit(6)  -a-b-.-a-b-c-|    buffer_limit(5): -a-b-#

    Args:
        bytes: the most that one event may have, its line ends included. More than 0.

    Items that are not bytes pass and do not count. The time is linear in what comes; nothing is copied or kept.

    Raises:
        ValueError: ``bytes`` is not positive.
        TooLarge (as ``on_error``): an event is longer. Its frame is not passed on; the source is let go first.

    After dispose: the source is let go.

    >>> import reactivex
    >>> reactivex.of(b"data: 1\\n\\n", b"data: 22\\n\\n").pipe(buffer_limit(10)).run()
    b'data: 22\\n\\n'
    """

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _BufferLimit[T] = _BufferLimit(bytes)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _BufferLimit(Link[T, T]):
    __slots__ = ("_gathered", "_last", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._gathered = 0
        self._last = b""

    def on_next(self, item: T) -> None:
        if isinstance(item, bytes) and item:
            # The usual frame is small and ends with an event: nothing has to be searched then.
            if item.endswith(b"\n\n") and self._gathered + len(item) <= self._limit:
                self._gathered = 0
                self._last = b"\n"
            else:
                for length in _lengths(self._last, item, self._gathered, self._limit):
                    self._gathered = length
                    if length > self._limit:
                        self.fail(TooLarge("buffer_limit", self._limit))
                        return
                self._last = item[-1:]
        self.receiver.on_next(item)


def _lengths(last: bytes, frame: bytes, gathered: int, limit: int) -> Iterator[int]:
    """The length of every event that ends in ``frame``, and at last of the one that is still open.

    Where all of it together is within the limit, only the open one is told.
    """
    start = 0
    if last + frame[:1] in _PAIRS:
        yield gathered + 1
        gathered, start = 0, 1
    if gathered + len(frame) - start <= limit:
        end = max(frame.rfind(pair) for pair in _PAIRS)
        if end >= 0:
            gathered, start = 0, end + 2
    else:
        for match in BOUNDARY.finditer(frame):
            yield gathered + match.end() - start
            gathered, start = 0, match.end()
    yield gathered + len(frame) - start
