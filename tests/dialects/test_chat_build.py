"""Requests of other dialects as Chat bodies: what travels, what is refused by name, what is dropped by name."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.dialects.chat import CHAT
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
    Role,
    Target,
    TextPart,
    Thinking,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)

USER = Message("user", [TextPart("hello")], where="messages[0]")
TARGET = Target("chat", "real-model")


def request(*messages: Message, dialect: str = "messages", stream: bool = False, **more: Any) -> Request:
    return Request(dialect, "m", stream, {}, list(messages) or [USER], **more)


def build(asked: Request, target: Target = TARGET, losses: Losses | None = None) -> dict[str, Any]:
    return CHAT.build(asked, target, losses or Losses())


def messages(*given: Message, target: Target = TARGET, losses: Losses | None = None) -> list[dict[str, Any]]:
    built: list[dict[str, Any]] = build(request(*given), target, losses)["messages"]
    return built


def turn(role: Role, *parts: Part) -> Message:
    return Message(role, list(parts), where="messages[7]")


def refused(asked: Request) -> str | None:
    with pytest.raises(GatewayError) as raised:
        build(asked)
    assert (raised.value.status, raised.value.code) == (400, "unsupported_by_provider")
    return raised.value.param


# --------------------------------------------------------------------------------------------------------------- turns


def test_system_and_developer_keep_their_roles_and_places_DI_145_DI_146() -> None:
    assert messages(turn("system", TextPart("a"), TextPart("b")), USER, turn("developer", TextPart("c"))) == [
        {"role": "system", "content": "a\n\nb"},
        {"role": "user", "content": "hello"},
        {"role": "developer", "content": "c"},
    ]


def test_images_keep_their_detail_DI_151_DI_152_TR_P7() -> None:
    (built,) = messages(
        turn(
            "user", TextPart("see"), ImagePart(url="http://a.test"), ImagePart(data="AA==", media_type="image/png", detail="low")
        )
    )
    assert built["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "http://a.test"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
    ]


def test_files_travel_as_pdf_or_as_text_DI_154() -> None:
    (built,) = messages(
        turn(
            "user",
            FilePart(data="JV", media_type="application/pdf", filename="a.pdf"),
            FilePart(text="plain", filename="a.txt"),
            FilePart(data="aGk=", media_type="text/plain"),
        )
    )
    assert built["content"] == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JV"}},
        {"type": "text", "text": "a.txt\n\nplain"},
        {"type": "text", "text": "hi"},
    ]


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (ImagePart(file_id="f"), "file_id"),
        (FilePart(file_id="f"), "file_id"),
        (FilePart(url="http://a.test"), "file_url"),
        (FilePart(data="AA==", media_type="application/zip"), "file_type"),
        (ForeignPart("web_search_call", {}), "web_search_call"),
    ],
)
def test_parts_that_cannot_be_carried_are_refused_at_their_place_unless_the_operator_lets_them_go(part: Part, name: str) -> None:
    assert refused(request(turn("user", part))) == "messages[7]"
    losses = Losses(frozenset({name}))
    assert messages(turn("user", TextPart("a"), part), losses=losses) == [{"role": "user", "content": "a"}]
    assert losses.dropped == [name]


def test_a_turn_of_the_assistant_is_one_message_TR_C1_TR_C6_DI_245() -> None:
    call = ToolCallPart("i", "f", '{"x":1}')
    custom = ToolCallPart("j", "patch", "*** x", custom=True)
    assert messages(turn("assistant", TextPart("a"), call, TextPart("b"), custom)) == [
        {
            "role": "assistant",
            "content": "ab",
            "tool_calls": [
                {"id": "i", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
                {"id": "j", "type": "custom", "custom": {"name": "patch", "input": "*** x"}},
            ],
        }
    ]
    split = messages(turn("assistant", TextPart("a")), turn("assistant", call))
    assert [(message["content"], len(message["tool_calls"])) for message in split] == [("a", 1)]


def test_a_refusal_of_the_history_stands_in_its_field_DI_156() -> None:
    assert messages(turn("assistant", RefusalPart("no"))) == [{"role": "assistant", "content": None, "refusal": "no"}]


def test_results_stand_right_behind_their_calls_and_before_other_content_TR_C5_TR_C20() -> None:
    built = messages(
        turn("assistant", ToolCallPart("i", "f", "{}"), ToolCallPart("j", "g", "{}")),
        turn(
            "user",
            TextPart("and then?"),
            ToolResultPart("i", [TextPart("1"), TextPart("2")]),
            ToolResultPart("j", [TextPart("boom")], is_error=True),
        ),
    )
    assert built[1:] == [
        {"role": "tool", "tool_call_id": "i", "content": "1\n2"},
        {"role": "tool", "tool_call_id": "j", "content": "Error: boom"},
        {"role": "user", "content": "and then?"},
    ]


def test_images_of_results_follow_in_a_user_message_that_names_the_call_DI_157() -> None:
    image = ImagePart(data="AA==", media_type="image/png")
    written = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    note = {"type": "text", "text": "Attached to the result of tool call i:"}
    results = [ToolResultPart("i", [TextPart("1"), image]), ToolResultPart("j", [])]
    tools = [{"role": "tool", "tool_call_id": "i", "content": "1"}, {"role": "tool", "tool_call_id": "j", "content": ""}]
    assert messages(turn("user", *results)) == [*tools, {"role": "user", "content": [note, written]}]
    joined = {"role": "user", "content": [note, written, {"type": "text", "text": "hello"}]}
    assert messages(turn("user", *results), USER) == [*tools, joined]
    assert messages(turn("user", *results), turn("assistant", TextPart("a")))[-2:] == [
        {"role": "user", "content": [note, written]},
        {"role": "assistant", "content": "a"},
    ]


def test_reasoning_goes_back_only_to_the_candidate_that_made_it_DI_160_DI_161() -> None:
    history = turn(
        "assistant",
        ReasoningPart("hm", opaque="sealed-signature"),
        ReasoningPart(summary=["so"], opaque="sealed-encrypted"),
        ReasoningPart("secret", opaque="foreign"),
        ReasoningPart("plain"),
        TextPart("a"),
    )
    own = {"sealed-signature": ("signature", "sig"), "sealed-encrypted": ("encrypted", "gA")}
    losses = Losses()
    (built,) = messages(history, target=Target("chat", "m", unseal=own.get), losses=losses)
    assert built["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "sig"},
        {"type": "reasoning.summary", "summary": "so"},
        {"type": "reasoning.encrypted", "data": "gA"},
    ]
    assert losses.dropped == ["reasoning"]
    # TR-C23: nothing is left of a turn that was only another provider's thoughts.
    assert messages(USER, turn("assistant", ReasoningPart("secret", opaque="foreign")))[1:] == []


def test_cache_marks_of_messages_are_dropped_and_those_of_responses_travel_DI_147_DI_216() -> None:
    losses = Losses()
    (built,) = messages(turn("user", TextPart("a", {"type": "ephemeral"}), TextPart("b", {"mode": "explicit"})), losses=losses)
    assert built["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ]
    assert losses.dropped == ["cache_control"]


def test_sound_and_names_travel() -> None:
    (built,) = messages(Message("user", [AudioPart("AA==", "wav")], "ann"))
    assert built == {
        "role": "user",
        "name": "ann",
        "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}],
    }


# ---------------------------------------------------------------------------------------------------------- parameters


def test_a_plain_request_is_model_messages_and_stream() -> None:
    assert build(request()) == {"model": "real-model", "messages": [{"role": "user", "content": "hello"}], "stream": False}


def test_a_streamed_request_asks_for_the_usage_and_only_a_streamed_one_TR_P17() -> None:
    assert build(request(stream=True))["stream_options"] == {"include_usage": True}
    assert "stream_options" not in build(request())


def test_tools_are_written_in_the_nested_form_DI_190_TR_P6() -> None:
    tools = [
        Tool("f", "d", {"type": "object"}, True),
        Tool("g", cache={"type": "ephemeral"}, extra={"defer_loading": True}),
        Tool("c", "d", custom=True, format={"type": "grammar", "definition": "x", "syntax": "lark"}),
        Tool("t", custom=True, format={"type": "text"}),
        ForeignTool("web_search", None, {}),
    ]
    losses = Losses()
    body = build(request(tools=tools, parallel_tools=False), losses=losses)
    assert body["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}},
        {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}},
        {
            "type": "custom",
            "custom": {
                "name": "c",
                "description": "d",
                "format": {"type": "grammar", "grammar": {"definition": "x", "syntax": "lark"}},
            },
        },
        {"type": "custom", "custom": {"name": "t", "format": {"type": "text"}}},
    ]
    assert body["parallel_tool_calls"] is False
    assert losses.dropped == ["cache_control", "tools.defer_loading", "tools.web_search"]


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("named", "f"), {"type": "function", "function": {"name": "f"}}),
        (ToolChoice("named", "c"), {"type": "custom", "custom": {"name": "c"}}),
        (
            ToolChoice("allowed", allowed=["f", "c"], allowed_mode="required"),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}],
                },
            },
        ),
    ],
)
def test_every_tool_choice_is_written_DI_193_to_DI_197(choice: ToolChoice, written: Any) -> None:
    assert build(request(tools=[Tool("f"), Tool("c", custom=True)], tool_choice=choice))["tool_choice"] == written


@pytest.mark.parametrize("choice", [ToolChoice("foreign", native={}), ToolChoice("named", "w"), ToolChoice("required")])
def test_demanding_a_tool_that_cannot_be_carried_is_refused_by_name(choice: ToolChoice) -> None:
    assert refused(request(tools=[ForeignTool("web_search", "w", {})], tool_choice=choice)) == "tool_choice"


def test_without_tools_nothing_is_chosen_among_them() -> None:
    body = build(request(tools=[ForeignTool("web_search", None, {})], tool_choice=ToolChoice("auto"), parallel_tools=True))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & body.keys()


@pytest.mark.parametrize(
    ("form", "dialect", "written"),
    [
        (Format("text"), "responses", {"type": "text"}),
        (Format("json_object"), "responses", {"type": "json_object"}),
        (
            Format("json_schema", "n", "d", {"type": "object"}, False),
            "responses",
            {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "object"}, "description": "d", "strict": False},
            },
        ),
        (
            Format("json_schema", schema={"type": "object"}),
            "messages",
            {"type": "json_schema", "json_schema": {"name": "response", "schema": {"type": "object"}, "strict": True}},
        ),
    ],
)
def test_every_response_format_is_written_nested_DI_209_DI_210(form: Format, dialect: str, written: Any) -> None:
    assert build(request(dialect=dialect, format=form))["response_format"] == written


@pytest.mark.parametrize(
    ("thinking", "effort", "dropped"),
    [
        (Thinking(effort="xhigh"), "xhigh", []),
        (Thinking(mode="disabled"), "none", []),
        (Thinking(mode="adaptive"), None, []),
        (Thinking(effort="low", mode="adaptive"), "low", []),
        (Thinking(mode="between_tools"), None, ["thinking"]),
        (Thinking(mode="enabled", budget=1024), "low", []),
        (Thinking(mode="enabled", budget=4096), "medium", []),
        (Thinking(mode="enabled", budget=16384), "high", []),
        (Thinking(mode="enabled", budget=32768), "xhigh", []),
        (Thinking(mode="enabled", budget=65536), "max", []),
        (Thinking(effort="high", budget=1024), "high", []),
        (Thinking(effort="high", summary="auto"), "high", ["reasoning.summary"]),
        (Thinking(summary="omitted"), None, []),
    ],
)
def test_effort_and_budgets_become_an_effort_DI_220_to_DI_231(thinking: Thinking, effort: str | None, dropped: list[str]) -> None:
    losses = Losses()
    assert build(request(thinking=thinking), losses=losses).get("reasoning_effort") == effort
    assert losses.dropped == dropped


def test_a_model_that_does_not_reason_is_not_asked_to_DI_232() -> None:
    losses = Losses()
    target = Target("chat", "m", options={"reasoning": False})
    assert "reasoning_effort" not in build(request(thinking=Thinking("high")), target, losses)
    assert losses.dropped == ["reasoning"]


def test_the_limit_has_the_name_that_the_provider_takes_DI_200_TR_P3() -> None:
    assert build(request(max_tokens=0))["max_completion_tokens"] == 0
    assert build(request(max_tokens=5), Target("chat", "m", options={"max_tokens_field": "max_tokens"}))["max_tokens"] == 5


def test_more_stop_sequences_than_the_dialect_takes_are_refused_by_name_DI_201() -> None:
    assert build(request(stop=["a", "b"]))["stop"] == ["a", "b"]
    assert refused(request(stop=list("abcde"))) == "stop_sequences"


def test_parameters_travel_DI_203_DI_205_DI_211_to_DI_217() -> None:
    asked = request(
        dialect="responses",
        temperature=1.5,
        top_p=0.5,
        logprobs=True,
        top_logprobs=2,
        metadata={"a": "b"},
        service_tier="standard_only",
        verbosity="low",
        prompt_cache_key="k",
        user="u" * 64,
        extra=[Extra("prompt_cache_retention", "24h")],
    )
    assert build(asked) == {
        "model": "real-model",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": False,
        "temperature": 1.5,
        "top_p": 0.5,
        "logprobs": True,
        "top_logprobs": 2,
        "metadata": {"a": "b"},
        "service_tier": "default",
        "verbosity": "low",
        "prompt_cache_key": "k",
        "safety_identifier": "u" * 64,
        "prompt_cache_retention": "24h",
    }


def test_a_long_identity_stays_one_DI_212() -> None:
    one, two = (build(request(user=letter * 200))["safety_identifier"] for letter in "ab")
    assert len(one) == len(two) == 64
    assert one != two
    assert build(Request("chat", "m", False, {"user": "ann"}, [USER], user="ann"))["user"] == "ann"


def test_hints_are_dropped_by_name_and_significant_fields_refused_by_name_DI_140() -> None:
    losses = Losses()
    asked = request(top_k=5, store=True, extra=[Extra("container", "x"), Extra("moderation", {})])
    assert build(asked, losses=losses).keys() == {"model", "messages", "stream"}
    assert losses.dropped == ["top_k", "store", "container", "moderation"]
    assert refused(request(extra=[Extra("conversation", "conv_1", significant=True)])) == "conversation"


def test_what_is_built_from_a_chat_request_says_the_same() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "http://a.test"}}],
            },
            {
                "role": "assistant",
                "content": "b",
                "tool_calls": [{"id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "i", "content": "1"},
        ],
        "stream": False,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "tool_choice": "auto",
        "stop": ["x"],
        "max_completion_tokens": 9,
        "seed": 1,
    }
    assert build(CHAT.parse(body), Target("chat", "m")) == body
