"""Another stream runs beside the real one and is compared with it; nobody who listens can tell."""

from __future__ import annotations

from typing import Any

import pytest
import reactivex

from operators import Link, NoScheduler, Operator, Slots, Stream, mirror
from operators.testing import Marbles
from tests.operators.mirrored import Bench, Last, broken, run
from tests.operators.observers import FirstOnly, Heard


def test_both_run_side_by_side_and_are_compared_when_both_are_over(t: Marbles) -> None:
    source = t.cold("              -a-b-|")
    other = t.cold("               ---a---b-|")
    bench = Bench(t, other)
    run(t, source.pipe(bench.operator), "-a-b-|", 12)
    t.subs(source, "               ^    !")
    t.subs(other, "                ^        !")
    assert bench.told == [(9, "same")]
    assert bench.summaries == [(["a", "b"], ["a", "b"])]


def test_a_shadow_that_is_quicker_waits_for_the_real_one(t: Marbles) -> None:
    bench = Bench(t, t.cold("(ax|)"))
    run(t, t.cold("-a---b|").pipe(bench.operator), "-a---b|", 9)
    assert bench.told == [(6, "different")]
    assert bench.summaries == [(["a", "b"], ["a", "x"])]


@pytest.mark.parametrize(
    ("mine", "other", "word", "second"),
    [
        ("-a|", "---a|", "same", 4),
        ("-a#", "---a|", "mine_failed", 4),
        ("-a|", "---a#", "other_failed", 4),
        ("-a#", "---a#", "both_failed", 4),
        ("---a#", "-a|", "mine_failed", 4),
        ("---a|", "-a#", "other_failed", 4),
        ("---a#", "-a#", "both_failed", 4),
        ("|", "|", "same", 0),
        ("#", "|", "mine_failed", 0),
        ("-a|", "--|", "different", 2),
    ],
)
def test_the_outcome_is_a_word(t: Marbles, mine: str, other: str, word: str, second: int) -> None:
    bench = Bench(t, t.cold(other))
    run(t, t.cold(mine).pipe(bench.operator), mine, 9)
    assert bench.told == [(second, word)]


def test_items_are_counted_where_nobody_says_otherwise(t: Marbles) -> None:
    told: list[Any] = []

    def tell(word: str, mine: Any, other: Any) -> None:
        told.append((word, mine.items, other.items))

    for other in (t.cold("-xy|"), t.cold("-x|")):
        operator: Operator[Any, Any] = mirror(100, shadow=lambda scope, other=other: other, on_compared=tell)  # type: ignore[misc]
        run(t, t.cold("ab|").pipe(operator), "ab|", 5)
    assert told == [("same", 2, 2), ("different", 2, 1)]


def test_two_summaries_are_compared_by_whoever_knows_better(t: Marbles) -> None:
    bench = Bench(t, t.cold("ab|"), compare=lambda mine, other: f"{len(mine.all)} to {len(other.all)}")
    run(t, t.cold("a|").pipe(bench.operator), "a|", 5)
    assert bench.told == [(2, "1 to 2")]


def test_the_shadow_is_asked_for_with_the_scope_of_the_stream(t: Marbles) -> None:
    other = t.cold("-|")
    bench = Bench(t, other)
    run(t, t.cold("-|").pipe(bench.operator), "-|", 5)
    assert bench.scopes == [t.scheduler]
    assert other.schedulers == [t.scheduler]


def test_the_shadow_may_have_a_scope_of_its_own(t: Marbles) -> None:
    scopes: list[Any] = []
    own = Marbles().scheduler

    def subscribe(observer: Any, scheduler: Any) -> None:
        scopes.append(scheduler)
        observer.on_completed()

    bench = Bench(t, lambda: (Stream(subscribe), own))
    run(t, t.cold("-|").pipe(bench.operator), "-|", 5)
    assert scopes == [own]
    assert bench.told == [(1, "same")]


