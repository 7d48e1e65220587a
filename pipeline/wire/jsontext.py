"""The JSON object that a body holds: what is wrong with one is said with line and column, and what is translated is bounded."""

from __future__ import annotations

from typing import Any, Final

import orjson

from pipeline.errors import GatewayError, Kind

DEEPEST: Final = 200
"""Levels of JSON in a body: a translation may nest it some levels deeper, and must still be able to write it."""

WRITER_LEVELS: Final = 254
"""What orjson writes; it fails beyond."""


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object that a body holds.

    Raises:
        GatewayError: 400; the message names the line and column, or what was found instead of an object.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise GatewayError(Kind.BAD_REQUEST, _fault(body, error)) from error
    # TR-M5: null is valid JSON and no request.
    if type(value) is not dict:
        found = _NAMES.get(type(value), "a number")
        raise GatewayError(Kind.BAD_REQUEST, f"The body must be a JSON object; it is {found}.")
    return value


def bounded(value: dict[str, Any], body: bytes) -> dict[str, Any]:
    """``value``, the JSON object of ``body``, if it may be translated: that nests it some levels deeper, and walks through it.

    Raises:
        GatewayError: 400; it is nested too deep.
    """
    # As many levels need as many opening brackets: most bodies have fewer, and end here.
    brackets = body.count(b"{")
    if brackets <= DEEPEST:
        brackets += body.count(b"[")
    if brackets > DEEPEST and _too_deep(value):
        raise GatewayError(Kind.BAD_REQUEST, _TOO_DEEP)
    return value


def write_json(value: dict[str, Any]) -> bytes:
    """The bytes of a body.

    Raises:
        GatewayError: 400; it is nested too deep.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        if not str(error).startswith(_GAVE_UP):
            raise
        raise GatewayError(Kind.BAD_REQUEST, _TOO_DEEP) from error


_NAMES: Final = {list: "an array", str: "a string", type(None): "null", bool: "a boolean"}
# How orjson words that it ran out of levels, over its versions.
_GAVE_UP: Final = ("Recursion limit", "depth limit", "failed to allocate memory")
_TOO_DEEP: Final = f"The body's JSON is nested too deep; {DEEPEST} levels are allowed."


def _too_deep(value: Any) -> bool:
    """TR-M18, by the writer's own limit: several times faster than a walk, and it is the limit that would fail later."""
    for _ in range(WRITER_LEVELS - DEEPEST):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return True
    return False


def _fault(body: bytes, error: orjson.JSONDecodeError) -> str:
    if not body.strip():
        return "The body is empty; a JSON object is expected."
    if error.msg.startswith(_GAVE_UP):
        return _TOO_DEEP
    try:
        text = body.decode()
    except UnicodeDecodeError as unicode:
        line, start = body.count(b"\n", 0, unicode.start) + 1, body.rfind(b"\n", 0, unicode.start)
        return f"The body is not valid UTF-8 at line {line}, byte {unicode.start - start}; JSON is written in UTF-8."
    found = f"{text[error.pos]!r} stands there" if error.pos < len(text) else "the body ends there"
    return f"The body is not valid JSON at line {error.lineno}, column {error.colno}: {found} ({error.msg.split(':')[0]})."
