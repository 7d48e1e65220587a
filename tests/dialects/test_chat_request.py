"""Clients' Chat bodies in neutral form, and the place and words of what is wrong with one."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.dialects.chat import CHAT
from pipeline.errors import GatewayError, Kind
from pipeline.request import (
    AudioPart,
    FilePart,
    ForeignPart,
    ForeignTool,
    Format,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    Thinking,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from tests.dialects.chat_kit import CORPUS, recorded

USER: dict[str, Any] = {"role": "user", "content": "hello"}


def parse(*messages: dict[str, Any], **more: Any) -> Request:
    return CHAT.parse({"model": "m", "messages": list(messages) or [USER], **more})


def parts(*messages: dict[str, Any]) -> list[Part]:
    return parse(*messages).messages[-1].parts


def fault(body: dict[str, Any]) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        CHAT.parse(body)
    assert raised.value.kind is Kind.BAD_REQUEST
    return raised.value


# ------------------------------------------------------------------------------------------------------------ messages


def test_every_role_keeps_its_level_and_place_DI_17_TR_P8() -> None:
    request = parse({"role": "system", "content": "s"}, {"role": "developer", "content": "d"}, {**USER, "name": "ann"})
    assert request.messages == [
        Message("system", [TextPart("s")], where="messages[0]"),
        Message("developer", [TextPart("d")], where="messages[1]"),
        Message("user", [TextPart("hello")], "ann", "messages[2]"),
    ]


@pytest.mark.parametrize(
    ("part", "read"),
    [
        ({"type": "text", "text": "a"}, TextPart("a")),
        ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, TextPart("a", {"type": "ephemeral"})),
        (
            {"type": "image_url", "image_url": {"url": "http://a.test/b.png", "detail": "low"}},
            ImagePart(url="http://a.test/b.png", detail="low"),
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ImagePart(data="AA==", media_type="image/png"),
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/svg+xml;charset=utf-8,%3Csvg/%3E"}},
            ImagePart(data="PHN2Zy8+", media_type="image/svg+xml"),
        ),
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, AudioPart("AA==", "wav")),
        ({"type": "file", "file": {"file_id": "file_1"}}, FilePart(file_id="file_1")),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JV", "filename": "a.pdf"}},
            FilePart(data="JV", media_type="application/pdf", filename="a.pdf"),
        ),
        (
            {"type": "file", "file": {"file_data": "JV", "filename": "a.pdf"}},
            FilePart(data="JV", media_type="application/pdf", filename="a.pdf"),
        ),
    ],
)
def test_every_part_of_a_user_message_is_read_DI_18_TR_C15(part: dict[str, Any], read: Part) -> None:
    assert parts({"role": "user", "content": [part]}) == [read]


def test_an_assistant_message_is_reasoning_text_refusal_and_calls_DI_18_DI_20() -> None:
    message = {
        "role": "assistant",
        "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "r"}],
        "refusal": "no",
        "reasoning_content": "hm",
        "tool_calls": [
            {"id": "i", "type": "function", "function": {"name": "f", "arguments": "not JSON"}},
            {"id": "j", "type": "custom", "custom": {"name": "patch", "input": "*** x"}},
        ],
    }
    assert parts(USER, message) == [
        ReasoningPart("hm"),
        TextPart("a"),
        RefusalPart("r"),
        RefusalPart("no"),
        # TR-C12, TR-C13: what does not parse stays as it is.
        ToolCallPart("i", "f", "not JSON"),
        ToolCallPart("j", "patch", "*** x", custom=True),
    ]


@pytest.mark.parametrize("content", [None, "", []])
def test_content_may_be_nothing_beside_calls_DI_18(content: Any) -> None:
    call = {"id": "i", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert parts(USER, {"role": "assistant", "content": content, "tool_calls": [call]})[-1] == ToolCallPart("i", "f", "")


def test_results_that_follow_each_other_are_one_turn_TR_C14() -> None:
    request = parse(
        USER,
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}, {"type": "text", "text": "3"}]},
        USER,
        {"role": "tool", "tool_call_id": "c", "content": ""},
    )
    assert [message.where for message in request.messages] == ["messages[0]", "messages[1]", "messages[3]", "messages[4]"]
    assert request.messages[1] == Message(
        "user",
        [ToolResultPart("a", [TextPart("1")]), ToolResultPart("b", [TextPart("2"), TextPart("3")])],
        where="messages[1]",
    )


def test_old_functions_are_tools_whose_calls_and_results_match_DI_192() -> None:
    request = parse(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    (call,), (result,) = request.messages[1].parts, request.messages[2].parts
    assert isinstance(call, ToolCallPart)
    assert isinstance(result, ToolResultPart)
    assert (call.name, call.id) == ("f", result.call_id)
    assert request.tools == [Tool("f", parameters={"type": "object"})]
    assert request.tool_choice == ToolChoice("named", "f")


def test_reasoning_comes_back_with_the_proofs_that_fit_it_DI_161() -> None:
    message = {"role": "assistant", "content": "a", "reasoning_content": "hésoX", "reasoning_signature": "2:s1\n2:s2\n0:s3"}
    assert parts(USER, message) == [
        ReasoningPart("hé", opaque="s1", opaque_kind="signature"),
        ReasoningPart("so", opaque="s2", opaque_kind="signature"),
        ReasoningPart("", opaque="s3", opaque_kind="signature"),
        ReasoningPart("X"),
        TextPart("a"),
    ]


@pytest.mark.parametrize("proof", ["9:s1", "x:s1", "s1", "2:", "²:s1"])
def test_a_proof_that_does_not_fit_the_text_is_none(proof: str) -> None:
    message = {"role": "assistant", "content": "a", "reasoning_content": "hm", "reasoning_signature": proof}
    assert parts(USER, message) == [ReasoningPart("hm"), TextPart("a")]


@pytest.mark.parametrize(
    "field",
    [
        {"reasoning": "hm"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "hm"}, {"type": "reasoning.encrypted", "data": "x"}]},
    ],
)
def test_reasoning_in_other_fields_is_read_too_DI_38(field: dict[str, Any]) -> None:
    assert parts(USER, {"role": "assistant", "content": "a", **field})[0] == ReasoningPart("hm")


def test_a_mark_on_a_message_is_one_on_its_last_part_DI_147() -> None:
    assert parts({**USER, "cache_control": {"type": "ephemeral"}}) == [TextPart("hello", {"type": "ephemeral"})]


def test_sound_in_the_history_is_foreign() -> None:
    assert parts(USER, {"role": "assistant", "audio": {"id": "audio_1"}}) == [ForeignPart("audio", {"id": "audio_1"})]


# ---------------------------------------------------------------------------------------------------------- parameters


def test_tools_are_read_from_their_nested_form_DI_21_TR_P6() -> None:
    request = parse(
        tools=[
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}},
            {"type": "function", "function": {"name": "g"}},
            {
                "type": "custom",
                "custom": {"name": "c", "format": {"type": "grammar", "grammar": {"definition": "x", "syntax": "lark"}}},
            },
            {"type": "custom", "custom": {"name": "t", "format": {"type": "text"}}},
            {"type": "openrouter:web_search"},
            {"type": "what ever a client likes"},
        ]
    )
    assert request.tools == [
        Tool("f", "d", {"type": "object"}, True),
        Tool("g"),
        Tool("c", custom=True, format={"type": "grammar", "definition": "x", "syntax": "lark"}),
        Tool("t", custom=True, format={"type": "text"}),
        ForeignTool("web_search", None, {"type": "openrouter:web_search"}),
        ForeignTool("other", None, {"type": "what ever a client likes"}),
    ]


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", "f")),
        ({"type": "custom", "custom": {"name": "c"}}, ToolChoice("named", "c", custom=True)),
    ],
)
def test_every_tool_choice_is_read_DI_22(value: Any, choice: ToolChoice) -> None:
    assert parse(tool_choice=value).tool_choice == choice


def test_allowed_tools_are_read_by_name_DI_22() -> None:
    inner = {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}
    choice = parse(tool_choice={"type": "allowed_tools", "allowed_tools": inner}).tool_choice
    assert choice == ToolChoice("allowed", allowed=["f"], allowed_mode="required", native=inner)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"type": "text"}, Format("text")),
        ({"type": "json_object"}, Format("json_object")),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "n", "description": "d", "schema": {"type": "object"}, "strict": True},
            },
            Format("json_schema", "n", "d", {"type": "object"}, True),
        ),
    ],
)
def test_every_response_format_is_read_DI_23(value: dict[str, Any], form: Format) -> None:
    assert parse(response_format=value).format == form


def test_parameters_are_read_and_absent_ones_are_absent() -> None:
    request = parse(
        stream=True,
        stream_options={"include_usage": True},
        temperature=0,
        top_p=0.5,
        top_k=40,
        stop="x",
        n=2,
        seed=0,
        logprobs=True,
        top_logprobs=3,
        reasoning_effort="high",
        parallel_tool_calls=False,
        safety_identifier="sid",
        user="uid",
        metadata={"a": "b"},
        service_tier="flex",
        verbosity="low",
        store=False,
        prompt_cache_key="k",
    )
    assert (request.stream, request.include_usage, request.temperature, request.top_p, request.top_k) == (True, True, 0, 0.5, 40)
    assert (request.stop, request.n, request.seed, request.logprobs, request.top_logprobs) == (["x"], 2, 0, True, 3)
    assert (request.thinking, request.parallel_tools, request.user) == (Thinking("high"), False, "sid")
    assert (request.metadata, request.service_tier, request.verbosity, request.store) == ({"a": "b"}, "flex", "low", False)
    assert (request.prompt_cache_key, request.extra) == ("k", [])
    bare = parse()
    assert (bare.stream, bare.include_usage, bare.temperature, bare.max_tokens, bare.tools, bare.thinking) == (
        False,
        False,
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("given", "limit"),
    [({"max_tokens": 5}, 5), ({"max_completion_tokens": 0, "max_tokens": 5}, 0), ({"max_completion_tokens": 7}, 7)],
)
def test_the_newer_name_of_the_limit_wins_and_0_is_a_limit_DI_200_TR_P11(given: dict[str, int], limit: int) -> None:
    assert parse(**given).max_tokens == limit


@pytest.mark.parametrize(
    ("given", "thinking"),
    [
        ({"reasoning": {"effort": "low"}}, Thinking("low")),
        ({"reasoning": {"max_tokens": 2000}}, Thinking(budget=2000)),
        ({"reasoning": {"enabled": False}}, Thinking("none")),
        ({"reasoning": {"exclude": True}}, None),
    ],
)
def test_reasoning_asked_in_an_object_is_asked_all_the_same(given: dict[str, Any], thinking: Thinking | None) -> None:
    assert parse(**given).thinking == thinking


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"logit_bias": {"1": 1}}, [("logit_bias", True)]),
        ({"logit_bias": {}}, []),
        ({"modalities": ["text", "audio"], "audio": {"voice": "x"}}, [("audio", True), ("modalities", True)]),
        ({"modalities": ["text"]}, []),
        ({"web_search_options": {}}, []),
        ({"web_search_options": {"search_context_size": "low"}}, [("web_search_options", True)]),
        (
            {"frequency_penalty": 0.5, "presence_penalty": 0, "prediction": {}},
            [("frequency_penalty", False), ("prediction", False)],
        ),
        ({"some_field_of_tomorrow": 1, "another": 2}, [("unknown_fields", False)]),
    ],
)
def test_what_has_no_neutral_meaning_has_its_weight_DI_140_DI_142(given: dict[str, Any], told: list[tuple[str, bool]]) -> None:
    assert [(extra.name, extra.significant) for extra in parse(**given).extra] == told


# -------------------------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": [USER]}, "model"),
        ({"model": 5, "messages": [USER]}, "model"),
        ({"model": "", "messages": [USER]}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": {}}, "messages"),
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "m", "messages": [USER], "stream": "false"}, "stream"),
        ({"model": "m", "messages": [USER], "stream": 1}, "stream"),
    ],
)
def test_what_must_hold_for_any_provider_is_checked_TR_M4_TR_M6_TR_P10(body: dict[str, Any], param: str) -> None:
    for function in (CHAT.check, CHAT.parse):
        with pytest.raises(GatewayError) as raised:
            function(body)
        assert (raised.value.param, raised.value.status) == (param, 400)


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("x", "messages[1]"),
        ({"content": "a"}, "messages[1].role"),
        ({"role": "asistant", "content": "a"}, "messages[1].role"),
        ({"role": "user"}, "messages[1].content"),
        ({"role": "user", "content": 5}, "messages[1].content"),
        ({"role": "user", "content": ["a"]}, "messages[1].content[0]"),
        ({"role": "user", "content": [{"type": "image"}]}, "messages[1].content[0].type"),
        ({"role": "system", "content": [{"type": "image_url"}]}, "messages[1].content[0].type"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[1].content[0].text"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": "http://a"}]}, "messages[1].content[0].image_url"),
        ({"role": "user", "content": [{"type": "file", "file": {}}]}, "messages[1].content[0].file"),
        ({"role": "assistant"}, "messages[1].content"),
        ({"role": "assistant", "content": None}, "messages[1].content"),
        ({"role": "assistant", "tool_calls": [{"type": "function", "function": {}}]}, "messages[1].tool_calls[0].id"),
        ({"role": "assistant", "tool_calls": [{"id": "a", "type": "functoin"}]}, "messages[1].tool_calls[0].type"),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]},
            "messages[1].tool_calls[0].function.arguments",
        ),
        ({"role": "tool", "content": "a"}, "messages[1].tool_call_id"),
        ({"role": "tool", "tool_call_id": "", "content": "a"}, "messages[1].tool_call_id"),
        ({"role": "tool", "tool_call_id": "a"}, "messages[1].content"),
        ({"role": "function", "name": "f", "content": "a"}, "messages[1].name"),
    ],
)
def test_a_fault_in_a_message_is_named_by_its_path_TR_M7_TR_C18(message: Any, param: str) -> None:
    assert fault({"model": "m", "messages": [USER, message]}).param == param


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "functon", "function": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]}, "tools[0].function.parameters"),
        ({"tool_choice": "requird"}, "tool_choice"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "function", "name": "f"}}, "tool_choice.function"),
        ({"response_format": {"type": "json"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format.json_schema.name"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"n": 0}, "n"),
        ({"stop": 5}, "stop"),
        ({"stop": ["a", 5]}, "stop[1]"),
        ({"reasoning_effort": "hihg"}, "reasoning_effort"),
        ({"logprobs": 2}, "logprobs"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"functions": [{}]}, "functions[0].name"),
        ({"function_call": "any"}, "function_call"),
    ],
)
def test_a_fault_in_a_parameter_is_named_by_its_path(given: dict[str, Any], param: str) -> None:
    assert fault({"model": "m", "messages": [USER], **given}).param == param


def test_a_wrong_word_is_told_with_those_that_are_right_and_the_nearest() -> None:
    told = fault({"model": "m", "messages": [USER], "reasoning_effort": "hihg"}).message
    assert "'minimal'" in told
    assert "Did you mean 'high'?" in told


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the recorded traffic is not beside this checkout")
def test_every_request_that_a_provider_took_is_read() -> None:
    count = 0
    for each in recorded():
        request = each.request
        if request is None or each.status >= 400:
            continue
        choice = request.get("tool_choice")
        if isinstance(choice, dict) and choice["type"] == "tool":
            # Anthropic's form, which one provider takes beside its own.
            continue
        parsed = CHAT.parse({"model": "m", **request})
        assert len(parsed.messages) > 0, each.name
        count += 1
    assert count > 400
