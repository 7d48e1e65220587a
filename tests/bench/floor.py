"""The floor: the least that anybody pays who puts aiohttp and uvloop between a client and a provider. It understands nothing.

``python -m tests.bench.floor UPSTREAM`` prints its address and serves until it is terminated.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import uvloop
from aiohttp import web

ANSWER_HEADERS = ("content-type", "cache-control", "x-request-id")


async def serve(upstream: str) -> None:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    timeout = aiohttp.ClientTimeout(total=None, connect=10)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:

        async def forward(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            headers = {"content-type": "application/json", "authorization": request.headers.get("authorization", "")}
            async with session.post(upstream + request.path, data=body, headers=headers) as answer:
                passed = {name: answer.headers[name] for name in ANSWER_HEADERS if name in answer.headers}
                if answer.content_length is not None:
                    return web.Response(body=await answer.read(), status=answer.status, headers=passed)
                response = web.StreamResponse(status=answer.status, headers=passed)
                await response.prepare(request)
                async for data in answer.content.iter_any():
                    await response.write(data)
                await response.write_eof()
                return response

        app = web.Application(client_max_size=32 << 20)
        app.router.add_post("/{path:.*}", forward)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
