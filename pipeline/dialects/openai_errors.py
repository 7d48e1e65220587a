"""Errors of the OpenAI world, which Chat and Responses share: whatever a provider says becomes typed, and goes out in one shape.

Providers that speak these dialects agree on the status and on little else: the body may be the documented object, a bare
string, somebody's framework's own form, or a web page. Nothing in it can make the reader fail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

from pipeline.errors import GatewayError, Kind, kind_of_status

MAX_WORDS: Final = 2000
"""Characters of a provider's words that reach a client."""

# What a provider's ``code`` or ``type`` means, in lower case. Words that only repeat the status are not here.
KIND_BY_WORD: Final[Mapping[str, Kind]] = {
    "context_length_exceeded": Kind.CONTEXT_LENGTH,
    "context_window_exceeded": Kind.CONTEXT_LENGTH,
    "exceed_context_size_error": Kind.CONTEXT_LENGTH,
    "too_many_prompt_tokens": Kind.CONTEXT_LENGTH,
    "invalid_api_key": Kind.UNAUTHENTICATED,
    "authentication_error": Kind.UNAUTHENTICATED,
    "insufficient_quota": Kind.BILLING,
    "insufficient_balance": Kind.BILLING,
    "billing_error": Kind.BILLING,
    "billing_not_active": Kind.BILLING,
    "billing_hard_limit_reached": Kind.BILLING,
    "usage_not_included": Kind.BILLING,
    "permission_error": Kind.FORBIDDEN,
    "model_not_found": Kind.MODEL_NOT_FOUND,
    "model_decommissioned": Kind.MODEL_NOT_FOUND,
    "deploymentnotfound": Kind.MODEL_NOT_FOUND,
    "not_found_error": Kind.NOT_FOUND,
    "request_too_large": Kind.TOO_LARGE,
    "rate_limit_exceeded": Kind.RATE_LIMIT,
    "rate_limit_error": Kind.RATE_LIMIT,
    "ratelimitreached": Kind.RATE_LIMIT,
    "too_many_requests": Kind.RATE_LIMIT,
    "slow_down": Kind.RATE_LIMIT,
    "server_error": Kind.PROVIDER,
    "api_error": Kind.PROVIDER,
    "internal_server_error": Kind.PROVIDER,
    "service_unavailable_error": Kind.OVERLOADED,
    "server_is_overloaded": Kind.OVERLOADED,
    "overloaded_error": Kind.OVERLOADED,
    "timeout_error": Kind.TIMEOUT,
    "invalid_request_error": Kind.BAD_REQUEST,
}

# What only the words of a 4xx tell, for providers that give no code.
KIND_BY_MESSAGE: Final = (
    (re.compile(r"context (length|window)|prompt is too long|messages is too long", re.I), Kind.CONTEXT_LENGTH),
    (re.compile(r"exceeded your current quota|insufficient (quota|credits|balance)", re.I), Kind.BILLING),
    (re.compile(r"(invalid|incorrect) api key", re.I), Kind.UNAUTHENTICATED),
    (re.compile(r"\bmodel\b.*(not found|does not exist|deprecated)|no endpoints found for", re.I), Kind.MODEL_NOT_FOUND),
)

_VAGUE: Final = frozenset({Kind.BAD_REQUEST, Kind.PROVIDER})
_PASSING: Final = frozenset({"retry-after", "retry-after-ms", "x-should-retry"})
_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_SECRET: Final = re.compile(r"\b(?:sk|pk|rk|gsk|xai|pplx|hf)[-_][\w*.-]{4,}")
_CREDENTIALS: Final = "The provider did not accept the gateway's key."


@dataclass(slots=True)
class Words:
    """What a provider's error body says, whatever its shape."""

    message: str | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None
    status: int | None = None


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """A provider's HTTP error as a typed one. Never raises; never repeats a credential.

    Args:
        status: the HTTP status, kept as it is.
        headers: names in lower case; those about limits and retries are kept (TR-E13).
        body: any bytes.
    """
    words = _words_of_body(body)
    kind = _refine(kind_of_status(status), words, trusted=True)
    return _error(
        kind,
        words,
        status,
        retry_after=retry_after(headers),
        headers={name: value for name, value in headers.items() if _passes(name, value)},
    )


