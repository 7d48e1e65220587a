"""Single flight: one subscription to the source for all who want the same, every item once, and no more kept than needed."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from operators import Flights, FlowGate, Scope, StepError, Stream, share
from operators.testing import Marbles
from tests.operators.items import Fault, Item
from tests.operators.observers import Heard, Reacts
from tests.operators.sharing import CLOCK, Producer, gated


def later(t: Marbles, second: float, stream: Stream[Any], heard: Heard) -> None:
    """Subscribe at that second."""
    t.scheduler.schedule_relative(second, lambda *_: stream.subscribe(heard, scheduler=t.scheduler) and None)


def test_who_comes_late_gets_what_came_so_far_at_once_and_then_the_rest(t: Marbles) -> None:
    source = t.cold("     -a-b-----c-|")
    shared = source.pipe(share())
    subscription = shared.subscribe(scheduler=t.scheduler)
    t.advance(4)
    came: list[tuple[float, Any]] = []
    shared.subscribe(lambda item: came.append((t.second, item)), scheduler=t.scheduler)
    t.advance(20)
    assert [(round(second), item) for second, item in came] == [(4, "a"), (4, "b"), (9, "c")]
    t.subs(source, "      ^          !")
    subscription.dispose()


@pytest.mark.parametrize("end", ["|", "#"])
def test_the_end_goes_to_all(t: Marbles, end: str) -> None:
    source = t.cold(f"--a-{end}")
    heard = [Heard() for _ in range(3)]
    shared = source.pipe(share())
    for second, one in enumerate(heard):
        later(t, second, shared, one)
    t.advance(9)
    assert [one.all for one in heard] == [["a", "|" if end == "|" else t.boom]] * 3
    assert source.subscriptions == [(0.0, 4.0)]


def test_the_source_is_let_go_with_the_last_who_leaves_and_not_before(t: Marbles) -> None:
    source = t.cold("-a-b-c-d")
    shared = source.pipe(share())
    first, second = (shared.subscribe(scheduler=t.scheduler) for _ in range(2))
    t.advance(2)
    first.dispose()
    third = shared.subscribe(scheduler=t.scheduler)
    t.advance(4)
    second.dispose()
    assert source.subscriptions == [(0.0, None)]
    t.advance(6)
    third.dispose()
    t.subs(source, "^     !")


def test_a_flight_that_ended_or_was_left_is_not_joined(t: Marbles) -> None:
    flights = Flights()
    source = t.cold("-a-|")
    shared = source.pipe(share(flights=flights))
    t.check(shared, "-a-|")
    t.check(shared, "-a", until="^ !")
    t.check(shared, "-a-|")
    assert (flights.begun, flights.joined, flights.under_way, flights.bytes) == (3, 0, 0, 0)


def test_a_flight_over_its_bound_is_not_joined_and_another_takes_its_place() -> None:
    producer, flights = Producer(), Flights()
    shared = producer.stream.pipe(share(bytes=4, flights=flights))
    heard = [Heard() for _ in range(4)]
    shared.subscribe(heard[0])
    producer.runs[0].push("four")
    shared.subscribe(heard[1])
    producer.runs[0].push("5")
    assert flights.bytes == 0, "everybody has it and nobody else can join"
    shared.subscribe(heard[2])
    producer.runs[1].push("x")
    producer.runs[0].complete()
    shared.subscribe(heard[3])
    assert len(producer.runs) == 2
    assert [one.all for one in heard] == [["four", "5", "|"], ["four", "5", "|"], ["x"], ["x"]]
    assert (flights.begun, flights.joined, flights.under_way, flights.bytes) == (2, 2, 1, 1)


@pytest.mark.parametrize(
    ("item", "size"), [(Item("a", size=3), 3), (Item("a", size=0), 1), (b"ab", 2), ("abc", 3), ("", 1), (object(), 1)]
)
def test_an_item_counts_by_its_size_or_its_length_and_at_least_one(item: Any, size: int) -> None:
    producer, flights = Producer(item), Flights()
    producer.stream.pipe(share(flights=flights)).subscribe()
    assert flights.bytes == size


def test_streams_of_one_key_are_shared_whoever_built_them_and_others_are_not() -> None:
    producers, flights = [Producer("first"), Producer("second"), Producer("third")], Flights()
    heard = [Heard() for _ in producers]
    for producer, one, key in zip(producers, heard, (1, 1, 2), strict=True):
        producer.stream.pipe(share(flights=flights, key=partial(lambda key, _: key, key))).subscribe(one)
    assert [one.all for one in heard] == [["first"], ["first"], ["third"]]
    assert [len(producer.runs) for producer in producers] == [1, 0, 1]


def test_without_a_key_each_stream_is_shared_by_its_own_subscribers_only() -> None:
    operator: Any = share()
    producers = [Producer("a"), Producer("b")]
    heard = [Heard() for _ in producers]
    for producer, one in zip(producers, heard, strict=True):
        producer.stream.pipe(operator).subscribe(one)
    assert [one.all for one in heard] == [["a"], ["b"]]


def test_a_stream_without_a_key_passes_straight_through() -> None:
    scopes = [gated(), gated()]
    producer, flights = Producer("a"), Flights()
    shared = producer.stream.pipe(share(flights=flights, key=lambda _: None))
    subscriptions = [shared.subscribe(scheduler=scope) for scope in scopes]
    assert [run.scope for run in producer.runs] == scopes
    assert (flights.begun, flights.under_way) == (0, 0)
    subscriptions[0].dispose()
    assert [run.released for run in producer.runs] == [1, 0]


def test_the_key_is_asked_for_with_the_scheduler_of_each_subscription() -> None:
    scopes = [gated(), gated()]
    asked: list[Any] = []
    shared = Producer().stream.pipe(share(key=asked.append))
    for scope in scopes:
        shared.subscribe(scheduler=scope)
    assert asked == scopes


@pytest.mark.parametrize("broken", [{"key": lambda _: 1 / 0}, {"key": lambda _: []}, {"scope": lambda _: 1 / 0}])
def test_a_function_that_raises_is_an_error_and_nothing_is_subscribed_to(broken: Any) -> None:
    producer, flights, heard = Producer(), Flights(), Heard()
    producer.stream.pipe(share(flights=flights, **broken)).subscribe(heard)
    assert [(type(error), error.operator) for error in heard.all] == [(StepError, "share")]
    assert (producer.runs, flights.begun, flights.under_way) == ([], 0, 0)


def test_the_source_runs_in_the_scope_that_is_made_of_the_first_subscribers() -> None:
    scopes, made = [gated(), gated()], gated()
    asked: list[Any] = []

    def make(first: Any) -> Scope:
        asked.append(first)
        return made

    producer = Producer()
    shared = producer.stream.pipe(share(scope=make))
    for scope in scopes:
        shared.subscribe(scheduler=scope)
    assert asked == scopes[:1]
    assert [run.scope for run in producer.runs] == [made]


def test_by_itself_the_scope_is_that_of_the_first_with_a_gate_of_its_own(t: Marbles) -> None:
    class Named(Scope):
        name = "first"

    first = Named(CLOCK, FlowGate())
    bare = Scope(CLOCK)
    producer = Producer()
    for scope in (first, bare, t.scheduler):
        producer.stream.pipe(share()).subscribe(scheduler=scope)
    theirs = producer.runs[0].scope
    assert (type(theirs), theirs.name, theirs.loop) == (Named, "first", first.loop)
    assert theirs.gate is not first.gate
    assert [run.scope for run in producer.runs[1:]] == [bare, t.scheduler]


def test_who_leaves_with_its_gate_shut_leaves_the_others_in_motion() -> None:
    first, second, producer, heard = gated(), gated(), Producer(), Heard()
    shared = producer.stream.pipe(share(bytes=1))
    subscription = shared.subscribe(scheduler=first)
    shared.subscribe(heard, scheduler=second)
    assert first.gate is not None
    first.gate.shut()
    for item in "abc":
        producer.runs[0].push(item)
    assert heard.all == ["a", "b"], "two lag behind, the bound is one: the source waits"
    subscription.dispose()
    producer.runs[0].push("d")
    assert heard.all == ["a", "b", "d"]
    assert first.gate._actions == {}


def test_a_slow_subscriber_may_lag_by_the_bound_before_it_slows_the_others() -> None:
    slow, fast, producer, flights = gated(), gated(), Producer(), Flights()
    shared = producer.stream.pipe(share(bytes=2, flights=flights))
    heard = [Heard(), Heard()]
    for one, scope in zip(heard, (slow, fast), strict=True):
        shared.subscribe(one, scheduler=scope)
    assert slow.gate is not None
    slow.gate.shut()
    pushed = [producer.runs[0].push(item) for item in "abcde"]
    assert pushed == [True, True, True, False, False]
    assert [one.all for one in heard] == [[], ["a", "b", "c"]]
    assert flights.bytes == 3
    slow.gate.reopen()
    assert producer.runs[0].push("f")
    assert [one.all for one in heard] == [["a", "b", "c", "f"]] * 2
    assert flights.bytes == 0


def test_who_is_fed_one_by_one_lets_the_source_go_on_as_soon_as_the_bound_allows() -> None:
    scope, producer, flights = gated(), Producer(), Flights()
    gate = scope.gate
    assert gate is not None
    heard = Reacts(lambda _: gate.shut())
    producer.stream.pipe(share(bytes=2, flights=flights)).subscribe(heard, scheduler=scope)
    theirs = producer.runs[0].scope.gate
    for item in "abcd":
        producer.runs[0].push(item)
    states = [(len(heard.all), flights.bytes, theirs.is_open)]
    for _ in range(4):
        gate.reopen()
        states.append((len(heard.all), flights.bytes, theirs.is_open))
    assert states == [(1, 3, False), (2, 2, True), (3, 1, True), (4, 0, True), (4, 0, True)]


def test_behind_a_shut_gate_the_end_waits_for_the_items_but_holds_no_source() -> None:
    scope, producer, flights, heard = gated(), Producer(), Flights(), Heard()
    shared = producer.stream.pipe(share(flights=flights))
    shared.subscribe(heard, scheduler=scope)
    assert scope.gate is not None
    scope.gate.shut()
    producer.runs[0].push("a")
    fault = Fault()
    producer.runs[0].fail(fault)
    assert (heard.all, producer.runs[0].released, flights.under_way) == ([], 1, 1)
    shared.subscribe()
    assert len(producer.runs) == 2, "what has ended is not joined"
    scope.gate.reopen()
    assert heard.all == ["a", fault]
    assert flights.under_way == 1


def test_where_the_source_cannot_wait_everybody_gets_everything_at_once() -> None:
    slow, producer, heard = gated(), Producer(), Heard()
    shared = producer.stream.pipe(share(bytes=1))
    shared.subscribe()
    shared.subscribe(heard, scheduler=slow)
    assert slow.gate is not None
    slow.gate.shut()
    for item in "abc":
        producer.runs[0].push(item)
    assert heard.all == ["a", "b", "c"]


def test_a_gate_that_somebody_else_shut_stays_shut() -> None:
    scope, producer = gated(), Producer()
    shared = producer.stream.pipe(share(bytes=3, scope=lambda first: first))
    heard = Heard()
    shared.subscribe(heard, scheduler=scope)
    for item in ("four", "b"):
        producer.runs[0].push(item)
    assert scope.gate is not None
    scope.gate.shut()
    producer.runs[0].observer.on_next("c")
    assert (heard.all, scope.gate.is_open) == (["four", "b"], False)
    scope.gate.reopen()
    assert heard.all == ["four", "b", "c"]


def test_a_source_that_has_ended_leaves_the_gate_open_however_far_somebody_lags() -> None:
    slow, producer, heard = gated(), Producer(), Heard()
    producer.stream.pipe(share(bytes=1)).subscribe(heard, scheduler=slow)
    assert slow.gate is not None
    slow.gate.shut()
    run = producer.runs[0]
    for item in "ab":
        run.push(item)
    states = [run.scope.gate.is_open]
    run.complete()
    states.append(run.scope.gate.is_open)
    slow.gate.reopen()
    assert states == [False, True]
    assert heard.all == ["a", "b", "|"]


def test_the_bound_is_checked() -> None:
    with pytest.raises(ValueError, match="share: bytes must be more than 0, not 0"):
        share(0)
