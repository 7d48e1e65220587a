"""The words of Messages and what they mean: reasons to stop and usage, both ways, each in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.events import Finish, FinishReason, Usage

Native = dict[str, Any]

# DI-170 to DI-178. Any other word is "other".
REASON_OF_WORD: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_window",
    "pause_turn": "pause",
}
WORD_OF_REASON: Final[Mapping[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "content_filter": "refusal",
    "refusal": "refusal",
    "context_window": "model_context_window_exceeded",
    "pause": "pause_turn",
    "function_call": "tool_use",
    "other": "end_turn",
}

_Known = tuple[int | None, int | None, int | None, int | None, int | None]
"""The counts of a `usage` object that were told: input, cache read, cache written, output, thinking."""


def read_finish(source: Native, *, tools: bool) -> Finish:
    """``stop_reason`` and what belongs to it, from a message or the ``delta`` of ``message_delta`` (DI-99, DI-179)."""
    word, sequence, details = source.get("stop_reason"), source.get("stop_sequence"), source.get("stop_details")
    reason = REASON_OF_WORD.get(word, "other") if type(word) is str else "other"
    return Finish(
        "tool_calls" if tools and reason == "stop" else reason,
        word if type(word) is str else None,
        sequence if type(sequence) is str else None,
        details if type(details) is dict else None,
    )


def write_finish(finish: Finish | None, *, native: bool, tools: bool, refused: bool) -> Native:
    """``stop_reason``, ``stop_sequence``, ``stop_details`` for a client, given what it was sent.

    Args:
        native: the provider speaks this dialect, so its own word passes, known or not.
    """
    finish = finish or Finish("other")
    word = WORD_OF_REASON[finish.reason]
    if finish.reason == "stop_sequence" and finish.stop_sequence is None:
        # DI-173: which one it was, nobody knows.
        word = "end_turn"
    if word == "end_turn":
        # DI-174: the model refused in its own words. DI-179.
        word = "refusal" if refused else "tool_use" if tools else word
    if native and finish.native is not None:
        word = finish.native
    details = finish.details
    return {
        "stop_reason": word,
        "stop_sequence": finish.stop_sequence if word == "stop_sequence" else None,
        "stop_details": details if details is not None and details.get("type") == "refusal" else None,
    }


class Counts:
    """A provider's usage as it becomes known: later values overwrite (DI-185), absent ones leave what was said (DI-101)."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: _Known = (None,) * 5

    def read(self, source: Any) -> Usage | None:
        """The usage with what ``source`` adds to it; None when it adds nothing."""
        if type(source) is not dict:
            return None
        before = fresh, read, write, output, thought = self._known
        if type(count := source.get("input_tokens")) is int:
            fresh = count
        if type(count := source.get("cache_read_input_tokens")) is int:
            read = count
        if type(count := source.get("cache_creation_input_tokens")) is int:
            write = count
        if type(count := source.get("output_tokens")) is int:
            output = count
        details = source.get("output_tokens_details")
        if type(details) is dict and type(count := details.get("thinking_tokens")) is int:
            thought = count
        known = fresh, read, write, output, thought
        if known == before:
            return None
        self._known = known
        # The first three are apart from each other: together they are the input (DI-100, DI-181, TR-U9).
        total = None if fresh is None else fresh + (read or 0) + (write or 0)
        return Usage(total, output, None, read, write, thought)


def write_usage(usage: Usage) -> Native:
    """What is known, in this dialect's arithmetic (DI-182). The two counts that it demands are 0 while nobody knows (TR-U1)."""
    read, write = usage.cache_read, usage.cache_write
    out: Native = {"input_tokens": max(0, (usage.input or 0) - (read or 0) - (write or 0))}
    if write is not None:
        out["cache_creation_input_tokens"] = write
    if read is not None:
        out["cache_read_input_tokens"] = read
    out["output_tokens"] = usage.output or 0
    if usage.reasoning is not None:
        out["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return out
