"""What the taps write into a request's trace: marks of what passes, never a word of it. Untraced requests cost nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from operators.stream import Left
from pipeline.decode import Decode
from pipeline.errors import GatewayError, Kind, classify
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
from pipeline.providers.frame import Frame, Whole
from pipeline.redaction import Redactor
from pipeline.resolve import Candidate
from pipeline.traces import Attempt, Note, Row, Trace
from pipeline.traces.row import CODES
from pipeline.wire.jsontext import bounded, parse_json

log = logging.getLogger("penstock")

_BYTES: Final = CODES["bytes"]
_OTHER: Final = CODES["other"]
_OPENED: Final = CODES["opened"]
_END: Final = CODES["end"]
_SUBSCRIBE: Final = CODES["subscribe"]

_KINDS: Final[Mapping[type[Event], int]] = {
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

LONGEST_BODY: Final = 256 * 1024
"""Bytes of a request, and characters of an answer, that are kept."""

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
    return NotedDecode(candidate, rewritten, exchange, trace, read=read)


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
        self._wire = attempt.wire = Row("wire", attempt.number)
        self._decoded = attempt.decoded = Row("decoded", attempt.number)
        self._wire.add(at, _SUBSCRIBE)
        self._decoded.add(at, _SUBSCRIBE)

    def feed(self, frame: Frame) -> Iterable[Batch]:
        at = self._now()
        try:
            if type(frame) is bytes:
                self._wire.add(at, _BYTES, len(frame))
            else:
                self._head(at, frame)
        except Exception:
            spoilt(self._trace)
        batches = Decode.feed(self, frame)
        if type(batches) is not tuple:
            return self._noted(batches)
        if batches:
            self._batch(at, batches[0])
        return batches

    def _head(self, at: float, frame: Frame) -> None:
        if isinstance(frame, Batch):
            self._wire.add(at, _BYTES, frame.size)
            return
        self._attempt.opened = at
        self._wire.add(at, CODES["head"])
        if isinstance(frame, Whole):
            self._wire.add(at, _BYTES, len(frame.body))

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
            note_batch(self._decoded, at, batch)
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
            self._wire.add(self._now(), CODES[kind])

    def ended(self, how: Exception | Left | None) -> None:
        """How the attempt ended, as far as can be seen from here: a guard above may have let it go for a reason."""
        if self._trace.ended is not None:
            return
        at, attempt = self._now(), self._attempt
        self._over_with("dispose")
        self._decoded.add(at, how_it_ended(how))
        if isinstance(how, Exception):
            failed(attempt, at, how)
        else:
            attempt.end(at, "ok" if attempt.whole or how is None else "let_go")


class Bodies:
    """The texts of one request and its answer, as far as they are kept (``traces.bodies``).

    Args:
        request: the client's body.
    """

    __slots__ = ("_pieces", "_request", "_room", "_size")

    def __init__(self, request: bytes) -> None:
        self._request = request if len(request) <= LONGEST_BODY else request[:LONGEST_BODY]
        self._size = len(request)
        self._pieces: list[str] = []
        self._room = LONGEST_BODY

    def note(self, batch: Batch) -> None:
        """What the answer says."""
        for event in batch.events:
            if isinstance(event, Text | Refusal | ToolArguments) and self._room > 0:
                self._pieces.append(event.text[: self._room])
                self._room -= len(event.text)

    def whole(self, body: bytes) -> None:
        """An answer that is no stream, as the client gets it."""
        self._pieces = [body[:LONGEST_BODY].decode(errors="replace")]

    def told(self, redactor: Redactor) -> tuple[Any, str]:
        """(request, answer), without secrets: the request as JSON, or as the beginning of a text where it is too long."""
        request: Any
        try:
            # What was cut, or is nested deeper than anybody reads, is shown as a text.
            request = redactor.value(bounded(parse_json(self._request), self._request))
        except GatewayError:
            request = redactor.text(self._request.decode(errors="replace"))
            if len(self._request) < self._size:
                request += f"... ({self._size} bytes)"
        return request, redactor.text("".join(self._pieces))


class AttemptNotes:
    """What is noted of one attempt above its guards, where several tries of one candidate are one attempt.

    Args:
        trace: of the request.
        candidate: that is tried.
    """

    __slots__ = ("_at", "_candidate", "_first", "_trace")

    def __init__(self, trace: Trace, candidate: Candidate) -> None:
        self._trace = trace
        self._candidate = candidate
        self._first = len(trace.attempts)
        self._at = trace.now()

    def ended(self, how: Exception | Left | None, tripped: bool) -> None:
        """The attempt is over. ``tripped``: its error is a guard's that was not seen before."""
        trace = self._trace
        if trace.ended is not None:
            return
        at = trace.now()
        attempt = self._latest()
        if attempt is None:
            # It never came to a try: it stood in a queue all the time.
            attempt = trace.attempt(self._candidate.name, self._at)
            attempt.end(at, "let_go")
        if isinstance(how, Exception):
            failed(attempt, at, how)
            if tripped:
                trace.trip(Note(at, getattr(how, "operator", ""), "attempt", str(how), attempt.number))
        row = attempt.guarded = Row("attempt", attempt.number)
        row.add(self._at, _SUBSCRIBE)
        row.add(at, how_it_ended(how))

    def _latest(self) -> Attempt | None:
        """The last try of this candidate since this attempt began: others may be under way beside it."""
        name = self._candidate.name
        tries = self._trace.attempts[self._first :]
        return next((attempt for attempt in reversed(tries) if attempt.candidate == name), None)


def spoilt(trace: Trace) -> None:
    """Noting failed: that is told once, and the stream never hears of it. To be called while the exception is handled."""
    if not trace.spoilt:
        trace.spoilt = True
        log.exception("request %s could not be traced", trace.id)


def note_batch(row: Row, at: float, batch: Batch) -> None:
    """A mark for a batch: its first semantic kind. The opening and the end are marks of their own, whatever came with them."""
    events = batch.events
    if len(events) == 1:
        row.add(at, _KINDS.get(type(events[0]), _OTHER), batch.size, 1)
        return
    count = len(events)
    code = _OTHER
    if events:
        if type(events[0]) is Opened:
            row.add(at, _OPENED, 0, 1)
            count -= 1
        leading = next((event for event in events if event.phase), events[-count])
        code = _KINDS.get(type(leading), _OTHER)
    apart = batch.ends and code != _END
    row.add(at, code, batch.size, count - apart)
    if apart:
        row.add(at, _END, 0, 1)


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
