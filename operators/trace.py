"""Writes down what passes one place of a chain, beside what passes its other places."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.bypass import bypass
from operators.sheet import Sheet, short
from operators.signature import checked
from operators.stream import Left, Link, Operator, Release, Stream

T = TypeVar("T")

logger = logging.getLogger(__name__)


@checked
def trace(
    label: str = "", *, sheets: Callable[[SchedulerBase | None], Sheet | None], shown: Callable[[Any], str] = short
) -> Operator[T, T]:
    """Note what passes on the sheet of the subscription: that it began, each item, the error or completion, that it was let go.

        source             -a-b-|
        trace("x", ...)    -a-b-|     the sheet draws   x  ^a-b-|

    Args:
        label: what this place is called; places with the same label share a line.
        sheets: called with the scheduler of each subscription; gives the sheet that all its places share. None: it is not
            traced, and the operator costs nothing at all.
        shown: an item in a few words; by default its ``repr``. The sheet cuts what is long.

    Raises nothing of its own: what ``sheets`` raises is logged, and nothing is traced; where ``shown`` raises the note says so.

    After dispose: the source is let go, and then that is noted.

    >>> from operators import clock
    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> sheet = Sheet(clock.seconds(t.scheduler))
    >>> t.check(t.cold("-a-b-|").pipe(trace("source", sheets=lambda scope: sheet)), "-a-b-|")
    >>> print(sheet.draw())
    source  ^a-b-|
    <BLANKLINE>
    a column is 1 s
    a  'a'
    b  'b'
    """

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Release:
            try:
                sheet = sheets(scheduler)
            except Exception:
                logger.exception("no sheet to trace on: %r", sheets)
                sheet = None
            if sheet is None:
                return bypass(source, observer, scheduler)
            sheet.note(label, "subscribe")
            link: _Trace[T] = _Trace(sheet, label, shown)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Trace(Link[T, T]):
    __slots__ = ("_label", "_sheet", "_shown")

    def __init__(self, sheet: Sheet, label: str, shown: Callable[[Any], str]) -> None:
        self._sheet = sheet
        self._label = label
        self._shown = shown

    def on_next(self, item: T) -> None:
        if not self.stopped:
            self._sheet.note(self._label, "next", item, self._shown)
        self.receiver.on_next(item)

    def ended(self, how: Exception | Left | None) -> None:
        if isinstance(how, Exception):
            self._sheet.note(self._label, "error", how, short)
        else:
            self._sheet.note(self._label, "completed" if how is None else "dispose")
