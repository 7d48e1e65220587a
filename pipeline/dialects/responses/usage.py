"""Tokens at the border of this dialect (DI-78, DI-180): unknown stays unknown, and no total is made up over the provider's."""

from __future__ import annotations

from typing import Any

from pipeline.dialects.lenient import count
from pipeline.events import Usage


def read_usage(value: Any) -> Usage | None:
    """Usage of a response object; None where it tells nothing."""
    if not isinstance(value, dict):
        return None
    inputs, outputs = value.get("input_tokens_details"), value.get("output_tokens_details")
    usage = Usage(count(value.get("input_tokens")), count(value.get("output_tokens")), count(value.get("total_tokens")))
    if isinstance(inputs, dict):
        usage.cache_read = count(inputs.get("cached_tokens"))
        usage.cache_write = count(inputs.get("cache_write_tokens"))
    if isinstance(outputs, dict):
        usage.reasoning = count(outputs.get("reasoning_tokens"))
    return usage


def write_usage(usage: Usage) -> dict[str, Any] | None:
    """Usage of a response object; null while the counts are unknown (TR-U1)."""
    if usage.input is None or usage.output is None:
        return None
    # DI-183: inside a known usage an unknown detail is 0.
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cache_read or 0, "cache_write_tokens": usage.cache_write or 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        # TR-U8
        "total_tokens": usage.input + usage.output if usage.total is None else usage.total,
    }
