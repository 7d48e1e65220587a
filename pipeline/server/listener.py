"""The HTTP server's connections, with one limit told as all others are: by a status, by its name, by a count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

TOO_LONG: Final = 431


class Listener(web.Server):
    """As its base; a first line or header that is too long is counted, and refused by name.

    Args:
        handler: as its base takes it.
        on_too_long: called once for each such request.
        options: of each connection, as its base takes them.
    """

    def __init__(self, handler: Any, *, on_too_long: Callable[[], None], **options: Any) -> None:
        super().__init__(handler, **options)
        self.on_too_long = on_too_long

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    __slots__ = ("_listener",)

    def __init__(self, listener: Listener, **options: Any) -> None:
        super().__init__(listener, **options)
        self._listener = listener

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if isinstance(exc, LineTooLong):
            self._listener.on_too_long()
            # What was too long is not repeated: it may hold a key.
            message = f"The first line or a header of the request is longer than {exc.args[1]} bytes (`server.header_limit`).\n"
            status = TOO_LONG
        return super().handle_error(request, status, exc, message)
