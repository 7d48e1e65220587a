"""The console's files, as they lie in ``console/``: no build step, nothing from another host, and a browser that is told so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import web

_FOLDER: Final = Path(__file__).parent / "console"
_TYPES: Final[Mapping[str, str]] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Scripts and styles only from here; and no text becomes HTML, whatever it holds: `trusted-types 'none'` has browsers see to it.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    # Asked anew each time and nearly always answered by 304: after an upgrade no page is half old.
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Page(NamedTuple):
    """One file, with what a browser recognises it by."""

    body: bytes
    type: str
    etag: str


@cache
def pages() -> Mapping[str, Page]:
    """All files by name, read once: a path that a client writes is looked up here and never in the file system."""
    return {path.name: _read(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES}


def _read(path: Path) -> Page:
    body = path.read_bytes()
    return Page(body, _TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:24]}"')


def wants_page(accept: str) -> bool:
    """Whether who sends this ``Accept`` is a browser that opens a page; programs send ``*/*`` or nothing.

    >>> wants_page("text/html,application/xhtml+xml,*/*;q=0.8"), wants_page("*/*")
    (True, False)
    """
    return "text/html" in accept.lower()


def serve(page: Page, request: web.BaseRequest, common: Mapping[str, str]) -> web.Response:
    """The file, or 304 where the browser has it already. ``common``: the headers that every response carries."""
    vary = ", ".join(filter(None, (common.get("Vary"), "Accept")))
    headers = {**_HEADERS, **common, "ETag": page.etag, "Vary": vary}
    if page.etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    return web.Response(body=page.body, headers={**headers, "Content-Type": page.type})
