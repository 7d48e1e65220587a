"""The connections that all HTTP providers share: a request goes out in one write, and its answer is open when its head was read.

It stands on aiohttp's pool of connections and on its parser. What aiohttp's own session adds to them (cookies, redirects,
proxies, credentials, a task for each body) must not be here, and costs more than all that is left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import aiohttp

from pipeline.providers.answer import Answer
from pipeline.providers.asking import Asking
from pipeline.providers.forward import Watched
from pipeline.wire.head import head as wire_head

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from yarl import URL

IDLE: Final = 55.0
"""Seconds for which a connection may be used again: many services close theirs after a minute."""

Idle: TypeAlias = "deque[tuple[Connection, float]]"
"""Connections, and since when nobody uses them (monotonic seconds); the last one at the end."""


class _Whom(aiohttp.ClientRequest):
    """Tells aiohttp's pool whom to connect to. It is never sent, so that what it tells is told once."""

    connection_key = cached_property(aiohttp.ClientRequest.connection_key.fget)  # type: ignore[attr-defined]


class Destination:
    """Where requests go (``Pool.destination``).

    Args:
        request: that tells whom to connect to.
        connect_timeout: seconds for resolving, connecting and the TLS handshake together.
        idle: where its pool keeps connections to it that nobody uses.
    """

    __slots__ = ("idle", "request", "timeout")

    def __init__(self, request: aiohttp.ClientRequest, connect_timeout: float, idle: Idle) -> None:
        self.request = request
        self.timeout = aiohttp.ClientTimeout(total=None, connect=connect_timeout)
        self.idle = idle


class Pool:
    """A context manager within a running loop. Providers' own ``max_in_flight`` bounds it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # It connects; what is idle is kept here, where taking it costs a tenth.
        self._connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60)
        # There is no other way to say of which kind its connections are.
        self._connector._factory = partial(Watched, loop=self._loop)  # type: ignore[assignment]
        self._idle: dict[Any, Idle] = {}
        """By whom they are connected to. There are as many as there were destinations."""
        self._sweeping: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Pool:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        for waiting in self._idle.values():
            while waiting:
                waiting.pop()[0].close()
        await self._connector.close()

    def destination(self, url: URL, connect_timeout: float) -> Destination:
        """The service at ``url``; all with the same address share their connections.

        ``connect_timeout``: seconds for resolving, connecting and the TLS handshake together.
        """
        request = _Whom("POST", url)
        return Destination(request, connect_timeout, self._idle.setdefault(request.connection_key, deque()))

    def idle(self, to: Destination) -> Connection | None:
        """The connection that has been idle longest, if there is one; now it is the caller's.

        What its provider still had to say, unasked, has most likely come by now, and is seen.
        """
        waiting = to.idle
        while waiting:
            connection, since = waiting.popleft()
            protocol = connection.protocol
            if protocol is not None and protocol.is_connected() and monotonic() - since <= IDLE:
                return connection
            connection.close()
        return None

    def keep(self, to: Destination, connection: Connection) -> None:
        """Nobody uses this connection any more: the next request may. It is the pool's now."""
        to.idle.append((connection, monotonic()))
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(IDLE, self._sweep)

    def _sweep(self) -> None:
        """Close what nobody used for long."""
        self._sweeping = None
        now = monotonic()
        for waiting in self._idle.values():
            while waiting and now - waiting[0][1] >= IDLE:
                waiting.popleft()[0].close()
        if any(self._idle.values()):
            self._sweeping = self._loop.call_later(IDLE, self._sweep)

    async def connect(self, to: Destination) -> Connection:
        """A new connection. It is the caller's.

        Raises:
            TimeoutError: there is none in time.
            aiohttp.ClientConnectionError, OSError: there is none.

        Cancelled: there is none, and none is under way.
        """
        return await self._connector.connect(to.request, _NO_TRACES, to.timeout)

    def ask(
        self, to: Destination, head: bytes, body: bytes, answered: Callable[[Answer], None], failed: Callable[[Exception], None]
    ) -> Asking:
        """A request that has still to begin (see :class:`Asking`)."""
        return Asking(self, to, head, body, answered, failed)

    async def post(self, to: Destination, head: bytes, body: bytes) -> Answer:
        """Send a request, and wait for the head of its answer.

        Raises:
            ConnectTimeout: no connection in time.
            aiohttp.ClientConnectionError, OSError: no connection, or it was lost before the answer's head.
            Unreadable: what came is not HTTP.

        Cancelled: the connection is closed.
        """
        how = await self._told(to, head, body)
        if isinstance(how, Answer):
            return how
        try:
            raise how
        finally:
            # It knows this frame from now on.
            del how

    async def _told(self, to: Destination, head: bytes, body: bytes) -> Answer | Exception:
        told: asyncio.Future[Answer | Exception] = asyncio.get_running_loop().create_future()

        def ended(how: Answer | Exception) -> None:
            if not told.done():
                told.set_result(how)
            elif isinstance(how, Answer):
                # Who waits for it was cancelled in this very moment.
                how.close()

        asking = self.ask(to, head, body, ended, ended)
        asking.begin()
        try:
            return await told
        except asyncio.CancelledError:
            asking.close()
            if not told.cancelled() and isinstance(how := told.result(), Answer):
                how.close()
            raise


def request_head(url: URL, headers: Mapping[str, str]) -> bytes:
    r"""The head of a POST, without its last header (``content-length``) and its end.

    Args:
        url: where it goes.
        headers: names in lower case; a ``host`` among them counts.

    Raises:
        ValueError: a header holds a line end.

    >>> from yarl import URL
    >>> request_head(URL("http://a.example/v1"), {"accept": "*/*"})
    b'POST /v1 HTTP/1.1\r\nhost: a.example\r\naccept: */*\r\n'
    """
    return wire_head(f"POST {url.raw_path_qs} HTTP/1.1", {"host": url.host_port_subcomponent or "", **headers})


_NO_TRACES: Final[list[Any]] = []
