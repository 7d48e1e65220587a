"""What taps put down and what is made of it: one note may stand for several marks, and late notes find their place in time."""

from __future__ import annotations

from pipeline.traces import ANSWER, CLIENT, place
from pipeline.traces.log import AT_ONCE, BOTH, ENDS, OPENS, RUN, WHOLE, pack, spread
from pipeline.traces.row import CODES

WIRE, DECODED = place("wire", 1), place("decoded", 1)
BYTES, TEXT, END = CODES["bytes"], CODES["text"], CODES["end"]


def marks(*notes: bytes) -> dict[int, list[tuple[float, int, int, int]]]:
    return {number: list(zip(*columns, strict=True)) for number, columns in spread(b"".join(notes))}


def test_an_event_that_went_through_at_once_is_told_at_each_place() -> None:
    assert marks(pack(WIRE, 1.5, TEXT | AT_ONCE, 40, 47)) == {
        WIRE: [(1.5, BYTES, 40, 0)],
        DECODED: [(1.5, TEXT, 40, 1)],
        ANSWER: [(1.5, TEXT, 40, 1)],
        CLIENT: [(1.5, BYTES, 47, 0)],
    }


def test_one_that_waits_to_be_written_is_not_told_at_the_client() -> None:
    assert CLIENT not in marks(pack(WIRE, 1.5, TEXT | AT_ONCE, 40, 0))


def test_a_read_of_many_events_that_went_on_at_once_is_told_where_it_was_decoded_and_at_the_answer() -> None:
    said = [(1.5, TEXT, 90, 4), (1.5, END, 0, 1)]
    assert marks(pack(DECODED, 1.5, TEXT | RUN | ENDS, 90, 5)) == {DECODED: said, ANSWER: said}


def test_a_head_is_decoded_as_what_opens_the_answer() -> None:
    head, opened = CODES["head"], CODES["opened"]
    assert marks(pack(WIRE, 1.5, head | BOTH, 0, 0)) == {WIRE: [(1.5, head, 0, 0)], DECODED: [(1.5, opened, 0, 1)]}


def test_a_whole_answer_is_one_note_and_all_of_its_marks() -> None:
    opened, head = CODES["opened"], CODES["head"]
    said = [(1.5, opened, 0, 1), (1.5, TEXT, 700, 4), (1.5, END, 0, 1)]
    assert marks(pack(WIRE, 1.5, TEXT | WHOLE | ENDS, 700, 6)) == {
        WIRE: [(1.5, head, 0, 0), (1.5, BYTES, 700, 0)],
        DECODED: said,
        ANSWER: said,
    }


def test_the_opening_and_the_end_are_marks_of_their_own() -> None:
    opened = CODES["opened"]
    assert marks(pack(DECODED, 2.0, TEXT | OPENS | ENDS, 90, 5)) == {
        DECODED: [(2.0, opened, 0, 1), (2.0, TEXT, 90, 3), (2.0, END, 0, 1)]
    }


def test_an_end_of_both_places_is_told_at_both() -> None:
    completed = CODES["completed"]
    found = marks(pack(DECODED, 1.0, TEXT, 9, 1), pack(WIRE, 2.0, completed | BOTH, 0, 0))
    assert found == {WIRE: [(2.0, completed, 0, 0)], DECODED: [(1.0, TEXT, 9, 1), (2.0, completed, 0, 0)]}


def test_what_was_noted_when_it_came_back_stands_before_the_end_that_it_met() -> None:
    error = CODES["error"]
    found = marks(pack(ANSWER, 2.0, error, 0, 0), pack(WIRE, 1.0, TEXT | AT_ONCE, 9, 0))
    assert found[ANSWER] == [(1.0, TEXT, 9, 1), (2.0, error, 0, 0)]


def test_an_end_comes_last_also_where_the_clock_stood_still_meanwhile() -> None:
    dispose = CODES["dispose"]
    found = marks(pack(WIRE, 1.0, dispose | BOTH, 0, 0), pack(WIRE, 1.0, TEXT | WHOLE | ENDS, 700, 6))
    assert [code for _, code, _, _ in found[WIRE]] == [CODES["head"], BYTES, dispose]
    assert [code for _, code, _, _ in found[DECODED]] == [CODES["opened"], TEXT, END, dispose]
