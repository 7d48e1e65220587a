"""What is wrong with a Messages body, told by its place: the field as a path, and words that say what was expected there."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.dialects.messages import MESSAGES
from pipeline.errors import GatewayError, Kind
from pipeline.request import Request

USER: dict[str, Any] = {"role": "user", "content": "hello"}


def generate(body: dict[str, Any]) -> Request:
    MESSAGES.check(body)
    return MESSAGES.parse(body)


def fault(body: dict[str, Any]) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        generate(body)
    assert raised.value.kind is Kind.BAD_REQUEST
    return raised.value


def content(*blocks: Any, role: str = "user") -> dict[str, Any]:
    return {"messages": [USER, {"role": role, "content": list(blocks)}]}


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"model": None}, "model", "Missing"),
    ({"model": ""}, "model", "empty"),
    ({"max_tokens": None}, "max_tokens", "Missing"),
    ({"max_tokens": "9"}, "max_tokens", "an integer"),
    ({"max_tokens": -1}, "max_tokens", "at least 0"),
    ({"stream": "false"}, "stream", "a boolean"),
    ({"messages": None}, "messages", "Missing"),
    ({"messages": {}}, "messages", "an array"),
    ({"messages": []}, "messages", "at least one"),
    ({"messages": ["hi"]}, "messages[0]", "an object"),
    ({"messages": [{"content": "hi"}]}, "messages[0].role", "Missing"),
    ({"messages": [{"role": "asistant", "content": "hi"}]}, "messages[0].role", "Did you mean 'assistant'?"),
    ({"messages": [{"role": "user"}]}, "messages[0].content", "Missing"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "a string or an array of blocks"),
    (content("hi"), "messages[1].content[0]", "an object"),
    (content({"text": "hi"}), "messages[1].content[0].type", "Missing"),
    (content({"type": "txt", "text": "hi"}), "messages[1].content[0].type", "Did you mean 'text'?"),
    (content({"type": "input_text", "text": "hi"}), "messages[1].content[0].type", "'text'"),
    (content({"type": "text"}), "messages[1].content[0].text", "Missing"),
    (content({"type": "text", "text": 5}), "messages[1].content[0].text", "a string"),
    (content({"type": "text", "text": "a", "cache_control": "x"}), "messages[1].content[0].cache_control", "an object"),
    (content({"type": "image"}), "messages[1].content[0].source", "Missing"),
    (content({"type": "image", "source": {"type": "bas64"}}), "messages[1].content[0].source.type", "'base64'"),
    (
        content({"type": "image", "source": {"type": "base64", "data": "A"}}),
        "messages[1].content[0].source.media_type",
        "Missing",
    ),
    (content({"type": "document", "source": {"type": "url"}}), "messages[1].content[0].source.url", "Missing"),
    (content({"type": "tool_result", "content": "x"}), "messages[1].content[0].tool_use_id", "Missing"),
    (
        content({"type": "tool_result", "tool_use_id": "i", "content": [{"type": "tool_use"}]}),
        "messages[1].content[0].content[0].type",
        "Invalid value",
    ),
    (content({"type": "tool_use", "name": "f", "input": {}}, role="assistant"), "messages[1].content[0].id", "Missing"),
    (content({"type": "tool_use", "id": "", "name": "f", "input": {}}, role="assistant"), "messages[1].content[0].id", "empty"),
    (content({"type": "tool_use", "id": "i", "name": "f"}, role="assistant"), "messages[1].content[0].input", "Missing"),
    (
        content({"type": "tool_use", "id": "i", "name": "f", "input": "{}"}, role="assistant"),
        "messages[1].content[0].input",
        "an object",
    ),
    (content({"type": "thinking", "signature": "s"}, role="assistant"), "messages[1].content[0].thinking", "Missing"),
    (content({"type": "tool_result", "tool_use_id": "i"}, role="assistant"), "messages[1].content[0].type", "Supported values"),
    (content({"type": "image", "source": {}}, role="system"), "messages[1].content[0].type", "Supported values"),
    ({"system": 5}, "system", "a string or an array of blocks"),
    ({"system": [{"type": "image"}]}, "system[0].type", "Supported values"),
    ({"tools": {}}, "tools", "an array"),
    ({"tools": [{"input_schema": {}}]}, "tools[0].name", "Missing"),
    ({"tools": [{"name": "f", "input_schema": "{}"}]}, "tools[0].input_schema", "an object"),
    ({"tools": [{"name": "f", "strict": "yes"}]}, "tools[0].strict", "a boolean"),
    ({"tool_choice": "auto"}, "tool_choice", "an object"),
    ({"tool_choice": {"type": "required"}}, "tool_choice.type", "'any'"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name", "Missing"),
    ({"thinking": {"type": "on"}}, "thinking.type", "Supported values"),
    ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens", "Missing"),
    ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "thinking.budget_tokens", "at least 1024"),
    ({"output_config": {"effort": "minimal"}}, "output_config.effort", "Supported values"),
    ({"output_config": {"format": {"type": "json_object"}}}, "output_config.format.type", "'json_schema'"),
    ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema", "Missing"),
    ({"stop_sequences": "END"}, "stop_sequences", "an array"),
    ({"stop_sequences": [5]}, "stop_sequences[0]", "a string"),
    ({"temperature": 1.5}, "temperature", "at most 1"),
    ({"temperature": True}, "temperature", "a number"),
    ({"top_p": -0.5}, "top_p", "at least 0"),
    ({"top_k": -2}, "top_k", "at least 0"),
    ({"metadata": {"user_id": 5}}, "metadata.user_id", "a string"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "param", "words"), BAD)
def test_what_is_wrong_is_named_by_its_place_DI_114(change: dict[str, Any], param: str, words: str) -> None:
    error = fault({"model": "m", "max_tokens": 9, "messages": [USER], **change})
    assert error.param == param
    assert words in error.message
