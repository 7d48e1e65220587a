"""The same candidates in another order: by turns, by weight, by cost."""

from __future__ import annotations

import weakref
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from operators import Link, StepError, Stream, Turns, balance
from operators.testing import Marbles
from tests.operators.attempts import Late, at_once, broken
from tests.operators.items import Item
from tests.operators.observers import FirstOnly, Heard
from tests.operators.orders import GATHERING, By, Order, costing, drawing, ordered, weigh

# As a stream.


def test_without_sessions_the_order_is_kept_and_nothing_waits(t: Marbles) -> None:
    t.check(t.cold("-a--b-|").pipe(balance(key=str)), "-a--b-|")


def test_where_the_order_is_kept_candidates_pass_by() -> None:
    link: Link[Any, Any] = Link()
    last: Link[Any, Any] = Link()
    source: Stream[Any] = Stream(lambda observer, scheduler: link.begin(observer))
    last.connect(source.pipe(balance(key=str)), Heard(), None)
    assert link.receiver is last


def test_gathers_until_there_are_no_more(t: Marbles) -> None:
    for by in GATHERING:
        order: Order = balance(by, key=str, weight=weigh(a=3, b=2, c=1), loads=costing(a=1, b=2, c=3), random=drawing(0, 0.9))
        source = t.cold("           ab-c-|")
        t.check(source.pipe(order), "-----(abc|)")
        t.subs(source, "^    !")


@pytest.mark.parametrize("by", GATHERING)
def test_an_error_passes_and_what_was_gathered_is_dropped(t: Marbles, by: By) -> None:
    t.check(t.cold("ab-#").pipe(balance(by, key=str)), "---#")


@pytest.mark.parametrize("by", GATHERING)
def test_dispose_lets_go_of_the_source(t: Marbles, by: By) -> None:
    source = t.cold("                            ab-c-|")
    t.check(source.pipe(balance(by, key=str)), "---", until="^  !")
    t.subs(source, "^  !")


@pytest.mark.parametrize("by", GATHERING)
def test_none_and_one_are_what_they_are_and_nobody_is_asked(t: Marbles, by: By) -> None:
    t.check(t.cold("--|").pipe(balance(by, key=broken)), "--|")
    t.check(t.cold("a-|").pipe(balance(by, key=broken)), "--(a|)")


def test_who_leaves_at_the_first_candidate_gets_no_other() -> None:
    heard = Heard()
    FirstOnly().connect(at_once(*"abc").pipe(balance("round_robin", key=str)), heard, None)
    assert heard.all == ["a"]


def test_a_source_that_ends_twice_is_heard_once() -> None:
    def subscribe(observer: Any, scheduler: Any) -> None:
        observer.on_next("a")
        observer.on_completed()
        observer.on_completed()

    heard = Heard()
    Stream[Any](subscribe).pipe(balance("round_robin", key=str)).subscribe(heard)
    assert heard.all == ["a", "|"]


def test_after_dispose_nothing_is_held_and_nobody_is_asked() -> None:
    asked: list[Any] = []
    late = Late()
    stream = late.stream.pipe(balance(key=str, session=asked.append))
    subscription = stream.subscribe()
    candidate = Item("a")
    alive = weakref.ref(candidate)
    late.observer.on_next(candidate)
    del candidate
    assert alive()
    subscription.dispose()
    assert alive() is None
    late.observer.on_completed()
    assert asked == []


# By turns.


def test_by_turns_the_first_goes_round_and_the_rest_are_those_who_follow() -> None:
    turns: Order = balance("round_robin", key=str)
    assert [ordered(turns, "abc") for _ in range(4)] == ["abc", "bca", "cab", "abc"]


def test_who_is_away_for_a_while_is_missed_by_nobody() -> None:
    turns: Order = balance("round_robin", key=str)
    assert [ordered(turns, "abc") for _ in range(2)] == ["abc", "bca"]
    # One that is due is first at once; what it gets in advance it does not get later.
    without = Counter(ordered(turns, "ac")[0] for _ in range(10))
    assert without == {"a": 4, "c": 6}
    assert Counter(ordered(turns, "abc")[0] for _ in range(30)) == {"a": 10, "b": 10, "c": 10}


def test_for_turns_without_weights_all_weights_above_0_are_the_same() -> None:
    turns: Order = balance("round_robin", key=str, weight=weigh(a=1, b=100, c=0.1))
    assert [ordered(turns, "abc") for _ in range(3)] == ["abc", "bca", "cab"]


def test_by_weight_each_is_first_as_often_as_its_weight_says_and_the_rest_come_from_heavy_to_light() -> None:
    weighted: Order = balance("weighted", key=str, weight=weigh(a=1, b=4, c=2))
    assert [ordered(weighted, "abc") for _ in range(7)] == ["bca", "cba", "bca", "abc", "bca", "cba", "bca"]


