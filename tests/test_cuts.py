"""A relayed stream that is cut anywhere ends, for whoever reads the client's side, in an event that says so (F08)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Final

import pytest

from pipeline.dialects import DIALECTS
from pipeline.errors import GatewayError
from pipeline.wire.sse import SseEvent, SseReader
from tests.support.neutral import Answer, Block, Usage
from tests.support.stations import Passed
from tests.support.wire import EVENTS

WHOLE: Final = Answer(
    [Block("text", "One, two."), Block("tool", id="call_1", name="f", arguments={"a": 1})], "tool_calls", Usage()
)
LAST: Final = {"chat": b"", "responses": b"response.failed", "messages": b"error"}
"""The name of the event that says that a stream failed."""
ENDS: Final = {"chat": b"[DONE]", "responses": b"response.completed", "messages": b"message_stop"}


def heard(out: bytes) -> list[SseEvent]:
    reader = SseReader()
    events = reader.feed(out)
    assert reader.close() == [], "the last event lacks its blank line"
    return events


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_cut_of_a_relayed_stream_is_told_in_an_event_that_can_be_read_F08(
    dialect: str, end: bytes, loop: asyncio.AbstractEventLoop
) -> None:
    wire = b"".join(EVENTS[dialect](WHOLE)).replace(b"\n", end)
    told = 0
    for place in range(len(wire) + 1):
        passed = Passed(dialect, dialect, [wire[:place]], loop)
        if not passed.out:
            continue
        events = heard(passed.out)
        assert all(isinstance(json.loads(data), dict) for _, data in events if data != b"[DONE]")
        name, data = events[-1]
        if ENDS[dialect] in (name, data):
            # Finished but for its last mark: nothing is missing (F11).
            continue
        assert isinstance(passed.error, GatewayError)
        assert name == LAST[dialect]
        assert b'"error"' in data
        told += 1
    assert told > len(wire) // 3


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_second_answer_behind_the_end_is_not_handed_on(dialect: str, loop: asyncio.AbstractEventLoop) -> None:
    wire = b"".join(EVENTS[dialect](WHOLE))
    assert Passed(dialect, dialect, [wire + wire + b"data: {garbage\n\n"], loop).out == wire
