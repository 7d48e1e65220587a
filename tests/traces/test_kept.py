"""A trace that ended is kept as bytes, and whoever reads it is told the same; what is more than plain values stays as it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.events import Usage
from pipeline.summary import PLAIN, Summary
from pipeline.traces import Attempt, Note, Trace, place
from pipeline.traces.kept import OF_ATTEMPT, OF_TRACE, about, called, found, kept
from pipeline.traces.log import ANSWER, CLIENT, pack
from pipeline.traces.row import CODES


def plain(trace: Trace) -> None:
    """One attempt that answers."""
    attempt = trace.attempt("a/x", 100.25)
    attempt.label, attempt.dialect, attempt.tried, attempt.guarded, attempt.opened = "a/x", "messages", True, 100.125, 100.5
    attempt.committed = attempt.whole = True
    attempt.end(101.0, "ok")
    trace.log += [pack(place("wire", 1), 100.5, CODES["bytes"], 44, 0), pack(ANSWER, 100.5, CODES["text"], 40, 3)]


def nothing(trace: Trace) -> None:
    """Refused before it was known what it asks for."""


def failed_over(trace: Trace) -> None:
    """Attempts of every end, what guards and other steps did, and a part that could not be noted."""
    trace.attempt("a/x", 100.25).fail(100.5, "unreachable", 502, "The provider 'a' cannot be reached.", 2.5)
    again = trace.attempt("a/x", 100.5)
    again.superseded, again.sent = True, 2
    trace.attempt("b/y", 100.625).shared = True
    plain(trace)
    trace.trip(Note(100.5, "idle_timeout", "attempt", "idle_timeout: 1 s", 1))
    trace.note(Note(100.75, "cache", "request", "kept"))
    trace.spoilt = True


def begun() -> Trace:
    trace = Trace("req_\N{SNOWMAN}", 1764211951.123, 100.0, "chat", 3, "abc", chain="default")
    trace.subscribed = 100.0625
    return trace


def ended(trace: Trace, outcome: str = "ok", **known: Any) -> Trace:
    kind = ("chat", "gpt", "a/x", outcome, "done", True)
    trace.end(Summary.of(kind=kind, status=200, over=102.0, **known))
    return trace


FULL: dict[str, Any] = {
    "asked": "gpt-5 \ud800",
    "caller": "alice",
    "bytes_in": 17,
    "parsed": 100.0625,
    "first_event": 100.5,
    "first_write": 100.75,
    "queued": 0.125,
    "answered_by": "a/x",
    "spoken": "messages",
    "attempts": 4,
    "usage": Usage(input=0, output=5, cache_read=2),
}


@pytest.mark.parametrize("known", [{}, FULL], ids=["nothing known", "all known"])
@pytest.mark.parametrize("made", [nothing, plain, failed_over])
def test_a_trace_that_is_kept_tells_the_same(made: Callable[[Trace], None], known: dict[str, Any]) -> None:
    trace = begun()
    made(trace)
    ended(trace, **known)
    stored = kept(trace)
    assert isinstance(stored, bytes)
    again = found(stored)
    assert again is not trace
    assert again.to_json() == trace.to_json()
    assert (again.spoilt, again.began, again.ended, again.worker) == (trace.spoilt, trace.began, trace.ended, trace.worker)
    # What is put down late is dropped, as before.
    again.log.append(pack(CLIENT, 103.0, CODES["bytes"], 1, 0))
    assert again.to_json() == trace.to_json()


@pytest.mark.parametrize("ask", [sys.intern, lambda id: id.encode().decode()])
@pytest.mark.parametrize("give", [sys.intern, lambda id: id.encode().decode()])
def test_it_is_found_by_its_id_and_by_no_other(ask: Callable[[str], str], give: Callable[[str], str]) -> None:
    several = [kept(ended(Trace(give(id), 0.0, 100.0, "chat"))) for id in ("req_1", "req_12", "eq_1", "")]
    several.append(kept(ended(Trace(give("req_1"), 0.0, 100.0, "chat"), outcome="timeout")))
    assert [trace.outcome for trace in called(ask("req_1"), several)] == ["ok", "timeout"]
    assert [*called("req_", several)] == []


def test_whatever_a_trace_has_is_kept() -> None:
    """Or is there only while it is under way, or begins anew."""
    told_apart = {"attempts", "trips", "notes", "summary", "ended", "bodies", "_rows"}
    assert {*OF_TRACE} | told_apart | {"came", "guards", "log", "now", "passing", "written"} == {*Trace.__slots__}
    assert {*OF_ATTEMPT, "failure", "number", "place"} == {*Attempt.__slots__}
    assert {*PLAIN, "usage", "id", "began", "sent"} == {*Summary.__slots__}


@pytest.mark.parametrize("made", [nothing, plain])
@pytest.mark.parametrize("outcome", ["ok", "timeout"])
def test_what_it_may_be_chosen_by_is_told_before_it_is_made(made: Callable[[Trace], None], outcome: str) -> None:
    trace = begun()
    made(trace)
    told = about(kept(ended(trace, outcome, caller="alice")))
    assert told == (1764211951.123, "chat", "gpt", outcome, "alice")


def test_it_may_be_kept_again() -> None:
    trace = begun()
    failed_over(trace)
    once = kept(ended(trace, **FULL))
    assert kept(found(once)) == once


def looked_at(trace: Trace) -> None:
    trace.settle()


def with_bodies(trace: Trace) -> None:
    trace.bodies = object()


def with_no_plain_value(trace: Trace) -> None:
    trace.note(Note(100.75, "mine", "request", object()))  # type: ignore[arg-type]


@pytest.mark.parametrize("made", [looked_at, with_bodies, with_no_plain_value])
def test_one_with_more_than_plain_values_stays_as_it_is(made: Callable[[Trace], None]) -> None:
    trace = begun()
    made(trace)
    assert kept(ended(trace)) is found(trace) is trace


@pytest.mark.parametrize(("outcome", "stays"), [("timeout", True), ("client_left", False)])
def test_a_failure_stays_as_it_is_and_who_left_is_none(outcome: str, stays: bool) -> None:
    trace = ended(begun(), outcome=outcome)
    assert (kept(trace) is trace) is stays


def test_one_without_an_end_stays_as_it_is() -> None:
    trace = begun()
    assert kept(trace) is trace