@given(some.lists(some.integers(1, 9), min_size=1, max_size=5), some.integers(0, 30))
def test_in_every_run_of_turns_each_gets_its_share(weights: list[int], before: int) -> None:
    shares = [(f"{index}", float(weight)) for index, weight in enumerate(weights)]
    turns = Turns()
    for _ in range(before):
        turns.take(shares)
    if before % sum(weights) == 0:
        taken = Counter(turns.take(shares) for _ in range(sum(weights)))
        assert taken == Counter(dict(enumerate(weights)))
    else:
        taken = Counter(turns.take(shares) for _ in range(sum(weights) * 3))
        assert all(abs(taken[index] - weight * 3) <= 1 for index, weight in enumerate(weights))


def test_operators_that_share_turns_take_them_from_each_other() -> None:
    turns = Turns()
    one: Order = balance("round_robin", key=str, turns=turns)
    other: Order = balance("round_robin", key=str, turns=turns)
    assert [ordered(one, "ab"), ordered(other, "ab"), ordered(one, "ab")] == ["ab", "ba", "ab"]
    assert [ordered(balance("round_robin", key=str), "ab") for _ in range(2)] == ["ab", "ab"]


# A last resort.


@pytest.mark.parametrize("by", GATHERING)
@pytest.mark.parametrize("session", [None, "s"])
def test_weight_0_is_a_last_resort(by: By, session: str | None) -> None:
    order: Order = balance(
        by, key=str, weight=weigh(a=0, b=0, c=1, d=1), session=lambda _: session, loads=costing(c=5, d=5), random=drawing(0)
    )
    results = [ordered(order, "abcd") for _ in range(10)]
    assert {result[2:] for result in results} == {"ab"}


@pytest.mark.parametrize("by", GATHERING)
def test_when_all_are_a_last_resort_all_are_the_same(by: By) -> None:
    order: Order = balance(by, key=str, weight=lambda _: 0, loads=costing(a=2, b=1), random=drawing(0))
    assert {ordered(order, "ab") for _ in range(4)} == ({"ba"} if by == "ewma" else {"ab", "ba"})


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_a_step_error(weight: float) -> None:
    heard = Heard()
    at_once(*"ab").pipe(balance("weighted", key=str, weight=lambda _: weight)).subscribe(heard)
    (error,) = heard.all
    assert isinstance(error, StepError)
    assert str(error.__cause__) == f"the weight of a must be at least 0, not {weight!r}"


# By cost.


def test_of_two_drawn_the_one_that_costs_less_is_first_and_the_rest_come_from_low_to_high() -> None:
    loads = costing(a=1, b=2, c=3, d=4)
    # The second of four and the first of the three others; the last and the first.
    assert ordered(balance("ewma", key=str, loads=loads, random=drawing(0.25, 0)), "dcba") == "cabd"
    assert ordered(balance("ewma", key=str, loads=loads, random=drawing(0.99, 0.0)), "dcba") == "abcd"


@given(some.floats(0, 1, exclude_max=True), some.floats(0, 1, exclude_max=True))
def test_of_two_candidates_both_are_drawn_always(one: float, other: float) -> None:
    assert ordered(balance("ewma", key=str, loads=costing(a=2, b=1), random=drawing(one, other)), "ab") == "ba"


def test_any_two_of_three_are_drawn() -> None:
    seen: set[str] = set()
    for one in (0, 0.4, 0.7):
        for other in (0, 0.9):
            seen.add(ordered(balance("ewma", key=str, loads=costing(a=1, b=2, c=3), random=drawing(one, other)), "abc")[0])
    assert seen == {"a", "b"}, "the dearest of three is never the better of two"


def test_of_equals_the_first_drawn_is_first() -> None:
    assert ordered(balance("ewma", key=str, random=drawing(0, 0)), "ab") == "ab"
    assert ordered(balance("ewma", key=str, random=drawing(0.5, 0)), "ab") == "ba"


def test_a_heavy_one_costs_less() -> None:
    loads = costing(a=2, b=3)
    assert ordered(balance("ewma", key=str, loads=loads, weight=weigh(a=1, b=1)), "ab") == "ab"
    assert ordered(balance("ewma", key=str, loads=loads, weight=weigh(a=1, b=2)), "ab") == "ba"


# Whatever is asked for.


@pytest.mark.parametrize("function", ["key", "weight", "session"])
def test_a_function_that_raises_is_a_step_error(function: str) -> None:
    functions: dict[str, Any] = {"key": str, function: broken}
    heard = Heard()
    at_once(*"ab").pipe(balance("round_robin", **functions)).subscribe(heard)
    (error,) = heard.all
    assert isinstance(error, StepError)
    assert isinstance(error.__cause__, ZeroDivisionError)


@given(some.sampled_from(["order", *GATHERING]), some.lists(some.integers(0, 3), max_size=6), some.sampled_from([None, "s"]))
def test_nobody_is_lost_and_nobody_comes_twice(by: By, weights: list[int], session: str | None) -> None:
    names = "abcdef"[: len(weights)]
    order: Order = balance(by, key=str, weight=weigh(**dict(zip(names, weights, strict=True))), session=lambda _: session)
    for _ in range(3):
        assert sorted(ordered(order, names)) == sorted(names)


def test_another_way_is_refused() -> None:
    with pytest.raises(ValueError, match="balance: by must be one of 'order', 'round_robin', 'weighted', 'ewma', not 'random'"):
        balance("random", key=str)  # type: ignore[arg-type]
