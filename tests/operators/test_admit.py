"""A slot in hand before the source is subscribed to, and every slot given back exactly once."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from operators import NoScheduler, Overloaded, Slots, Stream, admit
from operators.testing import Marbles
from tests.operators.items import Fault


def hold(t: Marbles, slots: Slots, drawing: str) -> Any:
    """Somebody else's stream that takes a slot now."""
    return t.cold(drawing).pipe(admit(slots)).subscribe(on_error=lambda _: None, scheduler=t.scheduler)


def test_a_free_slot_is_taken_at_once(t: Marbles) -> None:
    slots = Slots(1)
    source = t.cold("                   -a-|")
    t.check(source.pipe(admit(slots)), "-a-|")
    assert (slots.in_use, slots.waiting) == (0, 0)


def test_waits_for_a_slot_and_subscribes_only_then(t: Marbles) -> None:
    slots = Slots(1)
    hold(t, slots, "                    ---|")
    source = t.cold("                      -a-|")
    t.check(source.pipe(admit(slots)), "----a-|")
    t.subs(source, "                    ---^  !")
    assert (slots.in_use, slots.waiting) == (0, 0)


def test_who_came_first_goes_first(t: Marbles) -> None:
    slots = Slots(1)
    order: list[str] = []
    hold(t, slots, "-|")
    for name in "abc":
        t.cold("-|").pipe(admit(slots)).subscribe(on_completed=partial(order.append, name), scheduler=t.scheduler)
    assert slots.waiting == 3
    t.advance(9)
    assert order == ["a", "b", "c"]


def test_a_full_queue_refuses_at_once(t: Marbles) -> None:
    slots = Slots(1, queue=1)
    hold(t, slots, "------|")
    hold(t, slots, "-|")
    source = t.cold("-a|")
    t.check(source.pipe(admit(slots)), "#", error=Overloaded)
    t.subs(source)


def test_a_chain_may_allow_a_shorter_queue_than_the_slots_do(t: Marbles) -> None:
    slots = Slots(1, queue=5)
    hold(t, slots, "------|")
    t.check(t.cold("-a|").pipe(admit(slots, queue=0)), "#", error=Overloaded)


def test_who_waits_too_long_is_refused_and_leaves_the_queue(t: Marbles) -> None:
    slots = Slots(1)
    holder = hold(t, slots, "--------------")
    source = t.cold("-a|")
    t.check(source.pipe(admit(slots, queue_timeout=3)), "---#", error=Overloaded)
    t.subs(source)
    assert (slots.in_use, slots.waiting) == (1, 0)
    holder.dispose()
    assert slots.in_use == 0


def test_the_time_in_the_queue_ends_with_the_slot(t: Marbles) -> None:
    slots = Slots(1)
    hold(t, slots, "--|")
    t.check(t.cold("------a|").pipe(admit(slots, queue_timeout=3)), "--------a|")


@pytest.mark.parametrize("until", ["^ !", "^    !"])
def test_dispose_gives_back_the_place_or_the_slot(t: Marbles, until: str) -> None:
    slots = Slots(1)
    hold(t, slots, "---|")
    t.check(t.cold("------").pipe(admit(slots)), "---", until=until)
    assert (slots.in_use, slots.waiting) == (0, 0)


@pytest.mark.parametrize("end", ["|", "#"])
def test_a_slot_is_given_back_once_at_the_end(t: Marbles, end: str) -> None:
    slots = Slots(2)
    subscriptions = [hold(t, slots, f"-a{end}"), hold(t, slots, "-----")]
    t.advance(3)
    assert slots.in_use == 1
    for subscription in subscriptions:
        subscription.dispose()
        subscription.dispose()
    assert slots.in_use == 0


def test_a_source_that_cannot_be_subscribed_to_gives_the_slot_back(t: Marbles) -> None:
    def broken(observer: Any, scheduler: Any) -> None:
        raise LookupError

    slots = Slots(1)
    t.check(Stream(broken).pipe(admit(slots)), "#", error=LookupError)
    assert slots.in_use == 0


def test_a_queue_of_streams_that_end_at_once_costs_no_stack(t: Marbles) -> None:
    def at_once(observer: Any, scheduler: Any) -> None:
        observer.on_completed()

    slots = Slots(1, queue=5000)
    holder = hold(t, slots, "-----")
    done: list[int] = []
    for number in range(3000):
        Stream[Any](at_once).pipe(admit(slots)).subscribe(on_completed=partial(done.append, number), scheduler=t.scheduler)
    holder.dispose()
    assert done == list(range(3000))
    assert (slots.in_use, slots.waiting, t.timers) == (0, 0, 0)


