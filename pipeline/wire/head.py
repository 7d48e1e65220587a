"""The head of an HTTP message as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TOGETHER: Final = 64 * 1024
"""Up to here, in bytes, a head and a body are put together, which is cheaper than two writes."""


def head(start: str, fields: Mapping[str, str]) -> bytes:
    r"""Its first line and its fields, without the empty line that ends it, so that another field may follow.

    Raises:
        ValueError: a field holds a line end.

    >>> head("HTTP/1.1 200 OK", {"content-length": "0"})
    b'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n'
    """
    text = "\r\n".join((start, *map(": ".join, fields.items())))
    if text.count("\n") != len(fields) or text.count("\r") != len(fields):
        raise ValueError("a field of a head holds a line end")
    return text.encode("utf-8", "surrogateescape") + b"\r\n"
