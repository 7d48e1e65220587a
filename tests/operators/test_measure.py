"""One attempt is noted: under way, its first event, its pace, its end."""

from __future__ import annotations

from typing import Any

import pytest

from operators import Link, Load, Loads, StepError, Stream, measure
from operators.measure import SAMPLE
from operators.testing import Marbles
from tests.operators.attempts import Late, broken
from tests.operators.items import ITEMS, Fault
from tests.operators.observers import FirstOnly, Heard


@pytest.fixture
def load(t: Marbles) -> Load:
    return Loads(penalty=30, now=lambda: t.second).of("a")


def known(load: Load) -> tuple[float | None, float | None]:
    return load.first_event, load.pace


def test_the_first_committing_item_is_the_first_event_and_those_that_follow_the_pace(t: Marbles, load: Load) -> None:
    source = t.cold("                          -s--a--b-----c---|", values=ITEMS)
    t.check(source.pipe(measure(load)), "      -s--a--b-----c---|", values=ITEMS)
    assert known(load) == (4, 4.5)


def test_what_is_known_when_it_is_known(t: Marbles, load: Load) -> None:
    t.cold("---a-b-|").pipe(measure(load)).subscribe(scheduler=t.scheduler)
    came: list[tuple[int, float | None]] = []
    for second in (0, 2, 3, 6, 7):
        t.advance(second)
        came.append((load.in_flight, load.first_event))
    assert came == [(1, None), (1, None), (1, 3), (1, 3), (0, 3)]
    assert load.pace == 2


@pytest.mark.parametrize("drawing", ["-s-a-b-|", "-s-a-b-#", "-s-#", "-s-|", "|", "#"])
def test_nothing_is_in_flight_at_any_end(t: Marbles, load: Load, drawing: str) -> None:
    t.check(t.cold(drawing, values=ITEMS).pipe(measure(load)), drawing, values=ITEMS)
    assert load.in_flight == 0


@pytest.mark.parametrize("second", range(6))
def test_nothing_is_in_flight_after_dispose(t: Marbles, load: Load, second: int) -> None:
    subscription = t.cold("-s-a-b----|", values=ITEMS).pipe(measure(load)).subscribe(scheduler=t.scheduler)
    t.advance(second)
    assert load.in_flight == 1
    subscription.dispose()
    subscription.dispose()
    assert load.in_flight == 0


def test_a_failure_counts_as_a_long_time_also_after_the_first_event(t: Marbles, load: Load) -> None:
    t.check(t.cold("--#").pipe(measure(load)), "--#")
    assert known(load) == (30, None)
    t.check(t.cold("--a-b-#").pipe(measure(load)), "--a-b-#")
    assert load.first_event is not None
    assert load.first_event > 2 * 0.3 + 30 * 0.3
    assert load.pace == 2


def test_an_error_that_another_attempt_does_not_make_better_tells_nothing(t: Marbles, load: Load) -> None:
    mine = Fault(retryable=False)
    t.check(t.cold("#", error=mine).pipe(measure(load)), "#", error=mine)
    assert known(load) == (None, None)


def test_when_decides_which_error_counts(t: Marbles, load: Load) -> None:
    mine = Fault(retryable=False)
    t.check(t.cold("-#", error=mine).pipe(measure(load, when=lambda error: error is mine)), "-#", error=mine)
    assert load.first_event == 30


def test_when_that_raises_is_a_step_error_and_tells_nothing(t: Marbles, load: Load) -> None:
    t.check(t.cold("#").pipe(measure(load, when=broken)), "#", error=StepError)
    assert (load.in_flight, load.first_event) == (0, None)


def test_one_that_is_let_go_before_its_first_event_counts_where_it_took_longer_than_was_known(t: Marbles, load: Load) -> None:
    slow = t.cold("-s--------a|", values=ITEMS).pipe(measure(load))
    t.check(slow, "-s---", values=ITEMS, until="^   !")
    assert load.first_event == 4
    t.check(slow, "-s-", values=ITEMS, until="^ !")
    assert load.first_event == 4


def test_the_pace_is_that_of_the_first_items_and_the_others_pass_by(t: Marbles, load: Load) -> None:
    link: Link[Any, Any] = Link()
    source: Stream[Any] = Stream(lambda observer, scheduler: link.begin(observer))
    heard = Heard()
    last: Link[Any, Any] = Link()
    last.connect(source.pipe(measure(load)), heard, t.scheduler)
    for second in range(SAMPLE + 1):
        assert link.receiver is not last
        t.scheduler.advance_to(second * 2)
        link.on_next(second)
    assert link.receiver is last
    assert load.pace == 2
    t.scheduler.advance_to(1000)
    link.on_next("late")
    link.on_completed()
    assert heard.all == [*range(SAMPLE + 1), "late", "|"]
    assert (load.pace, load.in_flight) == (2, 0)


def test_a_source_that_cannot_hand_items_past_it_is_measured_the_same_and_once(t: Marbles) -> None:
    asked: list[float] = []

    def now() -> float:
        asked.append(t.second)
        return t.second

    load = Loads(now=now).of("a")
    late, heard = Late(), Heard()
    late.stream.pipe(measure(load)).subscribe(heard, scheduler=t.scheduler)
    for second in range(SAMPLE + 1):
        t.scheduler.advance_to(second)
        late.observer.on_next(second)
    assert load.pace == 1
    load.follow(1, 2)
    known, times = load.pace, len(asked)
    late.observer.on_next("late")
    assert len(asked) == times, "nobody looks at the clock any more"
    late.observer.on_completed()
    assert load.pace == known
    assert heard.all == [*range(SAMPLE + 1), "late", "|"]


def test_what_a_source_says_after_it_was_let_go_is_not_noted(t: Marbles, load: Load) -> None:
    late, heard = Late(), Heard()
    asked: list[Exception] = []
    stream = late.stream.pipe(measure(load, when=lambda error: bool(asked.append(error))))  # type: ignore[func-returns-value]
    for said in ([], ["a", "b"]):
        subscription = stream.subscribe(heard, scheduler=t.scheduler)
        for item in said:
            late.observer.on_next(item)
        subscription.dispose()
        before = known(load)
        t.scheduler.advance_by(1)
        for number in range(SAMPLE * 2):
            late.observer.on_next(number)
        late.observer.on_error(Fault())
        late.observer.on_completed()
        assert (load.in_flight, known(load)) == (0, before)
    assert heard.all == ["a", "b"]
    assert asked == []


def test_who_leaves_at_the_first_item_is_no_longer_in_flight(t: Marbles, load: Load) -> None:
    late, heard = Late(), Heard()
    FirstOnly().connect(late.stream.pipe(measure(load)), heard, t.scheduler)
    for item in "abc":
        late.observer.on_next(item)
    assert (heard.all, late.left, load.in_flight, load.pace) == (["a"], 1, 0, None)


def test_many_at_once_are_counted_each_for_itself(t: Marbles, load: Load) -> None:
    result = t.cold("--a-b|").pipe(measure(load))
    for _ in range(20):
        result.subscribe(scheduler=t.scheduler)
    t.advance(1)
    assert load.in_flight == 20
    t.advance(5)
    assert load.in_flight == 0
    assert load.first_event == pytest.approx(2)
    assert load.pace == pytest.approx(2)
