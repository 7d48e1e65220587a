"""One form for an answer, whichever official SDK accumulated it: ordered blocks, the reason to stop, usage.

Nothing here knows the gateway's own code: the values come from the SDKs' typed models, so two answers that are equal here are
equal to the programs that use those SDKs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass
class Block:
    """One ordered part of an answer. ``arguments`` is the parsed JSON, or the text itself when it is not JSON."""

    kind: str
    """text | reasoning | refusal | tool | foreign"""
    text: str = ""
    id: str | None = None
    name: str | None = None
    arguments: Any = None
    custom: bool = False
    opaque: str | None = None
    """Signature, redacted data or encrypted content of reasoning."""
    citations: list[tuple[str | None, str | None]] = field(default_factory=list)
    """(url, title) of the sources that name a web page."""


@dataclass
class Usage:
    """``input`` counts everything that was read, cached or not (DI-181); None is unknown."""

    input: int | None = None
    output: int | None = None
    total: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


@dataclass
class Answer:
    """What a program holds in its hands when the SDK has finished."""

    blocks: list[Block]
    stop: str | None
    """A class of reasons (see the tables below); None: the SDK never saw one."""
    usage: Usage | None
    model: str | None = None
    stop_sequence: str | None = None

    def said(self, kind: str = "text") -> str:
        """All text of one kind, joined."""
        return "".join(block.text for block in self.blocks if block.kind == kind)

    @property
    def tools(self) -> list[Block]:
        return [block for block in self.blocks if block.kind == "tool"]


# DI-170 to DI-178, each dialect's own words (Chat's are in chat.py).
MESSAGES_STOPS: Final = {
    "end_turn": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
    "pause_turn": "pause",
    "model_context_window_exceeded": "context_window",
}
RESPONSES_INCOMPLETE: Final = {"max_output_tokens": "length", "content_filter": "content_filter"}
CALL_ITEMS: Final = ("function_call", "custom_tool_call")


def arguments_of(text: str | None) -> Any:
    """Parsed arguments; no text is the empty object (DI-165), and what is not JSON stays the text that it is."""
    if not text:
        return {}
    try:
        return json.loads(text)
    except ValueError:
        return text


def get(value: Any, *path: str) -> Any:
    """A field of a typed model or of the plain dict that the SDK made of what it does not know; None when it is missing."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
        if value is None:
            return None
    return value


def url_citations(annotations: Any) -> list[tuple[str | None, str | None]]:
    """The web sources among Chat and Responses annotations (DI-159)."""
    found = []
    for annotation in annotations or ():
        if get(annotation, "type") == "url_citation":
            source = get(annotation, "url_citation") or annotation
            found.append((get(source, "url"), get(source, "title")))
    return found


# ----------------------------------------------------------------------------------------------------------- responses


def responses_usage(usage: Any) -> Usage | None:
    """Responses' ``usage``: the names differ from Chat's, the meaning does not (DI-180)."""
    if usage is None:
        return None
    return Usage(
        input=get(usage, "input_tokens"),
        output=get(usage, "output_tokens"),
        total=get(usage, "total_tokens"),
        cached=get(usage, "input_tokens_details", "cached_tokens"),
        cache_write=get(usage, "input_tokens_details", "cache_write_tokens"),
        reasoning=get(usage, "output_tokens_details", "reasoning_tokens"),
    )


def responses_item(item: Any) -> list[Block]:
    """One output item: the parts of a message each are a block."""
    kind = get(item, "type")
    if kind == "message":
        return [_responses_part(part) for part in get(item, "content") or ()]
    if kind == "reasoning":
        texts = [str(get(part, "text") or "") for part in (*(get(item, "summary") or ()), *(get(item, "content") or ()))]
        return [Block("reasoning", "\n\n".join(texts), opaque=get(item, "encrypted_content") or None)]
    if kind == "function_call":
        return [Block("tool", id=get(item, "call_id"), name=get(item, "name"), arguments=arguments_of(get(item, "arguments")))]
    if kind == "custom_tool_call":
        return [Block("tool", id=get(item, "call_id"), name=get(item, "name"), arguments=get(item, "input"), custom=True)]
    return [Block("foreign", name=kind)]


def _responses_part(part: Any) -> Block:
    if get(part, "type") == "output_text":
        return Block("text", get(part, "text") or "", citations=url_citations(get(part, "annotations")))
    if get(part, "type") == "refusal":
        return Block("refusal", get(part, "refusal") or "")
    return Block("foreign", name=get(part, "type"))


def from_responses(response: Any, output: list[Any] | None = None) -> Answer:
    """A ``Response``; ``output`` are the finished items of a stream, which count more than what its last event repeats."""
    items = list(output or get(response, "output") or ())
    blocks = [block for item in items for block in responses_item(item)]
    if get(response, "status") == "incomplete":
        stop = RESPONSES_INCOMPLETE.get(str(get(response, "incomplete_details", "reason")), "other")
    elif get(response, "status") == "completed":
        stop = "tool_calls" if any(get(item, "type") in CALL_ITEMS for item in items) else "stop"
    else:
        stop = None
    return Answer(blocks, stop, responses_usage(get(response, "usage")), get(response, "model"))


# ------------------------------------------------------------------------------------------------------------ messages


def messages_usage(usage: Any) -> Usage | None:
    """Messages' ``usage``, with its own arithmetic undone (DI-181)."""
    if usage is None or get(usage, "input_tokens") is None:
        return None
    cached, written = get(usage, "cache_read_input_tokens"), get(usage, "cache_creation_input_tokens")
    read, wrote = usage.input_tokens + (cached or 0) + (written or 0), get(usage, "output_tokens")
    return Usage(
        input=read,
        output=wrote,
        total=read + (wrote or 0),
        cached=cached,
        cache_write=written,
        reasoning=get(usage, "output_tokens_details", "thinking_tokens"),
    )


def messages_block(block: Any) -> Block:
    """One content block."""
    kind = get(block, "type")
    if kind == "text":
        cited = [
            (get(citation, "url"), get(citation, "title"))
            for citation in get(block, "citations") or ()
            if get(citation, "type") == "web_search_result_location"
        ]
        return Block("text", get(block, "text") or "", citations=cited)
    if kind == "thinking":
        return Block("reasoning", get(block, "thinking") or "", opaque=get(block, "signature") or None)
    if kind == "redacted_thinking":
        return Block("reasoning", opaque=get(block, "data"))
    if kind == "tool_use":
        return Block("tool", id=get(block, "id"), name=get(block, "name"), arguments=get(block, "input"))
    return Block("foreign", name=kind)


def from_messages(message: Any) -> Answer:
    """A ``Message``."""
    word = get(message, "stop_reason")
    return Answer(
        [messages_block(block) for block in get(message, "content") or ()],
        MESSAGES_STOPS.get(word, "other") if word else None,
        messages_usage(get(message, "usage")),
        get(message, "model"),
        get(message, "stop_sequence"),
    )
