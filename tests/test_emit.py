"""The emit station: an end that nobody could tell the client is no end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import pytest
from aiohttp import web

from operators.clock import Clock
from operators.source import from_async
from pipeline.dialects import DIALECTS
from pipeline.emit import Emission
from pipeline.exchange import Exchange


def ignored(change: float) -> None:
    """What is counted here is shown elsewhere."""


def test_an_error_that_no_encoder_could_say_breaks_the_connection_so_that_nothing_looks_whole() -> None:
    async def produce(push: object) -> None:
        assert callable(push)
        push(b"data: some\n\n")
        await asyncio.sleep(0)
        raise RuntimeError("the encoder broke")

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = {"model": "m", "stream": True}
        exchange = Exchange(Clock(), id="r", dialect=DIALECTS["chat"], body=body, raw=b"", headers={})
        return await Emission(exchange, request, {}, ignored, ignored).run(from_async(produce))

    async def read() -> bytes:
        server = await asyncio.get_running_loop().create_server(web.Server(handle), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/") as answer:
            return await answer.read()

    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientOSError)):
        asyncio.run(read())


def test_a_client_of_http_1_0_that_asked_to_be_kept_sees_the_end_of_a_stream() -> None:
    async def produce(push: Callable[[bytes], None], exchange: Exchange) -> None:
        push(b"data: some\n\n")
        await asyncio.sleep(0)
        exchange.ended = True
        push(b"data: more\n\n")

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = {"model": "m", "stream": True}
        exchange = Exchange(Clock(), id="r", dialect=DIALECTS["chat"], body=body, raw=b"", headers={})
        return await Emission(exchange, request, {}, ignored, ignored).run(from_async(produce, scoped=True))

    async def read() -> bytes:
        server = await asyncio.get_running_loop().create_server(web.Server(handle), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
            writer.write(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            async with asyncio.timeout(10):
                said = await reader.read()
            writer.close()
            return said

    head, _, body = asyncio.run(read()).partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b"data: some\n\ndata: more\n\n"
