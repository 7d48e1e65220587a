"""What the taps write into a request's trace: marks of what passes, never a word of it. Untraced requests cost nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, Protocol

from operators.stream import Left, Link
from operators.tap import quietly
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
from pipeline.traces import Attempt, Note, Trace, place
from pipeline.traces.log import ENDS, OPENS, pack
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

_GUARDED: Final = place("attempt", 1) - place("wire", 1)
"""From an attempt's first place to the one above its guards."""

_KINDS: Final[Mapping[type[Event], int]] = {
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

kind_of: Final = _KINDS.get
"""The code under which a type of event is noted. Asked with ``OTHER`` as default."""


class AttemptNotes(Link[Batch, Batch]):
    """What is noted of one attempt above its guards, where several tries of one candidate are one attempt.

    Its row belongs to the last try, since that is the one whose end passes the guards.

    Args:
        trace: of the request.
        candidate: that is tried, by its name.
        label: the same as configured.
        probe: counts how it ends.
    """

    __slots__ = ("_at", "_label", "_probe", "_trace", "_try", "candidate")

    def __init__(self, trace: Trace, candidate: str, label: str, probe: Probe) -> None:
        self._trace = trace
        self.candidate = candidate
        self._label = label
        self._probe = probe
        self._try: Attempt | None = None
        self._at = trace.now()
        trace.guards += (self,)

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
        guards = trace.guards
        # Nearly always there is no other.
        trace.guards = () if guards == (self,) else tuple(each for each in guards if each is not self)
        at = trace.now()
        attempt = self._try
        if attempt is None:
            # It never came to a try: it stood in a queue all the time.
            attempt = trace.attempt(self.candidate, self._at)
            attempt.label = self._label
            self.tried(attempt)
        trace.log.append(pack(attempt.place + _GUARDED, at, how_it_ended(how), 0, 0))
        if attempt.outcome is None:
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
    put_down = trace.log
    put_down.append(pack(place, trace.moment(), code, size, 0))
    if len(put_down) >= MANY:
        settled(trace)


def settled(trace: Trace) -> None:
    """It is time to look at what was put down. Whatever goes wrong, nobody notices but the log."""
    if trace.passing is not None:
        # A note of what is passing is still to come, and belongs before those of its ends. The next note comes here again.
        return
    try:
        trace.settle()
    except Exception:
        spoilt(trace)


def spoilt(trace: Trace) -> None:
    """Noting failed: that is told once, and the stream never hears of it. To be called while the exception is handled."""
    if not trace.spoilt:
        trace.spoilt = True
        log.exception("request %s could not be traced", trace.id)


def note_batch(put_down: list[bytes], place: int, at: float, batch: Batch) -> None:
    """A note for a batch, appended to the log of its trace."""
    events = batch.events
    code = kind_of(type(events[0]), OTHER) if len(events) == 1 else code_of(batch)
    put_down.append(pack(place, at, code, batch.size, len(events)))


def code_of(batch: Batch) -> int:
    """What a batch is noted as that is not one event: its first semantic kind, and whether it opens or ends the answer."""
    events = batch.events
    if not events:
        return OTHER
    opened = type(events[0]) is Opened
    leading = events[1 if opened else 0]
    for event in events:
        if event.phase:
            leading = event
            break
    code = kind_of(type(leading), OTHER)
    if opened:
        code |= OPENS
    return code | ENDS if batch.ends else code


def failed(attempt: Attempt, at: float, error: Exception) -> None:
    """The attempt ended with this error, told as ``said`` tells it."""
    known = classify(error)
    attempt.fail(at, known.reason, known.status, said(error), known.retry_after)


def note(scheduler: Any, operator: str, message: str, stage: str = "request") -> None:
    """A step did something worth telling in the trace of the exchange that it works for."""
    trace: Trace | None = getattr(scheduler, "trace", None)
    if trace is not None:
        trace.note(Note(trace.now(), operator, stage, message))


def how_it_ended(how: Exception | Left | None) -> int:
    """The mark of an end (see ``Link.ended``)."""
    if how is None:
        return _COMPLETED
    return _ERROR if isinstance(how, Exception) else _DISPOSE
