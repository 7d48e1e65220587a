"""The Rx contract, kept by Stream and Link without trampoline and locks."""

from __future__ import annotations

from typing import Any

import pytest
import reactivex
from reactivex import operators as stock
from reactivex.disposable import Disposable

from operators import Link, Stream, tap
from operators.testing import Marbles
from tests.operators.observers import Duck, FirstOnly, Heard


def stream_and_observer() -> tuple[Stream[Any], list[Any], list[str]]:
    """A stream that hands its observer out, and notes when it is let go."""
    observers: list[Any] = []
    let_go: list[str] = []

    def subscribe(observer: Any, scheduler: Any) -> Any:
        observers.append(observer)
        return lambda: let_go.append("gone")

    return Stream(subscribe), observers, let_go


@pytest.mark.parametrize("end", ["on_completed", "on_error"])
def test_is_silent_after_its_end_and_lets_go_exactly_once(end: str) -> None:
    stream, observers, let_go = stream_and_observer()
    heard = Heard()
    subscription = stream.subscribe(heard)
    fault = ValueError()
    last = observers[0]
    last.on_next("a")
    last.on_completed() if end == "on_completed" else last.on_error(fault)
    last.on_next("b")
    last.on_error(ValueError())
    last.on_completed()
    subscription.dispose()
    assert heard.all == ["a", "|" if end == "on_completed" else fault]
    assert let_go == ["gone"]


def test_is_silent_after_dispose_and_lets_go_exactly_once() -> None:
    stream, observers, let_go = stream_and_observer()
    heard = Heard()
    subscription = stream.subscribe(heard)
    subscription.dispose()
    subscription.dispose()
    observers[0].on_next("a")
    observers[0].on_error(ValueError())
    observers[0].on_completed()
    assert heard.all == []
    assert let_go == ["gone"]


def test_silence_holds_for_a_method_that_was_kept() -> None:
    stream, observers, _ = stream_and_observer()
    heard = Heard()
    subscription = stream.subscribe(heard)
    push = observers[0].on_next
    push("a")
    subscription.dispose()
    push("b")
    assert heard.all == ["a"]


def test_the_source_is_let_go_before_the_observer_hears_of_the_end() -> None:
    stream, observers, let_go = stream_and_observer()
    order: list[list[str]] = []
    stream.subscribe(on_completed=lambda: order.append(list(let_go)))
    observers[0].on_completed()
    assert order == [["gone"]]
    assert let_go == ["gone"]


def test_the_source_is_let_go_even_when_the_observer_raises_at_the_end() -> None:
    stream, observers, let_go = stream_and_observer()

    def broken() -> None:
        raise LookupError

    stream.subscribe(on_completed=broken)
    with pytest.raises(LookupError):
        observers[0].on_completed()
    assert let_go == ["gone"]


def test_what_a_source_holds_is_let_go_when_it_ended_while_it_was_subscribed_to() -> None:
    let_go: list[str] = []

    def subscribe(observer: Any, scheduler: Any) -> Any:
        observer.on_completed()
        return Disposable(lambda: let_go.append("gone"))

    Stream[Any](subscribe).subscribe()
    assert let_go == ["gone"]


def test_an_exception_in_subscribe_goes_to_on_error() -> None:
    def broken(observer: Any, scheduler: Any) -> None:
        raise LookupError("broken")

    heard = Heard()
    Stream[Any](broken).subscribe(heard)
    assert [repr(error) for error in heard.all] == ["LookupError('broken')"]


def test_an_exception_in_subscribe_after_the_end_is_raised() -> None:
    def broken(observer: Any, scheduler: Any) -> None:
        observer.on_completed()
        raise LookupError

    with pytest.raises(LookupError):
        Stream[Any](broken).subscribe()


def test_without_on_error_an_error_is_raised_where_it_happens() -> None:
    stream, observers, _ = stream_and_observer()
    stream.subscribe()
    with pytest.raises(LookupError):
        observers[0].on_error(LookupError())


def test_an_exception_of_the_observer_reaches_the_producer() -> None:
    stream, observers, let_go = stream_and_observer()

    def broken(item: Any) -> None:
        raise LookupError

    stream.subscribe(broken)
    with pytest.raises(LookupError):
        observers[0].on_next("a")
    assert let_go == []


def test_whatever_has_the_methods_is_an_observer() -> None:
    stream, observers, _ = stream_and_observer()
    duck: Any = Duck()
    stream.subscribe(duck)
    observers[0].on_next("a")
    observers[0].on_completed()
    assert duck.all == ["a", "|"]


def test_each_subscription_runs_anew() -> None:
    stream, observers, _ = stream_and_observer()
    stream.subscribe()
    stream.subscribe()
    assert len(observers) == 2


def test_dispose_from_inside_an_item_stops_a_source_that_pushes_in_a_loop() -> None:
    def push_all(observer: Any, scheduler: Any) -> None:
        for item in range(5):
            observer.on_next(item)

    heard = Heard()
    link = FirstOnly().connect(Stream(push_all), heard, None)
    assert heard.all == [0]
    assert link.stopped


def test_a_link_over_a_stock_source_ends_it(t: Marbles) -> None:
    source = t.hot("-a-b-c-")
    heard = Heard()
    link = Link[Any, Any]().connect(source, heard, t.scheduler)
    t.advance(3)
    link.dispose()
    t.advance(9)
    assert heard.all == ["a", "b"]
    assert source.subscriptions == [(0, 3)]


