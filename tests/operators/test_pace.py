"""A stream that trickles: seen over windows, a failure before the commit, counted after it."""

from __future__ import annotations

from typing import Any

import pytest
import reactivex
from reactivex import operators as stock

from operators import FlowGate, StepError, Stream, TooSlow, failover, idle_timeout, pace, tap
from operators.testing import Marbles
from tests.operators.items import ITEMS, Fault, Item
from tests.operators.observers import Heard
from tests.operators.test_timeout import at

EVERY: dict[str, Any] = {"weigh": lambda item: 1}
"""Weighs also what does not commit."""


def test_with_ends_a_window_with_too_little_fails_and_lets_go_of_the_source(t: Marbles) -> None:
    source = t.cold("                              -a-a--a-a--a---|")
    t.check(source.pipe(pace(0.5, 4, ends=True)), "-a-a--a-a--a-#", error=TooSlow)
    t.subs(source, "                                ^            !")


def test_after_the_commit_it_is_told_once_for_each_slow_period(t: Marbles) -> None:
    """Windows of 4 s from the first item on; the third, fourth and sixth are slow."""
    rates: list[tuple[float, float]] = []
    source = t.cold("                -aaaaaaaa---a--------aaaa------|")
    guard: Any = pace(0.5, 4, on_slow=lambda rate: rates.append((t.second, rate)))
    t.check(source.pipe(guard), "-aaaaaaaa---a--------aaaa------|")
    assert rates == [(13, 0.25), (29, 0)]
    t.subs(source, "                 ^                              !")


def test_with_ends_the_probe_is_told_before_the_error(t: Marbles) -> None:
    told: list[Any] = []
    guard: Any = pace(1, 4, True, on_slow=told.append)
    t.check(t.cold("-a-----").pipe(guard, stock.do_action(on_error=told.append)), "-a---#", error=TooSlow)
    assert told[0] == 0.25
    assert isinstance(told[1], TooSlow)


def test_the_error_carries_its_numbers(t: Marbles) -> None:
    caught: list[Any] = []
    guard: Any = pace(1.5, 4, ends=True)
    t.cold("a-b-----").pipe(guard).subscribe(on_error=caught.append, scheduler=t.scheduler)
    t.advance(4)
    error = caught[0]
    assert (error.operator, error.rate, error.least, error.window) == ("pace", 0.5, 1.5, 4)
    assert str(error) == "pace: 0.5 a second over 4 s, less than 1.5"
    assert (error.retryable, error.again) == (True, False)


def test_just_the_least_is_enough(t: Marbles) -> None:
    """Also where ten tenths are a little less than one, in binary."""
    guard: Any = pace(0.1, 10, ends=True, weigh=lambda item: 0.1)
    t.check(t.cold("-aaaaaaaaaa--|").pipe(guard), "-aaaaaaaaaa--|")
    t.check(t.cold("-aaaaaaaaa---|").pipe(guard), "-aaaaaaaaa-#", error=TooSlow)


def test_before_the_commit_a_trickle_fails_without_being_told_so_that_another_source_is_tried(t: Marbles) -> None:
    told: list[Any] = []
    guard: Any = pace(1, 4, on_slow=told.append, **EVERY)
    slow = t.cold("                                     -s--s-----a|", values=ITEMS)
    other = t.cold("                                         -b|", values=ITEMS)
    attempts = reactivex.of(slow.pipe(guard), other.pipe(guard))
    t.check(attempts.pipe(failover()), "              ------b|", values=ITEMS)
    t.subs(slow, "                                       ^    !")
    assert told == []


def test_a_window_of_silence_before_the_commit_is_no_business_of_its(t: Marbles) -> None:
    """A model that thinks says nothing for long; first_event_timeout has an eye on that."""
    source = t.cold("                               -ssss------------a|", values=ITEMS)
    t.check(source.pipe(pace(1, 4, **EVERY)), "    -ssss------------a|", values=ITEMS)
    trickle = t.cold("                              -ssss----------s-----a|", values=ITEMS)
    t.check(trickle.pipe(pace(1, 4, **EVERY)), "   -ssss----------s-#", values=ITEMS, error=TooSlow)


def test_before_the_commit_an_item_may_weigh_something_else(t: Marbles) -> None:
    slow: Any = pace(1, 4, before=lambda item: 0.5)
    t.check(t.cold("-ss-s-sa|", values=ITEMS).pipe(slow), "-ss-s#", values=ITEMS, error=TooSlow)
    enough: Any = pace(1, 4, before=lambda item: 1.5)
    t.check(t.cold("-ss-s-sa|", values=ITEMS).pipe(enough), "-ss-s-sa|", values=ITEMS)


