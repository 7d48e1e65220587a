"""The pooled client that all HTTP providers share: it tells a connection that was used before from a new one.

A provider may close an idle connection in the very moment in which it is used again. Nothing was wrong with the request then,
so that it goes out once more without anybody counting a failure; who never answers on new connections is asked just once.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from aiohttp.client import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

Session = aiohttp.ClientSession

AGAIN: Final = 1
"""How often a request goes out once more because the connection had gone stale."""

_stale: Final[ContextVar[bool]] = ContextVar("stale", default=False)


class _Pool(aiohttp.TCPConnector):
    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        _stale.set(False)
        connection = await super().connect(req, traces, timeout)
        protocol = connection.protocol
        _stale.set(protocol is not None and getattr(protocol, "served", False))
        if protocol is not None:
            protocol.served = True  # type: ignore[attr-defined]
        return connection


def open_session() -> Session:
    """A client for all providers. Their own ``max_in_flight`` bounds the pool; their cookies are nobody's business."""
    connector = _Pool(limit=0, ttl_dns_cache=60, keepalive_timeout=55)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def was_stale(error: Exception) -> bool:
    """Whether the request that just failed met a connection that its provider had closed before it came."""
    if not _stale.get():
        return False
    if isinstance(error, aiohttp.ServerDisconnectedError):
        # Half a head is an answer that broke off: the provider was at work.
        return isinstance(error.message, str)
    return isinstance(error, aiohttp.ClientOSError)