class Curious(Link[Any, Any]):
    """Looks at items until it has seen enough."""

    def __init__(self, enough: int) -> None:
        self.enough = enough
        self.seen: list[Any] = []
        self.ends: list[Any] = []

    def on_next(self, value: Any) -> None:
        self.seen.append(value)
        if len(self.seen) == self.enough:
            self.step_aside()
        self.receiver.on_next(value)

    def ended(self, how: Any) -> None:
        self.ends.append(how)


def curious(enough: int, made: list[Curious]) -> Any:
    """An operator of curious links."""

    def operator(source: Any) -> Stream[Any]:
        def subscribe(observer: Any, scheduler: Any) -> Curious:
            link = Curious(enough)
            made.append(link)
            link.connect(source, observer, scheduler)
            return link

        return Stream(subscribe)

    return operator


@pytest.mark.parametrize("enough", [(1, 1, 1), (1, 2, 3), (3, 2, 1), (2, 1, 2), (1, 9, 1), (9, 1, 9)])
def test_items_pass_by_whoever_stepped_aside_in_whatever_order_and_the_end_does_not(t: Marbles, enough: tuple[int, ...]) -> None:
    made: list[Curious] = []
    source = t.cold("-a-b-c-d-e-|")
    ours = source.pipe(tap(Watching()))
    t.check(ours.pipe(*(curious(number, made) for number in enough)), "-a-b-c-d-e-|")
    for link, number in zip(reversed(made), enough, strict=True):
        assert link.seen == list("abcde"[:number])
        assert link.ends == [None]
        assert link.aside == (number <= 5)


def test_who_stepped_aside_still_hears_of_an_error(t: Marbles) -> None:
    made: list[Curious] = []
    t.check(t.cold("-a-b-#").pipe(tap(Watching()), curious(1, made), curious(1, made)), "-a-b-#")
    assert [link.ends for link in made] == [[t.boom], [t.boom]]


def test_nobody_can_step_aside_of_a_stock_source(t: Marbles) -> None:
    made: list[Curious] = []
    t.check(t.cold("-a-b-c-|").pipe(stock.map(lambda item: item), curious(1, made)), "-a-b-c-|")
    assert not made[0].aside
    assert made[0].seen == ["a", "b", "c"]


@pytest.mark.parametrize("enough", [1, 2])
def test_who_stepped_aside_is_silent_after_dispose(t: Marbles, enough: int) -> None:
    made: list[Curious] = []
    source = t.cold("-a-b-c-d-|")
    t.check(source.pipe(tap(Watching()), curious(enough, made)), "-a-b", until="^   !")
    t.subs(source, "^   !")
    assert made[0].stopped


def test_an_operator_written_by_hand_over_a_stream_of_ours_is_never_passed_by() -> None:
    stream, observers, _ = stream_and_observer()

    def double(source: Any) -> Stream[Any]:
        def subscribe(observer: Any, scheduler: Any) -> Any:
            return source.subscribe(lambda item: observer.on_next(item * 2), observer.on_error, observer.on_completed)

        return Stream(subscribe)

    heard = Heard()
    stream.pipe(double, tap(object()), tap(object())).subscribe(heard)
    observers[0].on_next(1)
    assert heard.all == [2]


def test_a_link_that_has_ended_cannot_be_redirected() -> None:
    stream, observers, _ = stream_and_observer()
    heard = Heard()
    link = Link[Any, Any]().connect(stream, Heard(), None)
    link.dispose()
    assert not link.redirect(heard)
    observers[0].on_next("late")
    assert heard.all == []


def test_a_class_of_links_keeps_what_its_other_bases_and_its_signatures_say() -> None:
    class Twice:
        def on_next(self: Any, value: Any) -> None:
            self.receiver.on_next(value * 2)

    class Mixed(Twice, Link[Any, Any]):
        pass

    class Named(Link[Any, Any]):
        def __init__(self, *, name: str = "a") -> None:
            self.name = name

    class Heir(Named):
        pass

    stream, observers, _ = stream_and_observer()
    heard = Heard()
    Mixed().connect(stream, heard, None)
    observers[0].on_next(1)
    assert heard.all == [2]
    assert Heir().name == "a"


class Watching:
    """A probe that looks at every item."""

    def on_next(self, item: Any) -> None:
        return None


def test_stock_operators_that_lock_their_source_work_above(t: Marbles) -> None:
    left = Stream[Any](lambda observer, scheduler: t.cold("-a--b-|").subscribe(observer, scheduler=scheduler))
    right = Stream[Any](lambda observer, scheduler: t.cold("--x---|").subscribe(observer, scheduler=scheduler))
    t.check(left.pipe(stock.with_latest_from(right), stock.map(_first)), "----b-|")
    t.check(left.pipe(stock.take_while(lambda item: item != "b")), "-a--|")
    t.check(left.pipe(stock.merge(right)), "-ax-b-|")
    t.check(left.pipe(stock.delay(1.0)), "--a--b-|")


def test_streams_add_and_run_like_any_observable() -> None:
    def two(observer: Any, scheduler: Any) -> None:
        observer.on_next(1)
        observer.on_next(2)
        observer.on_completed()

    assert (Stream[int](two) + reactivex.of(3)).pipe(stock.to_list()).run() == [1, 2, 3]


def _first(pair: Any) -> Any:
    return pair[0]
