"""The connections that all HTTP providers share: a request goes out in one write, and its answer is open when its head was read.

It stands on aiohttp's pool of connections and on its parser. What aiohttp's own session adds to them (cookies, redirects,
proxies, credentials, a task for each body) must not be here, and costs more than all that is left.

A provider may close an idle connection in the very moment in which it is used again. Nothing was wrong with the request then,
so that it goes out once more without anybody counting a failure; who never answers on new connections is asked just once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from pipeline.providers.forward import Forward, Watched
from pipeline.wire.head import TOGETHER
from pipeline.wire.head import head as wire_head

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.http_parser import RawResponseMessage
    from multidict import CIMultiDictProxy
    from yarl import URL

    from operators.source import FlowGate

STALE_WITHIN: Final = 0.5
"""Seconds: a connection that its provider had closed before fails at once. One that fails later had been at work."""


class Unreadable(aiohttp.ClientError):
    """What came is no answer in HTTP."""


class ConnectTimeout(aiohttp.ClientConnectionError):
    """No connection was there in time."""


class _Whom(aiohttp.ClientRequest):
    """Tells aiohttp's pool whom to connect to. It is never sent, so that what it tells is told once."""

    connection_key = cached_property(aiohttp.ClientRequest.connection_key.fget)  # type: ignore[attr-defined]


class Destination:
    """Where requests go. For one event loop, the running one.

    Args:
        url: of a service, with its path.
        connect_timeout: seconds for resolving, connecting and the TLS handshake together.
    """

    __slots__ = ("request", "timeout")

    def __init__(self, url: URL, connect_timeout: float) -> None:
        self.request = _Whom("POST", url)
        self.timeout = aiohttp.ClientTimeout(total=None, connect=connect_timeout)


class Answer:
    """An answer whose head was read. Read to its end, its connection goes back to the pool by itself.

    Args:
        connection: on which it comes.
        message: its head.
        content: its body, as it comes.
    """

    __slots__ = ("_connection", "_protocol", "content", "headers", "status")

    def __init__(self, connection: Connection, message: RawResponseMessage, content: aiohttp.StreamReader) -> None:
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

    async def forward(self, push: Callable[[bytes], None], gate: FlowGate) -> None:
        """Push what comes of the body, from inside the read that brought it, until the end of the body (see ``Forward``)."""
        await Forward(self._protocol, self.content, push, gate).run()

    def close(self) -> None:
        """Close the connection, unless it went back to the pool. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        transport = connection.transport
        if transport is not None and transport.get_write_buffer_size():
            # It answered before it had read the request: what is still on its way would be taken for another one.
            connection.close()
        else:
            connection.release()


class Pool:
    """A context manager within a running loop. Providers' own ``max_in_flight`` bounds it."""

    def __init__(self) -> None:
        self._connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, keepalive_timeout=55)
        # There is no other way to say of which kind its connections are.
        self._connector._factory = partial(Watched, loop=asyncio.get_running_loop())  # type: ignore[assignment]

    async def __aenter__(self) -> Pool:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._connector.close()

    async def post(self, to: Destination, head: bytes, body: bytes) -> Answer:
        """Send a request, and wait for the head of its answer.

        Args:
            to: whom.
            head: of the request, as :func:`request_head` makes it.
            body: its body.

        Raises:
            ConnectTimeout: no connection in time.
            aiohttp.ClientConnectionError, OSError: no connection, or it was lost before the answer's head.
            Unreadable: what came is not HTTP.

        Cancelled: the connection is closed.
        """
        fresh = False
        while True:
            try:
                connection = await self._connector.connect(to.request, _NO_TRACES, to.timeout)
            except TimeoutError as error:
                raise ConnectTimeout from error
            protocol: Any = connection.protocol
            used, protocol.used = getattr(protocol, "used", False), True
            if protocol.should_close or (fresh and used):
                # Something came on it while nobody had asked: it would be taken for the answer to this request. Or it is
                # as old as one that had gone stale.
                connection.close()
                continue
            began = monotonic()
            try:
                return await _ask(connection, protocol, head, body)
            except HttpProcessingError as error:
                raise Unreadable(error.message) from error
            except aiohttp.ClientConnectionError as error:
                if not used or monotonic() - began > STALE_WITHIN or not _was_stale(error):
                    raise
                # It goes out once more, on a new connection.
                fresh = True


async def _ask(connection: Connection, protocol: Any, head: bytes, body: bytes) -> Answer:
    try:
        # A body without a length ends with the connection. What is compressed, although nobody asked for that, is unpacked.
        protocol.set_response_params(read_until_eof=True, auto_decompress=True)
        transport = protocol.transport
        head = b"%bcontent-length: %d\r\n\r\n" % (head, len(body))
        if len(body) <= TOGETHER:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        while True:
            message, content = await protocol.read()
            if message.code >= 200:
                return Answer(connection, message, content)
            if message.code == 101:
                raise Unreadable("the protocol was switched without being asked")
    except BaseException:
        connection.close()
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


def _was_stale(error: aiohttp.ClientConnectionError) -> bool:
    """Whether a request on a connection that was used before met one that its provider had closed before it came."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        # Half a head is an answer that broke off: the provider was at work.
        return isinstance(error.message, str)
    return isinstance(error, aiohttp.ClientOSError)


_NO_TRACES: Final[list[Any]] = []
