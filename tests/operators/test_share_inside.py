"""What subscribers of a shared stream do from inside its items, or raise there, disturbs nobody."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from reactivex.abc import DisposableBase

from operators import Clock, Flights, FlowGate, Scope, Stream, flight, from_async, share
from tests.operators.observers import Heard, Reacts
from tests.operators.sharing import Producer, gated


def test_who_leaves_from_inside_an_item_hears_no_more_and_the_others_miss_nothing() -> None:
    producer, flights = Producer(), Flights()
    shared = producer.stream.pipe(share(flights=flights))
    leaving = Reacts(lambda _: subscriptions[1].dispose())
    heard = [Heard(), leaving, Heard()]
    subscriptions: list[DisposableBase] = [shared.subscribe(one) for one in heard]
    for item in "ab":
        producer.runs[0].push(item)
    assert [one.all for one in heard] == [["a", "b"], ["a"], ["a", "b"]]
    for subscription in subscriptions:
        subscription.dispose()
    assert (producer.runs[0].released, flights.under_way, flights.bytes) == (1, 0, 0)


def test_who_sends_another_away_from_inside_an_item_spares_it_that_item() -> None:
    producer = Producer()
    shared = producer.stream.pipe(share())
    heard = [Reacts(lambda _: subscriptions[1].dispose()), Heard()]
    subscriptions: list[DisposableBase] = [shared.subscribe(one) for one in heard]
    producer.runs[0].push("a")
    assert [one.all for one in heard] == [["a"], []]


def test_the_last_one_may_leave_and_come_again_from_inside_an_item() -> None:
    producer, again = Producer(), Heard()
    shared = producer.stream.pipe(share())

    def once_more(_: Any) -> None:
        subscription.dispose()
        shared.subscribe(again)

    heard = Reacts(once_more)
    subscription = shared.subscribe(heard)
    producer.runs[0].push("a")
    producer.runs[1].push("x")
    assert (heard.all, again.all) == (["a"], ["x"])
    assert [run.released for run in producer.runs] == [1, 0]


def test_who_joins_from_inside_an_item_gets_it_once_and_in_order() -> None:
    producer, joined = Producer(), Heard()
    shared = producer.stream.pipe(share())
    heard = [Reacts(lambda item: item == "b" and shared.subscribe(joined)), Heard()]
    for one in heard:
        shared.subscribe(one)
    for item in "abc":
        producer.runs[0].push(item)
    assert [one.all for one in [*heard, joined]] == [["a", "b", "c"]] * 3


def test_an_item_that_comes_from_inside_an_item_waits_until_that_one_was_handed_on() -> None:
    producer = Producer()
    shared = producer.stream.pipe(share())
    inside: list[str] = []

    class Nested(Heard):
        def on_next(self, item: Any) -> None:
            inside.append(f"<{item}")
            if item == "a":
                producer.runs[0].push("b")
                producer.runs[0].complete()
            inside.append(f"{item}>")

        def on_completed(self) -> None:
            inside.append("|")

    other = Heard()
    shared.subscribe(Nested())
    shared.subscribe(other)
    producer.runs[0].push("a")
    assert inside == ["<a", "a>", "<b", "b>", "|"]
    assert other.all == ["a", "b", "|"]


def test_a_source_that_pushes_at_once_is_let_go_by_who_leaves_meanwhile() -> None:
    producer, flights = Producer("a", "b"), Flights()
    shared = producer.stream.pipe(share(flights=flights))
    joined: list[DisposableBase] = []
    heard = Heard()

    def join(item: str) -> None:
        if item == "a":
            joined.append(shared.subscribe(heard))

    shared.subscribe(Reacts(join)).dispose()
    assert heard.all == ["a", "b"]
    assert producer.runs[0].released == 0
    joined[0].dispose()
    assert (len(producer.runs), producer.runs[0].released, flights.under_way) == (1, 1, 0)


def test_a_source_that_is_subscribed_to_again_while_it_is_let_go_begins_another_flight() -> None:
    runs: list[str] = []
    heard = Heard()

    def subscribe(observer: Any, scheduler: Any) -> Any:
        runs.append("began")
        if len(runs) == 1:
            return lambda: shared.subscribe(heard)
        observer.on_next("second")
        return None

    shared = Stream[Any](subscribe).pipe(share())
    shared.subscribe().dispose()
    assert (runs, heard.all) == (["began", "began"], ["second"])


def test_who_subscribes_at_the_end_begins_another_flight() -> None:
    producer, heard = Producer(), Heard()
    shared = producer.stream.pipe(share())

    class Again(Heard):
        def on_completed(self) -> None:
            shared.subscribe(heard)

    shared.subscribe(Again())
    producer.runs[0].push("a")
    producer.runs[0].complete()
    producer.runs[1].push("x")
    assert heard.all == ["x"]


def test_who_raises_has_its_exception_as_its_error_and_the_others_do_not_notice() -> None:
    producer = Producer()
    shared = producer.stream.pipe(share())
    fault = LookupError("below")

    class Broken(Heard):
        def on_next(self, item: Any) -> None:
            raise fault

    heard = [Heard(), Broken(), Heard()]
    for one in heard:
        shared.subscribe(one)
    for item in "ab":
        producer.runs[0].push(item)
    assert [one.all for one in heard] == [["a", "b"], [fault], ["a", "b"]]
    assert producer.runs[0].released == 0


@pytest.mark.parametrize("end", ["item", "error", "completion"])
def test_who_raises_even_at_its_end_is_logged_and_the_others_do_not_notice(end: str, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Heard):
        def on_next(self, item: Any) -> None:
            raise LookupError

        def on_error(self, error: Exception) -> None:
            raise LookupError

        def on_completed(self) -> None:
            raise LookupError

    producer, other = Producer(), Heard()
    shared = producer.stream.pipe(share())
    shared.subscribe(Broken())
    shared.subscribe(other)
    fault = OSError()
    with caplog.at_level(logging.ERROR, logger=flight.__name__):
        if end == "item":
            producer.runs[0].push("a")
        if end == "error":
            producer.runs[0].fail(fault)
        else:
            producer.runs[0].complete()
    assert other.all == {"item": ["a", "|"], "error": [fault], "completion": ["|"]}[end]
    assert [record.exc_info is not None and record.exc_info[0] for record in caplog.records] == [LookupError]


def test_who_leaves_while_it_catches_up_hears_no_more(caplog: pytest.LogCaptureFixture) -> None:
    scope, producer, flights = gated(), Producer(), Flights()
    leaving = Reacts(lambda _: subscription.dispose())
    subscription = producer.stream.pipe(share(flights=flights)).subscribe(leaving, scheduler=scope)
    assert scope.gate is not None
    scope.gate.shut()
    for item in "abc":
        producer.runs[0].push(item)
    scope.gate.reopen()
    assert (leaving.all, producer.runs[0].released, flights.under_way, caplog.records) == (["a"], 1, 0, [])


def test_a_coroutine_that_waits_at_the_gate_of_its_scope_is_slowed_by_the_slowest_only_beyond_the_bound() -> None:
    async def main() -> list[Any]:
        pushed = 0

        async def produce(push: Any, scope: Any) -> None:
            nonlocal pushed
            for number in range(10):
                if not scope.gate.is_open:
                    await scope.gate.wait()
                push(number)
                pushed += 1
                await asyncio.sleep(0)

        clock = Clock()
        slow, fast = Scope(clock, FlowGate()), Scope(clock, FlowGate())
        assert slow.gate is not None
        slow.gate.shut()
        over = asyncio.Event()
        heard, late = Heard(), Heard()
        shared = from_async(produce, scoped=True).pipe(share(bytes=3))
        shared.subscribe(late, scheduler=slow)
        shared.subscribe(heard.on_next, on_completed=over.set, scheduler=fast)
        for _ in range(30):
            await asyncio.sleep(0)
        assert (pushed, heard.all, late.all) == (4, [0, 1, 2, 3], [])
        slow.gate.reopen()
        await over.wait()
        assert heard.all == list(range(10))
        return late.all

    assert asyncio.run(main()) == [*range(10), "|"]