def test_the_commit_begins_a_window_of_its_own_where_the_weight_is_another(t: Marbles) -> None:
    """However much came before it; and what does not commit weighs what ``weigh`` says from then on."""
    guard: Any = pace(1, 4, ends=True, before=lambda item: 100)
    t.check(t.cold("-s-as-s-s-s-|", values=ITEMS).pipe(guard), "-s-as-s#", values=ITEMS, error=TooSlow)
    t.check(t.cold("-s-aaaa---|", values=ITEMS).pipe(guard), "  -s-aaaa---|", values=ITEMS)


def test_a_commit_that_nobody_watches_leaves_no_timer_of_what_was_before_it(t: Marbles) -> None:
    t.check(t.cold("-s-a----------|", values=ITEMS).pipe(pace(1, 4, before=lambda item: 9)), "-s-a----------|", values=ITEMS)


def test_the_clock_starts_with_the_first_item_that_weighs_anything(t: Marbles) -> None:
    """A provider that accepted and says nothing yet is the business of first_event_timeout."""
    source = t.cold("                             -s-----s-----a---|", values=ITEMS)
    t.check(source.pipe(pace(1, 4, ends=True)), "-s-----s-----a---|", values=ITEMS)
    late = t.cold("                               -s-----s-----a-----|", values=ITEMS)
    t.check(late.pipe(pace(1, 4, ends=True)), "  -s-----s-----a---#", values=ITEMS, error=TooSlow)


def test_a_committing_item_that_weighs_nothing_starts_no_clock_either(t: Marbles) -> None:
    weights = {"a": 0.0, "b": 2.5}
    guard: Any = pace(1, 4, ends=True, weigh=weights.__getitem__)
    t.check(t.cold("-a------b------").pipe(guard), "-a------b---#", error=TooSlow)


def test_items_count_by_their_weight(t: Marbles) -> None:
    weights = {"a": 0.5, "b": 3.5}
    guard: Any = pace(1, 4, ends=True, weigh=weights.__getitem__)
    t.check(t.cold("-abaa-a-a-a-------").pipe(guard), "-abaa-a-a#", error=TooSlow)


def test_items_that_do_not_commit_are_no_output_by_default(t: Marbles) -> None:
    source = t.cold("                             -a-s--s-s-s|", values=ITEMS)
    t.check(source.pipe(pace(0.5, 4, ends=True)), "-a-s-#", values=ITEMS, error=TooSlow)


def test_the_item_that_ends_stops_the_clock(t: Marbles) -> None:
    last = ending("z")
    guard: Any = pace(1, 4, ends=True)
    t.check(t.cold("-aaaz---------a---------|", values={"z": last}).pipe(guard), "-aaaz---------a---------|", values={"z": last})
    t.check(t.cold("-z---------|", values={"z": last}).pipe(guard), "-z---------|", values={"z": last})


def ending(name: str) -> Item:
    """The last item of an answer; the connection lives on for a while."""
    return Item(name, ends=True)


def test_the_timer_is_gone_with_the_item_that_ends(t: Marbles) -> None:
    subscription = t.hot("-az").pipe(pace(1, 4, True)).subscribe(scheduler=t.scheduler)
    t.advance(1)
    assert t.timers == 1
    subscription.dispose()
    last: Any = t.hot("-az", values={"z": ending("z")})
    last.pipe(pace(1, 4, True)).subscribe(scheduler=t.scheduler)
    t.advance(2)
    assert t.timers == 1
    t.advance(3)
    assert t.timers == 0


def test_one_timer_a_stream_however_many_items_come(t: Marbles) -> None:
    subscription = t.hot("-abcdefghijklm-").pipe(pace(0.1, 4, True)).subscribe(scheduler=t.scheduler)
    counts = []
    for second in range(1, 14):
        t.advance(second)
        counts.append(t.timers)
    subscription.dispose()
    assert set(counts) == {1}


def test_a_window_in_which_our_own_gate_was_shut_does_not_count(t: Marbles) -> None:
    gate = t.scheduler.gate = FlowGate()  # type: ignore[attr-defined]
    source = t.cold("                             -a---------b---------|")
    at(t, 2, gate.shut)
    at(t, 8, gate.reopen)
    t.check(source.pipe(pace(1, 4, ends=True)), "-a---------b-#", error=TooSlow)


def test_a_gate_that_is_shut_when_the_window_ends_is_our_own_doing(t: Marbles) -> None:
    gate = t.scheduler.gate = FlowGate()  # type: ignore[attr-defined]
    source = t.cold("                             -a------------------|")
    at(t, 4, gate.shut)
    t.check(source.pipe(pace(1, 4, ends=True)), "-a------------------|")


