"""What the taps write into a request's trace: marks of what passes, never a word of it. Untraced requests cost nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from operators.stream import Left, Link
from operators.tap import quietly
from pipeline.decode import Decode
from pipeline.errors import classify
from pipeline.events import (
    Batch,
    Citation,
    End,
    Event,
    Finish,
    Opened,
    Ping,
    Reasoning,
    Refusal,
    Text,
    ToolArguments,
    ToolStart,
    Usage,
)
from pipeline.exchange import Exchange
from pipeline.providers.frame import Frame, Read, Whole
from pipeline.resolve import Candidate
from pipeline.traces import Attempt, Note, Trace, place
from pipeline.traces.log import AT_ONCE, BOTH, ENDS, OPENS, pack
from pipeline.traces.record import MANY
from pipeline.traces.row import CODES
from pipeline.wording import said

log = logging.getLogger("penstock")

_BYTES: Final = CODES["bytes"]
OTHER: Final = CODES["other"]
_HEAD: Final = CODES["head"]
_END: Final = CODES["end"]
_COMPLETED: Final = CODES["completed"]
_ERROR: Final = CODES["error"]
_DISPOSE: Final = CODES["dispose"]

KIND_OF: Final[Mapping[type[Event], int]] = {
    Opened: CODES["opened"],
    Ping: CODES["beat"],
    Text: CODES["text"],
    Citation: CODES["text"],
    Reasoning: CODES["reasoning"],
    Refusal: CODES["refusal"],
    ToolStart: CODES["tool"],
    ToolArguments: CODES["tool"],
    Usage: CODES["usage"],
    Finish: _END,
    End: _END,
}


def decoding(candidate: Candidate, rewritten: bool, exchange: Exchange, *, read: bool = False) -> Decode:
    """The codec of one attempt: one that takes notes where the exchange has a trace under way."""
    trace = exchange.trace
    if trace is None or trace.ended is not None:
        return Decode(candidate, rewritten, exchange, read=read)
    try:
        return NotedDecode(candidate, rewritten, exchange, trace, read=read)
    except Exception:
        spoilt(trace)
        return Decode(candidate, rewritten, exchange, read=read)


class NotedDecode(Decode):
    """The decode station of an attempt that is traced: it notes what came of the wire, what was read in it, and the end."""

    __slots__ = ("_attempt", "_heard", "_now", "_trace", "_wire")

    def __init__(self, candidate: Candidate, rewritten: bool, exchange: Exchange, trace: Trace, *, read: bool) -> None:
        super().__init__(candidate, rewritten, exchange, read=read)
        self._trace = trace
        self._now = trace.now
        self._heard: int | None = None
        """How the source said itself that it is over."""
        self._attempt = attempt = trace.attempt(candidate.name, trace.now())
        attempt.tried = True
        attempt.label = candidate.label
        attempt.dialect = candidate.target.dialect
        if exchange.shared:
            attempt.shared = True
        self._wire = place("wire", attempt.number)
        around: AttemptNotes | None = trace.guards.get(candidate.name)
        if around is not None:
            around.tried(attempt)

    def feed(self, frame: Frame) -> Iterable[Batch]:
        # What most frames of a slow stream are, one event each, is said here without another call: it is done for every token.
        at = self._now()
        decoder = self._decoder
        if type(frame) is bytes and decoder is not None:
            batch = decoder.feed(frame)
            events = batch.events
            trace = self._trace
            if len(trace.log) >= MANY:
                settled(trace)
            if batch.raw is frame and len(events) == 1 and not batch.ends and batch.error is None:
                if batch.commits:
                    self._attempt.committed = True
                trace.put(pack(self._wire, at, KIND_OF.get(type(events[0]), OTHER) | AT_ONCE, batch.size, 1))
                return (batch,)
            trace.put(pack(self._wire, at, _BYTES, len(frame), 0))
            batches = self._read_in(batch)
        elif type(frame) is Whole:
            self._attempt.opened = at
            self._trace.put(pack(self._wire, at, _HEAD, len(frame.body), 0))
            batches = self._whole(frame)
        else:
            self._head(at, frame)
            batches = Decode.feed(self, frame)
        if type(batches) is not tuple:
            return self._noted(batches)
        if batches:
            self._batch(at, batches[0])
        return batches

    def _head(self, at: float, frame: Frame) -> None:
        if isinstance(frame, Batch | Read):
            self._trace.put(pack(self._wire, at, _BYTES, frame.size, 0))
            if len(self._trace.log) >= MANY:
                settled(self._trace)
            return
        self._attempt.opened = at
        self._trace.put(pack(self._wire, at, _HEAD, 0, 0))

    def _noted(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self._batch(self._now(), batch)
            yield batch

    def _batch(self, at: float, batch: Batch) -> None:
        try:
            if batch.commits:
                self._attempt.committed = True
                if batch.ends:
                    self._attempt.whole = True
            note_batch(self._trace.put, self._wire + 1, at, batch)
        except Exception:
            spoilt(self._trace)

    def close(self) -> Iterable[Batch]:
        if self._heard is None:
            self._heard = _COMPLETED
        batches = Decode.close(self)
        return self._noted(batches) if batches else ()

    def fail(self, error: Exception) -> Iterable[Batch]:
        if self._heard is None:
            self._heard = _ERROR
        return self._noted(Decode.fail(self, error))

    def ended(self, how: Exception | Left | None) -> None:
        """How the attempt ended, as far as can be seen from here: a guard above may have let it go for a reason."""
        trace = self._trace
        if trace.ended is not None:
            return
        at, attempt, heard = self._now(), self._attempt, self._heard
        decoded = how_it_ended(how)
        if heard is None:
            heard = _DISPOSE
        if heard == decoded:
            trace.put(pack(self._wire, at, heard | BOTH, 0, 0))
        else:
            trace.put(pack(self._wire, at, heard, 0, 0))
            trace.put(pack(self._wire + 1, at, decoded, 0, 0))
        if isinstance(how, Exception):
            failed(attempt, at, how)
        else:
            attempt.end(at, "ok" if attempt.whole or how is None else "let_go")


class AttemptNotes(Link[Batch, Batch]):
    """What is noted of one attempt above its guards, where several tries of one candidate are one attempt.

    Its row belongs to the last try, since that is the one whose end passes the guards.

    Args:
        trace: of the request.
        candidate: that is tried, by its name.
        label: the same as configured.
        probe: counts how it ends.
    """

    __slots__ = ("_at", "_candidate", "_label", "_probe", "_trace", "_try")

    def __init__(self, trace: Trace, candidate: str, label: str, probe: Probe) -> None:
        self._trace = trace
        self._candidate = candidate
        self._label = label
        self._probe = probe
        self._try: Attempt | None = None
        self._at = trace.now()
        trace.guards[candidate] = self

    def tried(self, attempt: Attempt) -> None:
        """Another try began."""
        if self._try is not None:
            self._try.superseded = True
        self._try = attempt
        attempt.guarded = self._at

    def ended(self, how: Exception | Left | None) -> None:
        tripped = False
        if how is None:
            self._probe.on_completed()
        elif isinstance(how, Exception):
            tripped = self._probe.on_error(how)
        else:
            self._probe.on_dispose()
        trace = self._trace
        if trace.ended is not None:
            return
        trace.guards.pop(self._candidate, None)
        at = trace.now()
        attempt = self._try
        if attempt is None:
            # It never came to a try: it stood in a queue all the time.
            attempt = trace.attempt(self._candidate, self._at)
            attempt.label = self._label
            self.tried(attempt)
        trace.put(pack(place("attempt", attempt.number), at, how_it_ended(how), 0, 0))
        attempt.end(at, "let_go")
        if isinstance(how, Exception):
            quietly(failed, attempt, at, how)
            if tripped:
                trace.trip(Note(at, getattr(how, "operator", ""), "attempt", str(how), attempt.number))


class Probe(Protocol):
    """Who counts the ends of attempts."""

    def on_completed(self) -> None:
        """One is complete."""

    def on_error(self, error: Exception) -> bool:
        """One failed. Tells whether a guard's error was seen for the first time."""

    def on_dispose(self) -> None:
        """One was let go."""


