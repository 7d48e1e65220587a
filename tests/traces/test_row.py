"""A row of marks: what was added is told, and however much passes it stays bounded and keeps its sums and its shape."""

from __future__ import annotations

from itertools import chain, cycle, repeat

from hypothesis import given
from hypothesis import strategies as st

from pipeline.replay import recording
from pipeline.traces import KINDS, MOST, Row
from pipeline.traces.row import CODES


def test_marks_are_told_as_they_were_added() -> None:
    row = Row("wire", 2)
    row.add(10.0, CODES["subscribe"])
    row.add(10.25, CODES["bytes"], 120)
    row.add(10.5, CODES["text"], 80, 3)
    assert row.to_json(10.0) == {
        "stage": "wire",
        "attempt": 2,
        "marks": [[0.0, "subscribe", 0, 0], [0.25, "bytes", 120, 0], [0.5, "text", 80, 3]],
    }


def test_a_row_of_the_whole_request_names_no_attempt() -> None:
    assert Row("client").to_json(0.0) == {"stage": "client", "marks": []}


def test_a_full_row_merges_neighbours_of_one_kind_and_keeps_the_turns() -> None:
    row = Row("answer")
    row.add(0.0, CODES["subscribe"])
    for number in range(MOST - 2):
        row.add(1.0 + number, CODES["text"], 10, 1)
    assert row.epoch == 0
    row.add(999.0, CODES["error"])
    marks = row.marks(0.0)
    assert row.epoch == 1
    assert marks[:3] == [[0.0, "subscribe", 0, 0], [1.0, "text", 20, 2], [3.0, "text", 20, 2]]
    assert marks[-1] == [999.0, "error", 0, 0]
    assert len(marks) == 2 + (MOST - 2) // 2


def test_whoever_reads_a_row_that_was_merged_can_tell() -> None:
    row, at = Row("decoded", 1), 0.0
    # The worst case: merging each kind with itself leaves one mark too many, and then all are halved.
    kinds = chain(repeat("text", 126), cycle(("reasoning", "text")))
    while not row.epoch:
        row.add(at := at + 1, CODES[next(kinds)], 1, 1)
    read = recording.Row("decoded", 1, tuple(recording.Mark(*mark) for mark in row.marks(0.0)))
    assert (len(row), read.merged) == (recording.MERGED, True)


def test_kinds_that_take_turns_are_merged_too() -> None:
    """The one that says more gives the name."""
    row = Row("decoded", 1)
    for number in range(MOST):
        row.add(float(number), CODES["reasoning" if number % 2 else "tool"], 1, 1)
    assert [mark[1] for mark in row.marks(0.0)] == ["tool"] * (MOST // 2)


@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.integers(0, 2000), st.integers(0, 50), st.integers(1, 9)), min_size=1, max_size=300
    )
)
def test_whatever_passes_it_is_bounded_and_nothing_is_lost(added: list[tuple[str, int, int, int]]) -> None:
    row, at, size, count = Row("client"), 0.0, 0, 0
    for kind, bytes_, events, times in added:
        for _ in range(times):
            at += 0.001
            row.add(at, CODES[kind], bytes_, events)
            size, count = size + bytes_, count + events
            assert 0 < len(row) < MOST
    marks = row.marks(0.0)
    assert row.bytes == size == sum(mark[2] for mark in marks)
    assert count == sum(mark[3] for mark in marks)
    assert marks == sorted(marks, key=lambda mark: mark[0])
    assert marks[0][0] == 0.001


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from((0.0, 0.0005, 0.0009, 0.02, 0.02, 0.5)),
                st.sampled_from(("text", "text", "text", "reasoning", "bytes", "completed")),
                st.sampled_from((0, 40, 40, 2**32 - 1, 2**33)),
            ),
            min_size=1,
            max_size=150,
        ),
        max_size=6,
    )
)
def test_what_is_taken_together_is_told_as_if_it_had_come_one_by_one(parts: list[list[tuple[float, str, int]]]) -> None:
    together, single, at = Row("decoded", 1), Row("decoded", 1), 1.0
    for part in parts:
        marks = []
        for pause, kind, size in part:
            at += pause
            marks.append((at, CODES[kind], size, 1))
            single.add(*marks[-1])
        together.take(*zip(*marks, strict=True))
        assert together.marks(0.0) == single.marks(0.0)
        assert together.state == single.state


def test_only_what_is_new_is_told() -> None:
    row = Row("answer")
    row.add(0.0, CODES["opened"])
    row.add(1.0, CODES["text"], 5, 1)
    assert row.marks(0.0, 1) == [[1.0, "text", 5, 1]]
    assert row.marks(0.0, 2) == []


def test_what_comes_together_is_one_mark() -> None:
    row = Row("client")
    for at, kind in ((1.0, "bytes"), (1.0004, "bytes"), (1.0009, "bytes"), (1.0012, "bytes"), (1.0013, "completed")):
        row.add(at, CODES[kind], 5, 1)
    assert row.marks(0.0) == [[1.0, "bytes", 15, 3], [1.0012, "bytes", 5, 1], [1.0013, "completed", 5, 1]]
