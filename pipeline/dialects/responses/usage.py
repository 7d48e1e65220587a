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
    return Usage(
        input=_count(value, "input_tokens"),
        output=_count(value, "output_tokens"),
        total=_count(value, "total_tokens"),
        cache_read=_count(inputs, "cached_tokens"),
        cache_write=_count(inputs, "cache_write_tokens"),
        reasoning=_count(outputs, "reasoning_tokens"),
    )


def _count(value: Any, name: str) -> int | None:
    return count(value.get(name)) if isinstance(value, dict) else None


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
