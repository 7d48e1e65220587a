"""How a trace is kept once it ended: as some bytes, since most of them are read by nobody."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from pipeline.summary import PLAIN, Summary
from pipeline.traces.attempt import Attempt, Failure
from pipeline.traces.record import Note, Trace

OF_TRACE: Final = ("id", "at", "began", "dialect", "worker", "config", "chain", "subscribed", "spoilt", "packed")
OF_ATTEMPT: Final = (
    *("candidate", "began", "label", "dialect", "tried", "guarded", "sent", "opened", "ended"),
    *("outcome", "committed", "whole", "shared", "superseded"),
)

_FORM: Final = 2
"""The version of the form that looks for nothing that stands there twice, which would take longer."""
_KIND: Final = 1
"""Bytes that say what a value is: of a string also whether it is interned, so that they are passed over."""
_ID: Final = len(marshal.dumps(((),), _FORM)) + _KIND
"""Where the first value of the first tuple stands."""

Kept = bytes | Trace


class About(NamedTuple):
    """What traces are chosen by."""

    at: float
    """When it was taken."""
    dialect: str
    model: str
    outcome: str
    caller: str | None


def kept(trace: Trace) -> Kept:
    """A trace that ended, to be kept: ``found`` makes a trace of it.

    One with more than plain values stays as it is: with bodies, with rows that somebody looked at (as who writes it to a file
    does), without an end to tell; and a failure, which may have to be kept for longer.

    The room that is saved is the least of it: where each of a thousand traces is twenty objects, and the oldest is freed for each
    that ends, all that is made for the next request comes to lie where no cache of the processor knows it.
    """
    summary = trace.summary
    if summary is None or trace.looked_at or trace.bodies is not None or trace.failed:
        return trace
    try:
        attempts = [_of_attempt(attempt) for attempt in trace.attempts]
        notes = [list(map(tuple, told)) for told in (trace.trips, trace.notes)] if trace.trips or trace.notes else None
        return marshal.dumps((_of_trace(trace), summary.plain(), attempts, notes), _FORM)
    except Exception:
        # A step of somebody's noted what is no plain value.
        return trace


# Field by field: what looks a name up finds no cache that knows it.


def _of_trace(trace: Trace) -> tuple[Any, ...]:
    return (
        trace.id,
        trace.at,
        trace.began,
        trace.dialect,
        trace.worker,
        trace.config,
        trace.chain,
        trace.subscribed,
        trace.spoilt,
        trace.packed,
    )


def _of_attempt(attempt: Attempt) -> tuple[Any, ...]:
    return (
        attempt.candidate,
        attempt.began,
        attempt.label,
        attempt.dialect,
        attempt.tried,
        attempt.guarded,
        attempt.sent,
        attempt.opened,
        attempt.ended,
        attempt.outcome,
        attempt.committed,
        attempt.whole,
        attempt.shared,
        attempt.superseded,
        attempt.failure and tuple(attempt.failure),
    )


def found(stored: Kept) -> Trace:
    """The trace, or another one that tells the same."""
    if isinstance(stored, Trace):
        return stored
    of_trace, plain, attempts, notes = marshal.loads(stored)
    id, at, began, dialect, *_ = of_trace
    trace = Trace(id, at, began, dialect)
    for *fields, failure in attempts:
        attempt = trace.attempt("", 0.0)
        _set(attempt, OF_ATTEMPT, fields)
        attempt.failure = failure and Failure(*failure)
    trace.end(Summary.of_plain(id, began, plain))
    _set(trace, OF_TRACE, of_trace)
    if notes is not None:
        trace.trips, trace.notes = (tuple(Note(*values) for values in told) for told in notes)
    return trace


def _set(target: object, names: tuple[str, ...], values: list[Any] | tuple[Any, ...]) -> None:
    for name, value in zip(names, values, strict=True):
        setattr(target, name, value)


def about(stored: Kept) -> About:
    """What it may be chosen by, for a fifth of what it takes to make a trace of it."""
    if isinstance(stored, bytes):
        (_, at, *_), plain, *_ = marshal.loads(stored)
        kind, caller = plain[PLAIN.index("kind")], plain[PLAIN.index("caller")]
    else:
        known = stored.summary or Summary.of()
        at, kind, caller = stored.at, known.kind, known.caller
    dialect, model, _, outcome, _, _ = kind
    return About(at, dialect, model, outcome, caller)


def called(id: str, all_stored: Iterable[Kept]) -> Iterator[Trace]:
    """Those of them with this id. Only they are made traces of: what is kept begins with its id."""
    encoded = marshal.dumps(id, _FORM)[_KIND:]
    for each in all_stored:
        if each.startswith(encoded, _ID) if isinstance(each, bytes) else each.id == id:
            yield found(each)


def is_failure(stored: Kept) -> bool:
    """Whether it ended with an error."""
    return isinstance(stored, Trace) and stored.failed
