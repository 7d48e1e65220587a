"""A whole stream is bounded: in bytes, in items, in the tokens that it tells."""

from __future__ import annotations

from typing import Any

import pytest
from reactivex import operators as stock

from operators import StepError, TooLarge, catalog, output_limit
from operators.testing import Marbles
from tests.operators.items import ITEMS, Fault

SIZES = {"a": b"xy", "b": "text", "c": b""}


def test_counts_the_size_of_items_over_the_whole_stream(t: Marbles) -> None:
    source = t.cold("                     -a-b-c-|", values=ITEMS)
    t.check(source.pipe(output_limit(5)), "-a-b-#", values=ITEMS, error=TooLarge)
    t.subs(source, "                       ^    !")


def test_what_is_just_at_the_limit_passes(t: Marbles) -> None:
    t.check(t.cold("-a-b-c-|", values=ITEMS).pipe(output_limit(6)), "-a-b-c-|", values=ITEMS)


def test_bytes_count_by_their_length_and_what_has_no_size_counts_nothing(t: Marbles) -> None:
    t.check(t.cold("-b-b-a-c-b-|", values=SIZES).pipe(output_limit(2)), "-b-b-a-c-b-|", values=SIZES)
    t.check(t.cold("-a-b-a-|", values=SIZES).pipe(output_limit(3)), "-a-b-#", values=SIZES, error=TooLarge)


def test_counts_items_where_it_is_told_to(t: Marbles) -> None:
    caught: list[TooLarge] = []
    result = t.cold("-a-b-c-|").pipe(output_limit(99, items=2))
    t.check(result, "-a-b-#", error=TooLarge)
    result.subscribe(on_error=caught.append, scheduler=t.scheduler)  # type: ignore[arg-type]
    t.scheduler.advance_by(9)
    assert str(caught[0]) == "output_limit: more than 2 items"


def test_counts_the_tokens_that_items_tell_which_are_totals(t: Marbles) -> None:
    told = {"a": 30, "b": None, "c": 60, "d": 61}
    caught: list[Any] = []
    guard: Any = output_limit(tokens=60, output_tokens=told.get)
    source = t.cold("          -a-b-c-a-c-|")
    t.check(source.pipe(guard), "-a-b-c-a-c-|")
    source = t.cold("          -a-b-c-d-|")
    t.check(source.pipe(guard, stock.do_action(on_error=caught.append)), "-a-b-c-#", error=TooLarge)
    t.subs(source, "            ^      !")
    assert (caught[0].limit, caught[0].unit) == (60, "tokens")
    assert str(caught[0]) == "output_limit: more than 60 tokens"


@pytest.mark.parametrize(
    ("limits", "result"),
    [
        ({"items": 2}, "-a-b-#"),
        ({"bytes": 5}, "-a-b-#"),
        ({"tokens": 1}, "-a-#"),
        ({"bytes": 5, "items": 9, "tokens": 9}, "-a-b-#"),
        ({"bytes": 99, "items": 9, "tokens": 9}, "-a-b-c-|"),
    ],
)
def test_each_limit_stands_for_itself(t: Marbles, limits: dict[str, int], result: str) -> None:
    told = {ITEMS["a"]: 1, ITEMS["b"]: 2, ITEMS["c"]: 3}
    guard: Any = output_limit(**limits, output_tokens=told.get)
    t.check(t.cold("-a-b-c-|", values=ITEMS).pipe(guard), result, values=ITEMS, error=TooLarge)


@pytest.mark.parametrize("said", [LookupError, "many"])
def test_tokens_that_cannot_be_told_are_an_error_of_the_step(t: Marbles, said: Any) -> None:
    mine = Fault()

    def output_tokens(item: Any) -> Any:
        if said is LookupError and item == "b":
            raise mine
        return said if item == "b" else 1

    caught: list[Any] = []
    source = t.cold("           -a-b-c|")
    guard: Any = output_limit(tokens=9, output_tokens=output_tokens)
    t.check(source.pipe(guard, stock.do_action(on_error=caught.append)), "-a-#", error=StepError)
    t.subs(source, "             ^  !")
    assert caught[0].operator == "output_limit"
    assert said == "many" or caught[0].__cause__ is mine


def test_nobody_is_asked_for_tokens_where_they_are_not_limited(t: Marbles) -> None:
    asked: list[Any] = []
    guard: Any = output_limit(100, output_tokens=asked.append)
    t.check(t.cold("-a-b|").pipe(guard), "-a-b|")
    assert asked == []


def test_there_must_be_a_limit_and_somebody_who_tells_the_tokens() -> None:
    with pytest.raises(ValueError, match="output_limit: needs at least one of bytes, items and tokens"):
        output_limit()
    with pytest.raises(ValueError, match="output_limit: tokens needs the resource output_tokens"):
        output_limit(tokens=5)
    catalog.build("output_limit", {"tokens": 5, "bytes": None}, {"output_tokens": len})


def test_limits_must_be_positive() -> None:
    with pytest.raises(ValueError, match="output_limit: bytes must be more than 0, not 0"):
        output_limit(0)
    with pytest.raises(ValueError, match="output_limit: items must be more than 0, not -3"):
        output_limit(1, items=-3)
    with pytest.raises(ValueError, match="output_limit: tokens must be more than 0, not 0"):
        output_limit(tokens=0, output_tokens=len)
