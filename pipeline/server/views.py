"""What the console asks for: its page and files, the live feed, models and chains in words."""

from __future__ import annotations

from typing import Final

import orjson
from aiohttp import web

from pipeline.advice import ADVICE
from pipeline.config import Config
from pipeline.described import described
from pipeline.errors import GatewayError, Kind
from pipeline.server.debug import check_parameters
from pipeline.server.live import Stats, live
from pipeline.server.news import Desk
from pipeline.server.pages import pages, serve, wants_page
from pipeline.server.runtime import Handler, Runtime

FILES: Final = "/console/"
"""Where the page's files are."""


class Views:
    """The handlers. Each takes (request, request id) and returns a response or raises a GatewayError.

    Args:
        runtime: what is in force now.
        summary: what ``/`` answers to a program.
        stats: asks all workers what they counted.
    """

    def __init__(self, runtime: Runtime, summary: Handler, stats: Stats) -> None:
        self._runtime = runtime
        self._summary = summary
        self._stats = stats
        self._desk = Desk(runtime)
        self._described: tuple[Config, bytes] | None = None

    async def front(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        """The console to a browser, a summary to everybody else."""
        if not wants_page(request.headers.get("Accept", "")):
            response = await self._summary(request, request_id)
            response.headers["Vary"] = ", ".join(filter(None, (response.headers.get("Vary"), "Accept")))
            return response
        return self._page("index.html", request, request_id)

    async def file(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        """A file of the page."""
        return self._page(request.path.removeprefix(FILES), request, request_id)

    def _page(self, name: str, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        runtime = self._runtime
        runtime.keyring.greet(request.headers, request.remote)
        page = pages().get(name)
        if page is None:
            raise GatewayError(Kind.NOT_FOUND, f"The console has no file {name[:80]!r}.")
        return serve(page, request, runtime.headers(request_id, runtime.cors.headers(request.headers)))

    async def live(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        """The feed."""
        return await live(self._runtime, self._stats, request, request_id)

    async def chains(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        """What ``penstock show`` prints, as JSON, and what to do about each class of errors."""
        runtime = self._runtime
        runtime.keyring.administrate(request.headers, request.remote)
        check_parameters(request.query, ())
        config = runtime.assembly.config
        if self._described is None or self._described[0] is not config:
            advice = {kind.reason: text for kind, text in ADVICE.items()}
            self._described = (config, orjson.dumps({**described(config), "advice": advice}))
        headers = runtime.headers(request_id, runtime.cors.headers(request.headers))
        return web.Response(body=self._described[1], headers={**headers, "content-type": "application/json"})
