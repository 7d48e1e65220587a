"""Lets pages of the configured origins call from a browser, and nobody else's.

No credentials of the browser's own (cookies) are ever asked for, so that a wildcard can never meet them (TR-X2): a key is sent
by the page itself. Only the response headers that a client needs are exposed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from aiohttp import web

_EXPOSED: Final = ", ".join(
    (
        "x-request-id",
        "request-id",
        "x-penstock-candidate",
        "x-penstock-attempts",
        "x-penstock-config",
        "x-penstock-dropped",
        "x-penstock-estimate",
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
    )
)
_NONE: Final[Mapping[str, str]] = {}
_VARY: Final[Mapping[str, str]] = {"Vary": "Origin"}
# What a browser lists there is lower case names and commas; anything else is not echoed.
_SAFE_LIST: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,4096}")
_MAX_AGE: Final = "600"
"""Seconds; the most that every browser honours."""


class Cors:
    """The origins whose pages may call.

    Args:
        origins: ``https://app.example.com``; ``*`` lets every page call, and is only of use where keys are configured.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._known = {origin: _allowing(origin) for origin in origins}

    def headers(self, request: Mapping[str, str]) -> Mapping[str, str]:
        """What a response to a request with these headers carries; nothing for a stranger's page."""
        if not self._known:
            return _NONE
        origin = request.get("Origin")
        if origin is None:
            return _VARY
        return self._known.get(origin) or self._known.get("*") or _VARY

    def preflight(self, request: Mapping[str, str], allowed: str) -> web.Response:
        """The answer to OPTIONS, asked by a browser or by hand.

        Args:
            request: the request's headers.
            allowed: methods of the path, comma separated.
        """
        headers = {**self.headers(request), "Allow": allowed}
        if "Access-Control-Allow-Origin" in headers and "Access-Control-Request-Method" in request:
            headers["Access-Control-Allow-Methods"] = allowed
            headers["Access-Control-Max-Age"] = _MAX_AGE
            wanted = request.get("Access-Control-Request-Headers", "")
            # SDKs send headers whose names nobody can list beforehand.
            if _SAFE_LIST.fullmatch(wanted):
                headers["Access-Control-Allow-Headers"] = wanted
            # A page of the open web that calls into a private network asks for this too.
            if request.get("Access-Control-Request-Private-Network") == "true":
                headers["Access-Control-Allow-Private-Network"] = "true"
        return web.Response(status=204, headers=headers)


def _allowing(origin: str) -> Mapping[str, str]:
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED, "Vary": "Origin"}
