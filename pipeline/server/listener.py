"""The HTTP server's connections: whoever is refused here is heard out and counted, whoever takes nothing is let go."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

T = TypeVar("T")

TOO_LONG: Final = 431

QUIET: Final = 0.1
"""Seconds: whoever sent nothing for so long has sent all that it wanted to."""
PATIENCE: Final = 2.0
"""Seconds for all of that, for one peer."""


class Listener(web.Server):
    """As its base. A first line or header that is too long is counted, and refused by name; who takes nothing is let go.

    Args:
        handler: as its base takes it.
        on_too_long: called once for each such request.
        send_timeout: tells for how many seconds a client may take nothing of what waits for it.
        on_stuck: called once for each client that took nothing for so long; its connection is closed then.
        options: of each connection, as its base takes them.
    """

    def __init__(
        self,
        handler: Any,
        *,
        on_too_long: Callable[[], None],
        send_timeout: Callable[[], float],
        on_stuck: Callable[[], None],
        **options: Any,
    ) -> None:
        super().__init__(handler, **options)
        self.on_too_long = on_too_long
        self.send_timeout = send_timeout
        self.on_stuck = on_stuck
        self.here = _Here(self._loop)

    def abandon(self) -> None:
        """Close the connections of clients for whom more waits than they take."""
        for connection in self.connections:
            if connection._paused and connection.transport is not None:
                connection.transport.abort()

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Here:
    """The event loop as a connection sees it that serves its requests in its own task, one after another.

    Its base makes a task for each: two more turns of the loop. (From Python 3.12 on it begins that task at once.) So the requests
    of a connection share one context, where somebody sets context variables; nobody here does.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Asked for with each request, and not by a detour.
        self.time = loop.time
        self.call_at = loop.call_at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def create_task(self, work: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """What is awaited right away may be awaited itself."""
        return work


class _Connection(RequestHandler):
    __slots__ = ("_listener", "_stuck")

    def __init__(self, listener: Listener, **options: Any) -> None:
        super().__init__(listener, **options)
        self._listener = listener
        self._stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if sys.version_info < (3, 12):
            # From now on: the task of the connection itself is there.
            here: Any = self._listener.here
            self._loop = here

    def pause_writing(self) -> None:
        """More waits for the client than its socket takes at once."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """The client took most of it."""
        self._unwatch()
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            waits = transport.get_write_buffer_size()
            self._stuck = self._loop.call_later(self._listener.send_timeout(), self._look, waits)

    def _unwatch(self) -> None:
        timer, self._stuck = self._stuck, None
        if timer is not None:
            timer.cancel()

    def _look(self, waited: int) -> None:
        """Whether the client took anything since as much as this waited for it."""
        transport: Any = self.transport
        if transport is None:
            return
        if transport.get_write_buffer_size() < waited:
            self._watch()
        else:
            self._listener.on_stuck()
            transport.abort()

    def _make_error_handler(self, err_info: Any) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        answer = super()._make_error_handler(err_info)

        async def refuse(request: web.BaseRequest) -> web.StreamResponse:
            response = await answer(request)
            # Sent here, since its base, who finds that it was, closes at once.
            await response.prepare(request)
            await response.write_eof()
            await _Rest(self).read()
            return response

        return refuse

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if isinstance(exc, LineTooLong):
            self._listener.on_too_long()
            # What was too long is not repeated: it may hold a key.
            message = f"The first line or a header of the request is longer than {exc.args[1]} bytes (`server.header_limit`).\n"
            status = TOO_LONG
        return super().handle_error(request, status, exc, message)


class _Rest(asyncio.Protocol):
    """Reads what a peer still sends that was refused: closing on unread bytes would take back what it was told."""

    def __init__(self, connection: RequestHandler) -> None:
        self._connection = connection
        self._came = asyncio.Event()

    async def read(self) -> None:
        """Return when nothing comes for ``QUIET`` seconds, or after ``PATIENCE``. The transport stays with this one.

        Cancelled: the peer closed, or the server ends.
        """
        transport = self._connection.transport
        if transport is None:
            return
        transport.set_protocol(self)
        if not transport.is_reading():
            # Behind another request it was too much.
            transport.resume_reading()
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    self._came.clear()
                    async with asyncio.timeout(QUIET):
                        await self._came.wait()
        except TimeoutError:
            pass

    def data_received(self, data: bytes) -> None:
        self._came.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)
