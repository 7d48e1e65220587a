"""A Chat message or a piece of one as events: one reading for streams and bodies, so that both give the same content.

Raises TypeError, ValueError or AttributeError, and nothing else, for what no message can be.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from pipeline.dialects.chat.blocks import Blocks
from pipeline.events import Event, Foreign, OpaqueKind, Started

# Content that only this dialect has.
FOREIGN_FIELDS: Final = ("audio", "images", "executed_tools")


def read_started(payload: dict[str, Any]) -> Started:
    """Id, model and time of an answer, where the provider told them: "" and 0 are what some send instead (TR-M14)."""
    ident, model, created = payload.get("id"), payload.get("model"), payload.get("created")
    return Started(
        ident if type(ident) is str and ident else None,
        model if type(model) is str and model else None,
        created if type(created) is int and created > 0 else None,
    )


def read_message(message: dict[str, Any], logprobs: Any, blocks: Blocks, events: list[Event]) -> None:
    """Everything that a message or delta says: reasoning, text, sources, refusal, calls (DI-26, DI-31, DI-38)."""
    content = message.get("content")
    if content and type(content) is str and (len(message) == 1 or (len(message) == 2 and "role" in message)):
        # Most pieces of most streams.
        blocks.text(content, _logprobs(logprobs), events)
        return
    # One of the fields is enough: who sends several says the same thing in each.
    thought = message.get("reasoning_content") or message.get("reasoning")
    details = message.get("reasoning_details")
    if thought or details:
        _reasoning(thought, details, blocks, events)
    if content:
        _content(content, logprobs, blocks, events)
    for entry in message.get("annotations") or ():
        blocks.citation(entry, events)
    refusal = message.get("refusal")
    if refusal:
        blocks.refusal(_text(refusal), events)
    for entry in message.get("tool_calls") or ():
        blocks.call(entry, events)
    old = message.get("function_call")
    # Typed servers fill in empty objects for what is not there.
    if old and any(old.values()):
        blocks.call({"function": old}, events)
    for field in FOREIGN_FIELDS:
        value = message.get(field)
        if value and (type(value) is not dict or any(value.values())):
            events.append(Foreign(f"message.{field}", message))


def _reasoning(thought: Any, details: Any, blocks: Blocks, events: list[Event]) -> None:
    """Visible reasoning and its proofs, from whichever extension a provider has."""
    summary = False
    texts: list[str] = []
    proofs: list[tuple[str, OpaqueKind]] = []
    for entry in details or ():
        kind = entry.get("type")
        summary = summary or kind == "reasoning.summary"
        texts.append(entry.get("summary" if kind == "reasoning.summary" else "text") or "")
        if entry.get("signature"):
            proofs.append((_text(entry["signature"]), "signature"))
        if kind == "reasoning.encrypted" and entry.get("data"):
            proofs.append((_text(entry["data"]), "encrypted"))
    text = _text(thought or "".join(texts))
    if text:
        blocks.reasoning(text, events, summary=summary)
    for value, proof in proofs:
        blocks.opaque(value, proof, events)


def _content(content: Any, logprobs: Any, blocks: Blocks, events: list[Event]) -> None:
    """Text, the list of parts that some providers send (text beside thinking), or the object of structured output."""
    if type(content) is str:
        blocks.text(content, _logprobs(logprobs), events)
    elif type(content) is dict:
        blocks.text(orjson.dumps(content).decode(), None, events)
    else:
        for part in content:
            _part(part, blocks, events)


def _logprobs(value: Any) -> list[Any] | None:
    tokens = value.get("content") if type(value) is dict else None
    return tokens if type(tokens) is list and tokens else None


def _part(part: dict[str, Any], blocks: Blocks, events: list[Event]) -> None:
    kind = part.get("type")
    if kind == "text":
        if part.get("text"):
            blocks.text(_text(part["text"]), None, events)
    elif kind == "thinking":
        for piece in part.get("thinking") or ():
            if piece.get("text"):
                blocks.reasoning(_text(piece["text"]), events)
    else:
        events.append(Foreign("content_part", part))


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("not a text")
    return value


_SAID: Final = ("content", "reasoning_content", "reasoning")


def plain(chunk: dict[str, Any]) -> str | None:
    """The text of a chunk that holds one piece of text or reasoning and nothing else (see ``dialects.skim``)."""
    choices = chunk.get("choices")
    if chunk.get("usage") or chunk.get("error") or type(choices) is not list or len(choices) != 1:
        return None
    choice = choices[0]
    delta = choice.get("delta")
    get = choice.get
    if type(delta) is not dict or get("index") or get("finish_reason") or get("logprobs") or get("message"):
        return None
    said = [name for name, value in delta.items() if value and name != "role"]
    return delta[said[0]] if len(said) == 1 and said[0] in _SAID else None
