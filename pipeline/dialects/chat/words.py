"""The words of Chat Completions and what they mean: reasons to stop and usage, both ways, each in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.dialects.lenient import COUNTABLE, count
from pipeline.errors import Kind
from pipeline.events import FinishReason, Usage

ANSWER: Final = "chat.completion"
CHUNK: Final = "chat.completion.chunk"

# DI-170 to DI-178, and the words of providers that speak the dialect with an accent. Any other word is "other".
REASON_OF_WORD: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "function_call",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_length": "context_window",
    "tool_use": "tool_calls",
    "safety": "content_filter",
    "refusal": "refusal",
}

# Words that say that the answer failed: it is not complete, whatever follows.
FAILURE_OF_WORD: Final[Mapping[str, Kind]] = {
    "error": Kind.PROVIDER,
    "abort": Kind.PROVIDER,
    "insufficient_system_resource": Kind.OVERLOADED,
}

# DI-170 to DI-178. A refusal whose text stood in ``refusal`` ends as the service itself ends it: see the encoders.
WORD_OF_REASON: Final[Mapping[FinishReason, str]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "stop_sequence": "stop",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "context_window": "length",
    "pause": "stop",
    # The old field was one call; what is written here are always calls in the new one.
    "function_call": "tool_calls",
    "other": "stop",
}


def reason_of(word: str | None, *, tools: bool, refused: bool) -> FinishReason:
    """What a provider's word means beside what it sent: calls make a tool turn (DI-179), a refusal is one (DI-174)."""
    reason = REASON_OF_WORD.get(word, "other") if word else "stop"
    if reason == "stop" or reason == "other":
        if tools:
            return "tool_calls"
        if refused:
            return "refusal"
    return reason


def word_of(reason: FinishReason, *, tools: bool, refused: bool) -> str:
    """The ``finish_reason`` for a client, given what it was sent (DI-179)."""
    word = "stop" if reason == "refusal" and refused else WORD_OF_REASON[reason]
    return "tool_calls" if word == "stop" and tools else word


def read_usage(source: dict[str, Any]) -> Usage:
    """DI-180. What is missing, null or no number is unknown (TR-U3)."""
    prompt, completion = source.get("prompt_tokens_details"), source.get("completion_tokens_details")
    usage = Usage(_count(source, "prompt_tokens"), _count(source, "completion_tokens"), _count(source, "total_tokens"))
    if type(prompt) is dict:
        usage.cache_read = _count(prompt, "cached_tokens")
        usage.cache_write = _count(prompt, "cache_write_tokens")
    if type(completion) is dict:
        usage.reasoning = _count(completion, "reasoning_tokens")
    return usage


def write_usage(usage: Usage) -> dict[str, Any] | None:
    """DI-28, DI-180; None when nothing is known (TR-U1). A total that the provider gave is not computed again (TR-U8)."""
    if usage.input is None and usage.output is None:
        return None
    read, written = usage.input or 0, usage.output or 0
    out: dict[str, Any] = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written if usage.total is None else usage.total,
    }
    details = {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write}
    known = {name: value for name, value in details.items() if value is not None}
    if known:
        out["prompt_tokens_details"] = known
    if usage.reasoning is not None:
        out["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return out


def _count(source: dict[str, Any], name: str) -> int | None:
    value = source.get(name)
    # As nearly every provider says it.
    if type(value) is int and 0 <= value < COUNTABLE:
        return value
    if type(value) is float and value.is_integer():
        return count(int(value))
    return None
