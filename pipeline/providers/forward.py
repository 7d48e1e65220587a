"""A body that is handed on from inside the very read that brought it, without a turn of a task for each read.

A stream of tokens is one short read after another: waking a task for each costs more than all that a chain does with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import ClientPayloadError, StreamReader
from aiohttp.client_proto import ResponseHandler
from aiohttp.streams import EmptyStreamReader

from operators.source import FlowGate


class Watched(ResponseHandler):
    """aiohttp's side of a connection, which tells whoever follows a body that something came, or that nothing will."""

    told: Callable[[], None] | None = None
    """Whom to tell; set and taken back by a :class:`Forward`."""
    broken = False
    """Whether what came cannot be read any more. Of a fault between two pieces of a body nobody else hears."""

    def data_received(self, data: bytes) -> None:
        # What ``super()`` does once more for each token is known here.
        ResponseHandler.data_received(self, data)
        told = self.told
        if told is not None:
            told()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        told = self.told
        if told is not None:
            told()

    def set_exception(self, *of: BaseException) -> None:
        self.broken = True
        super().set_exception(*of)

    def _reschedule_timeout(self) -> None:
        # Silence is measured by guards, which know more about it.
        pass

    def resume_reading(self, resume_parser: bool = True) -> None:
        # Its reader asks for this whenever it is nearly empty, which is after each token; there is something to do after a pause.
        if self._reading_paused:
            super().resume_reading(resume_parser)


class _Taken(StreamReader):
    """A body that is taken as it comes, all of it at once: what a reader does beside that takes longer than all else here."""

    __slots__ = ()

    def feed_data(self, data: bytes, size: int = 0) -> bool:
        if data:
            self._buffer.append(data)
            self._size += len(data)
        if self._size > self._high_water:
            self._protocol.pause_reading()
        return False

    def begin_http_chunk_receiving(self) -> None:
        # Nobody asks where its chunks end.
        pass

    def end_http_chunk_receiving(self) -> None:
        pass

    def take(self) -> bytes:
        """All that came, and room for more: that may come from inside."""
        buffer = self._buffer
        if len(buffer) == 1:
            data = buffer.popleft()
        else:
            data = b"".join(buffer)
            buffer.clear()
        self._size = 0
        self._protocol.resume_reading()
        return data


class Forward:
    """Hands on the body of one answer.

    Args:
        protocol: of the connection on which it comes.
        content: the body.
        push: takes each piece; it never raises.
        gate: while it is shut nothing is read, and a provider that goes on writing is slowed down by its socket.
    """

    __slots__ = ("_busy", "_content", "_done", "_gate", "_protocol", "_push")

    def __init__(self, protocol: Watched, content: StreamReader, push: Callable[[bytes], None], gate: FlowGate) -> None:
        self._protocol = protocol
        self._content = content
        self._push = push
        self._gate = gate
        self._busy = False
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Return at the end of the body.

        Raises:
            aiohttp.ClientPayloadError, OSError, ...: what broke it off, as its reader tells it. What came before is handed on
                first, unless the gate is shut.

        Cancelled: nothing is handed on any more.
        """
        if isinstance(self._content, EmptyStreamReader):
            # All answers without a body share this one.
            return
        # Its parser made it, and asks nobody of which kind.
        self._content.__class__ = _Taken
        self._protocol.told = self._came
        try:
            self._came()
            await self._done
        finally:
            self._leave()
            self._gate.forget(self._came)

    def _came(self) -> None:
        # Room in the reader may bring more of what the parser holds back, from inside the reading.
        if self._busy or self._done.done():
            return
        self._busy = True
        content: Any = self._content
        gate, buffer = self._gate, content._buffer
        try:
            while buffer and gate.is_open:
                self._push(content.take())
        except Exception as error:
            self._end(error)
            return
        finally:
            self._busy = False
        if content._eof:
            if not buffer:
                self._end(None)
                return
        elif content._exception is not None:
            self._end(content._exception)
            return
        elif self._protocol.broken:
            self._end(ClientPayloadError("what came of the body is not HTTP"))
            return
        if not gate.is_open:
            gate.on_reopen(self._came)

    def _end(self, error: BaseException | None) -> None:
        self._leave()
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)

    def _leave(self) -> None:
        if self._protocol.told == self._came:
            self._protocol.told = None
