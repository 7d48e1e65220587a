"""What a provider was asked, read from the body it received, in one form for all dialects: the counterpart of ``neutral``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Turn = tuple[Any, ...]
"""(role, "text" | "image" | ..., value), ("call", id, name, arguments), ("result", id, text), ("thought", opaque value)."""


@dataclass(frozen=True)
class Asked:
    """The turns in order, the tools, and what was said about them."""

    turns: list[Turn]
    tools: list[tuple[str, Any]]
    """(name, schema)"""
    choice: Any
    parallel: bool | None
    schema: Any
    """Of the structured output that was asked for."""


def heard(dialect: str, body: Mapping[str, Any]) -> Asked:
    """Read a request body that a provider of this dialect received. Raises when it is none."""
    return _READERS[dialect](body)


def _texts(role: str, content: Any) -> Iterator[Turn]:
    if isinstance(content, str):
        yield role, "text", content
        return
    for part in content or ():
        kind = part["type"]
        if kind in ("text", "input_text", "output_text"):
            yield role, "text", part["text"]
        elif kind == "image_url":
            yield role, "image", part["image_url"]["url"]
        elif kind == "input_image" and part.get("image_url"):
            yield role, "image", part["image_url"]
        elif kind == "image" and part["source"]["type"] != "file":
            source = part["source"]
            data = f"data:{source.get('media_type')};base64,{source.get('data')}"
            yield role, "image", source["url"] if source["type"] == "url" else data
        else:
            yield role, kind, part


def _joined(content: Any) -> str:
    return "".join(turn[2] for turn in _texts("", content) if turn[1] == "text")


def _arguments(text: str) -> Any:
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text


def _role(role: str) -> str:
    return "system" if role == "developer" else role


# ---------------------------------------------------------------------------------------------------------------- chat


def _chat(body: Mapping[str, Any]) -> Asked:
    functions = [tool["function"] for tool in body.get("tools") or () if "function" in tool]
    tools = [(function["name"], function.get("parameters")) for function in functions]
    choice = body.get("tool_choice")
    named = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
    turns = [turn for message in body["messages"] for turn in _chat_message(message)]
    return Asked(turns, tools, ("named", named) if named else choice, body.get("parallel_tool_calls"), schema)


def _chat_message(message: Mapping[str, Any]) -> Iterator[Turn]:
    if message["role"] == "tool":
        yield "result", message["tool_call_id"], _joined(message["content"])
        return
    yield from _texts(_role(message["role"]), message.get("content"))
    for call in message.get("tool_calls") or ():
        if "custom" in call:
            yield "call", call["id"], call["custom"]["name"], call["custom"]["input"]
        else:
            yield "call", call["id"], call["function"]["name"], _arguments(call["function"]["arguments"])


# ----------------------------------------------------------------------------------------------------------- responses


def _responses(body: Mapping[str, Any]) -> Asked:
    tools = [(tool["name"], tool.get("parameters")) for tool in body.get("tools") or () if tool["type"] == "function"]
    choice = body.get("tool_choice")
    schema = ((body.get("text") or {}).get("format") or {}).get("schema")
    turns: list[Turn] = [("system", "text", body["instructions"])] if body.get("instructions") else []
    items = [{"role": "user", "content": body["input"]}] if isinstance(body["input"], str) else body["input"]
    turns += [turn for item in items for turn in _responses_item(item)]
    named = ("named", choice.get("name")) if isinstance(choice, dict) else choice
    return Asked(turns, tools, named, body.get("parallel_tool_calls"), schema)


def _responses_item(item: Mapping[str, Any]) -> Iterator[Turn]:
    kind = item.get("type", "message")
    if kind == "message":
        yield from _texts(_role(item["role"]), item["content"])
    elif kind == "function_call":
        yield "call", item["call_id"], item["name"], _arguments(item["arguments"])
    elif kind == "custom_tool_call":
        yield "call", item["call_id"], item["name"], item["input"]
    elif kind in ("function_call_output", "custom_tool_call_output"):
        yield "result", item["call_id"], _joined(item["output"])
    elif kind == "reasoning":
        yield "thought", item.get("encrypted_content")
    else:
        yield "other", kind, item


# ------------------------------------------------------------------------------------------------------------ messages


def _messages(body: Mapping[str, Any]) -> Asked:
    tools = [(tool["name"], tool["input_schema"]) for tool in body.get("tools") or () if "input_schema" in tool]
    given = body.get("tool_choice") or {}
    words = {"any": "required", "tool": ("named", given.get("name"))}
    choice = words.get(given["type"], given["type"]) if given else None
    parallel = False if given.get("disable_parallel_tool_use") else None
    schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
    turns = list(_texts("system", body.get("system")))
    turns += [turn for message in body["messages"] for turn in _messages_message(message)]
    return Asked(turns, tools, choice, parallel, schema)


def _messages_message(message: Mapping[str, Any]) -> Iterator[Turn]:
    blocks = [{"type": "text", "text": message["content"]}] if isinstance(message["content"], str) else message["content"]
    for block in blocks:
        kind = block["type"]
        if kind == "tool_use":
            yield "call", block["id"], block["name"], block["input"]
        elif kind == "tool_result":
            yield "result", block["tool_use_id"], _joined(block.get("content"))
        elif kind in ("thinking", "redacted_thinking"):
            yield "thought", block.get("signature") or block.get("data")
        else:
            yield from _texts(message["role"], [block])


_READERS: Final[dict[str, Callable[[Mapping[str, Any]], Asked]]] = {
    "chat": _chat,
    "responses": _responses,
    "messages": _messages,
}
