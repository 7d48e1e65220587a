"""What a shared stream holds: nothing of who has left, nothing behind its end."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

import pytest

from operators import Flights, share
from tests.operators.observers import Heard
from tests.operators.sharing import Producer, gated

# References to something that is held by one name only: that name, and the question.
ALONE = 2


def test_what_a_source_says_behind_its_end_is_not_heard() -> None:
    scope, producer, heard = gated(), Producer(), Heard()
    producer.stream.pipe(share()).subscribe(heard, scheduler=scope)
    assert scope.gate is not None
    scope.gate.shut()
    producer.runs[0].push("a")
    producer.runs[0].complete()
    producer.runs[0].observer.on_next("b")
    scope.gate.reopen()
    assert heard.all == ["a", "|"]


@pytest.mark.parametrize("how", ["|", "left"])
def test_what_is_over_holds_nothing_whoever_holds_it(how: str) -> None:
    class Payload:
        size = 1

    gc.collect()
    gc.disable()
    try:
        scope, producer, flights = gated(), Producer(), Flights()
        shared = producer.stream.pipe(share(flights=flights))
        seats: list[Any] = [shared.on_subscribe(Heard(), scope), shared.on_subscribe(Heard(), gated())]
        run, item = producer.runs.pop(), Payload()
        alive = weakref.ref(item)
        assert scope.gate is not None
        scope.gate.shut()
        run.push(item)
        run.items.clear()
        if how == "left":
            for seat in seats:
                seat.dispose()
            run.observer.on_next(item)
        else:
            scope.gate.reopen()
            run.complete()
        del item
        assert alive() is None, "the source still holds its observer"
        held = run.observer
        del run
        assert sys.getrefcount(held) == ALONE, "the subscribers are still there"
    finally:
        gc.enable()


def test_who_left_is_forgotten_while_the_others_go_on() -> None:
    producer = Producer()
    shared = producer.stream.pipe(share())
    shared.subscribe()
    seat: Any = shared.on_subscribe(Heard(), None)
    producer.runs[0].push("a")
    seat.dispose()
    assert sys.getrefcount(seat) == ALONE


def test_many_subscribers_come_and_go() -> None:
    producer, flights = Producer(), Flights()
    shared = producer.stream.pipe(share(flights=flights))
    heard = [Heard() for _ in range(2000)]
    subscriptions = [shared.subscribe(one) for one in heard]
    producer.runs[0].push("a")
    for subscription in subscriptions[::2]:
        subscription.dispose()
    producer.runs[0].push("b")
    producer.runs[0].complete()
    assert [one.all for one in heard] == [["a"], ["a", "b", "|"]] * 1000
    assert (flights.begun, flights.joined, flights.under_way, flights.bytes) == (1, 1999, 0, 0)
