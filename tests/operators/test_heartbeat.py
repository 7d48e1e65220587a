"""A beat when nothing else came, from the subscription to the end."""

from __future__ import annotations

from typing import Any

import pytest
from reactivex import operators as stock

from operators import heartbeat
from operators.testing import Marbles
from tests.operators.items import Item


def test_beats_before_the_first_item_and_in_every_gap(t: Marbles) -> None:
    source = t.cold("                           ------a-b-----|")
    t.check(source.pipe(heartbeat(2, beat="h")), "--h-h-a-b-h-h-|")
    t.subs(source, "                            ^             !")


def test_is_silent_where_items_come_often_enough(t: Marbles) -> None:
    source = t.cold("                           -a-b-c-#")
    t.check(source.pipe(heartbeat(3, beat="h")), "-a-b-c-#")


def test_goes_on_until_it_is_let_go(t: Marbles) -> None:
    source = t.cold("                           -a-----------")
    t.check(source.pipe(heartbeat(3, beat="h")), "-a--h--h--", until="^        !")
    t.subs(source, "                             ^        !")


def test_emits_the_very_object(t: Marbles) -> None:
    beat = object()
    seen: list[Any] = []
    t.cold("--").pipe(heartbeat(1, beat=beat)).subscribe(seen.append, scheduler=t.scheduler).dispose()
    t.check(t.cold("---|").pipe(heartbeat(2, beat=beat)), "--h|", values={"h": beat})
    assert seen == []


def test_a_subscriber_that_lets_go_at_a_beat_leaves_no_timer(t: Marbles) -> None:
    source = t.cold("                                         ------")
    t.check(source.pipe(heartbeat(2, beat="h"), stock.take(1)), "--(h|)")
    t.subs(source, "                                          ^ !")


def test_seconds_must_be_positive() -> None:
    with pytest.raises(ValueError, match="heartbeat: seconds must be more than 0, not 0"):
        heartbeat(0, beat="h")


def test_there_is_no_beat_behind_an_item_that_ends(t: Marbles) -> None:
    values = {"a": Item("a"), "z": Item("z", ends=True)}
    t.check(t.cold("-a---z------|", values=values).pipe(heartbeat(2, beat="h")), "-a-h-z------|", values=values)
