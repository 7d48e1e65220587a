"""What the taps write into a request's trace: marks of what passes, never a word of it. Untraced requests cost nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from operators.stream import Left
from pipeline.decode import Decode
from pipeline.errors import Kind, classify
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
from pipeline.traces import Attempt, Note, Put, Trace, place
from pipeline.traces.record import MANY
from pipeline.traces.row import CODES

log = logging.getLogger("penstock")

_BYTES: Final = CODES["bytes"]
OTHER: Final = CODES["other"]
_HEAD: Final = CODES["head"]
_OPENED: Final = CODES["opened"]
_END: Final = CODES["end"]
_SUBSCRIBE: Final = CODES["subscribe"]

KIND_OF: Final[Mapping[type[Event], int]] = {
    Opened: _OPENED,
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

# Errors whose texts are made of our own words and of names that the configuration gives.
_OURS: Final = frozenset(
    (Kind.UNREACHABLE, Kind.TIMEOUT, Kind.CUT, Kind.BAD_REPLY, Kind.OVERLOADED, Kind.RATE_LIMIT, Kind.TOO_LARGE, Kind.PROVIDER)
)

# Others' words are told only where they are names.
_NAME: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")


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

    __slots__ = ("_attempt", "_decoded", "_heard", "_now", "_trace", "_wire")

    def __init__(self, candidate: Candidate, rewritten: bool, exchange: Exchange, trace: Trace, *, read: bool) -> None:
        super().__init__(candidate, rewritten, exchange, read=read)
        self._trace = trace
        self._now = trace.now
        self._heard = False
        """Whether the source said itself that it is over."""
        at = trace.now()
        self._attempt = attempt = trace.attempt(candidate.name, at)
        attempt.dialect = candidate.target.dialect
        attempt.shared = exchange.shared
        put = trace.put
        self._wire = place("wire", attempt.number)
        self._decoded = self._wire + 1
        put((self._wire, at, _SUBSCRIBE, 0, 0))
        put((self._decoded, at, _SUBSCRIBE, 0, 0))
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
            self._trace.put((self._wire, at, _BYTES, len(frame), 0))
            if len(self._trace.log) >= MANY:
                settled(self._trace)
            if len(events) == 1 and not batch.ends and batch.error is None:
                if batch.commits:
                    self._attempt.committed = True
                self._trace.put((self._decoded, at, KIND_OF.get(type(events[0]), OTHER), batch.size, 1))
                return (batch,)
            batches = self._read_in(batch)
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
            self._trace.put((self._wire, at, _BYTES, frame.size, 0))
            if len(self._trace.log) >= MANY:
                settled(self._trace)
            return
        self._attempt.opened = at
        self._trace.put((self._wire, at, _HEAD, 0, 0))
        if type(frame) is Whole:
            self._trace.put((self._wire, at, _BYTES, len(frame.body), 0))

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
            note_batch(self._trace.put, self._decoded, at, batch)
        except Exception:
            spoilt(self._trace)

    def close(self) -> Iterable[Batch]:
        self._over_with("completed")
        return self._noted(Decode.close(self))

    def fail(self, error: Exception) -> Iterable[Batch]:
        self._over_with("error")
        return self._noted(Decode.fail(self, error))

    def _over_with(self, kind: str) -> None:
        if not self._heard:
            self._heard = True
            mark(self._trace, self._wire, CODES[kind])

    def ended(self, how: Exception | Left | None) -> None:
        """How the attempt ended, as far as can be seen from here: a guard above may have let it go for a reason."""
        if self._trace.ended is not None:
            return
        at, attempt = self._now(), self._attempt
        self._over_with("dispose")
        mark(self._trace, self._decoded, how_it_ended(how))
        if isinstance(how, Exception):
            failed(attempt, at, how)
        else:
            attempt.end(at, "ok" if attempt.whole or how is None else "let_go")


class AttemptNotes:
    """What is noted of one attempt above its guards, where several tries of one candidate are one attempt.

    Its row belongs to the last try, since that is the one whose end passes the guards.

    Args:
        trace: of the request.
        candidate: that is tried.
    """

    __slots__ = ("_at", "_candidate", "_trace", "_try")

    def __init__(self, trace: Trace, candidate: Candidate) -> None:
        self._trace = trace
        self._candidate = candidate
        self._try: Attempt | None = None
        self._at = trace.now()
        trace.guards[candidate.name] = self

    def tried(self, attempt: Attempt) -> None:
        """Another try began."""
        if self._try is not None:
            self._try.superseded = True
        self._try = attempt
        self._trace.put((place("attempt", attempt.number), self._at, _SUBSCRIBE, 0, 0))

    def ended(self, how: Exception | Left | None, tripped: bool) -> None:
        """The attempt is over. ``tripped``: its error is a guard's that was not seen before."""
        trace = self._trace
        if trace.ended is not None:
            return
        trace.guards.pop(self._candidate.name, None)
        at = trace.now()
        if self._try is None:
            # It never came to a try: it stood in a queue all the time.
            self.tried(trace.attempt(self._candidate.name, self._at))
        attempt = self._try
        assert attempt is not None
        mark(trace, place("attempt", attempt.number), how_it_ended(how))
        attempt.end(at, "let_go")
        if isinstance(how, Exception):
            failed(attempt, at, how)
            if tripped:
                trace.trip(Note(at, getattr(how, "operator", ""), "attempt", str(how), attempt.number))


def mark(trace: Trace, place: int, code: int, size: int = 0) -> None:
    """A mark for now."""
    trace.put((place, trace.now(), code, size, 0))
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


def note_batch(put: Callable[[Put], None], place: int, at: float, batch: Batch) -> None:
    """A mark for a batch: its first semantic kind. The opening and the end are marks of their own, whatever came with them."""
    events = batch.events
    if len(events) == 1:
        put((place, at, KIND_OF.get(type(events[0]), OTHER), batch.size, 1))
        return
    count = len(events)
    code = OTHER
    if events:
        if type(events[0]) is Opened:
            put((place, at, _OPENED, 0, 1))
            count -= 1
        leading = next((event for event in events if event.phase), events[-count])
        code = KIND_OF.get(type(leading), OTHER)
    apart = batch.ends and code != _END
    put((place, at, code, batch.size, count - apart))
    if apart:
        put((place, at, _END, 0, 1))


def failed(attempt: Attempt, at: float, error: Exception) -> None:
    """The attempt ended with this error, told as ``said`` tells it."""
    known = classify(error)
    attempt.fail(at, known.reason, known.status, said(error), known.retry_after)


def said(error: Exception) -> str:
    """What may be told of an error where people look: words of ours that quote nobody.

    What a provider wrote may hold anything, and what is wrong with a request is told with a piece of it.
    """
    known = classify(error)
    if known.kind in _OURS and not known.from_provider:
        return known.message
    named = (("code", known.code if known.from_provider else None), ("param", known.param))
    names = [f"{name} {value}" for name, value in named if value and _NAME.fullmatch(value)]
    if known.from_provider:
        names.insert(0, f"status {known.status}")
    return f"{known.kind.text[:-1]} ({', '.join(names)})." if names else known.kind.text


def note(scheduler: Any, operator: str, message: str, stage: str = "request") -> None:
    """A step did something worth telling in the trace of the exchange that it works for."""
    trace: Trace | None = getattr(scheduler, "trace", None)
    if trace is not None and trace.ended is None:
        trace.note(Note(trace.now(), operator, stage, message))


def how_it_ended(how: Exception | Left | None) -> int:
    """The mark of an end (see ``Link.ended``)."""
    return CODES["completed" if how is None else "error" if isinstance(how, Exception) else "dispose"]
