"""Three clocks: until the first event, between events, for all of it."""

from __future__ import annotations

from typing import Any

import pytest
from reactivex.scheduler import VirtualTimeScheduler

from operators import Elapsed, FlowGate, Slots, admit, failover, first_event_timeout, idle_timeout, tap, total_timeout
from operators.testing import Marbles
from tests.operators.items import ITEMS, Item
from tests.operators.observers import Heard


def test_first_event_fails_when_nothing_came(t: Marbles) -> None:
    source = t.cold("                           ------a-|")
    t.check(source.pipe(first_event_timeout(4)), "----#", error=Elapsed)
    t.subs(source, "                             ^   !")


def test_first_event_is_not_satisfied_by_items_that_do_not_commit(t: Marbles) -> None:
    source = t.cold("                           -s-s-sa-|", values=ITEMS)
    t.check(source.pipe(first_event_timeout(4)), "-s-s#", values=ITEMS, error=Elapsed)
    t.subs(source, "                             ^   !")


def test_first_event_is_content_with_one_committing_item(t: Marbles) -> None:
    source = t.cold("                           -s-a--------s---|", values=ITEMS)
    t.check(source.pipe(first_event_timeout(4)), "-s-a--------s---|", values=ITEMS)


def test_first_event_drops_its_timer_at_the_commit(t: Marbles) -> None:
    t.cold("-a---").pipe(first_event_timeout(4)).subscribe(scheduler=t.scheduler)
    waiting = t.timers
    t.advance(2)
    assert (waiting, t.timers) == (2, 0)


def test_idle_fails_four_seconds_after_the_last_item_and_lets_go_of_the_source(t: Marbles) -> None:
    source = t.cold("                    -a--b-------c-|")
    t.check(source.pipe(idle_timeout(4)), "-a--b---#", error=Elapsed)
    t.subs(source, "                      ^       !")


def test_idle_begins_with_the_first_committing_item(t: Marbles) -> None:
    source = t.cold("                    ------s------a---#", values=ITEMS)
    t.check(source.pipe(idle_timeout(4)), "------s------a---#", values=ITEMS)


def test_idle_counts_every_later_item_also_one_that_does_not_commit(t: Marbles) -> None:
    source = t.cold("                    -a--s--s--s----|", values=ITEMS)
    t.check(source.pipe(idle_timeout(4)), "-a--s--s--s---#", values=ITEMS, error=Elapsed)


def test_idle_keeps_one_timer_a_stream_however_many_items_come(t: Marbles) -> None:
    source = t.hot("-abcdefghijklm-")
    subscription = source.pipe(idle_timeout(4)).subscribe(scheduler=t.scheduler)
    counts = []
    for second in range(1, 14):
        t.advance(second)
        counts.append(t.timers)
    subscription.dispose()
    assert set(counts) == {1}


def test_idle_does_not_count_a_silence_of_our_own_making(t: Marbles) -> None:
    gate = t.scheduler.gate = FlowGate()  # type: ignore[attr-defined]
    source = t.cold("                               -a----------b-------|")
    at(t, 2, gate.shut)
    at(t, 8, gate.reopen)
    t.check(source.pipe(idle_timeout(4)), "-a----------b---#", error=Elapsed)


def test_idle_counts_a_whole_span_after_the_gate_was_reopened(t: Marbles) -> None:
    gate = t.scheduler.gate = FlowGate()  # type: ignore[attr-defined]
    source = t.cold("                               -a-----------------|")
    at(t, 2, gate.shut)
    at(t, 3, gate.reopen)
    t.check(source.pipe(idle_timeout(4)), "-a-------#", error=Elapsed)


def test_idle_forgets_a_gate_that_moved_before_the_last_item(t: Marbles) -> None:
    gate = t.scheduler.gate = FlowGate()  # type: ignore[attr-defined]
    source = t.cold("                               -a-b---------------|")
    at(t, 1, gate.shut)
    at(t, 2, gate.reopen)
    t.check(source.pipe(idle_timeout(4)), "-a-b---#", error=Elapsed)


