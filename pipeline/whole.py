"""The emit station of whole answers: the chain's bytes become a response, whose head and body leave in one write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE
from reactivex import Observable

from operators.stream import SILENT
from pipeline.awaited import Awaited
from pipeline.errors import classify
from pipeline.exchange import Exchange
from pipeline.noting import mark
from pipeline.opening import opening
from pipeline.traces import CLIENT
from pipeline.traces.row import CODES
from pipeline.wire.head import TOGETHER, head

HEADERS: Final = {"Content-Type": "application/json"}

_WRITTEN: Final = CODES["bytes"]


class Gathering(Awaited):
    """One whole answer on its way to one client: nobody sees anything of it before all of it is there."""

    __slots__ = ("_said",)

    def __init__(self, exchange: Exchange) -> None:
        Awaited.__init__(self, exchange)
        self._said = b""

    async def run(self, answer: Observable[bytes], request: web.BaseRequest, headers: Mapping[str, str]) -> web.StreamResponse:
        """Subscribe, and return the response to ``request`` when the answer is there. ``headers``: what every answer carries.

        Raises:
            GatewayError: the answer failed.

        Cancelled (the client left): the chain is disposed at once, and the provider's connection with it.
        """
        exchange = self._exchange
        self.connect(answer, SILENT, exchange)
        try:
            if not (self._said or self._done):
                await self.news()
            if self._error is not None:
                raise classify(self._error)
            # A body encoder speaks once, at the answer's end.
            body, trace, opened = self._said, exchange.trace, exchange.opened
            if trace is not None:
                mark(trace, CLIENT, _WRITTEN, len(body))
                if trace.bodies is not None:
                    trace.bodies.whole(body)
            return whole_answer(request, body, 200 if opened is None else opened.status, opening(exchange, HEADERS, headers))
        finally:
            self.leave()

    def on_next(self, data: bytes) -> None:
        if data:
            self._said += data
            self.notify()


def whole_answer(request: web.BaseRequest, body: bytes, status: int, fields: Mapping[str, str]) -> web.StreamResponse:
    """The response to ``request``; the server sends it, and the connection stays open where its client wants that.

    Its fields are these: what is added to the response's own ``headers`` afterwards may not be sent.

    Raises:
        ValueError: a field holds a line end.
    """
    if status != 200 or request.version != HttpVersion11 or not request.keep_alive:
        return web.Response(body=body, status=status, headers=fields)
    return _Whole(body, fields)


class _Whole(web.StreamResponse):
    """The usual one: 200, HTTP/1.1, and the connection stays open. One that may become anything costs several times as much."""

    def __init__(self, body: bytes, fields: Mapping[str, str]) -> None:
        super().__init__()
        own = f"Content-Length: {len(body)}\r\nDate: {rfc822_formatted_time()}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n"
        self._head = head("HTTP/1.1 200 OK", fields) + own.encode()
        self._whole = body

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("The client left.")
        self._keep_alive = True
        # All is sent here: for the server, which asks for the end of each response, that was it.
        self._eof_sent = True
        if len(self._whole) <= TOGETHER:
            transport.write(self._head + self._whole)
        else:
            transport.write(self._head)
            transport.write(self._whole)
        if transport.get_write_buffer_size():
            # The next request on this connection, and the end of the server, wait for a client that reads slowly.
            await request.writer.drain()
        return None
