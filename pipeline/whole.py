"""A whole answer as it leaves: head and body in one write. A response that may become anything costs several times as much."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE

from pipeline.wire.head import TOGETHER, head


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
    """The usual one: 200, HTTP/1.1, and the connection stays open."""

    def __init__(self, body: bytes, fields: Mapping[str, str]) -> None:
        super().__init__()
        own = {"Content-Length": str(len(body)), "Date": rfc822_formatted_time(), "Server": SERVER_SOFTWARE}
        self._head = head("HTTP/1.1 200 OK", {**fields, **own}) + b"\r\n"
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
