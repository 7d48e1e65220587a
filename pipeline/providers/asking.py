"""A request on a pooled connection, until the head of its answer was read: from inside the read that brought it, without a task.

A provider may close an idle connection in the very moment in which it is used again. Nothing was wrong with the request then,
so that it goes out once more without anybody counting a failure; who never answers on new connections is asked just once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from pipeline.providers.answer import Answer
from pipeline.providers.forward import Watched, nobody
from pipeline.wire.head import TOGETHER

if TYPE_CHECKING:
    from aiohttp.connector import Connection

    from pipeline.providers.pool import Destination, Pool

STALE_WITHIN: Final = 0.5
"""Seconds: a connection that its provider had closed before fails at once. One that fails later had been at work."""


class Unreadable(aiohttp.ClientError):
    """What came is no answer in HTTP."""


class ConnectTimeout(aiohttp.ClientConnectionError):
    """No connection was there in time."""


class Asking:
    """One request under way. Its end is told once: by ``answered``, or by ``failed``; possibly from inside ``begin``.

    Args:
        pool: has the connections.
        to: whom to ask.
        head: of the request, as ``request_head`` makes it.
        body: its body.
        answered: called with the answer, from inside the read that brought its head.
        failed: called with a ConnectTimeout (no connection in time), another aiohttp.ClientConnectionError or OSError (no
            connection, or it was lost before the answer's head), Unreadable (what came is not HTTP), or whatever else the
            connecting raised.
    """

    __slots__ = (
        "_answered",
        "_began",
        "_body",
        "_connecting",
        "_connection",
        "_failed",
        "_fresh",
        "_head",
        "_pool",
        "_to",
        "_used",
    )

    def __init__(
        self,
        pool: Pool,
        to: Destination,
        head: bytes,
        body: bytes,
        answered: Callable[[Answer], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._pool = pool
        self._to = to
        self._head = head
        self._body = body
        self._answered = answered
        self._failed = failed
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._fresh = self._used = False
        self._began = 0.0

    def begin(self) -> None:
        """Send the request: at once where a connection is free, else as soon as there is a new one."""
        while (connection := self._pool.idle(self._to)) is not None:
            if not self._spoilt(connection):
                self._send(connection)
                return
            connection.close()
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def close(self) -> None:
        """End it, and its connection with it; nothing is told any more. Idempotent, and nothing after its end."""
        connection, self._connection = self._connection, None
        connecting, self._connecting = self._connecting, None
        self._answered = self._failed = nobody
        if connecting is not None:
            connecting.cancel()
        if connection is not None:
            _watched(connection).told = None
            connection.close()

    def _spoilt(self, connection: Connection) -> bool:
        """Whether a connection that was used before is of no use for this request."""
        protocol = _watched(connection)
        # Something came on it while nobody had asked: it would be taken for the answer to this request. Or it is as old as one
        # that had gone stale.
        return protocol.used and (self._fresh or protocol.should_close)

    async def _connect(self) -> None:
        try:
            connection = await self._pool.connect(self._to)
        except TimeoutError as error:
            timeout = ConnectTimeout()
            timeout.__cause__ = error
            self._fail(timeout)
        except asyncio.CancelledError:
            # Nothing is told where this was our own doing.
            self._fail(aiohttp.ClientConnectionError("The connecting was interrupted."))
            raise
        except Exception as error:
            self._fail(error)
        else:
            self._connecting = None
            self._send(connection)

    def _send(self, connection: Connection) -> None:
        self._connection = connection
        protocol = _watched(connection)
        self._used, protocol.used = protocol.used, True
        transport: Any = protocol.transport
        if transport is None or (not self._used and protocol.should_close):
            # It is new, and lost again, or its other side spoke first.
            error: Any = protocol.exception()
            self._lost(error or Unreadable("something came before anybody had asked"))
            return
        # A body without a length ends with the connection. What is compressed, although nobody asked for that, is unpacked.
        protocol.set_response_params(read_until_eof=True, auto_decompress=True)
        protocol.told = self._came
        protocol.heading = True
        self._began = monotonic()
        body = self._body
        head = b"%bcontent-length: %d\r\n\r\n" % (self._head, len(body))
        if len(body) <= TOGETHER:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)

    def _came(self) -> None:
        connection = self._connection
        if connection is None:
            return
        protocol = _watched(connection)
        while (came := protocol.answered()) is not None:
            message, content = came
            if message.code == 101:
                self._lost(Unreadable("the protocol was switched without being asked"))
                return
            if not 100 <= message.code < 600:
                self._lost(Unreadable(f"{message.code} is no status"))
                return
            if message.code < 200:
                # A hint: whoever gave it was at work on this request.
                self._used = False
            else:
                self._connection = protocol.told = None
                answered = self._answered
                self._answered = self._failed = nobody
                answered(Answer(self._pool, self._to, connection, message, content))
                return
        error: Any = protocol.exception()
        if error is not None:
            self._lost(error)

    def _lost(self, error: Exception) -> None:
        """The connection is of no use any more."""
        connection, self._connection = self._connection, None
        assert connection is not None
        _watched(connection).told = None
        connection.close()
        if isinstance(error, HttpProcessingError):
            unreadable = Unreadable(error.message)
            unreadable.__cause__ = error
            self._fail(unreadable)
        elif self._used and monotonic() - self._began <= STALE_WITHIN and _was_stale(error):
            # It goes out once more, on a new connection.
            self._fresh = True
            self.begin()
        else:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        failed = self._failed
        self._connecting = None
        self._answered = self._failed = nobody
        failed(error)


def _watched(connection: Connection) -> Watched:
    protocol: Any = connection.protocol
    return protocol  # type: ignore[no-any-return]


def _was_stale(error: Exception) -> bool:
    """Whether a request on a connection that was used before met one that its provider had closed before it came."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        # Half a head is an answer that broke off: the provider was at work.
        return isinstance(error.message, str)
    return isinstance(error, aiohttp.ClientOSError)
