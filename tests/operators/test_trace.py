"""What passes one place is written down, and costs nothing where nobody wants to know."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from operators import Link, Operator, Sheet, Stream, clock, retry, trace
from operators.testing import Marbles
from tests.operators.items import Fault
from tests.operators.observers import FirstOnly, Heard


def on(sheet: Sheet, label: str = "x", **options: Any) -> Operator[Any, Any]:
    """A trace on this sheet."""
    return trace(label, sheets=lambda scope: sheet, **options)


@pytest.fixture
def sheet(t: Marbles) -> Sheet:
    return Sheet(clock.seconds(t.scheduler))


def test_notes_a_stream_that_completes(t: Marbles, sheet: Sheet) -> None:
    t.check(t.cold("-a--b-|").pipe(on(sheet)), "-a--b-|")
    assert sheet.notes == [
        (0, "x", "subscribe", ""),
        (1, "x", "next", "'a'"),
        (4, "x", "next", "'b'"),
        (6, "x", "completed", ""),
    ]


def test_notes_a_stream_that_fails(t: Marbles, sheet: Sheet) -> None:
    t.check(t.cold("-a-#").pipe(on(sheet)), "-a-#")
    assert sheet.notes[-1] == (3, "x", "error", "Boom('boom')")


def test_notes_a_stream_that_is_let_go_when_that_was_done(t: Marbles, sheet: Sheet) -> None:
    order: list[Any] = []

    def subscribe(observer: Any, scheduler: Any) -> Any:
        return lambda: order.append(sheet.notes[-1].kind)

    Stream(subscribe).pipe(on(sheet)).subscribe(scheduler=t.scheduler).dispose()
    assert order == ["subscribe"]
    assert [note.kind for note in sheet.notes] == ["subscribe", "dispose"]


def test_notes_that_it_began_before_anything_comes(t: Marbles, sheet: Sheet) -> None:
    Stream[Any](lambda observer, scheduler: observer.on_next("a")).pipe(on(sheet)).subscribe(scheduler=t.scheduler)
    assert [note.kind for note in sheet.notes] == ["subscribe", "next"]


def test_notes_an_item_before_it_is_handed_on(t: Marbles, sheet: Sheet) -> None:
    seen: list[int] = []
    t.cold("a|").pipe(on(sheet)).subscribe(lambda item: seen.append(len(sheet.notes)), scheduler=t.scheduler)
    t.advance(1)
    assert seen == [2]


def test_places_of_one_subscription_share_a_sheet(t: Marbles, sheet: Sheet) -> None:
    source = t.cold("-#", error=Fault())
    t.check(source.pipe(on(sheet, "source"), retry(1, wait=2, jitter=False), on(sheet, "below")), "----#", error=Fault)
    assert [(note.seconds, note.label, note.kind) for note in sheet.notes] == [
        (0, "below", "subscribe"),
        (0, "source", "subscribe"),
        (1, "source", "error"),
        (3, "source", "subscribe"),
        (4, "source", "error"),
        (4, "below", "error"),
    ]


def test_the_sheet_is_asked_for_with_the_scope_of_each_subscription(t: Marbles) -> None:
    scopes: list[Any] = []
    sheets = [Sheet(lambda: 0.0), Sheet(lambda: 0.0)]

    def next_sheet(scope: Any) -> Sheet:
        scopes.append(scope)
        return sheets[len(scopes) - 1]

    result = t.cold("-a|").pipe(trace("x", sheets=next_sheet))
    t.check(result, "-a|")
    t.check(result, "-a|")
    assert scopes == [t.scheduler, t.scheduler]
    assert [len(sheet.notes) for sheet in sheets] == [3, 3]


def test_who_is_not_traced_pays_nothing(t: Marbles) -> None:
    below: Link[Any, Any] = Link()
    observers: list[Any] = []
    source: Stream[Any] = Stream(lambda observer, scheduler: observers.append(observer))
    below.connect(source.pipe(trace("x", sheets=lambda scope: None)), Heard(), t.scheduler)
    assert observers == [below]


def test_sheets_that_raise_are_logged_and_nothing_is_traced(t: Marbles, caplog: pytest.LogCaptureFixture) -> None:
    def broken(scope: Any) -> Sheet:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        t.check(t.cold("-a-|").pipe(trace("x", sheets=broken)), "-a-|")
    assert "ZeroDivisionError" in caplog.text


def test_items_are_shown_as_somebody_likes_it(t: Marbles, sheet: Sheet) -> None:
    t.check(t.cold("-a|").pipe(on(sheet, shown=str.upper)), "-a|")
    assert sheet.notes[1].text == "A"


def test_an_item_that_cannot_be_shown_is_noted_as_that(t: Marbles, sheet: Sheet) -> None:
    def broken(item: Any) -> str:
        raise ZeroDivisionError

    t.check(t.cold("-a-#").pipe(on(sheet, shown=broken)), "-a-#")
    assert [note.text for note in sheet.notes] == ["", "(ZeroDivisionError when it was shown)", "Boom('boom')"]


def test_items_behind_the_end_are_not_noted(t: Marbles, sheet: Sheet) -> None:
    def push_all(observer: Any, scheduler: Any) -> None:
        observer.on_next("a")
        observer.on_completed()
        observer.on_next("b")

    Stream(push_all).pipe(on(sheet)).subscribe(scheduler=t.scheduler)
    assert [note.kind for note in sheet.notes] == ["subscribe", "next", "completed"]


def test_who_leaves_within_an_item_is_noted_once(t: Marbles, sheet: Sheet) -> None:
    observers: list[Any] = []
    source: Stream[Any] = Stream(lambda observer, scheduler: observers.append(observer))
    FirstOnly().connect(source.pipe(on(sheet)), Heard(), t.scheduler)
    observers[0].on_next("a")
    observers[0].on_next("b")
    observers[0].on_completed()
    assert [note.kind for note in sheet.notes] == ["subscribe", "next", "dispose"]
