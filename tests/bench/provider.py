"""The provider under load: answers of three dialects from prebuilt bytes, so cheap that it is never what is measured.

``python -m tests.bench.provider`` prints its address. The model's name (behind its last slash) says what it does:
``json`` a whole body; ``burst-N`` a stream of N events as fast as the socket takes them; ``paced-N`` one event each 20 ms;
``idle`` the first event, then nothing. The first piece of text comes with the events before it, in one write.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import Final, cast

import uvloop

from tests.bench.wires import DIALECTS, PATHS, setup_events, stream_events, whole_body

PACE: Final = 0.02
"""Seconds from one event of a paced stream to the next."""
SLOTS: Final = 20
"""Into so many slots of a pace the streams are dealt, in turn: evenly spread, and in the same way in each round."""

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MODEL: Final = re.compile(rb'"model": ?"(?:[^"]*/)?([a-z]+)(?:-(\d+))?"')
_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"x-request-id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_BODY_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_bench\r\nContent-Length: %d\r\n\r\n"
_LAST: Final = b"0\r\n\r\n"
_slots = count()
_DIALECT_OF: Final = {PATHS[dialect].encode(): dialect for dialect in DIALECTS}


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@lru_cache
def stream_writes(dialect: str, number: int) -> Sequence[bytes]:
    """The writes of one stream: head, setup and first piece of text together, then one event each, then the end."""
    first = setup_events(dialect) + 1
    chunks = [_chunk(event) for event in stream_events(dialect, number)]
    return (_STREAM_HEAD + b"".join(chunks[:first]), *chunks[first:-1], chunks[-1] + _LAST)


@lru_cache
def body_write(dialect: str) -> bytes:
    """A whole answer with its head."""
    body = whole_body(dialect)
    return _BODY_HEAD % len(body) + body


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests come one after another."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._writes: Sequence[bytes] = ()
        self._next = 0
        self._due = 0.0
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._writes = ()
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data
        end = buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        length = _LENGTH.search(buffer, 0, end)
        if length is None or len(buffer) < end + int(length[1]):
            return
        self._buffer = b""
        model = _MODEL.search(buffer, end)
        dialect = _DIALECT_OF.get(buffer[: buffer.index(b" HTTP/")].removeprefix(b"POST "))
        if model is None or dialect is None:
            self._transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        self._answer(dialect, model[1], int(model[2] or 100))

    def _answer(self, dialect: str, kind: bytes, number: int) -> None:
        if kind == b"json":
            self._transport.write(body_write(dialect))
            return
        self._writes = stream_writes(dialect, number)
        self._transport.write(self._writes[0])
        self._next = 1
        if kind == b"burst":
            self._burst()
        elif kind == b"paced":
            now = self._loop.time()
            self._due = now - now % PACE + PACE * (1 + next(_slots) % SLOTS / SLOTS)
            self._timer = self._loop.call_at(self._due, self._step)

    def _burst(self) -> None:
        writes, write = self._writes, self._transport.write
        place, end = self._next, len(writes)
        while place < end and not self._paused:
            write(writes[place])
            place += 1
        self._next = place

    def _step(self) -> None:
        self._transport.write(self._writes[self._next])
        self._next += 1
        self._timer = None
        if self._next < len(self._writes):
            # Due times, not delays: the pace does not depend on how late a timer was.
            self._due += PACE
            self._timer = self._loop.call_at(self._due, self._step)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._timer is None and self._next < len(self._writes):
            self._burst()


async def serve() -> None:
    """Listen on a free port until the process is terminated."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
