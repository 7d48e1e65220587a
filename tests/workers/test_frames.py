"""Frames survive every cut of the stream, and what is no frame is not read on."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.workers import frames
from pipeline.workers.frames import Broken, Frame, Frames, Kind, frame

SAID = st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 2**32 - 1), st.binary(max_size=200)), max_size=6)


@given(SAID, st.lists(st.integers(0, 1400)))
def test_any_cut_gives_the_same_frames(said: list[tuple[Kind, int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(frame(*each) for each in said)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    reader = Frames()
    found = [each for start, end in pairwise(edges) for each in reader.feed(stream[start:end])]
    assert found == [Frame(*each) for each in said]


def test_a_frame_that_is_too_long_is_not_sent_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    long = frame(Kind.ANSWER, 1, b"x" * 11)
    monkeypatch.setattr(frames, "LONGEST", 10)
    with pytest.raises(ValueError, match="11 bytes"):
        frame(Kind.ANSWER, 1, b"x" * 11)
    with pytest.raises(Broken):
        list(Frames().feed(long[:9]))
