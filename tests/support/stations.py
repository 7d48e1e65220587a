"""The decode and encode stations by themselves: what a client gets of a provider's bytes, without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from operators.clock import Clock
from pipeline.decode import Decode
from pipeline.dialects import DIALECTS
from pipeline.encode import Encode
from pipeline.parse import parse
from pipeline.providers.embedded import DemoProvider
from pipeline.providers.frame import Frame, Head, Whole
from pipeline.request import Losses, Sent, Target
from pipeline.resolve import Candidate
from tests.support.clients import hello


class Passed:
    """A provider of one dialect sends these bytes and closes; a client of another (or the same) asked for them.

    ``out`` is what the client gets, ``error`` what the answer failed with, and ``ended`` whether it is complete.
    """

    def __init__(
        self, client: str, provider: str, wire: Sequence[bytes] | bytes, loop: asyncio.AbstractEventLoop, *, stream: bool = True
    ) -> None:
        body = json.dumps({**hello(client, "m"), "max_tokens": 9, "stream": stream}).encode()
        exchange = parse(DIALECTS[client], body, Clock(loop), id="req_1", headers={})
        candidate = Candidate(DemoProvider("p"), "m", Target(dialect=provider, model="m", provider="p"), "p/m")
        decode, encode = Decode(candidate, False, exchange), Encode(lambda name: lambda kind, value: value, exchange)
        frames: list[Frame]
        sent = Sent(1, Losses())
        if isinstance(wire, bytes):
            frames = [Whole(Head(sent, content_type="application/json"), wire)]
        else:
            frames = [Head(sent, content_type="text/event-stream"), *wire]
        self.out = b""
        self.error: Exception | None = None
        try:
            for frame in frames:
                for batch in decode.feed(frame):
                    self.out += b"".join(encode.feed(batch))
            for batch in decode.close():
                self.out += b"".join(encode.feed(batch))
            self.out += b"".join(encode.close())
        except Exception as error:
            self.error = error
            if self.out:
                self.out += b"".join(encode.fail(error))
        self.ended = exchange.ended
