"""Notes are bounded, and drawn so that what happened at the same time stands in the same column."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from reactivex.notification import OnCompleted, OnNext

from operators import Sheet
from operators.sheet import Kind, short
from operators.testing import Boom, Frame, parse

SIGNS: dict[str, Kind] = {"^": "subscribe", "|": "completed", "#": "error", "!": "dispose"}


def drawn(*lines: tuple[float, str, str], **options: Any) -> str:
    """What a sheet makes of (second, label, marks)."""
    time = [100.0]
    sheet = Sheet(lambda: time[0])
    for second, label, marks in lines:
        time[0] = 100.0 + second
        for mark in marks:
            sheet.note(label, SIGNS.get(mark, "next"), mark, str)
    return sheet.draw(**options)


def test_a_place_is_a_line_and_a_step_of_time_a_column() -> None:
    picture = drawn(
        (0, "client", "^"),
        (0, "wire", "^"),
        (1, "wire", "a"),
        (1, "client", "a"),
        (3, "wire", "b"),
        (4, "client", "b"),
        (5, "wire", "|"),
        (5, "client", "|"),
    )
    assert picture.splitlines()[:4] == [
        "wire    ^a-b-|",
        "client  ^a--b|",
        "",
        "a column is 1 s",
    ]


def test_what_happens_in_the_same_column_stands_in_brackets_and_the_others_wait() -> None:
    picture = drawn((0, "b", "^"), (0, "a", "^"), (1, "a", "xyz"), (2, "a", "u"), (2, "b", "u"), (3, "a", "|"), (3, "b", "u|"))
    assert picture.splitlines()[:2] == [
        "a  ^(abc)d|",
        "b  ^-----d(d|)",
    ]


def test_a_crowd_is_cut_in_its_middle_and_its_end_is_seen() -> None:
    picture = drawn((0, "a", "^"), (1, "a", "stuvwxyz|"))
    assert picture.splitlines()[0] == "a  ^(abc+5|)"


def test_six_are_no_crowd() -> None:
    assert drawn((0, "a", "^"), (1, "a", "vwxyz|")).splitlines()[0] == "a  ^(abcde|)"


def test_nobody_is_there_before_and_after() -> None:
    picture = drawn((0, "b", "^"), (1, "a", "^"), (2, "a", "#"), (4, "a", "^"), (5, "a", "x"), (6, "a", "!"), (7, "b", "|"))
    assert picture.splitlines()[:2] == [
        "a   ^# ^a!",
        "b  ^------|",
    ]


def test_who_is_there_twice_is_there_until_both_are_gone() -> None:
    picture = drawn((0, "a", "^"), (1, "a", "^"), (2, "a", "|"), (4, "a", "|"), (5, "b", "x"))
    assert picture.splitlines()[1] == "a  ^^|-|"


def test_the_same_text_is_the_same_letter_everywhere() -> None:
    picture = drawn((0, "b", "^"), (0, "a", "^"), (1, "a", "x"), (2, "b", "y"), (3, "b", "x"))
    assert picture.splitlines() == [
        "a  ^a--",
        "b  ^-ba",
        "",
        "a column is 1 s",
        "a  x",
        "b  y",
    ]


def test_the_legend_tells_errors_and_what_was_left_out() -> None:
    sheet = Sheet(lambda: 0.0, most=1)
    sheet.note("wire", "error", ValueError("no\nway"), lambda error: str(error))
    sheet.note("below", "error", ValueError("no"), short)
    assert sheet.draw().splitlines() == ["wire  #", "", "a column is 0.001 s", "#  no way", "1 more were left out"]


def test_when_letters_run_out_the_rest_is_counted() -> None:
    sheet = Sheet(lambda: 0.0)
    for number in range(70):
        sheet.note("wire", "next", number, str)
    picture = sheet.draw().splitlines()
    assert picture[0] == "wire  (abc+66?)"
    assert picture[-2:] == ["9  61", "?  one of 8 others"]


def test_an_empty_sheet_says_so() -> None:
    assert Sheet(lambda: 0.0).draw() == "nothing was noted"


@pytest.mark.parametrize(
    ("moments", "width", "step"),
    [
        ([0, 1, 2, 4], 100, 1),
        ([0, 2, 4, 8], 100, 2),
        ([0, 0.25, 0.5], 100, 0.2),
        ([0, 0.1, 0.2, 0.3], 100, 0.1),
        ([0, 30, 60, 61], 100, 1),
        ([0, 30, 60, 61], 30, 20),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 10, 1),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 9, 2),
        ([0, 3600], 100, 2000),
        ([7], 100, 0.1),
    ],
)
def test_a_column_is_as_long_as_tells_all_moments_apart_that_fit(moments: list[float], width: int, step: float) -> None:
    picture = drawn(*((moment, "a", "x") for moment in moments), width=width)
    assert f"a column is {step:g} s" in picture


def test_a_column_may_be_as_long_as_somebody_likes() -> None:
    picture = drawn((0, "a", "^"), (3, "a", "x"), (4, "a", "|"), step=2)
    assert picture.splitlines()[0] == "a  ^a|"


def test_moments_on_the_border_of_a_column_begin_it() -> None:
    """0.3 / 0.1 is a little less than 3."""
    picture = drawn((0, "a", "^"), (0.3, "a", "x"), (0.7, "a", "|"), step=0.1)
    assert picture.splitlines()[0] == "a  ^--a---|"


def test_time_begins_with_the_sheet() -> None:
    time = [50.0]
    sheet = Sheet(lambda: time[0])
    time[0] = 52.5
    sheet.note("x", "subscribe")
    assert sheet.notes[0].seconds == 2.5


def test_no_more_than_so_many_notes_are_kept_and_the_end_is_among_them() -> None:
    sheet = Sheet(lambda: 0.0, most=20)
    shown: list[int] = []
    sheet.note("x", "subscribe")
    for number in range(50):
        sheet.note("x", "next", number, lambda number: shown.append(number) or str(number))  # type: ignore[func-returns-value]
    sheet.note("x", "completed")
    assert len(sheet.notes) == 19
    assert sheet.notes[-1].kind == "completed"
    assert sheet.left_out == 33
    assert shown == list(range(17)), "what is left out was shown"
    for _ in range(5):
        sheet.note("x", "error", None, str)
    assert len(sheet.notes) == 20
    assert sheet.left_out == 37


@pytest.mark.parametrize("most", [0, -1])
def test_most_must_be_positive(most: int) -> None:
    with pytest.raises(ValueError, match=f"Sheet: most must be more than 0, not {most}"):
        Sheet(lambda: 0.0, most)


@pytest.mark.parametrize("options", [{"step": 0}, {"width": 0}])
def test_what_is_drawn_has_a_size(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Sheet\.draw: (step|width) must be more than 0, not 0"):
        drawn((0, "a", "x"), **options)


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ("a", "'a'"),
        (b"ab", "b'ab'"),
        ("x" * 38, f"'{'x' * 38}'"),
        ("x" * 39, f"'{'x' * 38}…"),
        (list(range(99)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …"),
    ],
)
def test_a_text_has_forty_characters_at_most(item: Any, text: str) -> None:
    sheet = Sheet(lambda: 0.0)
    sheet.note("x", "next", item, short)
    assert sheet.notes[0].text == text
    assert len(text) <= 40


def test_of_much_text_no_more_is_made_than_is_shown() -> None:
    assert len(short("x" * 10_000)) < 50
    assert len(short(b"x" * 10_000)) < 50


def test_a_text_that_is_none_is_no_fault_of_the_stream() -> None:
    sheet = Sheet(lambda: 0.0)
    sheet.note("x", "next", "a", lambda item: None)  # type: ignore[arg-type, return-value]
    assert sheet.notes[0].text == "(TypeError when it was shown)"


@given(some.lists(some.integers(1, 4), min_size=1, max_size=8))
def test_a_line_of_single_marks_reads_as_a_marble_of_the_kit(gaps: list[int]) -> None:
    moments = list(accumulate(gaps))
    items = [(moment, "a", letter) for moment, letter in zip(moments, "abcdefgh", strict=False)]
    picture = drawn((0, "a", "^"), *items, (moments[-1] + 1, "a", "|"), step=1).splitlines()[0]
    came = [(second, str(event)) for second, event in parse(picture.removeprefix("a  "), {}, Boom())]
    expected: list[Frame] = [(moment, OnNext(letter)) for moment, _, letter in items]
    assert came == [(second, str(event)) for second, event in [*expected, (moments[-1] + 1, OnCompleted())]]


happenings = some.tuples(some.floats(0, 5), some.sampled_from(["a", "bb", "ccc"]), some.sampled_from("^xyz|#!"))


@given(some.lists(happenings, min_size=1, max_size=40), some.integers(1, 30))
def test_whatever_is_noted_all_lines_agree_on_the_columns(notes: list[tuple[float, str, str]], width: int) -> None:
    """Each mark of a column stands at the place where that column begins in every line."""
    notes = sorted(notes)
    picture = drawn(*notes, width=width)
    head, _, legend = picture.partition("\n\n")
    labels = dict.fromkeys(label for _, label, _ in notes)
    longest = max(map(len, labels))
    rows = [line[longest + 2 :] for line in head.splitlines()]
    assert [line[:longest].rstrip() for line in head.splitlines()] == list(reversed(labels))
    step = float(legend.splitlines()[0].removeprefix("a column is ").removesuffix(" s"))
    moments = {label: {int(second / step + 1e-6) for second, name, _ in notes if name == label} for label in labels}
    assert max(column for columns in moments.values() for column in columns) < width
    for column in set.union(*moments.values()):
        begins = {offset(row, moments[label], column) for row, label in zip(rows, reversed(labels), strict=True)} - {None}
        assert len(begins) <= 1


def offset(row: str, columns: set[int], column: int) -> int | None:
    """Where a column begins in a line; None where that line has nothing in it."""
    if column not in columns:
        return None
    place = -1
    for _ in range(sorted(columns).index(column) + 1):
        place += 1
        while row[place] in "- ":
            place += 1
        begin = place
        if row[place] == "(":
            place = row.index(")", place)
    return begin
