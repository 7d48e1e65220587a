"""The server's connections over real sockets: who is refused is heard out, else closing takes back what it was told."""

from __future__ import annotations

import asyncio

import uvloop
from aiohttp import web

from pipeline.server.listener import Listener

ENDLESS = b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 8_000_000


def test_who_is_refused_behind_a_request_that_is_still_served_hears_both_answers() -> None:
    async def play() -> bytes:
        served, release = asyncio.Event(), asyncio.Event()

        async def handle(request: web.BaseRequest) -> web.Response:
            served.set()
            await release.wait()
            return web.Response(text="served")

        listener = Listener(handle, on_too_long=lambda: None, send_timeout=lambda: 60.0, on_stuck=lambda: None, access_log=None)
        server = await asyncio.get_running_loop().create_server(listener, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await served.wait()
        writer.write(ENDLESS)
        [connection] = listener.connections
        while not connection._buffer_paused:
            await asyncio.sleep(0)
        release.set()
        async with asyncio.timeout(20):
            heard = await reader.read()
        writer.close()
        server.close()
        await listener.shutdown(1)
        return heard

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        heard = runner.run(play())
    assert heard.startswith(b"HTTP/1.1 200")
    assert heard.partition(b"served")[2].startswith(b"HTTP/1.0 431")
