"""A recorded request through another chain: what would have differed is said in words, and what cannot be known, too."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pipeline.config import Config
from pipeline.config import parse as parse_config
from pipeline.replay.compare import sentences
from pipeline.replay.recording import Recording, ReplayError, recording
from pipeline.replay.run import Others, Replay, replay
from tests.replay.test_faults import printed

CHAINS: dict[str, Any] = {
    "default": {},
    "alone": {"candidates": [], "attempt": [], "answer": [{"failover": {"never": ["overloaded", "timeout"]}}]},
    "hasty": {"attempt": [{"first_event_timeout": {"seconds": 2}}, {"idle_timeout": {"seconds": 2}}]},
    "patient": {"attempt": [{"first_event_timeout": {"seconds": 30}}, {"idle_timeout": {"seconds": 30}}]},
    "again": {"attempt": [{"retry": {"times": 2, "wait": 1, "longest_wait": 1}}]},
    "endless": {"attempt": [], "request": [{"heartbeat": {"seconds": 60}}]},
    "small": {"wire": [{"buffer_limit": {"bytes": 50}}], "attempt": []},
    "brisk": {"attempt": [{"idle_timeout": {"seconds": 1}}]},
    "turns": {"candidates": [{"balance": {"by": "round_robin"}}]},
    "weights": {"candidates": [{"balance": {"by": "weighted"}}]},
    "dropped": {"attempt": [{"fault": {"kind": "error", "after": 1}}]},
}
A, B = "a/x", "b/y"


def config(*candidates: str) -> Config:
    providers = {name: {"dialect": "chat", "base_url": "http://127.0.0.1:9/v1"} for name in ("a", "b")}
    models = [{"name": "served", "candidates": list(candidates or (A, B))}]
    return parse_config(json.dumps({"providers": providers, "models": models, "chains": CHAINS}), "penstock.yaml", {})


Marks = list[list[Any]]


def told(**fields: Any) -> dict[str, Any]:
    """A trace with these fields, else of a short good answer from A."""
    said: dict[str, Any] = {
        "version": 1,
        "id": "req_1",
        "at": 1764211951.0,
        "dialect": "chat",
        "model": "served",
        "asked": "served",
        "chain": "default",
        "stream": True,
        "outcome": "ok",
        "status": 200,
        "candidate": A,
        "seconds": 5.0,
        "parsed": 0.0,
        "first_event": 3.0,
        "attempts": [tried(1, A, 0.0, 5.0)],
        "trips": [],
        "stages": rows(1, [[0.0, "subscribe", 0, 0], [1.0, "opened", 0, 1], [3.0, "text", 20, 1], [5.0, "end", 0, 1]]),
    }
    return {**said, **fields}


def tried(number: int, candidate: str, began: float, ended: float, outcome: str = "ok", **fields: Any) -> dict[str, Any]:
    return {"number": number, "candidate": candidate, "began": began, "ended": ended, "outcome": outcome, **fields}


def rows(attempt: int, marks: Marks) -> list[dict[str, Any]]:
    return [{"stage": "decoded", "attempt": attempt, "marks": marks}]


def failed_over() -> Recording:
    """A is overloaded after a second, B answers."""
    first = rows(1, [[0.0, "subscribe", 0, 0], [1.0, "error", 0, 0]])
    second = rows(2, [[1.0, "subscribe", 0, 0], [2.0, "text", 20, 1], [3.0, "end", 0, 1]])
    attempts = [tried(1, A, 0.0, 1.0, "error", reason="overloaded", status=503), tried(2, B, 1.0, 3.0)]
    stages = [*first, *second]
    return recording(told(chain="hasty", candidate=B, seconds=3.0, first_event=2.0, attempts=attempts, stages=stages))


def given_up() -> Recording:
    """A said nothing for ten seconds and was let go; B answers."""
    first = rows(1, [[0.0, "subscribe", 0, 0], [10.0, "dispose", 0, 0]])
    second = rows(2, [[10.0, "subscribe", 0, 0], [11.0, "text", 20, 1], [12.0, "end", 0, 1]])
    attempts = [tried(1, A, 0.0, 10.0, "error", reason="timeout", status=504), tried(2, B, 10.0, 12.0)]
    trips = [{"at": 10.0, "operator": "first_event_timeout", "stage": "attempt", "attempt": 1, "message": "over"}]
    return recording(told(candidate=B, seconds=12.0, first_event=11.0, attempts=attempts, trips=trips, stages=[*first, *second]))


def through(recorded: Recording, chain: str | None, others: Others = "healthy", *candidates: str) -> Replay:
    return replay(recorded, config(*candidates), chain, others)


def differences(result: Replay) -> list[str]:
    return sentences(result.recorded, result.replayed)


def test_a_chain_that_does_not_fail_over_ends_with_the_error() -> None:
    result = through(failed_over(), "alone")
    assert differences(result) == [
        "Nobody would have answered; b/y did.",
        "It would have failed with overloaded after 1 s, before a word was said; it ended well after 3 s.",
        "b/y would not have been asked.",
    ]
    assert "The replay" not in printed(result)


def test_a_limit_that_is_too_short_gives_up_who_would_have_answered() -> None:
    result = through(recording(told()), "hasty")
    # A is given up after two seconds, and B is assumed to be as slow.
    assert differences(result) == [
        "Nobody would have answered; a/x did.",
        "It would have failed with timeout after 4 s, before a word was said; it ended well after 5 s.",
        "b/y would have been asked; it was not.",
        "first_event_timeout would have acted after 2 s, 4 s.",
    ]
    assert result.notes == (
        "b/y was not asked in the recording: assumed to answer as a/x did (--others healthy, silent or failing).",
    )


def test_a_longer_limit_is_judged_honestly() -> None:
    result = through(given_up(), "patient")
    assert differences(result) == [
        "The first event would have come 20 s later: after 31 s instead of 11 s.",
        "It would have ended 20 s later: after 32 s instead of 12 s.",
        "first_event_timeout would have acted after 30 s instead of 10 s.",
    ]
    assert result.unknown == {1: 10.0}
    assert result.notes == (
        "Unknown after 10 s of try 1 at a/x: it was let go there, so what it would have said is not recorded. "
        "The replay takes it as silent from then on.",
    )
    marbles = next(line for line in printed(result).splitlines() if line.startswith("1 a/x wire") and "?" in line)
    assert marbles.index("?") > marbles.index("^")


def test_nothing_is_unknown_where_nobody_listened_for_longer() -> None:
    assert through(given_up(), "hasty").unknown == {}


@pytest.mark.parametrize(
    ("others", "by", "note"),
    [
        ("healthy", B, "b/y was not asked in the recording: assumed to answer with one word after 1 s"),
        ("silent", "", "b/y was not asked in the recording: assumed silent"),
        ("failing", "", "b/y was not asked in the recording: assumed to fail with 503 at once"),
    ],
)
def test_who_was_not_asked_does_what_is_assumed_of_it(others: Others, by: str, note: str) -> None:
    attempts = [tried(1, A, 0.0, 1.0, "error", reason="bad_request", status=400)]
    failure = told(
        outcome="overloaded",
        candidate="",
        seconds=1.0,
        first_event=None,
        attempts=[{**attempts[0], "reason": "overloaded", "status": 503}],
        stages=rows(1, [[0.0, "subscribe", 0, 0], [1.0, "error", 0, 0]]),
    )
    result = through(recording(failure), "patient", others)
    assert result.replayed.candidate == by
    assert result.notes[0].startswith(note)


def test_who_is_asked_more_often_than_recorded_goes_as_its_last_try() -> None:
    result = through(failed_over(), "again")
    assert [attempt.candidate for attempt in result.replayed.attempts] == [A, A, A, B]
    assert "a/x would have been asked 3 times instead of once." in differences(result)
    assert "a/x was asked 3 times, 1 of them recorded: the others are assumed to go as its last one." in result.notes


def test_a_chain_without_limits_is_not_waited_for_for_ever() -> None:
    result = through(given_up(), "endless", "silent")
    assert result.replayed.outcome == ""
    assert any(note.startswith("The replay was stopped after") for note in result.notes)


def test_a_row_without_marks_says_nothing_and_breaks_nothing() -> None:
    assert through(recording(told(stages=rows(1, []))), None).replayed.attempts[0].candidate == A


def test_a_client_that_left_leaves_again() -> None:
    marks: Marks = [[0.0, "subscribe", 0, 0], [3.0, "text", 20, 1], [4.0, "dispose", 0, 0]]
    left = told(outcome="client_left", status=200, seconds=4.0, attempts=[tried(1, A, 0.0, 4.0, "let_go")], stages=rows(1, marks))
    result = through(recording(left), None)
    assert differences(result) == []
    assert result.replayed.seconds == 4.0
    assert result.unknown == {}


def test_marks_that_were_merged_are_spread_up_to_the_next_one() -> None:
    words: Marks = [[2.0 * place, "text", 40, 4] for place in range(1, 131)]
    marks: Marks = [[0.0, "subscribe", 0, 0], *words, [262.0, "end", 0, 1]]
    long = told(seconds=262.0, first_event=2.0, attempts=[tried(1, A, 0.0, 262.0)], stages=rows(1, marks))
    # Each mark stands for four words in two seconds: none of them is a second late.
    result = through(recording(long), "brisk")
    assert differences(result) == []
    answer = result.replayed.row("answer")
    assert answer is not None
    assert sum(mark.bytes for mark in answer.marks if mark.kind == "text") == 130 * 40


def test_an_event_that_never_ended_fills_another_buffer_sooner() -> None:
    wire = {"stage": "wire", "attempt": 1, "marks": [[0.0, "subscribe", 0, 0], *([n * 1.0, "bytes", 20, 0] for n in range(1, 5))]}
    marks = rows(1, [[0.0, "subscribe", 0, 0], [5.0, "error", 0, 0]])
    trips = [
        {"at": 5.0, "operator": "buffer_limit", "stage": "attempt", "attempt": 1, "message": "buffer_limit: more than 90 bytes"}
    ]
    attempts = [tried(1, A, 0.0, 5.0, "error", reason="bad_reply", status=502)]
    broken = told(
        outcome="bad_reply", candidate="", seconds=5.0, first_event=None, attempts=attempts, trips=trips, stages=[wire, *marks]
    )
    result = through(recording(broken), "small", "healthy", A)
    assert "buffer_limit would have acted after 3 s instead of 5 s." in differences(result)


@pytest.mark.parametrize("chain", ["turns", "weights"])
@pytest.mark.parametrize("first", [A, B])
def test_who_was_asked_first_is_asked_first_again_where_turns_are_taken(chain: str, first: str) -> None:
    """Whose turn it was depends on other requests."""
    result = through(recording(told(candidate=first, attempts=[tried(1, first, 0.0, 5.0)])), chain)
    assert [attempt.candidate for attempt in result.replayed.attempts] == [first]
    assert result.notes == (
        "Whose turn it was (balance) depends on other requests: candidates are asked in the order of the recording.",
    )


def test_candidates_that_the_configuration_does_not_know_play_all_the_same() -> None:
    strangers = replace(failed_over(), model="elsewhere")
    result = through(strangers, None)
    assert differences(result) == []


def test_a_replay_that_is_not_faithful_says_so_and_where() -> None:
    limited = told(
        outcome="rate_limit",
        status=429,
        candidate="",
        seconds=0.0,
        first_event=None,
        attempts=[],
        trips=[{"at": 0.0, "operator": "rate_limit", "stage": "request", "message": "used up"}],
        stages=[],
    )
    found = config()
    said = printed(replay(recording({**limited, "config": found.digest}), found, None, "healthy"), found.digest)
    assert "NOT FAITHFUL" in said
    assert "what other requests did to limits" in said
    assert "rate_limit would not have acted; it did after 0 s." in said
    other = printed(replay(recording({**limited, "config": "abc"}), found, None, "healthy"), found.digest)
    assert f"The configuration is another one now ({found.digest}, then abc)" in other


def test_a_chain_that_is_not_there_is_told_with_the_nearest_one() -> None:
    with pytest.raises(ReplayError) as wrong:
        through(failed_over(), "hasti")
    assert 'there is no chain "hasti"' in str(wrong.value)
    assert 'Did you mean "hasty"?' in str(wrong.value)
    with pytest.raises(ReplayError, match='there is no chain "gone": the request ran through it'):
        through(replace(failed_over(), chain="gone"), None)


def test_a_request_of_which_nobody_can_be_asked_is_told() -> None:
    with pytest.raises(ReplayError, match=r'nobody was asked, and penstock\.yaml has no model "other"'):
        through(recording(told(model="other", attempts=[], stages=[])), None)


def test_who_is_let_go_at_its_head_is_seen_to_open_before_it_ends() -> None:
    replayed = replay(recording(told()), config(A), "dropped", "healthy").replayed
    seen = {row.stage: [mark.kind for mark in row.marks] for row in replayed.rows}
    assert seen["wire"] == ["subscribe", "head", "dispose"]
    assert seen["decoded"] == ["subscribe", "opened", "dispose"]