def test_the_shadow_may_be_refused(t: Marbles) -> None:
    bench = Bench(t, lambda: None, most=1)
    for _ in range(2):
        run(t, t.cold("-a-|").pipe(bench.operator), "-a-|", 5)
    assert len(bench.scopes) == 2, "the first one kept its place"
    assert bench.told == []


@pytest.mark.parametrize(("percent", "rolls", "mirrored"), [(5, 0.0499, 1), (5, 0.05, 0), (100, 0.999999, 1)])
def test_a_share_of_the_subscriptions_is_mirrored(t: Marbles, percent: float, rolls: float, mirrored: int) -> None:
    bench = Bench(t, t.cold("|"), percent=percent, random=lambda: rolls)
    run(t, t.cold("-a|").pipe(bench.operator), "-a|", 5)
    assert len(bench.scopes) == mirrored


def test_who_is_not_mirrored_takes_no_place(t: Marbles) -> None:
    rolls = iter([0.9, 0.1])
    bench = Bench(t, t.cold("|"), percent=50, most=1, random=lambda: next(rolls))
    for _ in range(2):
        run(t, t.cold("-a|").pipe(bench.operator), "-a|", 5)
    assert len(bench.scopes) == 1


def test_no_more_than_so_many_are_mirrored_at_the_same_time(t: Marbles) -> None:
    bench = Bench(t, lambda: t.cold("----|"), most=2)
    for _ in range(3):
        t.cold("-|").pipe(bench.operator).subscribe(scheduler=t.scheduler)
    assert len(bench.scopes) == 2
    t.advance(4)
    assert [word for _, word in bench.told] == ["same", "same"]
    for _ in range(3):
        t.cold("-|").pipe(bench.operator).subscribe(scheduler=t.scheduler)
    assert len(bench.scopes) == 4
    t.advance(9)


def test_who_leaves_takes_the_shadow_along(t: Marbles) -> None:
    other = t.cold("-x----y|")
    bench = Bench(t, other)
    source = t.cold("                       -a-b-c-|")
    t.check(source.pipe(bench.operator), "  -a-b", until="^  !")
    t.subs(source, "                        ^  !")
    t.subs(other, "                         ^  !")
    assert bench.told == [(3, "abandoned")]
    assert bench.summaries == [(["a", "b"], ["x"])]


def test_who_leaves_after_the_shadow_was_over_is_told_as_well(t: Marbles) -> None:
    bench = Bench(t, t.cold("x|"))
    t.check(t.cold("-a-b-c-|").pipe(bench.operator), "-a-b", until="^  !")
    assert bench.told == [(3, "abandoned")]


def test_who_has_it_all_does_not_leave(t: Marbles) -> None:
    """Dispose behind an item after which nothing has to follow is an end like another."""
    last = Last()
    other = t.cold("-a-----z|", values={"z": last})
    bench = Bench(t, other)
    run(t, t.cold("-a-z----", values={"z": last}).pipe(bench.operator), "-a-z", 9, values={"z": last}, until="^   !")
    t.subs(other, "^       !")
    assert bench.told == [(8, "same")]


@pytest.mark.parametrize(("other", "second"), [("---z|", 4), ("z|", 2)])
def test_who_leaves_from_within_the_last_item_does_not_leave(t: Marbles, other: str, second: int) -> None:
    observers: list[Any] = []
    bench = Bench(t, t.cold(other), compare=lambda mine, other: f"{len(mine.all)} to {len(other.all)}")
    below = FirstOnly()
    source: Stream[Any] = Stream(lambda observer, scheduler: observers.append(observer))
    below.connect(source.pipe(bench.operator), Heard(), t.scheduler)
    t.advance(2)
    observers[0].on_next(Last())
    observers[0].on_error(LookupError("late"))
    t.advance(5)
    assert [(int(told), word) for told, word in bench.told] == [(second, "1 to 1")]


