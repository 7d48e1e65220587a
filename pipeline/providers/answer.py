"""An answer over HTTP whose head was read: its body is pushed, or gathered; its connection goes back to the pool by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from aiohttp.streams import EMPTY_PAYLOAD

from operators.errors import TooLarge
from operators.source import FlowGate
from pipeline.providers.forward import Forward

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.connector import Connection
    from aiohttp.http_parser import RawResponseMessage
    from multidict import CIMultiDictProxy

    from pipeline.providers.pool import Destination, Pool

_OPEN: Final = FlowGate()
"""Of a body that is wanted whole."""


class Answer:
    """An answer whose head was read. Read to its end, its connection goes back to the pool by itself.

    Args:
        pool: has the connections.
        to: who answers.
        connection: on which it comes.
        message: its head.
        content: its body, as it comes.
    """

    __slots__ = ("_connection", "_pool", "_protocol", "_to", "content", "headers", "status")

    def __init__(
        self,
        pool: Pool,
        to: Destination,
        connection: Connection,
        message: RawResponseMessage,
        content: aiohttp.StreamReader,
    ) -> None:
        self._pool = pool
        self._to = to
        self._connection: Connection | None = connection
        self._protocol: Any = connection.protocol
        self.status: int = message.code
        self.headers: CIMultiDictProxy[str] = message.headers
        self.content = content
        content.on_eof(self._release)

    @property
    def content_type(self) -> str:
        """The media type, in lower case and without parameters; "" where none is told."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def at_hand(self, limit: int) -> bytes | None:
        """The whole body, where it came along with the head, as most that are no streams do, and is not longer than ``limit``."""
        content = self.content
        if content.is_eof() and content.exception() is None and content.total_bytes <= limit:
            return content.read_nowait()
        return None

    def forward(self, push: Callable[[bytes], None], gate: FlowGate, ended: Callable[[BaseException | None], None]) -> Forward:
        """The body's pieces, pushed from inside the reads that bring them (see :class:`Forward`).

        It is the caller's to begin, and to leave when it is of no use any more: then no end is told.
        """
        return Forward(self._protocol, self.content, push, gate, ended)

    def gather(self, limit: int, ended: Callable[[bytes, BaseException | None], None]) -> Forward:
        """The whole body. It is the caller's to begin, and to leave, as that of ``forward``.

        Args:
            limit: most bytes of it.
            ended: called with all that came, and with None at its end, a TooLarge where it is longer (the rest is not read), or
                what broke it off, as its reader tells it.
        """
        pieces: list[bytes] = []
        left = limit

        def push(data: bytes) -> None:
            nonlocal left
            pieces.append(data)
            left -= len(data)
            if left < 0:
                body.leave()
                ended(b"".join(pieces), TooLarge("body_limit", limit))

        body = self.forward(push, _OPEN, lambda error: ended(b"".join(pieces), error))
        return body

    async def gathered(self, limit: int) -> tuple[bytes, BaseException | None]:
        """Gather the body, and wait for its end: what ``gather`` tells of it.

        Cancelled: nothing is gathered any more; the connection is still the caller's to close.
        """
        told: asyncio.Future[tuple[bytes, BaseException | None]] = asyncio.get_running_loop().create_future()

        def ended(*how: Any) -> None:
            # Who was cancelled in this very moment hears of nothing.
            if not told.done():
                told.set_result(how)

        body = self.gather(limit, ended)
        body.begin()
        try:
            return await told
        finally:
            body.leave()

    def close(self) -> None:
        """Close the connection, unless it went back to the pool. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        # It knows this one, to tell it of its end.
        self.content = EMPTY_PAYLOAD

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        protocol = self._protocol
        transport = protocol.transport
        if protocol.should_close or transport is None or transport.get_write_buffer_size():
            # Or it answered before it had read the request: what is still on its way would be taken for another one.
            connection.close()
        else:
            self._pool.keep(self._to, connection)
