"""Reading Responses requests: every field keeps its meaning, every fault names its place."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.dialects.responses import RESPONSES
from pipeline.errors import GatewayError
from pipeline.request import (
    Extra,
    FilePart,
    ForeignPart,
    ForeignTool,
    Format,
    ImagePart,
    Message,
    ReasoningPart,
    RefusalPart,
    TextPart,
    Thinking,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from pipeline.request import Request as Neutral


def parse(*items: Any, **fields: Any) -> Neutral:
    return RESPONSES.parse({"model": "m", "input": list(items) or "hello", **fields})


def fault(body: dict[str, Any]) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        RESPONSES.parse(body)
    assert caught.value.status == 400
    return caught.value


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def test_a_string_is_what_the_user_says_and_instructions_stand_before_it() -> None:
    request = parse(instructions="be kind")
    assert request.messages == [
        Message("system", [TextPart("be kind")], where="instructions"),
        Message("user", [TextPart("hello")], where="input"),
    ]
    assert (request.stream, request.tools, request.thinking, request.extra) == (False, None, None, [])


def test_messages_of_every_role_in_the_short_and_in_the_long_form() -> None:
    request = parse(
        {"role": "developer", "content": "rules"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}], "id": "msg_1"},
        {
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "yes", "annotations": []}, {"type": "refusal", "refusal": "no"}],
        },
        {"role": "assistant", "content": "and more"},
        {"role": "system", "content": "be brief"},
    )
    assert request.messages == [
        Message("developer", [TextPart("rules")], where="input[0]"),
        Message("user", [TextPart("hi")], where="input[1]"),
        Message("assistant", [TextPart("yes"), RefusalPart("no"), TextPart("and more")], where="input[2]"),
        Message("system", [TextPart("be brief")], where="input[4]"),
    ]


def test_tr_c1_what_the_assistant_did_in_a_row_is_one_turn_and_so_are_the_results() -> None:
    request = parse(
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "content": None, "encrypted_content": "enc"},
        {"role": "assistant", "content": "let me look"},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{ }", "status": "completed"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "*** Begin"},
        {"type": "function_call_output", "id": "fco_1", "call_id": "c1", "output": "seen"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "done"}]},
        {"role": "user", "content": "go on"},
    )
    assert request.messages == [
        Message(
            "assistant",
            [
                ReasoningPart(summary=["hm"], opaque="enc", opaque_kind="encrypted"),
                TextPart("let me look"),
                ToolCallPart("c1", "look", "{ }"),
                ToolCallPart("c2", "patch", "*** Begin", custom=True),
            ],
            where="input[0]",
        ),
        Message(
            "user",
            [ToolResultPart("c1", [TextPart("seen")]), ToolResultPart("c2", [TextPart("done")], custom=True)],
            where="input[4]",
        ),
        Message("user", [TextPart("go on")], where="input[6]"),
    ]


def test_raw_reasoning_of_the_history_keeps_its_text() -> None:
    part = parse({"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "raw"}]})
    assert part.messages[0].parts == [ReasoningPart(text="raw", id="rs_1")]


def test_images_and_files_by_url_by_data_and_by_id() -> None:
    mark = {"mode": "explicit", "ttl": "30m"}
    request = parse(
        user(
            {"type": "input_image", "image_url": "https://a.example/x.png", "detail": "high"},
            {"type": "input_image", "image_url": "data:image/svg+xml;charset=utf-8;base64,PHN2Zy8+"},
            {"type": "input_image", "image_url": "data:text/plain,hi%20you"},
            {"type": "input_image", "file_id": "file_1"},
            {"type": "input_file", "file_data": "data:application/pdf;base64,JVBERg==", "filename": "a.pdf"},
            {"type": "input_file", "file_data": "JVBERg==", "filename": "b.pdf"},
            {"type": "input_file", "file_url": "https://a.example/c.pdf"},
            {"type": "input_file", "file_id": "file_2"},
            {"type": "input_text", "text": "see", "prompt_cache_breakpoint": mark},
        )
    )
    assert request.messages[0].parts == [
        ImagePart(url="https://a.example/x.png", detail="high"),
        ImagePart(data="PHN2Zy8+", media_type="image/svg+xml"),
        ImagePart(data="aGkgeW91", media_type="text/plain"),
        ImagePart(file_id="file_1"),
        FilePart(data="JVBERg==", media_type="application/pdf", filename="a.pdf"),
        FilePart(data="JVBERg==", media_type="application/pdf", filename="b.pdf"),
        FilePart(url="https://a.example/c.pdf"),
        FilePart(file_id="file_2"),
        TextPart("see", cache=mark),
    ]


def test_tr_c5_results_keep_their_images() -> None:
    image = {"type": "input_image", "image_url": "https://a.example/x.png"}
    request = parse({"type": "function_call_output", "call_id": "c1", "output": [image]})
    assert request.messages[0].parts == [ToolResultPart("c1", [ImagePart(url="https://a.example/x.png")])]


@pytest.mark.parametrize(
    ("kind", "role"),
    [("web_search_call", "assistant"), ("item_reference", "user"), ("compaction", "user"), ("compaction_trigger", "user"),
     ("shell_call_output", "user"), ("additional_tools", "developer"), ("mcp_list_tools", "assistant"), ("program", "assistant")],
)  # fmt: skip
def test_di_158_items_of_this_dialect_alone_stand_alone_at_their_place(kind: str, role: str) -> None:
    item = {"type": kind, "id": "x_1"}
    request = parse({"role": "user", "content": "a"}, item, {"role": "user", "content": "b"})
    assert request.messages[1] == Message(role, [ForeignPart(kind, item)], where="input[1]")  # type: ignore[arg-type]


def test_a_reference_needs_no_type() -> None:
    assert parse({"id": "msg_1"}).messages[0].parts == [ForeignPart("item_reference", {"id": "msg_1"})]


def test_tools_are_flat_and_those_of_other_kinds_stay_as_they_are() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}
    namespace = {"type": "namespace", "name": "files", "tools": []}
    request = parse(
        tools=[
            {"type": "function", "name": "look", "description": "d", "parameters": {"type": "object"}, "strict": True},
            {"type": "function", "name": "late", "defer_loading": True},
            {"type": "custom", "name": "apply_patch", "format": grammar},
            namespace,
            {"type": "web_search_2025_08_26"},
            {"type": "web_search_preview_2025_03_11"},
            {"type": "brand_new_kind"},
        ]
    )
    assert request.tools == [
        Tool("look", "d", {"type": "object"}, True),
        Tool("late", extra={"defer_loading": True}),
        Tool("apply_patch", custom=True, format=grammar),
        ForeignTool("namespace", "files", namespace),
        ForeignTool("web_search", None, {"type": "web_search_2025_08_26"}),
        ForeignTool("web_search_preview", None, {"type": "web_search_preview_2025_03_11"}),
        ForeignTool("other", None, {"type": "brand_new_kind"}),
    ]


ALLOWED = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "a"}, {"type": "mcp"}]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "a"}, ToolChoice("named", "a")),
        ({"type": "custom", "name": "a"}, ToolChoice("named", "a", custom=True)),
        (ALLOWED, ToolChoice("allowed", allowed=["a"], allowed_mode="required", native=ALLOWED)),
        ({"type": "web_search"}, ToolChoice("foreign", "web_search", native={"type": "web_search"})),
    ],
)
def test_tool_choice(given: Any, expected: ToolChoice) -> None:
    assert parse(tool_choice=given).tool_choice == expected


def test_parameters_find_their_neutral_fields() -> None:
    request = parse(
        max_output_tokens=0, temperature=1, top_p=0.5, parallel_tool_calls=False, store=False, metadata={"a": "b"},
        user="u", safety_identifier="s", service_tier="flex", prompt_cache_key="k", stream=True,
        include=["message.output_text.logprobs", "reasoning.encrypted_content"], top_logprobs=3,
        text={"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}},
        reasoning={"effort": "high", "summary": "auto"}, stream_options={"include_obfuscation": False}, truncation="disabled",
    )  # fmt: skip
    assert request.max_tokens == 0, "TR-P11: absence is not zero"
    assert (request.temperature, request.top_p, request.parallel_tools, request.store) == (1.0, 0.5, False, False)
    assert (request.user, request.metadata, request.service_tier, request.prompt_cache_key) == ("s", {"a": "b"}, "flex", "k")
    assert (request.logprobs, request.top_logprobs, request.verbosity, request.stream) == (True, 3, "low", True)
    assert request.format == Format("json_schema", "n", None, {"type": "object"}, True)
    assert request.thinking == Thinking("high", summary="auto")
    assert request.extra == []


def test_null_is_absent_everywhere() -> None:
    names = (
        "instructions tools tool_choice text reasoning include store temperature metadata truncation previous_response_id"
        " conversation max_output_tokens stream user moderation x"
    )
    assert parse(**dict.fromkeys(names.split())).extra == []


def test_di_215_what_leads_to_another_providers_store_is_significant() -> None:
    request = parse(conversation="conv_1", prompt={"id": "p"}, background=True)
    assert [(extra.name, extra.significant) for extra in request.extra] == [
        ("conversation", True),
        ("prompt", True),
        ("background", True),
    ]


def test_hints_are_dropped_by_bounded_names() -> None:
    request = parse(
        {"type": "message", "role": "assistant", "content": "a", "phase": "commentary"},
        truncation="auto",
        include=["web_search_call.results"],
        client_metadata={"a": "b"},
        reasoning={"context": "auto"},
        background=False,
        something_new=1,
        something_else=2,
    )
    assert not any(extra.significant for extra in request.extra)
    assert [extra.name for extra in request.extra] == [
        "client_metadata", "truncation", "include", "reasoning.context", "input.phase", "unknown_fields",
    ]  # fmt: skip
    assert request.extra[-1] == Extra("unknown_fields", {"something_new": 1, "something_else": 2})


MISSING, VALUE, TYPE = "missing_required_parameter", "invalid_value", "invalid_type"
IMAGE = {"type": "input_image", "image_url": {"url": "x"}}
NESTED = {"type": "function", "function": {"name": "n"}}
UNSHAPED = {"format": {"type": "json_schema", "name": "n"}}
RESULT = {"type": "function_call_output", "call_id": "c", "output": "x"}


def ask(fields: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "input": "x", **fields}


def item(value: Any) -> dict[str, Any]:
    return {"model": "m", "input": [value]}


CALL = {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}
FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"input": "x"}, "model", MISSING),
    ({"model": "", "input": "x"}, "model", VALUE),
    ({"model": "m"}, "input", MISSING),
    ({"model": "m", "input": 5}, "input", TYPE),
    (ask({"stream": "false"}), "stream", TYPE),
    (item("x"), "input[0]", TYPE),
    (item({"text": "x"}), "input[0]", MISSING),
    (item({"type": "mystery", "content": "x"}), "input[0].type", VALUE),
    (item({"role": "tool", "content": "x"}), "input[0].role", VALUE),
    (item({"role": "user"}), "input[0].content", MISSING),
    (item(user({"type": "text", "text": "x"})), "input[0].content[0].type", VALUE),
    (item(user({"type": "input_image"})), "input[0].content[0]", MISSING),
    (item(user(IMAGE)), "input[0].content[0].image_url", TYPE),
    (item(user({"type": "input_file", "filename": "x"})), "input[0].content[0]", MISSING),
    (item({**CALL, "call_id": None}), "input[0].call_id", MISSING),
    (item({**CALL, "call_id": ""}), "input[0].call_id", VALUE),
    (item({**CALL, "arguments": {}}), "input[0].arguments", TYPE),
    (item({**RESULT, "call_id": None}), "input[0].call_id", MISSING),
    (item({**RESULT, "output": None}), "input[0].output", MISSING),
    (item({**RESULT, "output": 5}), "input[0].output", TYPE),
    (ask({"tools": [{"name": "n"}]}), "tools[0].type", MISSING),
    (ask({"tools": [NESTED]}), "tools[0].name", MISSING),
    (ask({"tool_choice": "any"}), "tool_choice", VALUE),
    (ask({"tool_choice": {"type": "function"}}), "tool_choice.name", MISSING),
    (ask({"temperature": 3}), "temperature", VALUE),
    (ask({"temperature": "hot"}), "temperature", TYPE),
    (ask({"max_output_tokens": -1}), "max_output_tokens", VALUE),
    (ask({"max_output_tokens": True}), "max_output_tokens", TYPE),
    (ask({"reasoning": {"effort": "hihg"}}), "reasoning.effort", VALUE),
    (ask({"text": UNSHAPED}), "text.format.schema", MISSING),
    (ask({"previous_response_id": "r", "conversation": "c"}), "previous_response_id", "mutually_exclusive_parameters"),
]


@pytest.mark.parametrize(("body", "param", "code"), FAULTS, ids=[f"{param}-{code}" for _, param, code in FAULTS])
def test_a_fault_names_its_place(body: dict[str, Any], param: str, code: str) -> None:
    error = fault(body)
    assert (error.param, error.code) == (param, code)
    assert param in error.message


def test_a_wrong_word_comes_with_what_is_allowed_and_the_nearest() -> None:
    message = fault({"model": "m", "input": [user({"type": "input_txt", "text": "x"})]}).message
    assert "'input_file', 'input_image', 'input_text'" in message
    assert "Did you mean 'input_text'?" in message


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt"])
def test_input_may_be_absent_when_it_is_kept_elsewhere(name: str) -> None:
    body = {"model": "m", name: {"id": "p"} if name == "prompt" else "x_1"}
    RESPONSES.check(body)
    assert RESPONSES.parse(body).messages == []
