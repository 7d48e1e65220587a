"""The event stream reader against a slow reference, for any cut, any line end, in linear time."""

from __future__ import annotations

import re
from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.wire.sse import SseEvent, SseReader, comment, event, message

LINE = st.sampled_from(
    [
        b"data: {}",
        b'data:{"a":"\xc3\xa9\xf0\x9f\x98\x80"}',
        b"data",
        b"data:",
        b"data:  two spaces",
        b"event: delta",
        b"event:delta",
        b": comment",
        b":",
        b"id: 7",
        b"retry: 10",
        b"unknown: x",
        b"\xef\xbb\xbfdata: mark",
        b"",
        b"",
    ]
)
END = st.sampled_from([b"\n", b"\r", b"\r\n"])
WIRE = st.lists(st.tuples(LINE, END), max_size=24).map(lambda lines: b"".join(line + end for line, end in lines))


def reference(wire: bytes) -> list[SseEvent]:
    """The rules of the standard, one line after the other, plus the last event without a blank line (TR-S5)."""
    events: list[SseEvent] = []
    name, data = b"", list[bytes]()
    lines = re.split(rb"\r\n|\n|\r", wire.removeprefix(b"\xef\xbb\xbf"))
    for line in [*lines, b""]:
        if not line:
            if data:
                events.append((name, b"\n".join(data)))
            name, data = b"", []
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return events


def read(pieces: list[bytes]) -> tuple[list[SseEvent], bytes]:
    reader = SseReader()
    events: list[SseEvent] = []
    raw = b""
    for piece in pieces:
        events += reader.feed(piece)
        raw += reader.raw
    events += reader.close()
    return events, raw + reader.raw


def same_bytes(raw: bytes, wire: bytes) -> None:
    """Every byte came out, except those behind the last event."""
    blanks = [found.end() for found in re.finditer(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)", wire)]
    assert wire.startswith(raw)
    # Cut between them, the LF of the last CR LF is the beginning of what follows.
    late = wire[: (blanks or [0])[-1]].endswith(b"\r\n")
    assert len(raw) >= (blanks or [0])[-1] - late
    assert reference(raw) == reference(wire)


def cut(wire: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(wire) + 1) for place in places), len(wire)]
    return [wire[start:end] for start, end in pairwise(marks)]


@given(WIRE, st.lists(st.integers(0, 10_000), max_size=12))
def test_any_cut_and_any_line_end_give_the_events_of_the_standard_DI_2_to_DI_6(wire: bytes, places: list[int]) -> None:
    events, raw = read(cut(wire, places))
    assert events == reference(wire)
    same_bytes(raw, wire)


@given(st.binary(max_size=200), st.lists(st.integers(0, 10_000), max_size=6))
def test_garbage_gives_the_events_of_the_standard_and_every_byte_back(wire: bytes, places: list[int]) -> None:
    events, raw = read(cut(wire, places))
    assert events == reference(wire)
    same_bytes(raw, wire)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_every_single_cut_of_one_stream_gives_the_same_events_TR_S2_TR_S3(end: bytes) -> None:
    lines = ["\ufeffdata: {é}", "", ": note", "event: x", "data:1", "data: 2", "", "", "data: [DONE]", "", ""]
    wire = end.join(line.encode() for line in lines)
    expected = [(b"", "{é}".encode()), (b"x", b"1\n2"), (b"", b"[DONE]")]
    for place in range(len(wire) + 1):
        assert read([wire[:place], wire[place:]]) == (expected, wire)
    assert read([wire[at : at + 1] for at in range(len(wire))]) == (expected, wire)


def test_an_event_is_handed_out_with_the_cr_that_ends_it_and_the_lf_behind_makes_no_event_TR_S3() -> None:
    reader = SseReader()
    assert reader.feed(b"data: 1\r\n\r") == [(b"", b"1")]
    assert reader.raw == b"data: 1\r\n\r"
    assert reader.feed(b"\n") == []
    assert reader.raw == b""
    assert reader.feed(b"data: 2\r\n\r\n") == [(b"", b"2")]
    assert reader.raw == b"\ndata: 2\r\n\r\n"


def test_raw_holds_whole_events_only_with_the_comments_before_them() -> None:
    reader = SseReader()
    assert reader.feed(b": hello\nid: 3\ndata: 1\n\ndata: 2") == [(b"", b"1")]
    assert reader.raw == b": hello\nid: 3\ndata: 1\n\n"
    assert reader.feed(b"\n\n") == [(b"", b"2")]
    assert reader.raw == b"data: 2\n\n"


def test_the_last_event_without_a_blank_line_is_handed_out_at_the_close_TR_S5() -> None:
    reader = SseReader()
    assert reader.feed(b"data: [DONE]\n") == []
    assert reader.close() == [(b"", b"[DONE]")]
    assert reader.raw == b"data: [DONE]\n"
    assert reader.close() == []
    assert reader.raw == b""


def test_a_block_of_comments_is_no_event_and_its_bytes_pass_at_once_TR_S8() -> None:
    reader = SseReader()
    assert reader.feed(b": PROCESSING\n\n: PROCESSING\n\n: PRO") == []
    assert reader.raw == b": PROCESSING\n\n: PROCESSING\n\n"


def test_the_place_of_each_event_in_the_bytes_is_known() -> None:
    reader = SseReader()
    reader.feed(b"\xef\xbb\xbf: a\r\n\r\ndata: 1\r\n\r\n: b\n\nevent: x\ndata: 2\n\ndata: 3")
    assert [reader.raw[: reader.head(count)][-9:] for count in (0, 1, 2)] == [b"", b"ta: 1\r\n\r\n", b"data: 2\n\n"]
    reader.close()
    assert reader.head(1) == len(b"data: 3")


@pytest.mark.parametrize("half", [b"event: content_b", b": keep-al", b"da", b"id: 3\n"])
def test_half_an_event_at_the_close_is_left_out_so_that_an_error_behind_it_is_seen_F08(half: bytes) -> None:
    reader = SseReader()
    reader.feed(b"data: 1\n\n" + half)
    assert reader.close() == []
    assert reader.raw == b""


def test_what_the_writers_write_the_reader_reads() -> None:
    wire = event(b"ping", b"{}") + comment(b"x") + message(b"[DONE]")
    assert read([wire]) == ([(b"ping", b"{}"), (b"", b"[DONE]")], wire)


def seconds(wire: bytes, piece: int) -> float:
    pieces = [wire[at : at + piece] for at in range(0, len(wire), piece)]
    reader = SseReader()
    feed = reader.feed
    start = process_time()
    count = 0
    for data in pieces:
        count += len(feed(data))
    taken = process_time() - start
    assert count == wire.count(b"\n\n")
    return taken


@pytest.mark.parametrize(
    ("unit", "small", "piece"),
    [
        pytest.param(b"data: " + b"x" * 92 + b"\n\n", 2_000, 1, id="many events, a byte at a time"),
        pytest.param(b"data: " + b"x" * 92 + b"\n\n", 40_000, 64, id="many events, small reads"),
    ],
)
def test_four_times_the_stream_takes_about_four_times_the_time(unit: bytes, small: int, piece: int) -> None:
    once = min(seconds(unit * small, piece) for _ in range(3))
    assert seconds(unit * (4 * small), piece) < 10 * once + 0.05


def test_one_event_four_times_as_large_takes_about_four_times_the_time() -> None:
    once = min(seconds(b"data: " + b"x" * 500_000 + b"\n\n", 16) for _ in range(3))
    assert seconds(b"data: " + b"x" * 2_000_000 + b"\n\n", 16) < 10 * once + 0.05
