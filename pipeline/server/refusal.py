"""The shape of what goes wrong before an answer was opened: a status and a body in the dialect of the path."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Final

from aiohttp import web

from pipeline.dialects import Dialect
from pipeline.errors import GatewayError

# DI-114q, DI-114c: an overloaded service says 529 in Messages and 503 elsewhere; OpenAI has no 402.
_OWN_STATUS: Final[Mapping[str, Mapping[int, int]]] = {
    "chat": {529: 503, 402: 429},
    "responses": {529: 503, 402: 429},
    "messages": {503: 529},
}


def status_of(error: GatewayError, dialect: Dialect) -> int:
    """The status that an error has in a dialect."""
    return _OWN_STATUS[dialect.name].get(error.status, error.status)


def refusal(error: GatewayError, dialect: Dialect, request_id: str, common: Mapping[str, str]) -> web.Response:
    """An HTTP error in a dialect's shape. ``common``: the headers that every response carries."""
    headers = {**error.headers, **common, "content-type": "application/json"}
    if error.retry_after is not None and "retry-after" not in headers:
        headers["retry-after"] = str(max(1, ceil(error.retry_after)))
    body = dialect.write_error(error, request_id)
    return web.Response(body=body, status=status_of(error, dialect), headers=headers)
