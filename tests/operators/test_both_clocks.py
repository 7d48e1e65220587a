"""idle_timeout right above first_event_timeout is one link: the same comes of it as of two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reactivex import Observable

from operators import admit, clock, first_event_timeout, idle_timeout, tap
from operators.errors import Elapsed
from operators.slots import Slots
from operators.stream import Link
from operators.testing import Marbles

Both = Callable[[Observable[Any]], Observable[Any]]


def one_link(source: Observable[Any]) -> Observable[Any]:
    return source.pipe(first_event_timeout(4), idle_timeout(3))


def two_links(source: Observable[Any]) -> Observable[Any]:
    """A tap that sees nothing stands between them."""
    return source.pipe(first_event_timeout(4), tap(object()), idle_timeout(3))


def came(both: Both, marbles: str) -> tuple[list[tuple[float, Any]], list[tuple[float | None, ...]], int]:
    """What comes of a source and when, how it was subscribed to, and the timers that are left."""
    t = Marbles()
    source = t.cold(marbles)
    heard: list[tuple[float, Any]] = []

    def note(what: Any) -> None:
        told = (what.operator, what.seconds) if isinstance(what, Elapsed) else what
        heard.append((clock.seconds(t.scheduler)(), str(told)))

    both(source).subscribe(note, note, lambda: note("|"), scheduler=t.scheduler)
    t.advance(40)
    return heard, source.subscriptions, t.timers


@given(st.text("-----abs", min_size=1, max_size=20), st.sampled_from("|#-"))
def test_one_link_does_what_two_do(marbles: str, end: str) -> None:
    assert came(one_link, marbles + end) == came(two_links, marbles + end)


@pytest.mark.parametrize("both", [one_link, two_links])
def test_who_stands_in_a_queue_is_not_waited_for(both: Both) -> None:
    t = Marbles()
    slots = Slots(1, 5, 60)
    first, second = t.cold("------|"), t.cold("--a-b|")
    first.pipe(admit(slots)).subscribe(scheduler=t.scheduler)
    t.check(both(second.pipe(admit(slots))), "--------a-b|")


def test_it_is_one_link() -> None:
    t = Marbles()
    links: list[type] = []

    class Below(Link[Any, Any]):
        pass

    for both in (one_link, two_links):
        below: Any = Below().connect(both(t.cold("-a|")), Link().begin(Link()), t.scheduler)
        while isinstance(below, Link):
            links.append(type(below))
            below = below.upstream
    assert [link.__name__ for link in links] == ["Below", "_OpenedIdle", "Below", "_Idle", "_Tap", "_FirstEvent"]
