"""How a race ends: who leaves when, who speaks too late, what is kept; and whatever attempts do."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from reactivex import Observable

from operators import Hedges, Link, Stream, hedge
from operators.race import Race, Runner
from operators.testing import Marbles
from tests.operators.attempts import Late, at_once, lazily
from tests.operators.items import ITEMS, Fault, Item
from tests.operators.observers import FirstOnly, Heard


def check(t: Marbles, result: Observable[Any], drawing: str, **more: Any) -> None:
    t.check(result, drawing, values=ITEMS, **more)


# Leaving, lateness, reentrancy.


@pytest.mark.parametrize("second", range(9))
def test_dispose_lets_go_of_everything_in_each_phase(t: Marbles, second: int) -> None:
    a, b, c = t.cold("-s-----------", values=ITEMS), t.cold("-r-#", values=ITEMS), t.cold("-a----", values=ITEMS)
    attempts = lazily(t, "(AB)----C----", A=a, B=b, C=c)
    heard: list[Any] = []
    subscription = attempts.pipe(hedge(delay=3)).subscribe(heard.append, scheduler=t.scheduler)
    t.advance(second)
    subscription.dispose()
    assert t.timers == 0
    said = len(heard)
    t.scheduler.advance_by(30)
    assert len(heard) == said


def race_of_late(t: Marbles, count: int = 2, **options: Any) -> tuple[list[Late], Heard]:
    """So many attempts, all of them under way."""
    lates = [Late() for _ in range(count)]
    heard = Heard()
    at_once(*(late.stream for late in lates)).pipe(hedge(delay=1, most=count, **options)).subscribe(heard, scheduler=t.scheduler)
    t.advance(count)
    assert all(late.observer for late in lates)
    return lates, heard


def test_what_a_loser_says_later_is_heard_by_nobody(t: Marbles) -> None:
    (a, b), heard = race_of_late(t)
    b.observer.on_next("b")
    assert (a.left, b.left) == (1, 0)
    for say in (lambda: a.observer.on_next("late"), a.observer.on_completed, lambda: a.observer.on_error(Fault())):
        say()
    b.observer.on_next("c")
    b.observer.on_completed()
    assert heard.all == ["b", "c", "|"]
    assert (a.left, b.left) == (1, 1)


def test_what_one_that_failed_says_later_is_heard_by_nobody(t: Marbles) -> None:
    (a, b), heard = race_of_late(t)
    a.observer.on_error(Fault())
    a.observer.on_next("late")
    a.observer.on_error(Fault())
    assert heard.all == []
    b.observer.on_next("b")
    b.observer.on_error(t.boom)
    assert heard.all == ["b", t.boom]


@pytest.mark.parametrize("says", ["item", "end", "error"])
def test_a_loser_that_speaks_while_another_one_is_let_go_is_not_heard(t: Marbles, says: str) -> None:
    (a, b, c), heard = race_of_late(t, 3)
    speak = {
        "item": lambda: c.observer.on_next("c"),
        "end": lambda: c.observer.on_completed(),
        "error": lambda: c.observer.on_error(Fault()),
    }
    b.on_leave = speak[says]
    a.observer.on_next("a")
    assert heard.all == ["a"]
    assert (b.left, c.left) == (1, 1)
    a.observer.on_completed()
    assert heard.all == ["a", "|"]


def test_who_leaves_inside_the_first_of_the_held_items_hears_no_more(t: Marbles) -> None:
    late = Late()
    heard = Heard()
    FirstOnly().connect(at_once(late.stream).pipe(hedge()), heard, t.scheduler)
    for name in "srab":
        late.observer.on_next(ITEMS[name])
    assert heard.all == [ITEMS["s"]]
    assert (late.left, t.timers) == (1, 0)


def test_thousands_of_attempts_that_fail_at_once_cost_no_stack(t: Marbles) -> None:
    def failing(observer: Any, scheduler: Any) -> None:
        observer.on_error(Fault())

    # They wait until the first one fails.
    attempts = [t.cold("-#"), *[Stream[Any](failing)] * 3000, t.cold("-a|")]
    t.check(at_once(*attempts).pipe(hedge(delay=3)), "--a|")


def test_attempts_that_fail_or_commit_while_they_are_subscribed_to(t: Marbles) -> None:
    def failing(observer: Any, scheduler: Any) -> None:
        observer.on_error(Fault())

    def answering(observer: Any, scheduler: Any) -> None:
        for name in "sab":
            observer.on_next(ITEMS[name])
        observer.on_completed()

    attempts = [Stream[Any](subscribe) for subscribe in (failing, failing, answering, failing)]
    check(t, at_once(*attempts).pipe(hedge(delay=3)), "(sab|)")


def test_an_attempt_that_cannot_be_subscribed_to_is_followed_by_the_next(t: Marbles) -> None:
    def raising(observer: Any, scheduler: Any) -> None:
        raise LookupError

    t.check(at_once(Stream(raising), t.cold("-b|")).pipe(hedge(delay=3)), "-b|")


# What it costs, and what it keeps.


def test_after_the_commit_items_pass_by(t: Marbles) -> None:
    links: list[Link[Any, Any]] = []

    def subscribe(observer: Any, scheduler: Any) -> Link[Any, Any]:
        link: Link[Any, Any] = Link()
        links.append(link.begin(observer))
        return link

    heard = Heard()
    last: Link[Any, Any] = Link()
    last.connect(at_once(Stream(subscribe)).pipe(hedge()), heard, t.scheduler)
    links[0].on_next("a")
    assert links[0].receiver is last
    links[0].on_next("b")
    links[0].on_completed()
    assert heard.all == ["a", "b", "|"]


def test_what_a_loser_held_is_gone_at_the_commit_and_it_holds_nothing_more(t: Marbles) -> None:
    (a, b), _ = race_of_late(t)
    before, after = Item("s", commits=False), Item("r", commits=False)
    alive = [weakref.ref(before), weakref.ref(after)]
    a.observer.on_next(before)
    del before
    assert alive[0]()
    b.observer.on_next("b")
    a.observer.on_next(after)
    del after
    assert [item() for item in alive] == [None, None]


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What is gone is gone by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def links_alive() -> int:
    return sum(type(each) in (Race, Runner) for each in gc.get_objects())


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("end", ["completed", "error", "left", "failed"])
def test_a_race_that_ended_is_gone_without_the_collector(t: Marbles, end: str) -> None:
    lates = Late(), Late(), Late()
    subscription = (
        at_once(*(late.stream for late in lates))
        .pipe(hedge(delay=1, most=3))
        .subscribe(lambda _: None, lambda _: None, scheduler=t.scheduler)
    )
    t.advance(3)
    assert links_alive() == 4
    if end == "failed":
        for late in lates:
            late.observer.on_error(Fault())
    elif end == "left":
        subscription.dispose()
    else:
        lates[1].observer.on_next("b")
        {"completed": lates[1].observer.on_completed, "error": lambda: lates[1].observer.on_error(Fault())}[end]()
    for late in lates:
        late.observer = None
    assert links_alive() == 0


@pytest.mark.usefixtures("no_collector")
def test_errors_that_were_raised_are_gone_without_the_collector(t: Marbles) -> None:
    alive: list[weakref.ref[Exception]] = []

    class Raised(Exception):
        def __init__(self) -> None:
            alive.append(weakref.ref(self))

    def raising(observer: Any, scheduler: Any) -> None:
        raise Raised

    at_once(*[Stream[Any](raising)] * 3).pipe(hedge()).subscribe(on_error=lambda _: None, scheduler=t.scheduler)
    assert len(alive) == 3
    assert [error() for error in alive] == [None] * 3


def test_many_at_once_do_not_disturb_each_other(t: Marbles) -> None:
    result = lazily(t, "(AB|)", A=t.cold("------a|"), B=t.cold("-b|")).pipe(hedge(delay=3, hedges=Hedges(burst=50)))
    all_heard = [Heard() for _ in range(50)]
    for heard in all_heard:
        result.subscribe(heard, scheduler=t.scheduler)
    t.advance(10)
    assert [heard.all for heard in all_heard] == [["b", "|"]] * 50


# Whatever the attempts do.

ends = some.sampled_from(["a-c|", "a--#", "ac-d-|", "|", "#"])
drawings = some.builds(
    lambda held, waits, end: held + "-" * waits + end, some.sampled_from(["", "s", "-s-", "-"]), some.integers(0, 8), ends
)


@given(some.lists(drawings, min_size=1, max_size=5), some.integers(1, 3), some.integers(1, 4), some.sampled_from([0, 50, 100]))
def test_whatever_the_attempts_do(scripts: list[str], most: int, delay: int, budget: int) -> None:
    t = Marbles()
    under_way: list[int] = []
    log: list[tuple[str, int]] = []

    def attempt(number: int, script: str) -> Stream[Any]:
        marble = t.cold(script, values={mark: Item(f"{mark}{number}", commits=mark != "s") for mark in "sacd"})

        def subscribe(observer: Any, scheduler: Any) -> Any:
            under_way.append(number)
            log.append(("begun", number))
            assert len(under_way) <= most
            subscription = marble.subscribe(observer, scheduler=scheduler)

            def leave() -> None:
                under_way.remove(number)
                subscription.dispose()

            return leave

        return Stream(subscribe)

    heard: list[Item] = []

    def hear(item: Item) -> None:
        if not heard:
            assert under_way == [int(item.name[1:])], "the losers are let go before the winner is heard"
            log.append(("won", under_way[0]))
        heard.append(item)

    ended: list[Exception | None] = []
    attempts = [attempt(number, script) for number, script in enumerate(scripts)]
    at_once(*attempts).pipe(hedge(delay=delay, most=most, budget=budget)).subscribe(
        hear, ended.append, lambda: ended.append(None), scheduler=t.scheduler
    )
    t.advance(100)
    assert (len(ended), under_way, t.timers) == (1, [], 0)

    begun = [number for what, number in log if what == "begun"]
    assert begun == list(range(len(begun))), "each is tried once, in their order"
    if heard:
        winner = int(heard[0].name[1:])
        assert log[-1] == ("won", winner), "nothing is tried after the commit"
        names = [f"{mark}{winner}" for mark in scripts[winner] if mark in "sacd"]
        assert [item.name for item in heard] == names, "all of the winner is heard, in its order, and nothing of the others"
        assert (ended == [None]) == scripts[winner].endswith("|")
    else:
        silent = [number for number in begun if scripts[number].endswith("|")]
        assert silent if ended == [None] else len(begun) == len(scripts), "it completed without items, or all were tried"
