"""The fields of an answer's head: what its client learns of who answered."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from pipeline.exchange import Exchange


def opening(exchange: Exchange, base: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The fields of the answer to ``exchange``, which opens now.

    Args:
        exchange: whose answer it is.
        base: what every answer of its form carries.
        given: what every response of the gateway carries.
    """
    headers = {**base, **given}
    opened = exchange.opened
    if opened is not None:
        headers.update(opened.headers)
        headers["x-penstock-candidate"] = header_text(opened.candidate)
        headers["x-penstock-attempts"] = str(opened.sent.number)
        dropped = opened.sent.losses.dropped
        if dropped:
            headers["x-penstock-dropped"] = header_text(", ".join(dropped))
    return headers


def header_text(text: str) -> str:
    """Text that is safe as a header value, whatever a client or provider called a model (TR-X24)."""
    return text if text.isascii() and text.isprintable() else quote(text, safe="/:,. ")