def test_a_shadow_that_said_it_all_is_complete_when_the_time_is_over(t: Marbles) -> None:
    last = Last()
    other = t.cold("-zc----------", values={"z": last})
    bench = Bench(t, other, longest=5)
    run(t, t.cold("-zc|", values={"z": last}).pipe(bench.operator), "-zc|", 9, values={"z": last})
    t.subs(other, "^    !")
    assert bench.told == [(5, "same")]


def test_a_shadow_that_takes_too_long_is_let_go(t: Marbles) -> None:
    other = t.cold("-a-----------|")
    bench = Bench(t, other, longest=6)
    run(t, t.cold("-a|").pipe(bench.operator), "-a|", 12)
    t.subs(other, "^     !")
    assert bench.told == [(6, "abandoned")]


def test_so_is_one_that_waits_too_long_for_the_real_one(t: Marbles) -> None:
    compared: list[Any] = []
    bench = Bench(t, t.cold("-a|"), longest=3, compare=lambda *both: compared.append(both))
    run(t, t.cold("-a-----b|").pipe(bench.operator), "-a-----b|", 12)
    assert bench.told == [(3, "abandoned")]
    assert compared == []


def test_a_stream_that_is_not_mirrored_costs_nothing(t: Marbles) -> None:
    observers: list[Any] = []
    below: Link[Any, Any] = Link()
    source: Stream[Any] = Stream(lambda observer, scheduler: observers.append(observer))
    below.connect(source.pipe(Bench(t, None, percent=1, random=lambda: 0.5).operator), Heard(), t.scheduler)
    assert observers == [below]


def test_the_shadow_starts_behind_the_stream_itself(t: Marbles) -> None:
    order: list[str] = []

    def subscribe(name: str) -> Stream[Any]:
        return Stream(lambda observer, scheduler: order.append(name))

    subscribe("mine").pipe(Bench(t, lambda: subscribe("other")).operator).subscribe(scheduler=t.scheduler).dispose()
    assert order == ["mine", "other"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"percent": 0}, "percent must be more than 0 and at most 100, not 0"),
        ({"percent": 100.5}, "percent must be more than 0 and at most 100, not 100.5"),
        ({"percent": 5, "most": 0}, "most must be more than 0, not 0"),
        ({"percent": 5, "longest": 0}, "longest must be more than 0, not 0"),
    ],
)
def test_numbers_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^mirror: {message}$"):
        mirror(**options, shadow=lambda scope: None)


def test_needs_time_also_where_it_does_not_mirror() -> None:
    heard = Heard()
    operator: Operator[Any, Any] = mirror(1, shadow=lambda scope: None, random=lambda: 0.9)
    reactivex.of("a").pipe(operator).subscribe(heard)
    assert [type(item) for item in heard.all] == [NoScheduler]


def test_what_becomes_of_a_connection_behind_the_last_item_is_no_failure(t: Marbles) -> None:
    last = Last()
    for mine, other in (("-z-#", "-z|"), ("-z|", "-z-#")):
        bench = Bench(t, t.cold(other, values={"z": last}))
        run(t, t.cold(mine, values={"z": last}).pipe(bench.operator), mine, 9, values={"z": last})
        assert [word for _, word in bench.told] == ["same"]


def test_a_random_number_that_is_none_mirrors_nothing_and_hurts_nobody(t: Marbles, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(t, t.cold("-a|"), random=broken)
    run(t, t.cold("-a-b|").pipe(bench.operator), "-a-b|", 9)
    assert (bench.scopes, bench.told) == ([], [])
    assert "no random number" in caplog.text


def test_operators_that_have_the_same_slots_mirror_no_more_than_one_of_them_would(t: Marbles) -> None:
    slots: list[Slots] = []

    def make(most: int) -> Slots:
        slots.append(slots[0] if slots else Slots(most))
        return slots[0]

    one, two = (Bench(t, t.cold("-a|"), most=1, make=make) for _ in range(2))
    for bench in (one, two):
        t.cold("-a|").pipe(bench.operator).subscribe(scheduler=t.scheduler)
    t.advance(9)
    assert ([word for _, word in one.told], two.told) == (["same"], [])
    assert slots[0].in_use == 0