def test_a_gate_that_moved_before_the_clock_started_is_no_excuse(t: Marbles) -> None:
    gate = t.scheduler.gate = FlowGate()  # type: ignore[attr-defined]
    source = t.cold("                             ---a---------|")
    at(t, 1, gate.shut)
    at(t, 2, gate.reopen)
    t.check(source.pipe(pace(1, 4, ends=True)), "---a---#", error=TooSlow)


def test_a_slow_period_goes_on_over_a_window_that_does_not_count(t: Marbles) -> None:
    gate = t.scheduler.gate = FlowGate()  # type: ignore[attr-defined]
    rates: list[float] = []
    at(t, 6, gate.shut)
    at(t, 7, gate.reopen)
    t.check(t.cold("-a--------------|").pipe(pace(1, 4, on_slow=rates.append)), "-a--------------|")
    assert rates == [0.25]


def test_after_the_commit_items_pass_by_where_nobody_wants_to_know(t: Marbles) -> None:
    weighed: list[Any] = []

    def weigh(item: Any) -> float:
        weighed.append(item)
        return 1

    def push_three(observer: Any, scheduler: Any) -> Any:
        for item in "abc":
            observer.on_next(item)

    source = t.cold("-a-b-c-|").pipe(stock.do_action())
    t.check(source.pipe(pace(1, 4, weigh=weigh)), "-a-b-c-|")
    assert weighed == ["a"]
    heard = Heard()
    Stream(push_three).pipe(pace(1, 4, weigh=weigh)).subscribe(heard, scheduler=t.scheduler).dispose()
    assert heard.all == ["a", "b", "c"]
    assert weighed == ["a", "a"]


@pytest.mark.parametrize(("last", "ends", "aside"), [("a", False, True), ("a", True, False), ("z", True, True)])
def test_who_is_done_with_the_items_steps_aside(t: Marbles, last: str, ends: bool, aside: bool) -> None:
    stream: Any = t.cold("-a----", values={"a": ending("z") if last == "z" else "a"}).pipe(tap(object()), pace(1, 4, ends))
    link = stream.on_subscribe(Heard(), t.scheduler)
    t.advance(1)
    assert link.aside == aside
    link.dispose()


def test_dispose_takes_the_timer_back_in_each_phase(t: Marbles) -> None:
    source = t.cold("-s-a-----------", values=ITEMS)
    for until in ("^!", "^ !", "^   !", "^       !"):
        t.check(source.pipe(pace(0.1, 4, True, **EVERY)), "-s-a"[: until.index("!") + 1], values=ITEMS, until=until)


def test_a_source_that_pushes_after_dispose_starts_no_clock(t: Marbles) -> None:
    def push(observer: Any, scheduler: Any) -> None:
        subscription.append(observer)
        observer.on_next("s")

    subscription: list[Any] = []
    held = Stream(push).pipe(pace(1, 4, True, weigh=lambda item: item == "a")).subscribe(scheduler=t.scheduler)
    held.dispose()
    subscription[0].on_next("a")
    assert t.timers == 0


def test_an_observer_that_disposes_inside_the_probe_is_left_alone(t: Marbles) -> None:
    held: list[Any] = []
    heard = Heard()
    guard: Any = pace(1, 4, ends=True, on_slow=lambda _: held[0].dispose())
    held.append(t.cold("-a--------").pipe(guard).subscribe(heard, scheduler=t.scheduler))
    t.advance(20)
    assert heard.all == ["a"]
    assert t.timers == 0


def test_a_probe_that_raises_hurts_nobody(t: Marbles) -> None:
    def probe(rate: float) -> None:
        raise Fault

    t.check(t.cold("-a-------b|").pipe(pace(1, 4, on_slow=probe)), "-a-------b|")


def test_a_weight_that_cannot_be_told_is_an_error_of_the_step(t: Marbles) -> None:
    source = t.cold("-a-b|")
    weights = {"a": 1}
    t.check(source.pipe(pace(1, 4, weigh=weights.__getitem__)), "-a-b|")
    t.check(source.pipe(pace(1, 4, True, weigh=weights.__getitem__)), "-a-#", error=StepError)
    t.subs(source, "^  !")
    nothing: Any = lambda item: None  # noqa: E731
    t.check(source.pipe(pace(1, 4, weigh=nothing)), "-#", error=StepError)


def test_it_stands_beside_the_clock_of_gaps(t: Marbles) -> None:
    """One item every three seconds never is silent for four."""
    source = t.cold("-a--a--a--a--a--a--a|")
    t.check(source.pipe(idle_timeout(4)), "-a--a--a--a--a--a--a|")
    t.check(source.pipe(idle_timeout(4), pace(0.5, 7, ends=True)), "-a--a--a#", error=TooSlow)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0,), "pace: least must be more than 0, not 0"), ((1, 0), "pace: window must be more than 0, not 0")],
)
def test_numbers_must_be_positive(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pace(*arguments)
