"""Whatever becomes of a shadow, and of who looks at it: its place is given back, and the real stream does not notice."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from operators import Link, Stream
from operators.testing import Marbles
from tests.operators.mirrored import Bench, BrokenNote, Words, broken, run
from tests.operators.observers import FirstOnly, Heard

ENDINGS: dict[str, Callable[[Marbles], tuple[str, str | None, Any, dict[str, Any]]]] = {
    "completed": lambda t: ("-a|", None, t.cold("-a|"), {}),
    "mine failed": lambda t: ("-a#", None, t.cold("-a|"), {}),
    "other failed": lambda t: ("-a|", None, t.cold("#"), {}),
    "left": lambda t: ("-a--", "^ !", t.cold("-a----"), {}),
    "too long": lambda t: ("-a-|", None, t.cold("-----"), {"longest": 5}),
    "no shadow": lambda t: ("-a-|", None, None, {}),
    "broken shadow": lambda t: ("-a-|", None, broken, {}),
    "broken summary": lambda t: ("-a-|", None, t.cold("|"), {"summary": broken}),
    "broken note": lambda t: ("-a-|", None, t.cold("|"), {"summary": BrokenNote}),
    "broken comparison": lambda t: ("-a-|", None, t.cold("|"), {"compare": broken}),
    "broken probe": lambda t: ("-a-|", None, t.cold("|"), {"on_compared": broken}),
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_every_ending_gives_the_place_back_and_changes_nothing_below(t: Marbles, ending: Any) -> None:
    drawing, until, other, options = ending(t)
    bench = Bench(t, other, most=1, **options)
    for round in (1, 2):
        source = t.cold(drawing)
        run(t, source.pipe(bench.operator), drawing, 9, until=until)
        assert len(bench.scopes) == (0 if options.get("summary") is broken else round)
        assert all(let_go is not None for _, let_go in source.subscriptions)


def test_no_summary_is_kept_when_the_outcome_was_told(t: Marbles) -> None:
    class Weak(Words):
        pass

    made: list[Any] = []

    def summary() -> Weak:
        words = Weak()
        made.append(weakref.ref(words))
        return words

    bench = Bench(t, t.cold("-a|"), summary=summary)
    gc.collect()
    gc.disable()
    try:
        subscription = t.cold("-a--|").pipe(bench.operator).subscribe(scheduler=t.scheduler)
        t.advance(3)
        assert [alive() is None for alive in made] == [False, False]
        t.advance(5)
        assert subscription is not None
        assert [alive() is None for alive in made] == [True, True]
    finally:
        gc.enable()


def test_once_the_outcome_is_known_items_pass_by(t: Marbles) -> None:
    above: list[Link[Any, Any]] = []
    below: Link[Any, Any] = Link()

    def subscribe(observer: Any, scheduler: Any) -> Any:
        above.append(Link[Any, Any]().begin(observer))
        return above[-1]

    bench = Bench(t, t.cold("---"), longest=3)
    heard = Heard()
    below.connect(Stream[Any](subscribe).pipe(bench.operator), heard, t.scheduler)
    above[0].on_next("a")
    t.advance(3)
    assert above[0].receiver is not below
    above[0].on_next("b")
    assert above[0].receiver is below
    above[0].on_next("c")
    above[0].on_completed()
    assert heard.all == ["a", "b", "c", "|"]
    assert bench.told == [(3, "abandoned")]


@pytest.mark.parametrize("end", ["on_completed", "on_error"])
def test_who_listens_hears_of_the_end_before_anything_is_compared(t: Marbles, end: str) -> None:
    order: list[str] = []
    observers: list[Any] = []
    bench = Bench(t, t.cold("|"), on_compared=lambda *_: order.append("compared"))
    source: Stream[Any] = Stream(lambda observer, scheduler: observers.append(observer))
    source.pipe(bench.operator).subscribe(
        on_error=lambda _: order.append("heard"), on_completed=lambda: order.append("heard"), scheduler=t.scheduler
    )
    t.advance(1)
    observers[0].on_completed() if end == "on_completed" else observers[0].on_error(LookupError())
    assert order == ["heard", "compared"]


@pytest.mark.parametrize("end", ["on_completed", "on_error"])
def test_an_observer_that_raises_at_the_end_leaves_no_shadow_behind(t: Marbles, end: str) -> None:
    observers: list[Any] = []
    bench = Bench(t, t.cold("|"))
    source: Stream[Any] = Stream(lambda observer, scheduler: observers.append(observer))
    source.pipe(bench.operator).subscribe(on_error=broken, on_completed=broken, scheduler=t.scheduler)
    t.advance(1)
    with pytest.raises(ZeroDivisionError):
        observers[0].on_completed() if end == "on_completed" else observers[0].on_error(LookupError())
    assert [word for _, word in bench.told] == ["same" if end == "on_completed" else "mine_failed"]
    assert t.timers == 0


def test_a_source_that_raises_behind_its_end_leaves_no_shadow_behind(t: Marbles) -> None:
    def push(observer: Any, scheduler: Any) -> None:
        observer.on_completed()
        raise LookupError

    bench = Bench(t, t.cold("|"), most=1)
    for _ in range(2):
        with pytest.raises(LookupError):
            Stream(push).pipe(bench.operator).subscribe(scheduler=t.scheduler)
    assert [word for _, word in bench.told] == ["abandoned", "abandoned"]
    assert bench.scopes == []


def test_who_leaves_while_it_is_subscribed_to_takes_the_shadow_along(t: Marbles) -> None:
    def push_all(observer: Any, scheduler: Any) -> None:
        observer.on_next("a")
        observer.on_next("b")

    other = t.cold("-x|")
    bench = Bench(t, other)
    heard = Heard()
    FirstOnly().connect(Stream(push_all).pipe(bench.operator), heard, t.scheduler)
    assert heard.all == ["a"]
    assert other.subscriptions == [(0, 0)]
    assert [word for _, word in bench.told] == ["abandoned"]


def test_what_is_over_while_the_shadow_is_made_has_none(t: Marbles) -> None:
    observers: list[Any] = []
    other = t.cold("-x|")

    def make() -> Any:
        observers[0].on_next("a")
        return other

    bench = Bench(t, make, summary=BrokenNote)
    source: Stream[Any] = Stream(lambda observer, scheduler: observers.append(observer))
    source.pipe(bench.operator).subscribe(scheduler=t.scheduler)
    assert other.subscriptions == []
    assert t.timers == 0


def test_a_shadow_that_pushes_while_it_is_subscribed_to_is_seen(t: Marbles) -> None:
    def push_all(observer: Any, scheduler: Any) -> None:
        observer.on_next("a")
        observer.on_next("b")
        observer.on_completed()

    bench = Bench(t, lambda: Stream(push_all))
    run(t, t.cold("-ab|").pipe(bench.operator), "-ab|", 5)
    assert bench.told == [(3, "same")]


@pytest.mark.parametrize("where", ["function", "subscribe", "dispose"])
def test_a_shadow_that_raises_is_logged_and_failed(t: Marbles, where: str, caplog: pytest.LogCaptureFixture) -> None:
    def raising(observer: Any, scheduler: Any) -> Any:
        if where == "subscribe":
            raise ZeroDivisionError
        return broken

    bench = Bench(t, broken if where == "function" else lambda: Stream(raising), longest=4)
    run(t, t.cold("-a|").pipe(bench.operator), "-a|", 9)
    assert bench.told == ([(4, "abandoned")] if where == "dispose" else [(2, "other_failed")])
    assert where == "subscribe" or "ZeroDivisionError" in caplog.text


def test_who_leaves_does_not_notice_that_letting_go_of_the_shadow_raised(t: Marbles) -> None:
    bench = Bench(t, lambda: Stream(lambda observer, scheduler: broken))
    t.check(t.cold("-a-b-|").pipe(bench.operator), "-a", until="^ !")
    assert bench.told == [(2, "abandoned")]


@pytest.mark.parametrize("mine", [True, False])
def test_an_item_that_cannot_be_noted_ends_the_mirror_only(t: Marbles, mine: bool, caplog: pytest.LogCaptureFixture) -> None:
    summaries: list[Any] = [Words(), Words()]
    summaries[0 if mine else 1] = BrokenNote()
    other = t.cold("------x-|")
    bench = Bench(t, other, summary=lambda: summaries.pop(0))
    run(t, t.cold("-a-b-|").pipe(bench.operator), "-a-b-|", 9)
    assert bench.told == [(1 if mine else 6, "abandoned")]
    assert other.subscriptions == [(0, 1 if mine else 6)]
    assert caplog.text.count("Traceback") == 1


def test_a_summary_that_cannot_be_made_is_an_end_before_the_beginning(t: Marbles, caplog: pytest.LogCaptureFixture) -> None:
    told: list[Any] = []
    bench = Bench(t, t.cold("|"), summary=broken, on_compared=lambda *args: told.append(args))
    run(t, t.cold("-a-|").pipe(bench.operator), "-a-|", 5)
    assert told == [("abandoned", None, None)]
    assert "ZeroDivisionError" in caplog.text


def test_a_comparison_that_raises_is_no_comparison(t: Marbles, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(t, t.cold("|"), compare=broken)
    run(t, t.cold("-a|").pipe(bench.operator), "-a|", 5)
    assert bench.told == [(2, "abandoned")]
    assert "ZeroDivisionError" in caplog.text


def test_a_shadow_is_heard_by_nobody_once_it_was_let_go(t: Marbles) -> None:
    observers: list[Any] = []
    bench = Bench(t, lambda: Stream(lambda observer, scheduler: observers.append(observer)))
    subscription = t.cold("-a").pipe(bench.operator).subscribe(scheduler=t.scheduler)
    subscription.dispose()
    observers[0].on_next("late")
    observers[0].on_completed()
    assert [word for _, word in bench.told] == ["abandoned"]
    assert bench.summaries == [([], [])]


ends = some.sampled_from("|#-")
drawings = some.builds(lambda gap, items, end: "-" * gap + "ab"[:items] + end, some.integers(0, 4), some.integers(0, 2), ends)


@given(drawings, drawings, some.integers(1, 8), some.integers(1, 12))
def test_whatever_the_shadow_does_the_stream_is_as_it_would_be_without(mine: str, other: str, longest: int, until: int) -> None:
    def listen(*mirrored: str) -> Any:
        t = Marbles()
        source = t.cold(mine, error=LookupError("mine"))
        benches = [Bench(t, t.cold(drawing), longest=longest) for drawing in mirrored]
        heard: list[Any] = []
        subscription = source.pipe(*(bench.operator for bench in benches)).subscribe(
            lambda item: heard.append((t.second, item)),
            lambda error: heard.append((t.second, repr(error))),
            lambda: heard.append((t.second, "|")),
            scheduler=t.scheduler,
        )
        t.advance(until)
        subscription.dispose()
        t.advance(30)
        assert t.timers == 0
        assert all(len(bench.told) == 1 for bench in benches)
        return heard, source.subscriptions

    assert listen(other) == listen()
