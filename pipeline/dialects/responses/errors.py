"""Errors of this dialect: bodies as in all of the OpenAI world, and the ``error`` of a response that failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.dialects.openai_errors import error_object, read_error, read_in_band, write_error
from pipeline.errors import GatewayError, Kind

__all__ = ["failure", "read_error", "read_failure", "write_error"]

# DI-76, DI-123: what typed clients know, and what Codex acts on.
CODES: Final = frozenset(
    {
        "server_error",
        "rate_limit_exceeded",
        "invalid_prompt",
        "context_length_exceeded",
        "insufficient_quota",
        "usage_not_included",
        "data_residency_mismatch",
        "bio_policy",
        "misalignment_policy_violation",
        "vector_store_timeout",
        "invalid_image",
        "invalid_image_format",
        "invalid_base64_image",
        "invalid_image_url",
        "image_too_large",
        "image_too_small",
        "image_parse_error",
        "image_content_policy_violation",
        "invalid_image_mode",
        "image_file_too_large",
        "unsupported_image_media_type",
        "empty_image_file",
        "failed_to_download_image",
        "image_file_not_found",
    }
)
CODE_BY_KIND: Final[Mapping[Kind, str]] = {
    Kind.BAD_REQUEST: "invalid_prompt",
    Kind.UNPROCESSABLE: "invalid_prompt",
    Kind.CONTEXT_LENGTH: "context_length_exceeded",
    Kind.BILLING: "insufficient_quota",
    Kind.RATE_LIMIT: "rate_limit_exceeded",
}


def read_failure(event: dict[str, Any], raw: bytes) -> GatewayError:
    """``response.failed`` or ``error``, flat or nested (TR-E22), as a typed error. ``raw``: what the same dialect hands on."""
    response = event.get("response")
    if isinstance(response, dict):
        event = {"error": response.get("error") or {}}
    return read_in_band(event, raw, "responses")


def failure(error: GatewayError) -> dict[str, Any]:
    """``response.error`` (DI-121). A code that no client of this dialect knows becomes the one of its class."""
    message = error_object(error)["message"]
    code = error.code if error.code in CODES else CODE_BY_KIND.get(error.kind, "server_error")
    if code == "rate_limit_exceeded" and error.retry_after and "try again in" not in message.lower():
        # DI-123: in-band there is no Retry-After; Codex reads the wait from the words.
        message = f"{message} Please try again in {error.retry_after:g}s."
    return {"code": code, "message": message}
