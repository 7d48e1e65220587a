"""A whole stream is bounded, in bytes and in items."""

from __future__ import annotations

import pytest

from operators import TooLarge, output_limit
from operators.testing import Marbles
from tests.operators.items import ITEMS

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


def test_limits_must_be_positive() -> None:
    with pytest.raises(ValueError, match="output_limit: bytes must be more than 0, not 0"):
        output_limit(0)
    with pytest.raises(ValueError, match="output_limit: items must be more than 0, not -3"):
        output_limit(1, items=-3)
