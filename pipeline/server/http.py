"""The door: paths, methods, and the shape of what goes wrong. Each request of a dialect becomes one chain here."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import Final

from aiohttp import web

from pipeline.dialects import DIALECTS, Dialect
from pipeline.errors import GatewayError, Kind, classify, forget_frames
from pipeline.metrics import SERVER
from pipeline.server.answer import Answerer, own_fault
from pipeline.server.debug import REQUEST_ID, Debug
from pipeline.server.ids import RequestIds
from pipeline.server.refusal import refusal
from pipeline.server.runtime import Handler, Runtime
from pipeline.server.views import FILES, Views

log = logging.getLogger("penstock")

_OF_OPERATORS: Final = ("/debug", "/healthz", "/readyz", "/metrics")
"""Paths that are not those of an SDK, which begin with /v1."""


class Door:
    """Finds the handler of a request, and gives every error the shape of its path's dialect.

    Args:
        runtime: what is in force now; replaced as a whole by a reload.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._ids = RequestIds()
        self._answerer = Answerer(runtime)
        self._debug = Debug(runtime)
        get = self._answerer
        self._views = see = Views(runtime, get.summary, self._debug.stats)
        self._routes: Mapping[str, Mapping[str, Handler]] = {
            "/chat/completions": {"POST": get.generate(DIALECTS["chat"])},
            "/responses": {"POST": get.generate(DIALECTS["responses"]), "GET": _upgrade},
            "/messages": {"POST": get.generate(DIALECTS["messages"])},
            "/messages/count_tokens": {"POST": get.count_tokens},
            "/models": {"GET": get.list_models},
            "/healthz": {"GET": get.health},
            "/readyz": {"GET": get.ready},
            "/metrics": {"GET": get.metrics},
            "/": {"GET": see.front},
            "/debug/live": {"GET": see.live},
            "/debug/chains": {"GET": see.chains},
            **self._debug.routes,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, whatever happens. The only place where an exception becomes a response."""
        # TR-X25: the id is there before anything can fail.
        given = request.headers.get("x-request-id")
        request_id = given if given is not None and REQUEST_ID.fullmatch(given) else self._ids.new()
        path = request.path
        if path.startswith("/v1/"):
            path = path[3:]
        began = time.monotonic()
        response = await self._answer(request, path, request_id)
        if log.isEnabledFor(logging.DEBUG):
            # AP-18. What a client wrote into the path is not told: it may hold anything.
            route = path if path in self._routes else "other"
            seconds = round(time.monotonic() - began, 6)
            log.debug("http", extra={"fields": {"id": request_id, "route": route, "status": response.status, "seconds": seconds}})
        return response

    async def _answer(self, request: web.BaseRequest, path: str, request_id: str) -> web.StreamResponse:
        try:
            return await self._handler(request, path)(request, request_id)
        except GatewayError as error:
            own_fault(error, request_id)
            if error.limit:
                self._runtime.metrics.tripped(error.limit, SERVER)
            return self._refuse(error, request, path, request_id)
        except asyncio.CancelledError:
            raise
        except ConnectionResetError:
            # The client left while something was written. There is nobody to tell, and nothing to log.
            return web.Response(status=Kind.CLIENT_LEFT.status)
        except Exception as error:
            # TR-E17: the text stays in the log, under the id.
            log.exception("request %s failed", request_id)
            return self._refuse(error, request, path, request_id)

    def _refuse(self, error: Exception, request: web.BaseRequest, path: str, request_id: str) -> web.Response:
        runtime = self._runtime
        headers = runtime.headers(request_id, runtime.cors.headers(request.headers))
        forget_frames(error)
        return refusal(classify(error), dialect_of(path, request), request_id, headers)

    def _handler(self, request: web.BaseRequest, path: str) -> Handler:
        """Who answers. Raises GatewayError: nobody does, or not to this method."""
        methods = self._routes.get(path) or self._family(path)
        method = request.method
        if methods is None:
            raise GatewayError(Kind.NOT_FOUND, f"There is nothing at {path[:200]!r}.{_nearest(path, self._routes)}")
        handler = methods.get(method)
        if handler is not None:
            return handler
        allowed = _allowed(methods)
        if method == "OPTIONS":
            return partial(self._preflight, allowed)
        if method == "HEAD" and "GET" in methods:
            return methods["GET"]
        raise GatewayError(
            Kind.METHOD, f"{method[:20]} is not offered here; use {' or '.join(methods)}.", headers={"Allow": allowed}
        )

    async def _preflight(self, allowed: str, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        response = self._runtime.cors.preflight(request.headers, allowed)
        response.headers.update(self._runtime.headers(request_id, {}))
        return response

    def _family(self, path: str) -> Mapping[str, Handler] | None:
        """Paths that hold a name."""
        if path.startswith(FILES):
            return {"GET": self._views.file}
        if path.startswith("/models/"):
            return {"GET": self._answerer.get_model}
        if path.startswith("/messages/batches"):
            return {"GET": _not_offered, "POST": _not_offered, "DELETE": _not_offered}
        if path.startswith("/responses/"):
            return {"GET": _not_stored, "POST": _not_stored, "DELETE": _not_stored}
        return self._debug.family(path)


def _allowed(methods: Mapping[str, Handler]) -> str:
    names = [*methods, "OPTIONS"]
    if "GET" in methods:
        names.append("HEAD")
    return ", ".join(names)


def _nearest(path: str, known: Mapping[str, object]) -> str:
    import difflib

    near = difflib.get_close_matches(path, list(known), n=1, cutoff=0.6)
    if not near:
        return ""
    prefix = "" if near[0].startswith(_OF_OPERATORS) else "/v1"
    return f" Did you mean {prefix}{near[0]}?"


def dialect_of(path: str, request: web.BaseRequest) -> Dialect:
    """Whose error shape a path has (CONTRACT). Paths of no dialect follow the client's own habits."""
    if path.startswith("/messages") or (path.startswith("/models") and "anthropic-version" in request.headers):
        return DIALECTS["messages"]
    return DIALECTS["responses" if path.startswith("/responses") else "chat"]


async def _upgrade(request: web.BaseRequest, request_id: str) -> web.StreamResponse:
    # clients.md 5: 426 sends Codex to HTTP at once; any other refusal costs its user seconds.
    raise GatewayError(
        Kind.UPGRADE, "Responses over WebSocket is not offered yet; POST to this path.", headers={"Upgrade": "websocket"}
    )


async def _not_offered(request: web.BaseRequest, request_id: str) -> web.StreamResponse:
    raise GatewayError(Kind.UNSUPPORTED, "Batches are not offered.", headers={"x-should-retry": "false"})


async def _not_stored(request: web.BaseRequest, request_id: str) -> web.StreamResponse:
    # DI-84: nothing is stored here, so nothing can be found.
    raise GatewayError(Kind.NOT_FOUND, "Responses are not stored here.")