def mark(trace: Trace, place: int, code: int, size: int = 0) -> None:
    """A mark for now."""
    trace.put(pack(place, trace.now(), code, size, 0))
    if len(trace.log) >= MANY:
        settled(trace)


def settled(trace: Trace) -> None:
    """It is time to look at what was put down. Whatever goes wrong, nobody notices but the log."""
    try:
        trace.settle()
    except Exception:
        spoilt(trace)


def spoilt(trace: Trace) -> None:
    """Noting failed: that is told once, and the stream never hears of it. To be called while the exception is handled."""
    if not trace.spoilt:
        trace.spoilt = True
        log.exception("request %s could not be traced", trace.id)


def note_batch(put: Callable[[bytes], None], place: int, at: float, batch: Batch) -> None:
    """A note for a batch: its first semantic kind. The opening and the end are told beside it, whatever came with them."""
    events = batch.events
    if len(events) == 1:
        put(pack(place, at, KIND_OF.get(type(events[0]), OTHER), batch.size, 1))
        return
    code = OTHER
    if events:
        opened = type(events[0]) is Opened
        leading = events[1 if opened else 0]
        for event in events:
            if event.phase:
                leading = event
                break
        code = KIND_OF.get(type(leading), OTHER)
        if opened:
            code |= OPENS
        if batch.ends:
            code |= ENDS
    put(pack(place, at, code, batch.size, len(events)))


def failed(attempt: Attempt, at: float, error: Exception) -> None:
    """The attempt ended with this error, told as ``said`` tells it."""
    known = classify(error)
    attempt.fail(at, known.reason, known.status, said(error), known.retry_after)


def note(scheduler: Any, operator: str, message: str, stage: str = "request") -> None:
    """A step did something worth telling in the trace of the exchange that it works for."""
    trace: Trace | None = getattr(scheduler, "trace", None)
    if trace is not None and trace.ended is None:
        trace.note(Note(trace.now(), operator, stage, message))


def how_it_ended(how: Exception | Left | None) -> int:
    """The mark of an end (see ``Link.ended``)."""
    if how is None:
        return _COMPLETED
    return _ERROR if isinstance(how, Exception) else _DISPOSE
