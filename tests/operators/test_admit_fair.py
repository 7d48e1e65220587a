"""Slots for many: keys in turn, priorities strictly, no key with all slots or all of the queue, and nothing left afterwards."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from reactivex import operators as stock

from operators import ChainError, Overloaded, Slots, StepError, Stream, admit, catalog
from operators.testing import Marbles
from tests.operators.items import Fault
from tests.operators.observers import Heard, Waits


def for_whom(key: Any = None, priority: Any = 0) -> dict[str, Any]:
    """The resources of ``admit`` for one stream."""
    return {"key": lambda _: key, "priority": lambda _: priority}


class Streams:
    """Streams over the same slots; ``order`` says when each got its own."""

    def __init__(self, t: Marbles, slots: Slots) -> None:
        self.t = t
        self.slots = slots
        self.order: list[str] = []
        self.refused: list[str] = []
        self.held: dict[str, Any] = {}

    def come(self, *names: str, priority: int = 0, lasts: str = "-|", **options: Any) -> None:
        """One stream for each name; the first letter is its key."""
        for name in names:
            source = self.t.cold(lasts)
            begun = Stream[Any](partial(self._begin, name, source))
            stream = begun.pipe(admit(self.slots, **for_whom(name[0], priority), **options))
            refused = partial(self._refused, name)
            self.held[name] = stream.subscribe(on_error=refused, scheduler=self.t.scheduler)

    def _begin(self, name: str, source: Any, observer: Any, scheduler: Any) -> Any:
        self.order.append(name)
        return source.subscribe(observer, scheduler=scheduler)

    def _refused(self, name: str, error: Exception) -> None:
        assert isinstance(error, Overloaded)
        self.refused.append(name)


def is_empty(slots: Slots) -> bool:
    return not (slots.in_use or slots.waiting or slots._held or slots._waiting._places or slots._waiting._held)


def test_keys_that_wait_are_served_in_turn(t: Marbles) -> None:
    streams = Streams(t, Slots(1))
    streams.come("x", "a1", "a2", "a3", "b1", "c1", "b2")
    t.advance(9)
    assert streams.order == ["x", "a1", "b1", "c1", "a2", "b2", "a3"]
    assert is_empty(streams.slots)


def test_a_higher_priority_is_always_served_first(t: Marbles) -> None:
    streams = Streams(t, Slots(1))
    streams.come("x", "a1", "b1")
    streams.come("a2", "a3", priority=2)
    streams.come("b2", priority=1)
    t.advance(9)
    assert streams.order == ["x", "a2", "a3", "b2", "a1", "b1"]


def test_what_has_no_key_waits_together(t: Marbles) -> None:
    slots = Slots(1)
    streams = Streams(t, slots)
    streams.come("x")
    order: list[str] = []
    for name in ("n1", "n2"):
        t.cold("-|").pipe(admit(slots)).subscribe(on_completed=partial(order.append, name), scheduler=t.scheduler)
    streams.come("a1")
    t.advance(3.5)
    assert (order, streams.order) == (["n1"], ["x", "a1"])
    t.advance(5)
    assert order == ["n1", "n2"]


def test_no_key_holds_more_than_its_slots_while_others_pass_it(t: Marbles) -> None:
    streams = Streams(t, Slots(3, per_key=2))
    streams.come("a1", lasts="---|")
    streams.come("a2", "a3", "a4", lasts="-----|")
    assert (streams.order, streams.slots.in_use, streams.slots.waiting) == (["a1", "a2"], 2, 2)
    streams.come("b1")
    assert streams.order == ["a1", "a2", "b1"]
    t.advance(3)
    assert streams.order == ["a1", "a2", "b1", "a3"]
    t.advance(20)
    assert streams.order == ["a1", "a2", "b1", "a3", "a4"]
    assert is_empty(streams.slots)


def test_what_has_no_key_is_not_counted_by_key(t: Marbles) -> None:
    slots = Slots(3, per_key=1)
    for _ in range(3):
        t.cold("-|").pipe(admit(slots)).subscribe(scheduler=t.scheduler)
    assert (slots.in_use, slots.waiting) == (3, 0)
    t.advance(3)
    assert is_empty(slots)


def test_a_key_that_waits_for_its_own_slot_leaves_a_free_one_to_others_also_of_a_lower_priority(t: Marbles) -> None:
    streams = Streams(t, Slots(2, per_key=1))
    streams.come("a1", "a2", priority=9, lasts="---|")
    streams.come("b1", priority=-1)
    assert streams.order == ["a1", "b1"]
    t.advance(9)
    assert streams.order == ["a1", "b1", "a2"]
    assert is_empty(streams.slots)


def test_a_key_that_fills_the_queue_does_not_keep_others_out(t: Marbles) -> None:
    streams = Streams(t, Slots(1, queue=3))
    streams.come("a1", "a2", "a3", "a4", lasts="----|")
    streams.come("b1")
    assert (streams.refused, streams.slots.waiting) == (["a4"], 3)
    streams.come("a5")
    streams.come("c1")
    streams.come("d1")
    assert streams.refused == ["a4", "a5", "a3", "d1"]
    t.advance(20)
    assert streams.order == ["a1", "a2", "b1", "c1"]
    assert is_empty(streams.slots)


def test_a_full_queue_makes_room_for_a_higher_priority(t: Marbles) -> None:
    streams = Streams(t, Slots(1, queue=1))
    streams.come("a1", "a2")
    streams.come("a3", priority=1)
    streams.come("b1")
    assert streams.refused == ["a2", "b1"]
    t.advance(9)
    assert streams.order == ["a1", "a3"]


def test_who_may_wait_in_a_shorter_queue_only_asks_nobody_to_leave(t: Marbles) -> None:
    streams = Streams(t, Slots(1, queue=9))
    streams.come("a1", "a2", "a3")
    streams.come("b1", priority=7, queue=2)
    assert streams.refused == ["b1"]
    t.advance(9)
    assert streams.order == ["a1", "a2", "a3"]


def test_who_makes_room_hears_why_and_leaves_no_timer(t: Marbles) -> None:
    slots = Slots(1, queue=1)
    heard = Waits()
    t.cold("----|").pipe(admit(slots)).subscribe(scheduler=t.scheduler)
    caught: list[Any] = []
    t.cold("-|").pipe(admit(slots), heard).subscribe(on_error=caught.append, scheduler=t.scheduler)
    t.advance(2)
    t.cold("-|").pipe(admit(slots, **for_whom(priority=1))).subscribe(scheduler=t.scheduler)
    assert [str(error) for error in caught] == ["admit: 1 in use and 1 waiting, which is all that may (queue)"]
    assert heard.told == [True, False]
    # The holder's drawing (its end), and the newcomer's patience.
    assert t.timers == 2
    t.advance(9)
    assert is_empty(slots)


def test_who_has_to_make_room_may_come_again_at_once(t: Marbles) -> None:
    """What it does when it hears of it finds the queue in order: the newcomer waits there already."""
    slots = Slots(1, queue=1)
    order: list[str] = []
    t.cold("----|").pipe(admit(slots)).subscribe(scheduler=t.scheduler)

    def again(_: Any, __: Any) -> Any:
        order.append(f"again, {slots.waiting} waiting")
        return t.cold("-|").pipe(admit(slots))

    first = t.cold("-|").pipe(admit(slots), stock.catch(again))
    first.subscribe(on_error=lambda error: order.append(str(error)), scheduler=t.scheduler)
    newcomer = t.cold("-|").pipe(admit(slots, **for_whom(priority=1)))
    newcomer.subscribe(on_completed=lambda: order.append("newcomer"), scheduler=t.scheduler)
    t.advance(9)
    assert order == ["again, 1 waiting", "admit: 1 in use and 1 waiting, which is all that may (queue)", "newcomer"]
    assert is_empty(slots)


def test_a_newcomer_that_is_let_go_while_another_makes_room_leaves_nothing(t: Marbles) -> None:
    slots = Slots(1, queue=1)
    holder = t.cold("----|").pipe(admit(slots)).subscribe(scheduler=t.scheduler)
    source = t.cold("-|")
    source.pipe(admit(slots)).subscribe(on_error=lambda _: holder.dispose(), scheduler=t.scheduler)
    newcomer = t.cold("-a|")
    t.check(newcomer.pipe(admit(slots, **for_whom(priority=1))), "-a|")
    t.subs(source)
    assert is_empty(slots)


def test_nobody_overtakes_the_queue_from_inside_the_end_of_the_one_before(t: Marbles) -> None:
    """A slot is free in that moment, but somebody waits for it."""
    slots = Slots(1)
    order: list[str] = []

    def come(name: str, *, then: Any = None) -> None:
        def over() -> None:
            order.append(name)
            if then is not None:
                then()

        stream = Stream[Any](lambda observer, _: observer.on_completed())
        stream.pipe(admit(slots)).subscribe(on_completed=over, scheduler=t.scheduler)

    holder = t.cold("----").pipe(admit(slots)).subscribe(scheduler=t.scheduler)
    come("first", then=lambda: come("late"))
    come("second")
    holder.dispose()
    assert order == ["first", "second", "late"]
    assert is_empty(slots)


def test_who_is_let_go_inside_its_own_probe_does_not_subscribe(t: Marbles) -> None:
    slots = Slots(1)
    holder = t.cold("----").pipe(admit(slots)).subscribe(scheduler=t.scheduler)
    source = t.cold("-a|")
    held: list[Any] = []
    guard: Any = admit(slots, on_wait=lambda _: held[0].dispose())
    held.append(source.pipe(guard).subscribe(scheduler=t.scheduler))
    holder.dispose()
    t.subs(source)
    assert is_empty(slots)


@pytest.mark.parametrize("resource", ["key", "priority"])
def test_a_function_that_raises_is_told_and_takes_no_slot(t: Marbles, resource: str) -> None:
    mine = Fault()

    def broken(_: Any) -> Any:
        raise mine

    slots = Slots(1)
    source = t.cold("-a|")
    caught: list[Any] = []
    guard: Any = admit(slots, **{**for_whom(), resource: broken})
    t.check(source.pipe(guard, stock.do_action(on_error=caught.append)), "#", error=StepError)
    t.subs(source)
    assert (caught[0].operator, caught[0].__cause__) == ("admit", mine)
    assert is_empty(slots)


@pytest.mark.parametrize("resources", [for_whom(key=[]), for_whom(priority=None), for_whom(priority=float("nan"))])
def test_what_cannot_be_a_key_or_a_priority_is_told(t: Marbles, resources: dict[str, Any]) -> None:
    slots = Slots(1)
    t.check(t.cold("-a|").pipe(admit(slots, **resources)), "#", error=StepError)
    assert is_empty(slots)


def test_the_functions_see_the_scheduler_of_the_subscription(t: Marbles) -> None:
    seen: list[Any] = []

    def key(scheduler: Any) -> str:
        seen.append(scheduler)
        return "a"

    def priority(scheduler: Any) -> int:
        seen.append(scheduler)
        return 0

    t.check(t.cold("-a|").pipe(admit(Slots(1), key=key, priority=priority)), "-a|")
    assert seen == [t.scheduler, t.scheduler]


def test_a_chain_may_say_how_many_without_any_resource(t: Marbles) -> None:
    guard: Any = catalog.build("admit", {"limit": 1, "queue": 1, "queue_timeout": 5.0}, {})
    for _ in range(2):
        t.cold("---|").pipe(guard).subscribe(on_error=lambda _: None, scheduler=t.scheduler)
    t.check(t.cold("-a|").pipe(guard), "#", error=Overloaded)
    t.check(t.cold("-a|").pipe(guard), "-a|")


@pytest.mark.parametrize(("options", "most"), [({}, 64), ({"queue": 3}, 3), ({"queue": 70}, 70)])
def test_a_chain_bounds_the_queue_as_slots_do_or_as_it_says(t: Marbles, options: dict[str, Any], most: int) -> None:
    guard: Any = admit(limit=1, **options)
    heard = [Heard() for _ in range(most + 2)]
    subscriptions = [t.cold("-----").pipe(guard).subscribe(each, scheduler=t.scheduler) for each in heard]
    assert [bool(each.all) for each in heard] == [False] * (most + 1) + [True]
    for subscription in subscriptions:
        subscription.dispose()


def test_a_queue_of_a_chain_makes_room_as_well(t: Marbles) -> None:
    keys = iter("aaab")
    guard: Any = admit(limit=1, queue=2, key=lambda _: next(keys))
    heard = [Heard() for _ in range(4)]
    for each in heard:
        t.cold("-|").pipe(guard).subscribe(each, scheduler=t.scheduler)
    t.advance(9)
    assert [each.all == ["|"] for each in heard] == [True, True, False, True]


@pytest.mark.parametrize(("options", "seconds"), [({}, 30), ({"queue_timeout": 4.0}, 4)])
def test_a_chain_bounds_the_wait_as_slots_do_or_as_it_says(t: Marbles, options: dict[str, Any], seconds: int) -> None:
    guard: Any = admit(limit=1, **options)
    holder = t.cold("-----").pipe(guard).subscribe(scheduler=t.scheduler)
    t.check(t.cold("-a|").pipe(guard), "-" * seconds + "#", error=Overloaded)
    holder.dispose()


def test_a_chain_may_say_how_many_a_key_may_hold(t: Marbles) -> None:
    keys = iter("aab")
    guard: Any = catalog.build("admit", {"limit": 2, "per_key": 1}, {"key": lambda _: next(keys)})
    got = [t.cold("---|"), t.cold("-|"), t.cold("-|")]
    for source in got:
        source.pipe(guard).subscribe(scheduler=t.scheduler)
    assert [len(source.subscriptions) for source in got] == [1, 0, 1]
    t.advance(9)
    assert [len(source.subscriptions) for source in got] == [1, 1, 1]


def test_shared_slots_and_the_limit_that_they_were_made_with_go_together(t: Marbles) -> None:
    """A configuration's limit is an option; the slots made of it come as a resource beside it."""
    slots = Slots(1, per_key=1)
    guard: Any = catalog.build("admit", {"limit": 1, "per_key": 1}, {"slots": slots, "key": lambda _: "a"})
    first = t.cold("--|").pipe(guard).subscribe(scheduler=t.scheduler)
    assert slots.in_use == 1
    first.dispose()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "admit: needs limit, how many streams at once, or the resource slots"),
        ({"slots": Slots(1), "limit": 2}, "admit: slots that are shared have their own limit; leave one of the two out"),
        ({"slots": Slots(1), "per_key": 2}, "admit: slots that are shared have their own per_key; leave it out"),
        ({"limit": 0}, "admit: limit must be more than 0, not 0"),
        ({"limit": 1, "per_key": 0, "key": str}, "admit: per_key must be more than 0, not 0"),
        ({"limit": 1, "per_key": 1}, "admit: per_key needs the resource key, which says for whom a stream is"),
    ],
)
def test_what_does_not_fit_together_is_told_at_once(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        admit(**arguments)


def test_a_chain_hears_of_it_when_it_is_built() -> None:
    with pytest.raises(ChainError, match="admit: slots that are shared have their own limit"):
        catalog.build("admit", {"limit": 8}, {"slots": Slots(1)})
    with pytest.raises(ValueError, match="Slots: per_key must be more than 0, not 0"):
        Slots(1, per_key=0)


STREAM = some.tuples(
    some.integers(0, 6),  # comes in this second
    some.sampled_from(["a", "b", "c", None]),
    some.integers(0, 1),  # priority
    some.integers(0, 3),  # lasts so long
    some.sampled_from([None, None, 0, 2]),  # is let go so long after it came
)


@given(
    some.lists(STREAM, max_size=25),
    some.integers(1, 3),
    some.integers(0, 8),
    some.sampled_from([1, 2, None]),
)
def test_whatever_comes_the_bounds_hold_and_everything_returns(
    streams: list[Any], limit: int, queue: int, per_key: int | None
) -> None:
    t = Marbles()
    slots = Slots(limit, queue=queue, queue_timeout=4, per_key=per_key)
    ends: list[int] = []
    running: dict[int, Any] = {}

    def look() -> None:
        assert slots.in_use == len(running) <= limit
        assert slots.waiting <= queue
        for key in "abc":
            assert per_key is None or list(running.values()).count(key) <= per_key

    def come(number: int, key: Any, priority: int, lasts: int, patience: int | None) -> None:
        def begin(observer: Any, scheduler: Any) -> Any:
            running[number] = key
            look()
            inner = t.cold("-" * lasts + "|").subscribe(observer, scheduler=scheduler)

            def over() -> None:
                del running[number]
                inner.dispose()

            return over

        stream = Stream[Any](begin).pipe(admit(slots, **for_whom(key, priority)))
        end = partial(ends.append, number)
        subscription = stream.subscribe(on_error=lambda _: end(), on_completed=end, scheduler=t.scheduler)
        look()
        if patience is not None:
            t.scheduler.schedule_relative(float(patience), lambda *_: subscription.dispose())

    for number, (second, *rest) in enumerate(streams):
        t.scheduler.schedule_relative(float(second), lambda *_, number=number, rest=rest: come(number, *rest))
    for second in range(100):
        t.advance(second)
        look()
    assert len(ends) == len(set(ends))
    assert is_empty(slots)
    assert not t.timers
