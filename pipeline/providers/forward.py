"""A body that is handed on from inside the very read that brought it, without a turn of a task for each read.

A stream of tokens is one short read after another: waking a task for each costs more than all that a chain does with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiohttp import ClientPayloadError, StreamReader
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_parser import RawResponseMessage
from aiohttp.streams import EmptyStreamReader

from operators.source import FlowGate

# By this name, since what ``super()`` does once more for each token is known here.
_received: Final = ResponseHandler.data_received


class Watched(ResponseHandler):
    """aiohttp's side of a connection. It tells who waits for an answer or its body that something came, or that nothing will."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.told: Callable[[], None] | None = None
        """Whom to tell; who sets it takes it back."""
        self.heading = False
        """Whether nothing has come yet of what was asked for."""
        self.used = False
        """Whether a request went out on it before."""
        self.broken = False
        """Whether what came cannot be read any more. Of a fault between two pieces of a body nobody else hears."""

    def data_received(self, data: bytes) -> None:
        if self.heading:
            data = self._headed(data)
            if not data:
                return
        _received(self, data)
        told = self.told
        if told is not None:
            told()

    def _headed(self, data: bytes) -> bytes:
        """Let the head of a stream be answered before what came along with it is read. Returns what is still to be read.

        A fast provider sends many small chunks along with the head. Read together with it they would go one by one through a
        reader that nobody has taken over yet, which is a quarter of the bytecodes of a stream of 100. A fault among them is one
        of the body then, as it is where they come a moment later.
        """
        self.heading = False
        end = data.find(b"\r\n\r\n") + 4
        if not 4 <= end < len(data) or data.find(b"text/event-stream", 0, end) < 0:
            return data
        _received(self, data[:end])
        # Whoever is told may be at the end of this answer, and ask again at once: what is unread keeps this connection from that.
        self._tail = data[end:]
        if self.told is not None:
            self.told()
        rest, self._tail = self._tail, b""
        # Or the connection was closed.
        return rest if self.transport is not None else b""

    def answered(self) -> tuple[RawResponseMessage, StreamReader] | None:
        """The head of an answer, with the body that follows it, where one came that nobody took yet."""
        return self._buffer.popleft()[0] if self._buffer else None

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
        ended: called once, at the end of the body with None, or with what broke it off, as its reader tells it. What came before
            is handed on first, unless the gate is shut.
    """

    __slots__ = ("_busy", "_content", "_ended", "_gate", "_over", "_protocol", "_push")

    def __init__(
        self,
        protocol: Watched,
        content: StreamReader,
        push: Callable[[bytes], None],
        gate: FlowGate,
        ended: Callable[[BaseException | None], None],
    ) -> None:
        self._protocol = protocol
        self._content = content
        self._push = push
        self._gate = gate
        self._ended = ended
        self._busy = self._over = False

    def begin(self) -> None:
        """Hand on what came already, from inside this call; and all else from inside the reads that bring it."""
        if isinstance(self._content, EmptyStreamReader):
            # All answers without a body share this one.
            self._end(None)
            return
        # Its parser made it, and asks nobody of which kind.
        self._content.__class__ = _Taken
        if not self._content.is_eof():
            # Else the connection may serve the next request already.
            self._protocol.told = self._came
        self._came()

    def leave(self) -> None:
        """Hand on nothing any more, and tell of no end. Idempotent."""
        if self._over:
            return
        self._over = True
        if self._protocol.told == self._came:
            # Else the next request on this connection is under way.
            self._protocol.told = None
        self._gate.forget(self._came)
        # Who is told may hold this.
        self._push = self._ended = nobody

    def _came(self) -> None:
        # Room in the reader may bring more of what the parser holds back, from inside the reading.
        if self._busy:
            return
        self._busy = True
        content: Any = self._content
        gate, push, buffer = self._gate, self._push, content._buffer
        try:
            # Whoever takes a piece may leave for it.
            while buffer and gate.is_open and not self._over:
                push(content.take())
        except Exception as error:
            self._end(error)
            return
        finally:
            self._busy = False
            del push
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
        if not gate.is_open and not self._over:
            gate.on_reopen(self._came)

    def _end(self, error: BaseException | None) -> None:
        if not self._over:
            ended = self._ended
            self.leave()
            ended(error)


def nobody(_: object) -> None:
    """Whom what comes after the end is told."""