def test_total_fails_however_lively_the_stream_is(t: Marbles) -> None:
    source = t.cold("                     -a-b-c-d-|")
    t.check(source.pipe(total_timeout(6)), "-a-b-c#", error=Elapsed)
    t.subs(source, "                       ^     !")


def test_total_does_not_mind_a_stream_that_ends_in_time(t: Marbles) -> None:
    source = t.cold("                     -a---|")
    t.check(source.pipe(total_timeout(6)), "-a---|")


@pytest.mark.parametrize("guard", [first_event_timeout, total_timeout])
def test_the_error_carries_its_numbers(t: Marbles, guard: Any) -> None:
    caught: list[Any] = []
    t.cold("---").pipe(guard(1.5)).subscribe(on_error=caught.append, scheduler=t.scheduler)
    t.advance(2)
    assert (caught[0].operator, caught[0].seconds) == (guard.__name__, 1.5)
    assert str(caught[0]) == f"{guard.__name__}: 1.5 s are over"
    assert caught[0].retryable
    assert not caught[0].again


def test_fractions_of_seconds_do_not_make_the_timer_spin() -> None:
    """0.1 s is no round number in binary: what is left over must not be waited for for ever."""
    kit = Marbles()
    caught: list[Any] = []
    kit.hot("a").pipe(idle_timeout(0.1)).subscribe(on_error=caught.append, scheduler=kit.scheduler)
    kit.advance(1)
    assert isinstance(kit.scheduler, VirtualTimeScheduler)
    assert len(caught) == 1


@pytest.mark.parametrize("guard", [first_event_timeout, idle_timeout, total_timeout])
@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_seconds_must_be_positive(guard: Any, seconds: float) -> None:
    with pytest.raises(ValueError, match=f"{guard.__name__}: seconds must be more than 0, not {seconds}"):
        guard(seconds)


def at(t: Marbles, second: float, action: Any) -> None:
    """Do something in a second of the check that follows."""

    def run(*_: Any) -> None:
        action()

    t._own.add(run)
    t.scheduler.schedule_relative(float(second), run)


def test_total_does_not_count_the_time_in_a_queue_below(t: Marbles) -> None:
    slots = Slots(1)
    assert slots.take()
    at(t, 3, slots.give_back)
    source = t.cold("                                          ---a-----|")
    t.check(source.pipe(admit(slots), total_timeout(5)), "------a-#", error=Elapsed)


def test_total_does_not_count_the_time_in_a_queue_in_which_it_still_stands(t: Marbles) -> None:
    slots = Slots(1)
    assert slots.take()
    at(t, 6, slots.give_back)
    t.check(t.cold("-a-b|").pipe(admit(slots), total_timeout(5)), "-------a-b|")


def test_total_does_not_count_a_queue_that_was_left_without_a_slot(t: Marbles) -> None:
    slots = Slots(1)
    assert slots.take()
    first = t.cold("-x|").pipe(admit(slots, queue_timeout=3))
    second = t.cold("---a|")
    attempts = t.cold("(AB|)", values={"A": first, "B": second})
    t.check(attempts.pipe(failover(), total_timeout(5)), "------a|")


def test_idle_is_over_with_an_item_that_ends(t: Marbles) -> None:
    values = {**ITEMS, "z": Item("z", ends=True)}
    t.check(t.cold("-a-z----------|", values=values).pipe(idle_timeout(4)), "-a-z----------|", values=values)
    t.check(t.cold("-z-a----------|", values=values).pipe(idle_timeout(4)), "-z-a----------|", values=values)


def test_idle_has_no_timer_any_more_behind_an_item_that_ends(t: Marbles) -> None:
    source = t.cold("-a-z----------", values={**ITEMS, "z": Item("z", ends=True)})
    link: Any = source.pipe(tap(object()), idle_timeout(4)).on_subscribe(Heard(), t.scheduler)
    waiting: list[int] = []
    for second in (2, 3):
        t.advance(second)
        waiting.append(t.timers)
    link.dispose()
    # The drawing has both items, then none; the clock is the other timer.
    assert waiting == [2, 0]
