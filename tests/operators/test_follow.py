"""One source after another, and only the last is heard: whether it gives a link by itself or is given one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import reactivex
from reactivex import Observable

from operators.failover import failover
from operators.retry import retry
from operators.stream import Link, Stream
from operators.testing import Marbles

Make = Callable[[Observable[Any]], Observable[Any]]


def linked(source: Observable[Any]) -> Stream[Any]:
    """The same, as a stream that promises a link."""

    def subscribe(observer: Any, scheduler: Any) -> Link[Any, Any]:
        link: Link[Any, Any] = Link()
        return link.connect(source, observer, scheduler)

    return Stream(subscribe, linked=True)


def foreign(source: Observable[Any]) -> Observable[Any]:
    """The same, with no promise."""
    return source


pytestmark = pytest.mark.parametrize("make", [linked, foreign])


class Late:
    """A source that goes on after it was let go."""

    def __init__(self) -> None:
        self.observer: Any = None
        self.let_go = 0
        self.stream: Stream[Any] = Stream(self._subscribe)

    def _subscribe(self, observer: Any, scheduler: Any) -> Callable[[], None]:
        self.observer = observer
        return self._leave

    def _leave(self) -> None:
        self.let_go += 1


def test_who_failed_is_heard_no_more_F07(make: Make) -> None:
    a, b = Late(), Late()
    heard: list[Any] = []
    reactivex.of(make(a.stream), make(b.stream)).pipe(failover()).subscribe(heard.append, heard.append)
    a.observer.on_error(OSError("A is down"))
    a.observer.on_next("late A")
    b.observer.on_next("b")
    a.observer.on_error(OSError("A is down again"))
    a.observer.on_next("later A")
    b.observer.on_next("c")
    assert heard == ["b", "c"]
    assert (a.let_go, b.let_go) == (1, 0)


def test_who_fails_while_it_is_subscribed_to_is_followed_by_the_next_one(make: Make) -> None:
    b = Late()
    heard: list[Any] = []
    attempts = reactivex.of(make(reactivex.throw(OSError("down"))), make(b.stream), make(reactivex.never()))
    subscription = attempts.pipe(failover()).subscribe(heard.append, heard.append)
    b.observer.on_next("b")
    assert heard == ["b"]
    subscription.dispose()
    assert b.let_go == 1


def test_an_exception_while_it_is_subscribed_to_is_its_error(make: Make) -> None:
    error = OSError("down")

    def subscribe(observer: Any, scheduler: Any) -> Any:
        raise error

    heard: list[Any] = []
    failing = Stream(subscribe, linked=make is linked)
    reactivex.of(failing, make(reactivex.of("b"))).pipe(failover()).subscribe(heard.append, heard.append)
    assert heard == ["b"]
    reactivex.of(failing).pipe(failover()).subscribe(heard.append, heard.append)
    assert heard == ["b", error]


def test_who_leaves_at_an_item_that_comes_while_it_is_subscribed_to_lets_go_of_it(make: Make) -> None:
    source = Late()

    def subscribe(observer: Any, scheduler: Any) -> Any:
        observer.on_next("a")
        observer.on_next("b")
        return source.stream.on_subscribe(observer, scheduler)

    heard: list[Any] = []

    class Once(Link[Any, Any]):
        def on_next(self, value: Any) -> None:
            if not self.stopped:
                heard.append(value)
                self.dispose()

    tried: Stream[Any] = retry(1)(make(Stream(subscribe)))
    Once().connect(tried, Link().begin(Link()), Marbles().scheduler)
    assert heard == ["a"]
    assert source.let_go == 1


def test_it_is_tried_again_in_its_own_time(make: Make) -> None:
    t = Marbles()
    source = t.cold("-#")
    t.check(make(source).pipe(retry(2, wait=2, jitter=False)), "-------#", error=t.boom)
    assert source.subscriptions == [(0, 1), (3, 4), (6, 7)]


def test_what_commits_passes_to_its_end(make: Make) -> None:
    t = Marbles()
    t.check(make(t.cold("-a-b-|")).pipe(retry(1)), "-a-b-|")
    t.check(make(t.cold("-a-#")).pipe(retry(1)), "-a-#", error=t.boom)
