"""A relayed stream that is cut anywhere ends, for whoever reads the client's side, in an event that says so (F08)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Final

import pytest

from operators.clock import Clock
from pipeline.decode import Decode
from pipeline.dialects import DIALECTS
from pipeline.encode import Encode
from pipeline.errors import GatewayError
from pipeline.parse import parse
from pipeline.providers.embedded import DemoProvider
from pipeline.providers.frame import Head
from pipeline.request import Target
from pipeline.resolve import Candidate
from pipeline.wire.sse import SseEvent, SseReader
from tests.support.clients import hello
from tests.support.neutral import Answer, Block, Usage
from tests.support.wire import EVENTS

WHOLE: Final = Answer(
    [Block("text", "One, two."), Block("tool", id="call_1", name="f", arguments={"a": 1})], "tool_calls", Usage()
)
LAST: Final = {"chat": b"", "responses": b"response.failed", "messages": b"error"}
"""The name of the event that says that a stream failed."""
ENDS: Final = {"chat": b"[DONE]", "responses": b"response.completed", "messages": b"message_stop"}


class Relayed:
    """What a client gets when a provider of its own dialect sends these bytes and closes."""

    def __init__(self, dialect: str, wire: bytes, loop: asyncio.AbstractEventLoop) -> None:
        body = json.dumps({**hello(dialect, "m"), "max_tokens": 9, "stream": True}).encode()
        exchange = parse(DIALECTS[dialect], body, Clock(loop), id="req_1", headers={})
        candidate = Candidate(DemoProvider("p"), "m", Target(dialect=dialect, model="m", provider="p"), "p/m")
        decode, encode = Decode(candidate, exchange), Encode(lambda name: lambda kind, value: None, exchange)
        self.out = b""
        try:
            for frame in (Head(1, content_type="text/event-stream"), wire):
                for batch in decode.feed(frame):
                    self.out += b"".join(encode.feed(batch))
            for batch in decode.close():
                self.out += b"".join(encode.feed(batch))
            self.failed = False
        except GatewayError as error:
            self.failed = True
            self.out += b"".join(encode.fail(error)) if self.out else b""

    def heard(self) -> list[SseEvent]:
        reader = SseReader()
        events = reader.feed(self.out)
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
        relayed = Relayed(dialect, wire[:place], loop)
        if not relayed.out:
            continue
        events = relayed.heard()
        assert all(isinstance(json.loads(data), dict) for _, data in events if data != b"[DONE]")
        name, data = events[-1]
        if ENDS[dialect] in (name, data):
            # Finished but for its last mark: nothing is missing (F11).
            continue
        assert relayed.failed
        assert name == LAST[dialect]
        assert b'"error"' in data
        told += 1
    assert told > len(wire) // 3
