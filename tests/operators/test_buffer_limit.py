"""One event of a raw stream is bounded, wherever the wire was cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators import Stream, TooLarge, buffer_limit
from operators.testing import Marbles


def outcome(frames: list[Any], limit: int) -> tuple[list[Any], TooLarge | None]:
    """What passes, and the error if one came."""
    passed: list[Any] = []
    errors: list[Any] = []

    def push(observer: Any, scheduler: Any) -> None:
        for frame in frames:
            observer.on_next(frame)

    Stream(push).pipe(buffer_limit(limit)).subscribe(passed.append, errors.append)
    return passed, errors[0] if errors else None


def longest_event(wire: bytes) -> int:
    """The length of the longest event, the open one included; a blank line ends one."""
    lengths = [0]
    for at in range(len(wire)):
        lengths[-1] += 1
        if wire[max(at - 1, 0) : at + 1] in (b"\n\n", b"\n\r", b"\r\r"):
            lengths.append(0)
    return max(lengths)


def test_an_event_within_the_limit_passes_and_a_longer_one_fails() -> None:
    assert outcome([b"data: 12\n\n"], 10) == ([b"data: 12\n\n"], None)
    passed, error = outcome([b"data: 123\n\n"], 10)
    assert passed == []
    assert error is not None
    assert (error.operator, error.limit, error.unit) == ("buffer_limit", 10, "bytes")


def test_an_event_that_never_ends_fails_with_the_frame_that_is_too_much() -> None:
    passed, error = outcome([b"xxxx"] * 5, 10)
    assert passed == [b"xxxx", b"xxxx"]
    assert isinstance(error, TooLarge)


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n"])
def test_a_blank_line_of_any_kind_begins_a_new_count(end: bytes) -> None:
    wire = (b"12345" + end) * 20
    assert outcome([wire], 10)[1] is None
    for size in range(1, 12):
        frames = [wire[at : at + size] for at in range(0, len(wire), size)]
        assert outcome(frames, 10) == (frames, None)


def test_a_single_line_end_is_no_boundary() -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        assert outcome([b"12345" + end] * 3, 10)[1] is not None


def test_a_large_frame_of_many_small_events_passes() -> None:
    assert outcome([b"data: 1\n\n" * 1000], 20)[1] is None


def test_a_frame_with_one_long_event_among_small_ones_fails() -> None:
    assert outcome([b"a\n\n" + b"x" * 30 + b"\n\n" + b"b\n\n"], 20)[1] is not None


def test_what_is_no_bytes_passes_and_does_not_count(t: Marbles) -> None:
    values = {"h": object(), "f": b"xxxx", "e": b""}
    source = t.cold("                     -h-f-h-e-f-h-f-|", values=values)
    t.check(source.pipe(buffer_limit(10)), "-h-f-h-e-f-h-#", values=values, error=TooLarge)
    t.subs(source, "                      ^            !")


@settings(derandomize=True, deadline=None)
@given(st.lists(st.sampled_from([b"x", b"yy", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n"]), max_size=40), st.data())
def test_any_cut_of_the_wire_gives_the_same_verdict(parts: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(parts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(wire)), max_size=12)))
    frames = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    limit = data.draw(st.integers(1, 12))
    passed, error = outcome(frames, limit)
    assert (error is not None) == (longest_event(wire) > limit)
    if error is None:
        assert passed == frames


@pytest.mark.parametrize("number", [0, -1])
def test_the_limit_must_be_positive(number: int) -> None:
    with pytest.raises(ValueError, match=f"buffer_limit: bytes must be more than 0, not {number}"):
        buffer_limit(number)
