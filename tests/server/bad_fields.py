"""Faulty fields of each dialect as data: what is changed in a good body, the place at fault, and words of the message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

ABSENT: Final = object()
"""A field that is left out."""

USER: Final = {"role": "user", "content": "Hi"}
Row = tuple[str, dict[str, Any], str, tuple[str, ...]]
"""Name, changed fields, place at fault, further words of the message."""

CALL: Final = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
FUNCTION: Final = {"type": "function", "function": {"name": "look"}}
SCHEMA: Final = {"type": "json_schema"}


def turn(**fields: Any) -> dict[str, Any]:
    """One message instead of the good one."""
    return {"messages": [{name: value for name, value in {**USER, **fields}.items() if value is not ABSENT}]}


CHAT: Final[tuple[Row, ...]] = (
    ("no messages", {"messages": ABSENT}, "messages", ()),
    ("messages a string", {"messages": "Hi"}, "messages", ("array",)),
    ("messages empty", {"messages": []}, "messages", ()),
    ("a message that is no object", {"messages": ["Hi"]}, "messages[0]", ("object",)),
    ("a message that is null", {"messages": [USER, None]}, "messages[1]", ("object",)),
    ("no role", turn(role=ABSENT), "messages[0].role", ()),
    ("a misspelt role", turn(role="usr"), "messages[0].role", ("usr", "'user'")),
    ("no content", turn(content=ABSENT), "messages[0].content", ()),
    ("content a number", turn(content=3), "messages[0].content", ()),
    ("a part that is no object", turn(content=["Hi"]), "messages[0].content[0]", ("object",)),
    ("a part without a type", turn(content=[{"text": "Hi"}]), "messages[0].content[0].type", ()),
    ("an unknown part", turn(content=[{"type": "txet", "text": "Hi"}]), "messages[0].content[0].type", ("txet", "'text'")),
    ("a text part without text", turn(content=[{"type": "text"}]), "messages[0].content[0].text", ()),
    (
        "an image without a URL",
        turn(content=[{"type": "image_url", "image_url": {}}]),
        "messages[0].content[0].image_url.url",
        (),
    ),
    (
        "an image as a string",
        turn(content=[{"type": "image_url", "image_url": 3}]),
        "messages[0].content[0].image_url",
        ("object",),
    ),
    (
        "an unknown detail",
        turn(content=[{"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "hihg"}}]),
        "messages[0].content[0].image_url.detail",
        ("hihg", "'high'"),
    ),
    ("a tool result without its call", turn(role="tool"), "messages[0].tool_call_id", ()),
    ("calls that are no array", turn(role="assistant", tool_calls={}), "messages[0].tool_calls", ("array",)),
    (
        "a call without a name",
        turn(role="assistant", tool_calls=[{**CALL, "function": {"arguments": "{}"}}]),
        "messages[0].tool_calls[0].function.name",
        (),
    ),
    (
        "arguments as an object",
        turn(role="assistant", tool_calls=[{**CALL, "function": {"name": "look", "arguments": {}}}]),
        "messages[0].tool_calls[0].function.arguments",
        ("string",),
    ),
    ("n zero", {"n": 0}, "n", ("0",)),
    ("n a string", {"n": "2"}, "n", ("integer",)),
    ("max_tokens negative", {"max_tokens": -1}, "max_tokens", ("-1",)),
    ("max_tokens a string", {"max_tokens": "100"}, "max_tokens", ("integer",)),
    ("max_completion_tokens a fraction", {"max_completion_tokens": 1.5}, "max_completion_tokens", ("integer",)),
    ("temperature too high", {"temperature": 3}, "temperature", ("3", "2")),
    ("temperature a string", {"temperature": "hot"}, "temperature", ("number",)),
    ("top_p too high", {"top_p": 1.5}, "top_p", ("1.5",)),
    ("stop a number", {"stop": 3}, "stop", ("string",)),
    ("a stop that is no string", {"stop": ["x", 3]}, "stop[1]", ("string",)),
    ("a tool without a function", {"tools": [{"type": "function"}]}, "tools[0].function", ()),
    ("a tool without a name", {"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name", ()),
    (
        "parameters a string",
        {"tools": [{"type": "function", "function": {"name": "look", "parameters": "x"}}]},
        "tools[0].function.parameters",
        ("object",),
    ),
    ("an unknown choice", {"tools": [FUNCTION], "tool_choice": "atuo"}, "tool_choice", ("atuo", "'auto'")),
    ("a choice that is a number", {"tools": [FUNCTION], "tool_choice": 1}, "tool_choice", ("string",)),
    (
        "a choice of a tool that is missing",
        {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "lok"}}},
        "tool_choice",
        ("'lok'", "'look'"),
    ),
    ("a choice without tools", {"tool_choice": "required"}, "tool_choice", ("tools",)),
    ("a format without a type", {"response_format": {}}, "response_format.type", ()),
    ("an unknown format", {"response_format": {"type": "jsn_object"}}, "response_format.type", ("jsn_object", "'json_object'")),
    ("a format without its schema", {"response_format": SCHEMA}, "response_format.json_schema", ()),
    ("an unknown effort", {"reasoning_effort": "hihg"}, "reasoning_effort", ("hihg", "'high'")),
    ("parallel_tool_calls a string", {"parallel_tool_calls": "no"}, "parallel_tool_calls", ("boolean",)),
    ("stream_options a string", {"stream": True, "stream_options": "x"}, "stream_options", ("object",)),
)


def item(**fields: Any) -> dict[str, Any]:
    """One input item."""
    return {"input": [fields]}


RESPONSES: Final[tuple[Row, ...]] = (
    ("no input", {"input": ABSENT}, "input", ()),
    ("input a number", {"input": 3}, "input", ("string", "array")),
    ("an item that is no object", {"input": ["Hi"]}, "input[0]", ("object",)),
    ("an item of no kind", item(text="Hi"), "input[0]", ("type", "role")),
    ("an unknown item", item(type="function_cal"), "input[0].type", ("function_cal", "'function_call'")),
    ("a misspelt role", item(role="usr", content="Hi"), "input[0].role", ("usr", "'user'")),
    ("no content", item(role="user"), "input[0].content", ()),
    (
        "a part of Chat",
        item(role="user", content=[{"type": "text", "text": "Hi"}]),
        "input[0].content[0].type",
        ("'input_text'",),
    ),
    ("an image from nowhere", item(role="user", content=[{"type": "input_image"}]), "input[0].content[0]", ("image_url",)),
    ("a file from nowhere", item(role="user", content=[{"type": "input_file"}]), "input[0].content[0]", ("file_data",)),
    ("a call without an id", item(type="function_call", name="look", arguments="{}"), "input[0].call_id", ()),
    ("a call without a name", item(type="function_call", call_id="c", arguments="{}"), "input[0].name", ()),
    (
        "arguments as an object",
        item(type="function_call", call_id="c", name="l", arguments={}),
        "input[0].arguments",
        ("string",),
    ),
    ("an output without an id", item(type="function_call_output", output="x"), "input[0].call_id", ()),
    ("an output without its value", item(type="function_call_output", call_id="c"), "input[0].output", ()),
    ("instructions an array", {"instructions": ["x"]}, "instructions", ("string",)),
    ("max_output_tokens negative", {"max_output_tokens": -1}, "max_output_tokens", ("-1",)),
    ("max_output_tokens a string", {"max_output_tokens": "9"}, "max_output_tokens", ("integer",)),
    ("temperature too high", {"temperature": 2.5}, "temperature", ("2.5",)),
    ("top_logprobs too many", {"top_logprobs": 21}, "top_logprobs", ("21", "20")),
    ("a tool without a type", {"tools": [{"name": "look"}]}, "tools[0].type", ()),
    ("a tool without a name", {"tools": [{"type": "function"}]}, "tools[0].name", ()),
    ("a tool of Chat", {"tools": [{"type": "function", "function": {"name": "look"}}]}, "tools[0].name", ("flat",)),
    ("an unknown choice", {"tool_choice": "atuo"}, "tool_choice", ("atuo", "'auto'")),
    (
        "a choice of a tool that is missing",
        {"tools": [{"type": "function", "name": "look"}], "tool_choice": {"type": "function", "name": "lok"}},
        "tool_choice",
        ("'lok'", "'look'"),
    ),
    ("a choice without tools", {"tool_choice": "required"}, "tool_choice", ("tools",)),
    ("text a string", {"text": "x"}, "text", ("object",)),
    ("an unknown format", {"text": {"format": {"type": "json"}}}, "text.format.type", ("'json'",)),
    ("a format without its schema", {"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema", ()),
    ("an unknown effort", {"reasoning": {"effort": "hihg"}}, "reasoning.effort", ("hihg", "'high'")),
    ("include a string", {"include": "all"}, "include", ("array",)),
    ("two histories", {"previous_response_id": "resp_1", "conversation": "conv_1"}, "previous_response_id", ("conversation",)),
    ("a history that is not here", {"previous_response_id": "resp_1"}, "previous_response_id", ()),
)

ASK: Final = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
TOOL: Final = {"name": "look", "input_schema": {"type": "object"}}


def block(**fields: Any) -> dict[str, Any]:
    """One content block in a user turn."""
    return turn(content=[fields])


MESSAGES: Final[tuple[Row, ...]] = (
    ("no messages", {"messages": ABSENT}, "messages", ()),
    ("messages a string", {"messages": "Hi"}, "messages", ()),
    ("messages empty", {"messages": []}, "messages", ()),
    ("no max_tokens", {"max_tokens": ABSENT}, "max_tokens", ()),
    ("max_tokens a string", {"max_tokens": "100"}, "max_tokens", ("integer",)),
    ("max_tokens negative", {"max_tokens": -1}, "max_tokens", ("-1",)),
    ("max_tokens a fraction", {"max_tokens": 1.5}, "max_tokens", ("integer",)),
    ("a message that is no object", {"messages": ["Hi"]}, "messages[0]", ("object",)),
    ("no role", turn(role=ABSENT), "messages[0].role", ()),
    ("a misspelt role", turn(role="asistant"), "messages[0].role", ("asistant", "'assistant'")),
    ("a role of Chat", turn(role="tool"), "messages[0].role", ("tool",)),
    ("no content", turn(content=ABSENT), "messages[0].content", ()),
    ("content a number", turn(content=3), "messages[0].content", ()),
    ("a block that is no object", turn(content=["Hi"]), "messages[0].content[0]", ("object",)),
    ("a block without a type", block(text="Hi"), "messages[0].content[0].type", ()),
    ("an unknown block", block(type="txet"), "messages[0].content[0].type", ("txet", "'text'")),
    ("a text without text", block(type="text"), "messages[0].content[0].text", ()),
    ("an image without a source", block(type="image"), "messages[0].content[0].source", ()),
    (
        "an image of an unknown source",
        block(type="image", source={"type": "uri"}),
        "messages[0].content[0].source.type",
        ("uri", "'url'"),
    ),
    (
        "an image without its kind",
        block(type="image", source={"type": "base64", "data": "QUJD"}),
        "messages[0].content[0].source.media_type",
        (),
    ),
    ("a result without its call", block(type="tool_result", content="x"), "messages[0].content[0].tool_use_id", ()),
    ("a call without an id", turn(role="assistant", content=[{**ASK, "id": None}]), "messages[0].content[0].id", ()),
    (
        "a call whose input is a string",
        turn(role="assistant", content=[{**ASK, "input": "{}"}]),
        "messages[0].content[0].input",
        ("object",),
    ),
    ("system a number", {"system": 3}, "system", ()),
    ("system a block of another kind", {"system": [{"type": "image"}]}, "system[0].type", ("image",)),
    ("a tool without a name", {"tools": [{"input_schema": {"type": "object"}}]}, "tools[0].name", ()),
    ("a choice as a string", {"tools": [TOOL], "tool_choice": "auto"}, "tool_choice", ("object",)),
    ("an unknown choice", {"tools": [TOOL], "tool_choice": {"type": "atuo"}}, "tool_choice.type", ("atuo", "'auto'")),
    (
        "a choice of a tool that is missing",
        {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "lok"}},
        "tool_choice",
        ("'lok'", "'look'"),
    ),
    ("a choice without tools", {"tool_choice": {"type": "any"}}, "tool_choice", ("tools",)),
    ("stop_sequences a string", {"stop_sequences": "x"}, "stop_sequences", ("array",)),
    ("a stop sequence that is no string", {"stop_sequences": ["x", 3]}, "stop_sequences[1]", ("string",)),
    ("thinking of an unknown kind", {"thinking": {"type": "enabeld"}}, "thinking.type", ("enabeld", "'enabled'")),
    ("thinking without a budget", {"thinking": {"type": "enabled"}}, "thinking.budget_tokens", ()),
    ("a format without its schema", {"output_config": {"format": SCHEMA}}, "output_config.format.schema", ()),
    ("an unknown effort", {"output_config": {"effort": "hihg"}}, "output_config.effort", ("hihg", "'high'")),
)

OWN: Final[Mapping[str, tuple[Row, ...]]] = {"chat": CHAT, "responses": RESPONSES, "messages": MESSAGES}
