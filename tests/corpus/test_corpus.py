"""A share of the recorded traffic that holds every feature of it: `make corpus` in small, fast enough for every run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.corpus.bench import Bench, bench
from tests.corpus.checks import PAIRS, check, frames
from tests.corpus.recordings import CORPUS, FOLDERS, Recording, recordings

EACH_FEATURE = 2
"""Recordings of each feature in each dialect, streamed and whole."""


def share() -> list[Recording]:
    """The first recordings (by name) that together show every feature often enough."""
    seen: Counter[tuple[str, bool, str]] = Counter()
    chosen = []
    for recording in recordings():
        shown = [(recording.dialect, recording.stream, feature) for feature in recording.features or {""}]
        if any(seen[each] < EACH_FEATURE for each in shown):
            seen.update(shown)
            chosen.append(recording)
    return chosen


SHARE = share() if CORPUS.is_dir() else []


@pytest.fixture(scope="module")
def replaying() -> Iterator[Bench]:
    with bench({recording.name: recording for recording in SHARE}) as own:
        yield own


@pytest.mark.corpus
# The SDKs warn of what providers send beside their types; that is what this is about.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.skipif(not SHARE, reason="the recorded traffic of ../shared/corpus is not here")
@pytest.mark.parametrize("dialect", FOLDERS)
def test_recorded_traffic_survives_every_pair(replaying: Bench, dialect: str) -> None:
    verdicts = [
        verdict
        for recording in SHARE
        if recording.dialect == dialect
        for verdict in check(replaying, recording, frozenset(PAIRS))
    ]
    failed = [f"{each.pair} {each.what} {each.recording}: {each.reason}" for each in verdicts if each.state == "failed"]
    assert not failed, "\n".join(failed)
    assert {each.pair for each in verdicts} >= {f"{client}:{dialect}" for client in FOLDERS}


def test_frames_are_events_without_comments_whatever_the_line_ends() -> None:
    assert frames(b": hello\n\ndata: 1\n\n: ping\n\nevent: a\ndata: 2\n\n") == [b"data: 1", b"event: a\ndata: 2"]
    assert frames(b"data: 1\r\n\r\ndata: 2\r\n\r\n") == [b"data: 1", b"data: 2"]
    assert frames(b"data: 1\n\ndata: no blank line") == [b"data: 1", b"data: no blank line"]
