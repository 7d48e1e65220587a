"""The record of a request in its JSON form, under way and ended, and what of it is news to somebody who looks again."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipeline.events import Usage
from pipeline.noting import mark
from pipeline.summary import Summary
from pipeline.traces import MOST, Cursor, Note, Trace, place
from pipeline.traces.log import CLIENT, pack
from pipeline.traces.record import MANY, MOST_NOTES
from pipeline.traces.row import CODES
from pipeline.traces.rows import MOST_ATTEMPTS


def begun() -> Trace:
    return Trace("req_1", 1764211951.123, 100.0, "chat", 1, "abc", lambda: 103.25, "default")


def known(outcome: str, **more: Any) -> Summary:
    """What the exchange of that request knows."""
    kind = ("chat", "gpt", "", outcome, outcome, True)
    return Summary.of(kind=kind, asked="gpt-5", caller="alice", bytes_in=17, parsed=100.5, **more)


def failed_over() -> Trace:
    trace = begun()
    first = trace.attempt("a/x", 101.0)
    first.fail(102.0, "unreachable", 502, "The provider 'a' cannot be reached.", None)
    trace.trip(Note(102.0, "idle_timeout", "attempt", "idle_timeout: 1 s", 1))
    second = trace.attempt("b/y", 102.0)
    second.dialect, second.opened = "messages", 103.0
    trace.log.append(pack(place("wire", 2), 103.0, CODES["head"], 0, 0))
    trace.log.append(pack(place("decoded", 2), 103.0, CODES["opened"], 0, 1))
    second.committed = second.whole = True
    trace.answer.add(104.0, CODES["text"], 10, 1)
    trace.client.add(104.5, CODES["bytes"], 44)
    return trace


def test_what_goes_out_before_something_that_comes_counts_from_its_coming_and_what_follows_it_from_now() -> None:
    trace = begun()
    trace.passing, trace.came = object(), 103.0
    assert trace.moment() == 103.0
    # It came to the answer.
    trace.written = 0
    assert trace.moment() == 103.25


def test_the_json_form_of_a_request_that_ended() -> None:
    trace = failed_over()
    times: dict[str, Any] = {"first_event": 104.0, "first_write": 104.5, "over": 110.0}
    trace.end(known("ok", status=200, answered_by="b/y", usage=Usage(input=3, output=5), **times))
    assert trace.to_json() == {
        "version": 1,
        "id": "req_1",
        "at": 1764211951.123,
        "worker": 1,
        "config": "abc",
        "dialect": "chat",
        "model": "gpt",
        "asked": "gpt-5",
        "chain": "default",
        "caller": "alice",
        "stream": True,
        "outcome": "ok",
        "status": 200,
        "candidate": "b/y",
        "seconds": 10.0,
        "parsed": 0.5,
        "first_event": 4.0,
        "first_write": 4.5,
        "queued": 0.0,
        "usage": {"input": 3, "output": 5},
        "bytes_in": 17,
        "bytes_out": 44,
        "attempts": [
            {
                "number": 1,
                "candidate": "a/x",
                "began": 1.0,
                "ended": 2.0,
                "outcome": "error",
                "reason": "unreachable",
                "phase": "setup",
                "status": 502,
                "message": "The provider 'a' cannot be reached.",
            },
            {
                "number": 2,
                "candidate": "b/y",
                "dialect": "messages",
                "began": 2.0,
                "opened": 3.0,
                "ended": 10.0,
                "outcome": "ok",
                "phase": "semantic",
            },
        ],
        "trips": [{"at": 2.0, "operator": "idle_timeout", "stage": "attempt", "attempt": 1, "message": "idle_timeout: 1 s"}],
        "stages": [
            {"stage": "wire", "attempt": 2, "marks": [[3.0, "head", 0, 0]]},
            {"stage": "decoded", "attempt": 2, "marks": [[3.0, "opened", 0, 1], [10.0, "completed", 0, 0]]},
            {"stage": "answer", "marks": [[4.0, "text", 10, 1], [10.0, "completed", 0, 0]]},
            {"stage": "client", "marks": [[4.5, "bytes", 44, 0], [10.0, "completed", 0, 0]]},
        ],
    }
    assert orjson.loads(orjson.dumps(trace.to_json())) == trace.to_json()


def test_what_is_not_known_yet_is_left_out() -> None:
    told = begun().to_json(stages=False)
    assert told["seconds"] == 3.25
    assert not {"outcome", "status", "error", "candidate", "first_event", "usage", "stages", "request", "answer"} & set(told)


def test_an_error_is_told_with_its_reason() -> None:
    trace = begun()
    trace.end(known("timeout", over=101.0, status=504, error=("timeout", "The provider did not answer in time.")))
    assert trace.to_json()["error"] == {"reason": "timeout", "message": "The provider did not answer in time."}
    assert trace.failed


def test_a_client_that_left_is_no_failure_and_lets_its_attempt_go() -> None:
    trace = begun()
    attempt = trace.attempt("a/x", 100.5)
    trace.end(known("client_left", over=101.0))
    assert (trace.failed, attempt.outcome, attempt.ended) == (False, "let_go", 101.0)


def test_the_guard_that_let_an_attempt_go_says_why() -> None:
    attempt = begun().attempt("a/x", 100.5)
    attempt.end(101.0, "let_go")
    attempt.fail(101.0, "timeout", 504, "too slow", None)
    assert (attempt.outcome, attempt.reason, attempt.ended) == ("error", "timeout", 101.0)


def test_the_first_error_of_an_attempt_stands() -> None:
    attempt = begun().attempt("a/x", 100.5)
    attempt.fail(101.0, "cut", 502, "cut", None)
    attempt.fail(102.0, "timeout", 504, "too slow", None)
    assert (attempt.reason, attempt.ended) == ("cut", 101.0)


def test_a_complete_answer_stays_complete_whatever_its_connection_does() -> None:
    attempt = begun().attempt("a/x", 100.5)
    attempt.whole = True
    attempt.end(101.0, "ok")
    attempt.fail(102.0, "cut", 502, "cut", None)
    attempt.end(103.0, "let_go")
    assert (attempt.outcome, attempt.reason, attempt.ended) == ("ok", None, 101.0)


def test_news_are_told_once() -> None:
    trace, seen = failed_over(), Cursor()
    assert [(each["stage"], each["from"], len(each["marks"])) for each in trace.news(seen)] == [
        ("wire", 0, 1),
        ("decoded", 0, 1),
        ("answer", 0, 1),
        ("client", 0, 1),
    ]
    assert trace.news(seen) == []
    trace.answer.add(105.0, CODES["text"], 7, 1)
    (news,) = trace.news(seen)
    # The last mark may have grown, so it is told again.
    assert news == {"stage": "answer", "epoch": 0, "from": 0, "marks": [[4.0, "text", 10, 1], [5.0, "text", 7, 1]]}
    trace.answer.add(105.0004, CODES["text"], 2, 1)
    assert trace.news(seen) == [{"stage": "answer", "epoch": 0, "from": 1, "marks": [[5.0, "text", 9, 2]]}]


def test_a_row_that_was_merged_is_told_anew() -> None:
    trace, seen = begun(), Cursor()
    trace.answer.add(100.0, CODES["text"], 1, 1)
    trace.news(seen)
    for number in range(MOST):
        trace.answer.add(101.0 + number, CODES["text"], 1, 1)
    (news,) = trace.news(seen)
    assert (news["epoch"], news["from"], sum(mark[2] for mark in news["marks"])) == (1, 0, MOST + 1)


def test_names_attempts_and_notes_are_bounded() -> None:
    trace = begun()
    trace.summary = Summary.of(asked="m" * 5000)
    for number in range(1000):
        trace.attempt("a/x", 100.0)
        trace.trip(Note(float(number), "retry", "attempt", ""))
        trace.note(Note(float(number), "retry", "attempt", ""))
    told = trace.to_json()
    assert (len(told["asked"]), len(told["attempts"])) == (200, MOST_ATTEMPTS)
    assert (len(told["trips"]), len(told["notes"])) == (MOST_NOTES, MOST_NOTES)


def test_what_guards_and_steps_do_behind_the_end_is_not_told() -> None:
    """Or it would depend on how long the trace stays as it is."""
    trace = failed_over()
    trace.end(known("ok", over=110.0, status=200))
    told = trace.to_json()
    trace.trip(Note(110.5, "total_timeout", "request", "total_timeout: 1 s"))
    trace.note(Note(110.5, "cache", "request", "kept"))
    assert trace.to_json() == told


@pytest.mark.parametrize("looked", [False, True])
def test_what_is_put_down_behind_the_end_is_not_told(looked: bool) -> None:
    trace = failed_over()
    if looked:
        trace.settle()
    trace.end(known("ok", over=110.0, status=200))
    told = trace.to_json()
    for _ in range(2 * MANY):
        mark(trace, CLIENT, CODES["bytes"], 9)
    assert trace.to_json() == told
    assert len(trace.log) == 0
