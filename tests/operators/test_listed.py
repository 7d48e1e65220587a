"""Streams whose items are there when somebody subscribes, and the operators that take them as lists."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from typing import Any

import pytest
import reactivex
from reactivex import Observable
from reactivex.operators import count

from operators.breaker import breaker
from operators.circuit import Circuits
from operators.errors import Exhausted, Overloaded, StepError
from operators.failover import failover
from operators.listed import Listed
from operators.stream import Operator, Stream
from operators.testing import Marbles

BOOM = OSError("down")


def listed(*items: Any) -> Listed[Any]:
    return Listed(lambda _: items)


def heard(stream: Observable[Any]) -> list[Any]:
    """What comes of a stream: its items, and its error or its end."""
    found: list[Any] = []
    stream.subscribe(found.append, found.append, lambda: found.append("|"))
    return found


def test_to_whom_subscribes_it_is_a_stream_as_any_other() -> None:
    assert heard(listed("a", "b")) == ["a", "b", "|"]
    assert heard(listed().pipe(count())) == [0, "|"]


def test_each_subscription_has_items_of_its_own_and_hears_why_it_has_none() -> None:
    asked: list[object] = []

    def items(scheduler: object) -> Sequence[Any]:
        asked.append(scheduler)
        if len(asked) == 2:
            raise BOOM
        return "a"

    stream: Stream[Any] = Listed(items)
    assert heard(stream) == ["a", "|"]
    assert heard(stream) == [BOOM]
    t = Marbles()
    t.check(stream, "(a|)")
    assert asked == [None, None, t.scheduler]


@pytest.mark.parametrize("make", [listed, reactivex.of], ids=["listed", "pushed"])
class TestAListIsTreatedAsWhatIsPushed:
    """Whether they come as a list or one after another, the same comes of candidates and attempts."""

    def test_only_those_whose_circuit_admits_pass(self, make: Any) -> None:
        circuits = Circuits()
        look: Operator[Any, Any] = breaker(1, circuits=circuits, key=str)
        assert heard(look(make("a", "b"))) == ["a", "b", "|"]
        ticket = circuits.of("a").begin()
        assert ticket is not None
        ticket.fail(BOOM)
        assert heard(look(make("a", "b"))) == ["b", "|"]
        (refusal,) = heard(look(make("a")))
        assert (type(refusal), refusal.refused_by) == (OSError, "breaker")
        assert heard(look(make())) == ["|"]

    def test_a_key_that_cannot_be_told_is_an_error(self, make: Any) -> None:
        def key(_: Any) -> str:
            raise KeyError

        (error,) = heard(breaker(circuits=Circuits(), key=key)(make("a")))
        assert isinstance(error, StepError)

    def test_attempts_are_made_one_after_another_until_one_commits(self, make: Any) -> None:
        told: list[Any] = []
        down, up, never = reactivex.throw(BOOM), reactivex.of("x"), reactivex.throw(AssertionError("asked"))
        step: Operator[Any, Any] = failover(on_failover=lambda *between: told.append(between))
        assert heard(step(make(down, up, never))) == ["x", "|"]
        assert told == [(down, up, BOOM)]

    def test_the_error_of_the_last_attempt_is_told(self, make: Any) -> None:
        last = OSError("down, too")
        assert heard(failover()(make(reactivex.throw(BOOM), reactivex.throw(last)))) == [last]

    def test_no_more_attempts_are_made_than_there_may_be(self, make: Any) -> None:
        attempts = make(reactivex.throw(BOOM), reactivex.of("x"))
        assert heard(failover(most=1)(attempts)) == [BOOM]

    def test_where_there_is_none_that_is_the_error(self, make: Any) -> None:
        (error,) = heard(failover()(make()))
        assert isinstance(error, Exhausted)

    def test_who_leaves_lets_go_of_the_attempt(self, make: Any) -> None:
        t = Marbles()
        attempt = t.cold("--a--b|")
        t.check(failover()(make(attempt)), "--a--", until="---!")
        assert attempt.subscriptions == [(0, 3)]


@pytest.mark.parametrize("make", [listed, reactivex.of], ids=["listed", "pushed"])
def test_who_stands_there_twice_is_one_probe(make: Any) -> None:
    now = [0.0]
    circuits = Circuits(now=lambda: now[0])
    look: Operator[Any, Any] = breaker(1, cool_down=5, circuits=circuits, key=lambda _: "a")
    assert heard(look(make("a", "a again"))) == ["a", "a again", "|"]
    ticket = circuits.of("a").begin()
    assert ticket is not None
    ticket.fail(BOOM)
    now[0] = 6
    assert heard(look(make("a", "a again"))) == ["a", "|"]


def test_a_list_is_freed_without_the_collector() -> None:
    stream: Stream[Any] = listed("a")
    told = weakref.ref(stream)
    gc.disable()
    try:
        del stream
        assert told() is None
    finally:
        gc.enable()


def test_what_is_wrong_with_a_list_is_told_before_any_attempt() -> None:
    circuits = Circuits()
    look: Operator[Any, Any] = breaker(1, circuits=circuits, key=lambda _: "a")
    guarded = look(listed(reactivex.of("x")))
    assert isinstance(guarded, Listed)
    assert heard(failover()(guarded)) == ["x", "|"]
    ticket = circuits.of("a").begin()
    assert ticket is not None
    ticket.fail(Overloaded("admit", "full", 1.0))
    (error,) = heard(failover()(guarded))
    assert (type(error), error.refused_by) == (Overloaded, "breaker")
