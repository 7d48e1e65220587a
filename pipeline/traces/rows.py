"""The rows of one request's trace: made of what its taps put down, when somebody reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.traces.log import ANSWER, CLIENT, of_place, place, spread
from pipeline.traces.row import CODES, Row, unless_ended

if TYPE_CHECKING:
    from pipeline.traces.record import Trace

MOST_ATTEMPTS: Final = 64
"""Attempts of one request that are recorded."""

_SUBSCRIBE: Final = CODES["subscribe"]
_ENDS: Final = {"ok": unless_ended("completed"), "client_left": unless_ended("dispose")}
_FAILED: Final = unless_ended("error")


class Rows:
    """The rows by their places (``log.place``); how they begin and end is told by what the trace knows of its attempts."""

    __slots__ = ("_begun", "_closed", "_started", "by_place")

    def __init__(self) -> None:
        self.by_place: dict[int, Row] = {ANSWER: Row("answer"), CLIENT: Row("client")}
        self._started = False
        """Whether the rows of the whole request have their beginning."""
        self._begun = 0
        """How many attempts' rows have theirs."""
        self._closed = False
        """Whether all rows have their end."""

    def settle(self, trace: Trace) -> dict[int, Row]:
        """The rows, after a look at what was put down. Once that was done after the end, any thread may read."""
        self._begin(trace)
        taken = trace.log[:]
        notes = trace.packed or b"".join(taken)
        trace.packed = b""
        del trace.log[: len(taken)]
        for number, columns in spread(notes):
            self._at(number).take(*columns)
        if trace.ended is not None and not self._closed:
            self._close(trace, trace.ended)
        return self.by_place

    def _begin(self, trace: Trace) -> None:
        if trace.subscribed is not None and not self._started:
            self._started = True
            for number in (ANSWER, CLIENT):
                self.by_place[number].add(trace.subscribed, _SUBSCRIBE)
        for attempt in trace.attempts[self._begun :]:
            if attempt.tried:
                for stage in ("wire", "decoded"):
                    self._at(place(stage, attempt.number)).add(attempt.began, _SUBSCRIBE)
            if attempt.guarded is not None:
                self._at(place("attempt", attempt.number)).add(attempt.guarded, _SUBSCRIBE)
        self._begun = len(trace.attempts)

    def _close(self, trace: Trace, at: float) -> None:
        self._closed = True
        kind = _ENDS.get(trace.outcome, _FAILED)
        for number in (ANSWER, CLIENT):
            self.by_place[number].add(at, kind)
        for attempt in trace.attempts:
            # Its connection may still be about to close: for whoever listened it is over.
            kind = _ENDS["ok" if attempt.whole else "client_left"]
            for stage in ("decoded", "attempt"):
                row = self.by_place.get(place(stage, attempt.number))
                if row is not None:
                    row.add(at, kind)

    def _at(self, number: int) -> Row:
        row = self.by_place.get(number)
        if row is None:
            stage, attempt = of_place(number)
            row = Row(stage, attempt)
            # What belongs to an attempt that is not kept is dropped.
            if attempt <= MOST_ATTEMPTS:
                self.by_place[number] = row
        return row
