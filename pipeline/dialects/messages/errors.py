"""Errors of the Messages dialect: whatever a provider or a proxy says becomes typed, and goes out in Anthropic's one shape.

What shapes a body may have and how to read them is the same everywhere (see ``openai_errors``); here is what only this dialect
says: its own types, ``details``, its rate limit headers, and the words of its 400s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from pipeline.dialects import openai_errors
from pipeline.errors import GatewayError, Kind

# DI-113 to DI-117. What these say, the class says too.
TYPES: Final = frozenset(kind.anthropic_type for kind in Kind)

# What only the words of a 4xx tell: Anthropic has one type for most of them.
KIND_BY_MESSAGE: Final = (
    (re.compile(r"exceed(s|ed)? (the )?context (limit|window)|prompt is too long", re.I), Kind.CONTEXT_LENGTH),
    (re.compile(r"credit balance is too low", re.I), Kind.BILLING),
    (re.compile(r"^model: ", re.I), Kind.MODEL_NOT_FOUND),
)
LIMITS: Final = "anthropic-ratelimit-"


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """A provider's HTTP error as a typed one. Never raises; never repeats a credential.

    Args:
        status: the HTTP status, kept as it is (529 too).
        headers: names in lower case; those about limits and retries are kept (TR-E13).
        body: any bytes.
    """
    error = openai_errors.read_error(status, headers, body)
    limits = {
        name: value for name, value in headers.items() if name.startswith(LIMITS) and value.isascii() and value.isprintable()
    }
    error.headers = {**error.headers, **limits}
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        payload = None
    return _own(error, payload)


def read_in_band(payload: Any, raw: bytes) -> GatewayError:
    """An error inside a stream or a 200 body as a typed one. ``raw``: its own wire event, for the same dialect."""
    return _own(openai_errors.read_in_band(payload, raw, "messages"), payload)


def write_error(error: GatewayError, request_id: str) -> bytes:
    """The error object of a body and of an ``error`` event (DI-113, TR-E26)."""
    # DI-119: the words of a 4xx help who asked; those of a 5xx are the provider's own business.
    theirs = error.from_provider and error.status >= 500
    message = error.kind.text if theirs else error.message
    if error.param and not error.from_provider and error.param not in message:
        # DI-140: the dialect has no field for it, so the place at fault leads the message, as the service itself has it.
        message = f"{error.param}: {message}"
    own: dict[str, Any] = {"type": error.kind.anthropic_type, "message": message}
    if error.details is not None:
        own["details"] = error.details
    return orjson.dumps({"type": "error", "error": own, "request_id": request_id})


def _own(error: GatewayError, payload: Any) -> GatewayError:
    """Add what only this dialect says."""
    inner = payload.get("error") if isinstance(payload, dict) else None
    details = inner.get("details") if isinstance(inner, dict) else None
    if isinstance(details, dict):
        error.details = details
    if error.type in TYPES:
        # DI-126: another dialect tells the class in its own words.
        error.type = None
    if error.kind in (Kind.BAD_REQUEST, Kind.NOT_FOUND):
        for pattern, kind in KIND_BY_MESSAGE:
            if pattern.search(error.message):
                error.kind, error.code = kind, kind.openai_code
                break
    return error
