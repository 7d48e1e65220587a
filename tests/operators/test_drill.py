"""A fault that happens in the middle of things: who leaves, who pushes at the wrong moment, what is kept."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from reactivex import operators as stock
from reactivex.subject import Subject

from operators import Injected, Link, Operator, Stream, fault
from operators.drill import Delay, Kind
from operators.testing import Marbles
from tests.operators.observers import Heard

BREAKING: list[Kind] = ["error", "cut", "stall"]


@pytest.mark.parametrize(
    ("result", "until"),
    [
        ("-a", "        ^ !"),
        ("-a", "        ^   !"),
        ("-a", "        ^    !"),
        ("-a----(bc)", "^     !"),
    ],
)
def test_dispose_in_any_phase_of_a_delay_leaves_no_timer(t: Marbles, result: str, until: str) -> None:
    source = t.cold("-a-b-c--|")
    t.check(source.pipe(fault("delay", after=1, seconds=3)), result, until=until)
    t.subs(source, until)


def test_dispose_while_a_delay_holds_the_end_back_leaves_no_timer(t: Marbles) -> None:
    source = t.cold("                                -ab|")
    t.check(source.pipe(fault("delay", seconds=5)), "---", until="^   !")
    t.subs(source, "                                  ^  !")


@pytest.mark.parametrize("kind", BREAKING)
def test_dispose_before_the_fault_lets_go_of_the_source(t: Marbles, kind: Kind) -> None:
    source = t.cold("                           -a-b-c-|")
    t.check(source.pipe(fault(kind, after=2)), "-a", until="^ !")
    t.subs(source, "                             ^ !")


@pytest.mark.parametrize(("kind", "end"), [("error", Injected), ("cut", "|"), ("stall", None)])
def test_a_source_that_pushes_while_it_is_subscribed_to_is_broken_off(t: Marbles, kind: Kind, end: Any) -> None:
    let_go: list[str] = []

    def push(observer: Any, scheduler: Any) -> Any:
        for item in "abc":
            observer.on_next(item)
        observer.on_completed()
        return lambda: let_go.append("gone")

    heard = Heard()
    subscription = Stream(push).pipe(fault(kind, after=2)).subscribe(heard, scheduler=t.scheduler)
    assert let_go == ["gone"]
    subscription.dispose()
    assert heard.all[:2] == ["a", "b"]
    assert [type(item) if isinstance(item, Exception) else item for item in heard.all[2:]] == ([] if end is None else [end])
    assert let_go == ["gone"]


def test_a_source_that_fails_behind_a_stall_is_not_heard(t: Marbles) -> None:
    observers: list[Any] = []
    heard = Heard()
    Stream(lambda observer, scheduler: observers.append(observer)).pipe(fault("stall", after=1)).subscribe(heard)
    observers[0].on_next("a")
    observers[0].on_error(LookupError())
    observers[0].on_completed()
    assert heard.all == ["a"]


@pytest.mark.parametrize(("kind", "last"), [("error", Injected), ("cut", "|"), ("stall", "a")])
def test_the_source_is_let_go_before_the_last_item_is_handed_on(t: Marbles, kind: Kind, last: Any) -> None:
    """So nothing can be pushed from within it."""
    subject: Subject[Any] = Subject()
    heard = Heard()

    def push_more(item: Any) -> None:
        heard.all.append(item)
        subject.on_next("b")
        subject.on_completed()

    subject.pipe(fault(kind, after=1)).subscribe(push_more, heard.on_error, heard.on_completed, scheduler=t.scheduler)
    subject.on_next("a")
    assert heard.all[0] == "a"
    assert "b" not in heard.all
    assert heard.all[-1] == last or isinstance(heard.all[-1], Injected)
    assert len(heard.all) == (1 if kind == "stall" else 2)


def test_what_is_pushed_from_within_the_items_held_back_keeps_its_place(t: Marbles) -> None:
    subject: Subject[Any] = Subject()
    heard: list[Any] = []

    def push_more(item: Any) -> None:
        heard.append(item)
        if item == "a":
            subject.on_next("c")

    subject.pipe(fault("delay", seconds=1)).subscribe(push_more, scheduler=t.scheduler)
    subject.on_next("a")
    subject.on_next("b")
    t.advance(1)
    subject.on_next("d")
    assert heard == ["a", "b", "c", "d"]


@pytest.mark.parametrize("kind", ["error", "cut", "garbage"])
def test_who_leaves_when_the_fault_is_told_hears_nothing_more(t: Marbles, kind: Kind) -> None:
    heard = Heard()
    subscriptions: list[Any] = []

    def leave(_: Kind) -> None:
        subscriptions[0].dispose()

    source = t.cold("-a-b-c|")
    operator: Operator[Any, Any] = fault(kind, after=1, garbage=lambda item: "x", on_fault=leave)
    subscriptions.append(source.pipe(operator).subscribe(heard, scheduler=t.scheduler))
    t.advance(9)
    assert heard.all == (["a"] if kind == "garbage" else [])
    assert source.subscriptions == [(0, 3 if kind == "garbage" else 1)]


def test_who_leaves_when_a_delay_is_told_leaves_no_timer(t: Marbles) -> None:
    subscriptions: list[Any] = []
    operator: Operator[Any, Any] = fault("delay", seconds=5, on_fault=lambda kind: subscriptions[0].dispose())
    subscriptions.append(t.cold("-a|").pipe(operator).subscribe(scheduler=t.scheduler))
    t.advance(1)
    assert t.timers == 0


def test_who_leaves_within_the_items_held_back_gets_no_further_one(t: Marbles) -> None:
    source = t.cold("                                                   -(abc)--|")
    t.check(source.pipe(fault("delay", seconds=1), stock.take(2)), "    --(ab|)")
    t.subs(source, "                                                    ^ !")


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "garbage"},
        {"kind": "delay", "seconds": 1},
        {"kind": "garbage", "after": 1, "times": 1},
        {"kind": "delay", "after": 1, "times": 1, "seconds": 1},
        {"kind": "cut", "after": 2, "times": 1},
    ],
)
def test_later_items_pass_by_once_it_has_happened_or_never_will(t: Marbles, options: dict[str, Any]) -> None:
    above: list[Link[Any, Any]] = []
    below: Link[Any, Any] = Link()
    operator: Operator[Any, Any] = fault(**options, garbage=lambda item: "x")

    def subscribe(observer: Any, scheduler: Any) -> Any:
        above.append(Link[Any, Any]().begin(observer))
        return above[-1]

    below.connect(Stream[Any](subscribe).pipe(operator), Heard(), t.scheduler)
    if "times" in options:
        # Somebody else comes first, and heals it.
        t.cold("(abc|)").pipe(operator).subscribe(scheduler=t.scheduler)
        t.advance(3)
    for item in "ab":
        above[0].on_next(item)
    t.advance(6)
    assert above[0].receiver is below


@pytest.mark.parametrize("kind", ["error", "cut", "stall", "garbage", "delay"])
def test_keeps_nothing_once_it_has_happened(t: Marbles, kind: Kind) -> None:
    """What was held is gone without the cycle collector, whatever becomes of the stream."""

    class Payload:
        pass

    gc.collect()
    gc.disable()
    try:
        item = Payload()
        alive = weakref.ref(item)
        observers: list[Any] = []
        source: Stream[Any] = Stream(lambda observer, scheduler: observers.append(observer))
        operator: Operator[Any, Any] = fault(
            kind, after=0 if kind in ("garbage", "delay") else 1, seconds=1 if kind == "delay" else None, garbage=str
        )
        subscription = source.pipe(operator).subscribe(lambda _: None, lambda _: None, scheduler=t.scheduler)
        observers[0].on_next(item)
        del item
        t.advance(1)
        assert alive() is None
        subscription.dispose()
    finally:
        gc.enable()


@pytest.mark.parametrize("ends", [True, False])
def test_keeps_nothing_of_what_it_held_after_dispose(t: Marbles, ends: bool) -> None:
    class Payload:
        pass

    gc.collect()
    gc.disable()
    try:
        item = Payload()
        alive = weakref.ref(item)
        observers: list[Any] = []
        source: Stream[Any] = Stream(lambda observer, scheduler: observers.append(observer))
        subscription = source.pipe(fault("delay", seconds=9)).subscribe(scheduler=t.scheduler)
        observers[0].on_next(item)
        del item
        if ends:
            observers[0].on_completed()
        observers.clear()
        subscription.dispose()
        assert alive() is None
        del subscription
        # Virtual time keeps a timer that was taken back until it would have been due.
        t.advance(9)
        assert not [link for link in gc.get_objects() if type(link) is Delay]
    finally:
        gc.enable()


def test_a_source_that_ended_is_let_go_although_its_end_is_held_back(t: Marbles) -> None:
    let_go: list[float] = []
    observers: list[Any] = []

    def subscribe(observer: Any, scheduler: Any) -> Any:
        observers.append(observer)
        return lambda: let_go.append(t.second)

    heard = Heard()
    Stream(subscribe).pipe(fault("delay", seconds=3)).subscribe(heard, scheduler=t.scheduler)
    observers[0].on_next("a")
    observers[0].on_completed()
    assert (heard.all, let_go) == ([], [0])
    t.advance(3)
    assert (heard.all, let_go) == (["a", "|"], [0])


def test_of_a_source_that_goes_on_behind_its_end_only_the_first_end_counts(t: Marbles) -> None:
    def push(observer: Any, scheduler: Any) -> None:
        observer.on_next("a")
        observer.on_completed()
        observer.on_next("b")
        observer.on_error(LookupError())

    t.check(Stream(push).pipe(fault("delay", seconds=3)), "---(a|)")


@given(
    some.sampled_from(["error", "cut", "stall", "garbage", "delay"]),
    some.integers(0, 6),
    some.integers(1, 5),
    some.lists(some.integers(0, 3), max_size=6),
    some.booleans(),
)
def test_whatever_comes_it_is_that_fault_and_nothing_else(
    kind: Kind, after: int, wait: int, gaps: list[int], fails: bool
) -> None:
    """Against a model: what comes is a function of the items, their number and the kind."""
    t = Marbles()
    items = [chr(ord("a") + index) for index in range(len(gaps))]
    drawing = "".join("-" * gap + item for gap, item in zip(gaps, items, strict=True)) + ("#" if fails else "|")
    heard = Heard()
    operator: Operator[Any, Any] = fault(kind, after, seconds=wait if kind == "delay" else None, garbage=lambda item: "?")
    source = t.cold(drawing)
    subscription = source.pipe(operator).subscribe(heard, scheduler=t.scheduler)
    t.advance(100)
    end: Any = t.boom if fails else "|"
    expected: Callable[[], list[Any]] = {
        "delay": lambda: [*items, end],
        "garbage": lambda: [*items[:after], *("?" for _ in items[after : after + 1]), *items[after + 1 :], end],
        "cut": lambda: [*items[:after], "|"] if len(items) >= after else [*items, end],
        "error": lambda: [*items[:after], Injected] if len(items) >= after else [*items, end],
        "stall": lambda: items[:after] if len(items) >= after else [*items, end],
    }[kind]
    assert [Injected if isinstance(item, Injected) else item for item in heard.all] == expected()
    assert all(let_go is not None for _, let_go in source.subscriptions)
    assert t.timers == 0
    subscription.dispose()
