"""Requests of other dialects as Responses bodies: well typed in the official SDK's eyes, nothing lost without a name."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.dialects.responses import RESPONSES
from pipeline.errors import GatewayError
from pipeline.request import (
    AudioPart,
    Extra,
    FilePart,
    ForeignPart,
    ForeignTool,
    Format,
    ImagePart,
    Losses,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    Request,
    Target,
    TextPart,
    Thinking,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from tests.support.typed import faults


def unseal(text: str) -> tuple[str, str] | None:
    return ("encrypted", text.removeprefix("sealed:")) if text.startswith("sealed:") else None


TARGET = Target("responses", "gpt-9", unseal=unseal)


def request(*messages: Message, dialect: str = "chat", **fields: Any) -> Request:
    body = fields.pop("body", {})
    return Request(dialect, "m", fields.pop("stream", True), body, list(messages) or [said("hello")], **fields)


def said(text: str) -> Message:
    return Message("user", [TextPart(text)], where="messages[0]")


def turn(*parts: Part, role: Any = "user") -> Message:
    return Message(role, list(parts), where="messages[1]")


def build(asked: Request, target: Target = TARGET, typed: bool = True) -> tuple[dict[str, Any], list[str]]:
    losses = Losses()
    body = RESPONSES.build(asked, target, losses)
    if typed:
        assert faults("responses", body) == []
    return body, losses.dropped


def refused(asked: Request) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        RESPONSES.build(asked, TARGET, Losses())
    assert caught.value.status == 400
    return caught.value


def test_the_smallest_request() -> None:
    body, dropped = build(request(stream=False))
    assert body == {
        "model": "gpt-9",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}],
        "stream": False,
        "store": False,  # DI-214
    }
    assert dropped == []


def test_di_145_leading_system_text_is_the_instructions_and_the_rest_stays_in_place() -> None:
    body, _ = build(
        request(
            turn(TextPart("one"), role="system"),
            turn(TextPart("two"), role="system"),
            turn(TextPart("dev"), role="developer"),
            said("hi"),
            turn(TextPart("later"), role="system"),
        )
    )
    assert body["instructions"] == "one\n\ntwo"
    assert [item["role"] for item in body["input"]] == ["developer", "user", "system"]


def test_tr_c7_an_assistants_turn_keeps_its_order() -> None:
    history = turn(
        ReasoningPart("hm", opaque="sealed:enc"),
        TextPart("first"),
        ToolCallPart("c1", "look", '{"a": 1}'),
        TextPart("then"),
        ToolCallPart("c2", "patch", "free", custom=True),
        role="assistant",
    )
    results = turn(ToolResultPart("c1", [TextPart("seen")]), ToolResultPart("c2", [TextPart("done")]), TextPart("go on"))
    body, dropped = build(request(said("hi"), history, results), typed=False)
    assert body["input"][1:] == [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "enc"},
        {"type": "message", "role": "assistant", "content": "first"},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"a": 1}'},
        {"type": "message", "role": "assistant", "content": "then"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "free"},
        {"type": "function_call_output", "call_id": "c1", "output": "seen"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go on"}]},
    ]
    assert body["include"] == ["reasoning.encrypted_content"], "TR-P14: what is replayed is also asked for"
    assert dropped == []


def test_di_160_reasoning_of_another_provider_is_dropped_by_name() -> None:
    body, dropped = build(request(said("hi"), turn(ReasoningPart("hm", opaque="sig", opaque_kind="signature"), role="assistant")))
    assert len(body["input"]) == 1
    assert dropped == ["reasoning"]


def test_images_and_files() -> None:
    parts: list[Part] = [
        TextPart("see"),
        ImagePart(url="https://a.example/x.png", detail="low"),
        ImagePart(data="AAAA", media_type="image/webp"),
        FilePart(data="JVBE", media_type="application/pdf", filename="a.pdf"),
        FilePart(text="plain"),
        FilePart(url="https://a.example/b.pdf"),
    ]
    body, dropped = build(request(turn(*parts)))
    assert body["input"][0]["content"][1:] == [
        {"type": "input_image", "detail": "low", "image_url": "https://a.example/x.png"},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/webp;base64,AAAA"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
        {"type": "input_file", "filename": "document.txt", "file_data": "data:text/plain;base64,cGxhaW4="},
        {"type": "input_file", "file_url": "https://a.example/b.pdf"},
    ]
    assert dropped == []


def test_di_157_results_keep_images_and_say_that_the_tool_failed() -> None:
    image = ImagePart(data="AAAA", media_type="image/png")
    results = turn(
        ToolResultPart("c1", [TextPart("boom"), image], is_error=True),
        ToolResultPart("c2", [image], is_error=True),
        ToolResultPart("c3", [TextPart("a"), TextPart("b")]),
        ToolResultPart("c4", []),
    )
    outputs = [item["output"] for item in build(request(results))[0]["input"]]
    shown = {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AAAA"}
    assert outputs == [
        [{"type": "input_text", "text": "Error: boom"}, shown],
        [{"type": "input_text", "text": "Error:"}, shown],
        [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}],
        "",
    ]


def test_tr_c23_a_turn_without_parts_is_left_out() -> None:
    assert len(build(request(said("hi"), turn()))[0]["input"]) == 1


def test_a_refusal_of_the_history_stays_a_refusal() -> None:
    body, _ = build(request(said("hi"), turn(RefusalPart("no"), role="assistant")), typed=False)
    assert body["input"][1] == {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}


def test_tr_c16_tools_are_flat_and_strict_only_where_the_client_said_so() -> None:
    tools: list[Tool | ForeignTool] = [
        Tool("a", "does a", {"type": "object"}, True),
        Tool("b"),
        Tool("c", custom=True, description="free", format={"type": "text"}),
        Tool("d", extra={"defer_loading": True}, cache={"type": "ephemeral"}),
        ForeignTool("web_search", "web_search", {}),
    ]
    body, dropped = build(request(tools=tools, parallel_tools=False))
    empty = {"type": "object", "properties": {}}
    assert body["tools"] == [
        {"type": "function", "name": "a", "description": "does a", "parameters": {"type": "object"}, "strict": True},
        {"type": "function", "name": "b", "parameters": empty, "strict": False},
        {"type": "custom", "name": "c", "description": "free", "format": {"type": "text"}},
        {"type": "function", "name": "d", "parameters": empty, "strict": False},
    ]
    assert body["parallel_tool_calls"] is False
    assert dropped == ["cache_control", "tools.defer_loading", "tools.web_search"]


TOOLS: list[Tool | ForeignTool] = [Tool("a"), Tool("c", custom=True), ForeignTool("web_search", "search", {})]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("named", "a"), {"type": "function", "name": "a"}),
        (ToolChoice("named", "c"), {"type": "custom", "name": "c"}),
        (
            ToolChoice("allowed", allowed=["a", "c"], allowed_mode="required"),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "a"}, {"type": "custom", "name": "c"}],
            },
        ),
    ],
)
def test_di_193_tool_choice(choice: ToolChoice, expected: Any) -> None:
    assert build(request(tools=TOOLS, tool_choice=choice))[0]["tool_choice"] == expected


@pytest.mark.parametrize("choice", [ToolChoice("named", "search"), ToolChoice("foreign", "mcp", native={"type": "mcp"})])
def test_demanding_a_tool_that_cannot_be_carried_is_refused(choice: ToolChoice) -> None:
    assert refused(request(tools=TOOLS, tool_choice=choice)).param == "tool_choice"


@pytest.mark.parametrize(
    ("asked", "reasoning", "included"),
    [
        (None, None, False),
        (Thinking("high"), {"effort": "high"}, True),
        (Thinking("low", summary="auto"), {"effort": "low", "summary": "auto"}, True),
        (Thinking("none", summary="auto"), {"effort": "none"}, False),
        (Thinking(summary="omitted"), None, False),
        (Thinking(mode="disabled"), {"effort": "none"}, False),
        (Thinking(mode="adaptive"), None, True),
        (Thinking("xhigh", mode="adaptive"), {"effort": "xhigh"}, True),
        (Thinking(mode="enabled", budget=1024), {"effort": "low"}, True),
        (Thinking(mode="enabled", budget=4096), {"effort": "medium"}, True),
        (Thinking(mode="enabled", budget=31999), {"effort": "high"}, True),
        (Thinking(mode="enabled", budget=32768), {"effort": "xhigh"}, True),
        (Thinking(mode="enabled", budget=65536), {"effort": "max"}, True),
    ],
)
def test_di_220_effort_and_summary(asked: Thinking | None, reasoning: Any, included: bool) -> None:
    body, dropped = build(request(thinking=asked))
    assert body.get("reasoning") == reasoning
    assert ("include" in body) is included
    assert dropped == []


def test_di_231_di_232_thinking_that_cannot_be_asked_is_dropped_by_name() -> None:
    assert build(request(thinking=Thinking(mode="between_tools")))[1] == ["thinking"]
    body, dropped = build(request(thinking=Thinking("high")), Target("responses", "m", options={"reasoning": False}))
    assert ("reasoning" in body, dropped) == (False, ["reasoning"])


SCHEMA = {"type": "object", "properties": {}}
NAMED = {"type": "json_schema", "name": "n", "schema": SCHEMA, "description": "d"}
UNNAMED = {"type": "json_schema", "name": "response", "schema": SCHEMA, "strict": True}


@pytest.mark.parametrize(
    ("dialect", "given", "expected"),
    [
        ("chat", Format("json_object"), {"type": "json_object"}),
        ("chat", Format("text"), {"type": "text"}),
        ("chat", Format("json_schema", "n", "d", SCHEMA), NAMED),
        ("messages", Format("json_schema", schema=SCHEMA), UNNAMED),
    ],
)
def test_di_209_structured_output_is_flat(dialect: str, given: Format, expected: Any) -> None:
    assert build(request(dialect=dialect, format=given, verbosity="low"))[0]["text"] == {"format": expected, "verbosity": "low"}


def test_plain_parameters() -> None:
    body, dropped = build(
        request(
            max_tokens=0, temperature=0.5, top_p=1.0, metadata={"a": "b"}, prompt_cache_key="k", service_tier="standard_only",
            logprobs=True, top_logprobs=2, store=True, seed=1, top_k=2,
            extra=[Extra("prompt_cache_options", {"mode": "implicit"}), Extra("logit_bias_hint", 1)],
        )
    )  # fmt: skip
    assert (body["max_output_tokens"], body["temperature"], body["top_p"], body["store"]) == (0, 0.5, 1.0, True)
    assert (body["service_tier"], body["include"], body["top_logprobs"]) == ("default", ["message.output_text.logprobs"], 2)
    assert body["prompt_cache_options"] == {"mode": "implicit"}
    assert dropped == ["seed", "top_k", "logit_bias_hint"]


def test_di_212_an_identity_that_is_too_long_stays_one() -> None:
    assert build(request(user="u", body={"user": "u"}))[0]["user"] == "u"
    long = build(request(dialect="messages", user="x" * 65))[0]["safety_identifier"]
    assert len(long) == 64
    assert build(request(dialect="messages", user="x" * 65))[0]["safety_identifier"] == long


def test_what_would_change_the_answer_is_refused_by_name() -> None:
    assert refused(request(stop=["x"])).param == "stop"
    assert refused(request(n=2)).param == "n"
    assert refused(request(extra=[Extra("logit_bias", {}, significant=True)])).param == "logit_bias"
    assert refused(request(turn(AudioPart("AAAA", "wav")))).param == "messages[1]"
    assert refused(request(turn(ImagePart(file_id="f")))).param == "messages[1]"
    assert refused(request(turn(FilePart(file_id="f")))).param == "messages[1]"
    assert refused(request(turn(ForeignPart("server_tool_use", {}), role="assistant"))).param == "messages[1]"


def test_di_140_what_the_operator_allows_is_dropped_by_name_instead() -> None:
    losses = Losses(allow=frozenset({"stop", "input_audio", "file_id", "server_tool_use"}))
    messages = [turn(AudioPart("AAAA", "wav")), turn(ImagePart(file_id="f")), turn(ForeignPart("server_tool_use", {}))]
    body = RESPONSES.build(request(said("hi"), *messages, stop=["x"]), TARGET, losses)
    assert len(body["input"]) == 1
    assert losses.dropped == ["stop", "input_audio", "file_id", "server_tool_use"]


def test_di_85_a_previous_response_that_is_not_here_is_not_found() -> None:
    with pytest.raises(GatewayError) as caught:
        Losses().significant("previous_response_id", "It is not here.")
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")


def test_di_147_marks_for_caches_and_names_are_dropped_by_name() -> None:
    mark = {"type": "ephemeral"}
    named = Message("user", [TextPart("hi", cache=mark)], name="bob", where="messages[0]")
    assert build(request(turn(TextPart("x", cache=mark), role="system"), named))[1] == ["cache_control", "messages.name"]