def test_nobody_overtakes_the_queue_while_a_slot_is_handed_over(t: Marbles) -> None:
    slots = Slots(1)
    order: list[str] = []

    def late(observer: Any, scheduler: Any) -> None:
        t.cold("-|").pipe(admit(slots)).subscribe(on_completed=lambda: order.append("late"), scheduler=scheduler)
        observer.on_completed()

    holder = hold(t, slots, "----")
    Stream[Any](late).pipe(admit(slots)).subscribe(on_completed=lambda: order.append("first"), scheduler=t.scheduler)
    t.cold("-|").pipe(admit(slots)).subscribe(on_completed=lambda: order.append("second"), scheduler=t.scheduler)
    holder.dispose()
    t.advance(9)
    assert order == ["first", "second", "late"]


def test_the_probe_hears_how_long_was_waited_and_cannot_hurt(t: Marbles) -> None:
    slots = Slots(1)
    waits: list[float] = []

    def probe(seconds: float) -> None:
        waits.append(round(seconds, 3))
        raise ZeroDivisionError

    t.check(t.cold("-a|").pipe(admit(slots, on_wait=probe)), "-a|")
    hold(t, slots, "---|")
    t.check(t.cold("-a|").pipe(admit(slots, on_wait=probe)), "----a|")
    assert waits == [0, 3]


def test_a_refusal_says_when_to_come_again_and_for_whom_it_is(t: Marbles) -> None:
    slots = Slots(1, queue=0)
    holder = hold(t, slots, "----")
    caught: list[Any] = []
    t.cold("-").pipe(admit(slots)).subscribe(on_error=caught.append, scheduler=t.scheduler)
    holder.dispose()
    assert (caught[0].operator, caught[0].retry_after) == ("admit", 1.0)
    assert str(caught[0]) == "admit: 1 in use and 0 waiting, which is all that may (queue)"
    assert caught[0].limit == "queue"


def test_without_a_scheduler_no_slot_is_taken() -> None:
    slots = Slots(1)
    caught: list[Any] = []
    Stream[Any](lambda *_: None).pipe(admit(slots)).subscribe(on_error=caught.append)
    assert isinstance(caught[0], NoScheduler)
    assert slots.in_use == 0


def test_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match="Slots: limit must be more than 0, not 0"):
        Slots(0)
    with pytest.raises(ValueError, match="Slots: queue must be at least 0, not -1"):
        Slots(1, queue=-1)
    with pytest.raises(ValueError, match="admit: queue_timeout must be more than 0, not 0"):
        admit(Slots(1), queue_timeout=0)
    with pytest.raises(ValueError, match="admit: queue must be at least 0, not -2"):
        admit(Slots(1), queue=-2)


def test_an_error_of_the_source_passes(t: Marbles) -> None:
    mine = Fault()
    t.check(t.cold("-#", error=mine).pipe(admit(Slots(1))), "-#", error=mine)


def refused(error: Exception) -> None:
    raise LookupError("nobody listens")


@pytest.mark.parametrize("pushes", ["error", "item"])
def test_a_stream_that_raises_when_it_gets_its_slot_is_logged_and_hurts_nobody(
    t: Marbles, caplog: pytest.LogCaptureFixture, pushes: str
) -> None:
    def push(observer: Any, scheduler: Any) -> None:
        if pushes == "error":
            observer.on_error(Fault())
        else:
            observer.on_next("x")

    def hear(item: Any) -> None:
        raise LookupError("mine")

    slots = Slots(1)
    told: list[str] = []
    first = t.cold("---|").pipe(admit(slots))
    first.subscribe(on_completed=partial(told.append, "first"), scheduler=t.scheduler)
    bad = Stream(push).pipe(admit(slots)).subscribe(hear, refused, scheduler=t.scheduler)
    t.cold("-|").pipe(admit(slots)).subscribe(on_completed=partial(told.append, "last"), scheduler=t.scheduler)
    t.advance(2)
    # Whoever raised in an item is not over by that: it is let go by whoever listens.
    t.advance(4)
    bad.dispose()
    t.advance(9)
    assert told == ["first", "last"]
    assert (slots.in_use, slots.waiting) == (0, 0)
    assert slots.take()
    assert "raised when it was told of its slot" in caplog.text


def test_a_stream_that_raises_when_it_has_to_make_room_is_logged_and_hurts_nobody(
    t: Marbles, caplog: pytest.LogCaptureFixture
) -> None:
    slots = Slots(1, queue=1)
    hold(t, slots, "---|")
    t.cold("-|").pipe(admit(slots)).subscribe(on_error=refused, scheduler=t.scheduler)
    t.check(t.cold("-a|").pipe(admit(slots, priority=lambda _: 1)), "----a|")
    assert (slots.in_use, slots.waiting) == (0, 0)
    assert "nobody listens" in caplog.text
