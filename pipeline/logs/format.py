"""A log record as one line: JSON for machines, text for people. Nothing in it can begin another line (TR-X24)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final

import orjson

from pipeline.redaction import hidden

LONGEST: Final = 16 * 1024
"""Characters of a message or a traceback."""

_LEVELS: Final = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}
_RESET: Final = "\x1b[0m"

Fields = dict[str, Any]
Format = Callable[[Fields], bytes]

_formatter: Final = logging.Formatter()


def fields(record: logging.LogRecord) -> Fields:
    """What a line says: time, level, event, and the fields that came along as ``extra={"fields": {...}}``."""
    told: Fields = {"ts": iso(record.created), "level": record.levelname.lower()}
    own: Fields | None = record.__dict__.get("fields")
    if own is not None:
        told["event"] = record.msg
        told.update(own)
        return told
    if record.name != "penstock":
        told["logger"] = record.name
    told["event"] = "message"
    told["message"] = hidden(record.getMessage()[:LONGEST])
    if record.exc_info:
        told["traceback"] = hidden(_formatter.formatException(record.exc_info)[-LONGEST:])
    return told


def as_json(told: Fields) -> bytes:
    """A line of JSON."""
    return orjson.dumps(told, default=str, option=orjson.OPT_APPEND_NEWLINE)


def as_text(told: Fields, *, coloured: bool = False) -> bytes:
    """A line for people, with its traceback behind it."""
    told = dict(told)
    moment, level, event = told.pop("ts"), told.pop("level"), told.pop("event")
    traceback = told.pop("traceback", None)
    message = told.pop("message", None)
    words = [str(moment)[11:23], level, *([] if message is not None else [event])]
    if coloured:
        words[1] = f"{_LEVELS.get(level, '')}{level}{_RESET}"
    if message is not None:
        words.append(_plain(message))
    words.extend(f"{name}={_value(value)}" for name, value in told.items())
    line = " ".join(words)
    if traceback is not None:
        line += "\n" + "\n".join("    " + _plain(each) for each in traceback.splitlines())
    return line.encode("utf-8", "replace") + b"\n"


def _value(value: Any) -> str:
    if isinstance(value, str) and value and " " not in value:
        return _plain(value)
    return orjson.dumps(value, default=str).decode()


def _plain(text: str) -> str:
    return text if text.isprintable() else "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


_second: tuple[int, str] = (0, "")
_MILLISECONDS: Final = tuple(f".{number:03d}Z" for number in range(1000))


def iso(unix: float) -> str:
    """ISO 8601 in UTC, to the millisecond. The seconds of one second are written once.

    >>> iso(1764211951.1234)
    '2025-11-27T02:52:31.123Z'
    """
    global _second
    whole = int(unix)
    second, text = _second
    if second != whole:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        _second = (whole, text)
    return text + _MILLISECONDS[int((unix - whole) * 1000)]
