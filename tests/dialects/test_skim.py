"""A read that is skimmed says what the decoder proper would have said of it, whatever stands around the data of its events."""

from __future__ import annotations

import pytest

from pipeline.dialects import DIALECTS
from pipeline.dialects.codec import Decoder
from pipeline.events import Text
from tests.support.neutral import Answer, Block, Usage
from tests.support.wire import EVENTS

SAID = "All of it, piece by piece, " * 40


def said(decoder: Decoder, reads: list[bytes]) -> tuple[str, bytes, bool]:
    """(the text, the bytes handed on, whether it ended well)."""
    batches = [decoder.feed(read) for read in reads]
    batches.append(decoder.close())
    assert [batch.error for batch in batches if batch.error] == []
    texts = [event.text for batch in batches for event in batch.events if isinstance(event, Text)]
    return "".join(texts), b"".join(batch.raw for batch in batches), any(batch.ends for batch in batches)


def behind(event: bytes) -> bytes:
    """The event's name behind its data, as one provider sends it."""
    lines = event.split(b"\n")
    return b"\n".join([*reversed(lines[:-2]), *lines[-2:]])


@pytest.mark.parametrize("size", [10_000_000, 5000, 700], ids=["one read", "long reads", "short reads"])
@pytest.mark.parametrize("form", ["name first", "name behind the data"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_skimmed_stream_is_the_same_stream(dialect: str, form: str, size: int) -> None:
    events = list(EVENTS[dialect](Answer([Block("text", SAID)], "stop", Usage(5, 9, 14, 0, 0, 0))))
    wire = b"".join(events if form == "name first" else map(behind, events))
    reads = [wire[start : start + size] for start in range(0, len(wire), size)]
    assert said(DIALECTS[dialect].relay_decoder(), reads) == (SAID, wire, True)
    assert said(DIALECTS[dialect].decoder(), reads) == (SAID, wire, True)
