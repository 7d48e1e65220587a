"""The emit station of streams (of whole answers: ``whole``): the chain's bytes go to the client's socket, which decides how fast.

Only here and there is subscribed: a client's leaving lets go of everything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import HttpVersion11, web
from reactivex import Observable

from operators.stream import SILENT
from pipeline.at_once import at_once
from pipeline.awaited import Awaited
from pipeline.errors import classify
from pipeline.exchange import HIGH_WATER, Exchange
from pipeline.noting import mark
from pipeline.opening import opening
from pipeline.traces import CLIENT
from pipeline.traces.row import CODES

# What is written at once at most, in bytes; far below the mark at which a socket's buffer counts as full (64 KiB).
AT_ONCE: Final = 8 * 1024

STREAM_HEADERS: Final = {
    # DI-14, TR-S14: nobody on the way may hold an event back.
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}

_WRITTEN: Final = CODES["bytes"]
_OPENED: Final = CODES["opened"]


class _Streamed(web.StreamResponse):
    """A response whose head goes out with its first bytes, which are there when it is opened: one write, not two."""

    _send_headers_immediately = False


class Emission(Awaited):
    """One stream on its way to one client.

    Args:
        exchange: whose answer it is.
        request: the client's request, as the server took it.
        headers: response headers that every answer carries.
        buffered: called with the change of bytes that wait for this client.
        paused: called with the seconds of each pause of the provider that this client caused.
    """

    __slots__ = (
        "_buffered",
        "_chunked",
        "_headers",
        "_loop",
        "_over",
        "_paused",
        "_pending",
        "_request",
        "_response",
        "_shut_at",
        "_size",
        "_trace",
        "_transport",
    )

    def __init__(
        self,
        exchange: Exchange,
        request: web.BaseRequest,
        headers: Mapping[str, str],
        buffered: Callable[[int], None],
        paused: Callable[[float], None],
    ) -> None:
        Awaited.__init__(self, exchange)
        self._request = request
        self._headers = headers
        self._buffered = buffered
        self._paused = paused
        self._shut_at: float | None = None
        """When this client made the provider wait, on the loop's clock; None while it does not."""
        self._loop = exchange.loop
        self._trace = exchange.trace
        self._pending: list[bytes] = []
        self._size = 0
        self._over = False
        self._response: web.StreamResponse | None = None
        self._transport: asyncio.Transport | None = None
        """Of the client, once the response's head is out."""
        self._chunked = False

    async def run(self, answer: Observable[bytes]) -> web.StreamResponse:
        """Subscribe, and write until the answer's end.

        Raises:
            GatewayError: the answer failed before the response was opened; nothing was sent.
            ConnectionResetError: the client left while something was written.

        Cancelled (the client left): the chain is disposed at once, and the provider's connection with it.
        """
        exchange = self._exchange
        self.connect(answer, SILENT, exchange)
        try:
            while True:
                if not (self._pending or self._done):
                    await self.news()
                ended = self._done or exchange.ended
                data = self._take()
                response = self._response
                if response is None:
                    if self._error is not None:
                        raise classify(self._error)
                    response = await self._open()
                if self._error is not None:
                    # No encoder could say it: a broken connection is the last way to tell that this is not the end.
                    self._abort()
                    return response
                if ended:
                    await response.write_eof(data)
                    if data:
                        self._note(_WRITTEN, len(data))
                    return response
                await response.write(data)
                self._opened(response)
                self._wrote(len(data))
                self._note(_WRITTEN, len(data))
        finally:
            self._let_go()

    def on_next(self, data: bytes) -> None:
        if not data:
            # As a chunk of its own it would end the body.
            return
        # Somebody waits for bytes (nothing is in front of these), and the socket has room: they are written at once, without a
        # switch of tasks for each event of a paced stream. Little bytes into an empty buffer stay below its high-water mark, so
        # that the write never has to wait.
        if self._wake is not None and len(data) <= AT_ONCE and not self._exchange.ended:
            transport = self._transport
            if transport is None:
                if self._begun_at_once(data):
                    return
            elif not transport.get_write_buffer_size() and not transport.is_closing():
                # Past the response, which would only frame them: its head went out before, and its end comes from ``run``.
                transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
                trace = self._trace
                if trace is not None and trace.written is not None:
                    trace.written += len(data)
                else:
                    self._note(_WRITTEN, len(data))
                return
        if self._over:
            # The answer is complete and its provider still speaks: nobody will ever take these bytes.
            return
        self._pending.append(data)
        self._size += len(data)
        self._buffered(len(data))
        if self._size > HIGH_WATER:
            self._exchange.gate.shut()
            if self._shut_at is None:
                self._shut_at = self._loop.time()
        self.notify()

    def _begun_at_once(self, data: bytes) -> bool:
        """Open the response with these bytes, where nothing has to be waited for."""
        transport = self._request.transport
        if transport is None or transport.get_write_buffer_size() or transport.is_closing():
            return False
        # A small write into an empty buffer waits for nothing.
        at_once(self._begin(data))
        self._note(_WRITTEN, len(data))
        return True

    async def _begin(self, data: bytes) -> None:
        response = await self._open()
        await response.write(data)
        self._opened(response)

    async def _open(self) -> web.StreamResponse:
        """The response, whose head goes out with the first bytes."""
        response = self._response = _Streamed(headers=opening(self._exchange, STREAM_HEADERS, self._headers))
        if self._request.version < HttpVersion11:
            # Without chunks only the end of the connection tells the end of the answer.
            response.force_close()
        await response.prepare(self._request)
        self._exchange.first_write_at = time.monotonic()
        self._note(_OPENED)
        return response

    def _opened(self, response: web.StreamResponse) -> None:
        """The head went out: what follows may be written past the response."""
        if self._transport is None:
            self._transport = self._request.transport
            self._chunked = response.headers.get("Transfer-Encoding") == "chunked"

    def _take(self) -> bytes:
        pending = self._pending
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        pending.clear()
        return data

    def _wrote(self, size: int) -> None:
        """The socket took that much; until then it counts as waiting."""
        self._size -= size
        self._buffered(-size)
        gate = self._exchange.gate
        if not gate.is_open and self._size <= HIGH_WATER:
            gate.reopen()
            self._went_on()

    def _went_on(self) -> None:
        """The provider does not wait any more."""
        if self._shut_at is not None:
            self._paused(self._loop.time() - self._shut_at)
            self._shut_at = None

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

    def _note(self, code: int, size: int = 0) -> None:
        trace = self._trace
        if trace is not None:
            mark(trace, CLIENT, code, size)

    def _let_go(self) -> None:
        self._over = True
        self._went_on()
        self._buffered(-self._size)
        self._size = 0
        self._pending.clear()
        self.leave()
