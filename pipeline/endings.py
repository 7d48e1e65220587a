"""How answers end, in few words: what stands in the labels of metrics, whatever the cause was called where it happened."""

from __future__ import annotations

from typing import Final

from operators.errors import GuardError

DONE: Final = "done"

_BY_GUARD: Final = {
    "first_event_timeout": "stall",
    "idle_timeout": "stall",
    "pace": "stall",
    "total_timeout": "timeout",
    "output_limit": "limit",
    "buffer_limit": "limit",
    "body_limit": "limit",
}

ERROR_TYPES: Final = frozenset(
    {
        *("bad_reply", "bad_request", "client_left", "cut", "internal", "overloaded"),
        *("provider", "rate_limit", "timeout", "unreachable"),
    }
)
OTHER: Final = "_OTHER"
"""The convention's word for an error that has no type of its own here."""


def stream_end(outcome: str, error: Exception | None) -> str:
    """How an opened answer ended: done, cut, stall, timeout, limit, client_left, or its error's reason.

    Args:
        outcome: of the request: ``ok``, ``client_left``, or the error's reason.
        error: what the answer failed with.

    >>> from operators.errors import Elapsed
    >>> stream_end("ok", None), stream_end("timeout", Elapsed("idle_timeout", 60)), stream_end("cut", None)
    ('done', 'stall', 'cut')
    """
    if outcome == "ok":
        return DONE
    if outcome != "client_left" and isinstance(error, GuardError):
        return _BY_GUARD.get(error.operator, outcome)
    return outcome


def error_type(outcome: str) -> str:
    """The convention's ``error.type``: few values, "" for success.

    >>> error_type("ok"), error_type("timeout"), error_type("upgrade")
    ('', 'timeout', '_OTHER')
    """
    if outcome == "ok":
        return ""
    return outcome if outcome in ERROR_TYPES else OTHER
