"""The kit that judges all others: it must notice what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from reactivex import operators as stock
from reactivex.notification import OnCompleted, OnError, OnNext

from operators import Stream, clock
from operators.testing import Boom, Marbles, draw, marbles, parse


def test_a_drawing_is_read_by_columns() -> None:
    frames = parse(" -a (bc) -|", {"b": 7}, Boom())
    assert [(second, type(event)) for second, event in frames] == [(1, OnNext), (2, OnNext), (2, OnNext), (7, OnCompleted)]
    assert [event.value for _, event in frames[:3]] == ["a", 7, "c"]


def test_an_error_is_the_one_given() -> None:
    boom = Boom()
    ((second, event),) = parse("--#", {}, boom)
    assert isinstance(event, OnError)
    assert (second, event.exception) == (2, boom)


def test_a_hot_drawing_begins_at_its_mark(t: Marbles) -> None:
    source = t.hot("             -a-^-b-|")
    t.check(source.pipe(stock.map(str.upper)), "--B-|")


@pytest.mark.parametrize("drawing", ["-|a", "-#-a", "(ab", "ab)", "((a))"])
def test_a_drawing_that_means_nothing_is_refused(drawing: str) -> None:
    with pytest.raises(ValueError):
        parse(drawing, {}, Boom())


def test_what_happened_is_drawn() -> None:
    boom = Boom()
    assert draw(parse("-a-(bc)-#", {}, boom), {}) == "-a-(bc)-#"
    assert draw([(1, OnNext(7)), (2, OnNext("long"))], {"x": 7}) == "-x?"


@pytest.mark.parametrize("came", ["-a--|", "-a-b-|", "-b-|", "-a-#", "-a--", "--a|", "-a-|"])
def test_only_what_was_drawn_passes(came: str) -> None:
    kit = Marbles()
    if came == "-a-|":
        kit.check(kit.cold(came), "-a-|")
    else:
        with pytest.raises(AssertionError, match="expected  -a-"):
            kit.check(kit.cold(came), "-a-|")


def test_an_error_is_compared_by_identity_or_by_type() -> None:
    kit = Marbles()
    mine = Boom("mine")
    kit.check(kit.cold("#", error=mine), "#", error=mine)
    kit.check(kit.cold("#", error=mine), "#", error=Boom)
    kit.check(kit.cold("#"), "#")
    with pytest.raises(AssertionError):
        kit.check(kit.cold("#", error=Boom("mine")), "#", error=mine)
    with pytest.raises(AssertionError):
        kit.check(kit.cold("#"), "#", error=LookupError)


def test_what_comes_after_the_end_of_the_drawing_is_noticed() -> None:
    def talks_on(observer: Any, scheduler: Any) -> None:
        clock.after(scheduler, 5, lambda: observer.on_next("late"))

    kit = Marbles()
    with pytest.raises(AssertionError, match="timers were left"):
        kit.check(Stream(talks_on), "--", until="^ !")


def test_a_timer_that_was_left_is_noticed() -> None:
    def forgets(observer: Any, scheduler: Any) -> None:
        clock.after(scheduler, 5, lambda: None)
        observer.on_completed()

    kit = Marbles()
    with pytest.raises(AssertionError, match="1 timers were left when the stream had ended"):
        kit.check(Stream(forgets), "|")


def test_a_source_that_was_not_let_go_is_noticed() -> None:
    kit = Marbles()
    source = kit.cold("-a--b")

    def holds_on(observer: Any, scheduler: Any) -> None:
        source.subscribe(observer, scheduler=scheduler)

    with pytest.raises(AssertionError, match="timers were left"):
        kit.check(Stream(holds_on), "-a-", until="^ !")
    with pytest.raises(AssertionError, match="subscriptions"):
        kit.subs(source, "^ !")


def test_the_fixture_notices_a_timer_when_the_test_is_over() -> None:
    fixture = marbles()
    kit = next(fixture)
    clock.after(kit.scheduler, 1, lambda: None)
    with pytest.raises(AssertionError, match="when the test had ended"):
        next(fixture)


def test_streams_of_others_do_not_count(t: Marbles) -> None:
    other = t.cold("--------").subscribe(scheduler=t.scheduler)
    t.hot("---------------x")
    t.check(t.cold("-a|"), "-a|")
    other.dispose()


def test_fractions_of_a_second_are_told_apart() -> None:
    def soon(observer: Any, scheduler: Any) -> None:
        clock.after(scheduler, 1.5, lambda: observer.on_completed())

    kit = Marbles()
    with pytest.raises(AssertionError, match=r"1\.5 s"):
        kit.check(Stream(soon), "-|")


def test_subscriptions_are_those_of_the_last_check(t: Marbles) -> None:
    source = t.cold("-a-|")
    t.check(source, "-a-|")
    t.check(source, "-a", until="^ !")
    t.subs(source, "         ^ !")
