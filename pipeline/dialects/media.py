"""Data URLs, both ways: whole, whatever parameters they carry (TR-C15)."""

from __future__ import annotations

import base64
from urllib.parse import unquote_to_bytes


def data_url(url: str) -> tuple[str | None, str] | None:
    """(media type, base64 data) of a data URL; None for any other URL.

    >>> data_url("data:image/svg+xml;charset=utf-8;base64,PHN2Zy8+")
    ('image/svg+xml', 'PHN2Zy8+')
    """
    if url[:5].lower() != "data:":
        return None
    head, comma, data = url[5:].partition(",")
    if not comma:
        return None
    media, *parameters = head.split(";")
    if "base64" not in (parameter.strip().lower() for parameter in parameters):
        data = base64.b64encode(unquote_to_bytes(data)).decode("ascii")
    return media.strip().lower() or None, data