def read_in_band(payload: Any, raw: bytes, dialect: str) -> GatewayError:
    """An error object inside a stream or a 200 body as a typed one. ``raw``: its own wire event, for the same dialect."""
    words = _words(payload)
    status = words.status
    kind = _refine(kind_of_status(status) if status else Kind.PROVIDER, words, trusted=status is not None)
    error = _error(kind, words, status or kind.status)
    error.raw = raw or None
    error.dialect = dialect
    return error


def error_object(error: GatewayError) -> dict[str, Any]:
    """The object that stands under ``error`` in both dialects (DI-112, TR-E14)."""
    # DI-119 The words of a 4xx help who asked; those of a 5xx are the provider's own business.
    theirs = error.from_provider and error.status >= 500
    return {
        "message": error.kind.text if theirs else error.message,
        "type": error.type or error.kind.openai_type,
        "param": error.param,
        "code": error.code,
    }


def write_error(error: GatewayError, request_id: str) -> bytes:
    """The body of an HTTP error (DI-112). The request id travels in its header only."""
    return orjson.dumps({"error": error_object(error)})


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the provider says it: milliseconds, seconds, or a date beside its own ``date``."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            seconds = float(value) / scale
        except ValueError:
            continue
        if 0 < seconds < 1e6:
            return seconds
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, (until - parsedate_to_datetime(headers.get("date", ""))).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _error(kind: Kind, words: Words, status: int, **more: Any) -> GatewayError:
    message = _SECRET.sub("[redacted]", words.message[:MAX_WORDS]) if words.message else None
    # TR-E17 A 401 is about the gateway's own key, which the words may quote.
    public = _CREDENTIALS if kind is Kind.UNAUTHENTICATED else message if status < 500 else None
    error = GatewayError(
        kind,
        public,
        status=status,
        code=words.code,
        type=words.type,
        param=words.param,
        from_provider=True,
        **more,
    )
    if message and public is not message:
        error.add_note(f"the provider said: {message}")
    return error


def _refine(kind: Kind, words: Words, *, trusted: bool) -> Kind:
    """The class that code, type and message tell, where they tell more than the status does."""
    for word in (words.code, words.type):
        better = KIND_BY_WORD.get(word.lower()) if word else None
        # A status beats the vague words, which providers put everywhere.
        if better is not None and not (trusted and better in _VAGUE):
            return better
    if words.message and (kind.status < 500 or not trusted):
        for pattern, better in KIND_BY_MESSAGE:
            if pattern.search(words.message):
                return better
    return kind


def _passes(name: str, value: str) -> bool:
    return (name in _PASSING or name.startswith("x-ratelimit-")) and value.isascii() and value.isprintable()


def _words_of_body(body: bytes) -> Words:
    try:
        return _words(orjson.loads(body))
    except orjson.JSONDecodeError:
        text = body[: 4 * MAX_WORDS].decode("utf-8", "replace").strip()
        # A web page of some proxy says nothing to a client.
        return Words() if not text or text.startswith("<") else Words(message=text)


def _words(payload: Any) -> Words:
    if isinstance(payload, list) and payload:
        payload = payload[0]
    if isinstance(payload, str):
        return Words(message=payload)
    if not isinstance(payload, dict):
        return Words()
    inner = payload.get("error")
    if isinstance(inner, dict):
        words = _fields(inner)
        return _nested(inner) or words
    words = _fields(payload)
    if isinstance(inner, str) and inner:
        words.message = inner
    return words


def _fields(source: dict[str, Any]) -> Words:
    kind, code, param = source.get("type"), source.get("code"), source.get("param")
    return Words(
        message=_message(source),
        type=kind if isinstance(kind, str) and _CODE.fullmatch(kind) and kind != "error" else None,
        code=code if isinstance(code, str) and _CODE.fullmatch(code) and not _status(code) else None,
        param=param if isinstance(param, str) and param else None,
        status=_status(source.get("status_code")) or _status(source.get("status")) or _status(code),
    )


def _message(source: dict[str, Any]) -> str | None:
    for name in ("message", "detail", "msg", "error", "errors"):
        value = source.get(name)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            value = value.get("message") or value.get("msg") or value.get("detail")
        if isinstance(value, str) and value:
            return value
    return None


def _nested(source: dict[str, Any]) -> Words | None:
    """The words of the provider behind a router, which the router wraps in its own empty ones."""
    metadata = source.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not isinstance(raw, str) or not raw:
        return None
    words = _words_of_body(raw.encode("utf-8", "replace"))
    if words.message is None:
        return None
    words.status = _status(source.get("code")) or words.status
    return words


def _status(value: Any) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    return value if type(value) is int and 400 <= value <= 599 else None
