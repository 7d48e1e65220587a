"""Requests of other dialects as Messages bodies: well typed in the official SDK's eyes, nothing lost without a name."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.dialects import DIALECTS
from pipeline.dialects.messages import MESSAGES
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
from tests.corpus.recordings import CORPUS, recordings
from tests.support.typed import faults

OPENED = {"sealed:s": ("signature", "sig"), "sealed:r": ("redacted", "red"), "sealed:e": ("encrypted", "enc")}
TARGET = Target("messages", "claude-9", unseal=OPENED.get)
BUDGET = Target("messages", "claude-4", thinking="budget")
SAMPLING = Target("messages", "claude-3", sampling=True)
SYSTEM_TURNS = Target("messages", "claude-9", system_turns=True)

CALL = ToolCallPart("c1", "look", '{"a":1}')
RESULT = ToolResultPart("c1", [TextPart("seen")])
GRAMMAR = {"type": "grammar", "definition": "start: x", "syntax": "lark"}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
LOOK = Tool("look", parameters={"type": "object", "properties": {}})


def said(text: str) -> Message:
    return Message("user", [TextPart(text)], where="messages[0]")


def turn(*parts: Part, role: Any = "user", where: str = "messages[1]") -> Message:
    return Message(role, list(parts), where=where)


def assistant(*parts: Part, where: str = "messages[1]") -> Message:
    return turn(*parts, role="assistant", where=where)


def request(*messages: Message, dialect: str = "chat", **fields: Any) -> Request:
    return Request(dialect, "m", fields.pop("stream", False), {}, list(messages) or [said("hello")], **fields)


def build(asked: Request, target: Target = TARGET) -> tuple[dict[str, Any], list[str]]:
    losses = Losses()
    body = MESSAGES.build(asked, target, losses)
    own = {"temperature", "top_p", "top_k"} if target.sampling else set()
    assert faults("messages", {name: value for name, value in body.items() if name not in own}) == []
    return body, losses.dropped


def turns(*messages: Message, target: Target = TARGET) -> list[dict[str, Any]]:
    built: list[dict[str, Any]] = build(request(*messages), target)[0]["messages"]
    return built


def refused(asked: Request, target: Target = TARGET) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        MESSAGES.build(asked, target, Losses())
    assert caught.value.status == 400
    return caught.value


# ----------------------------------------------------------------------------------------------------------------- turns


def test_the_smallest_request_DI_200() -> None:
    body, dropped = build(request())
    assert body == {"model": "claude-9", "max_tokens": 8192, "messages": [{"role": "user", "content": "hello"}]}
    assert dropped == []


def test_stream_is_said_only_when_streaming() -> None:
    assert build(request(stream=True))[0]["stream"] is True


@pytest.mark.parametrize("limit", [0, 1, 50_000])
def test_the_clients_limit_is_the_limit_DI_200_TR_P11(limit: int) -> None:
    assert build(request(max_tokens=limit))[0]["max_tokens"] == limit


def test_instructions_in_front_become_system_joined_by_two_line_feeds_DI_145_TR_P8() -> None:
    body, dropped = build(request(turn(TextPart("one"), role="system"), turn(TextPart("two"), role="developer"), said("hi")))
    assert body["system"] == "one\n\ntwo"
    assert [each["role"] for each in body["messages"]] == ["user"]
    assert dropped == ["developer"]


def test_instructions_with_cache_marks_stay_apart_DI_145_DI_147() -> None:
    mark = {"type": "ephemeral"}
    body, dropped = build(request(turn(TextPart("one", mark), role="system"), turn(TextPart("two"), role="system"), said("hi")))
    assert body["system"] == [{"type": "text", "text": "one", "cache_control": mark}, {"type": "text", "text": "two"}]
    assert dropped == []


@pytest.mark.parametrize(
    ("target", "system", "roles"),
    [(TARGET, "first\n\nlater", ["user"]), (SYSTEM_TURNS, "first", ["user", "system", "user"])],
)
def test_later_instructions_keep_their_place_where_the_model_takes_it_DI_146(
    target: Target, system: str, roles: list[str]
) -> None:
    asked = request(turn(TextPart("first"), role="system"), said("a"), turn(TextPart("later"), role="system"), said("b"))
    body, _ = build(asked, target)
    assert body["system"] == system
    assert [each["role"] for each in body["messages"]] == roles


def test_instructions_alone_are_still_asked() -> None:
    body, _ = build(request(turn(TextPart("say hello"), role="system")))
    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "say hello"}]}]


def test_turns_of_a_role_are_merged_with_their_blocks_apart_DI_149() -> None:
    assert turns(said("a"), said("b"), assistant(TextPart("c")), assistant(RefusalPart("no"))) == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "c"}, {"type": "text", "text": "no"}]},
    ]


def test_empty_texts_and_turns_are_left_out_DI_150_TR_C23() -> None:
    assert turns(said("a"), assistant(TextPart(""), CALL), turn(TextPart(" \n"), RESULT), assistant(TextPart("")))[1:] == [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "look", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "seen"}]},
    ]


def test_a_request_without_a_word_is_refused() -> None:
    assert refused(request(said(""))).param == "messages"


def test_a_prefill_stays_last() -> None:
    assert turns(said("a"), assistant(TextPart("{")))[-1] == {"role": "assistant", "content": "{"}


def test_names_of_speakers_are_dropped_by_name_DI_148() -> None:
    assert build(request(Message("user", [TextPart("a")], name="ann")))[1] == ["messages.name"]


# ------------------------------------------------------------------------------------------------------------ tool calls


def test_results_follow_their_calls_first_in_one_user_turn_DI_94_TR_C14() -> None:
    history = [
        said("go"),
        assistant(TextPart("both"), CALL, ToolCallPart("c2", "look", "")),
        turn(ToolResultPart("c2", [TextPart("two")])),
        turn(TextPart("and"), ToolResultPart("c1", [TextPart("one")], is_error=True)),
    ]
    assert turns(*history)[1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "both"},
                {"type": "tool_use", "id": "c1", "name": "look", "input": {"a": 1}},
                {"type": "tool_use", "id": "c2", "name": "look", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "one", "is_error": True},
                {"type": "tool_result", "tool_use_id": "c2", "content": "two"},
                {"type": "text", "text": "and"},
            ],
        },
    ]


def test_a_text_between_calls_keeps_its_place_TR_C7() -> None:
    blocks = turns(said("go"), assistant(CALL, TextPart("then"), ToolCallPart("c2", "look", "{}")), turn(RESULT), turn(
        ToolResultPart("c2", [])))[1]["content"]  # fmt: skip
    assert [block["type"] for block in blocks] == ["tool_use", "text", "tool_use"]


def test_an_id_that_is_used_again_in_a_later_turn_finds_its_own_result() -> None:
    again = ToolResultPart("c1", [TextPart("again")])
    built = turns(said("go"), assistant(CALL), turn(RESULT), assistant(CALL), turn(again))
    assert [each["content"][0].get("content") for each in built[2::2]] == ["seen", "again"]


def test_foreign_characters_of_an_id_are_written_reversibly_on_both_sides_DI_164() -> None:
    ident = "functions.look:0|ü"
    built = turns(said("go"), assistant(ToolCallPart(ident, "look", "{}")), turn(ToolResultPart(ident, [])))
    written = built[1]["content"][0]["id"]
    assert built[2]["content"][0]["tool_use_id"] == written
    assert written.replace("-", "").replace("_", "").isalnum()
    back = MESSAGES.parse({"model": "m", "max_tokens": 1, "messages": built})
    assert [part.id for part in back.messages[1].parts if isinstance(part, ToolCallPart)] == [ident]


@pytest.mark.parametrize("arguments", ["{", "[1]", '"text"', "null", "5"])
def test_arguments_that_are_no_object_are_refused_by_their_message_DI_165_TR_C12(arguments: str) -> None:
    error = refused(request(said("go"), assistant(ToolCallPart("c1", "look", arguments)), turn(RESULT)))
    assert error.param == "messages[1]"
    assert "'c1'" in error.message


def test_a_call_without_its_result_is_refused_by_its_id_DI_169() -> None:
    error = refused(request(said("go"), assistant(ToolCallPart("a.b", "look", "{}"), where="messages[4]"), said("well")))
    assert error.param == "messages[4]"
    assert "'a.b'" in error.message
    assert "no result" in error.message


def test_a_result_without_its_call_is_refused_by_its_id_DI_169() -> None:
    error = refused(request(said("go"), turn(RESULT, where="messages[3]")))
    assert error.param == "messages[3]"
    assert "'c1'" in error.message
    assert "no call" in error.message


def test_calls_of_free_text_tools_become_the_field_input_DI_166() -> None:
    call = ToolCallPart("c1", "patch", 'say "hi"', custom=True)
    built = turns(said("go"), assistant(call), turn(ToolResultPart("c1", [], custom=True)))
    assert built[1]["content"][0]["input"] == {"input": 'say "hi"'}
    assert built[2]["content"] == [{"type": "tool_result", "tool_use_id": "c1"}]


def test_results_keep_images_and_files_DI_157() -> None:
    image, file = ImagePart(data="AA==", media_type="image/png"), FilePart(text="words", filename="a.txt")
    built = turns(said("go"), assistant(CALL), turn(ToolResultPart("c1", [TextPart("see"), image, file])))
    assert built[2]["content"][0]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}, "title": "a.txt"},
    ]


def test_called_tools_are_named_where_the_request_offers_none_DI_168() -> None:
    body, _ = build(request(said("go"), assistant(CALL), turn(RESULT)))
    assert body["tools"] == [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    assert body["tool_choice"] == {"type": "none"}, "nothing was offered, so nothing may be called"


# --------------------------------------------------------------------------------------------------------------- content


def test_images_by_data_and_by_url_DI_151_DI_152() -> None:
    parts = [ImagePart(data="AA==", media_type="image/webp", detail="auto"), ImagePart(url="http://a.test/b", detail="low")]
    body, dropped = build(request(turn(*parts)))
    assert body["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "AA=="}},
        {"type": "image", "source": {"type": "url", "url": "http://a.test/b"}},
    ]
    assert dropped == ["image.detail"], "DI-151, TR-P7: once, and not for what is the default"


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (FilePart(data="JVBERi0=", media_type="application/pdf"), PDF),
        (FilePart(data="JVBERi0="), PDF),
        (FilePart(data="aMOp", media_type="text/csv"), {"type": "text", "media_type": "text/plain", "data": "hé"}),
        (FilePart(text="hi"), {"type": "text", "media_type": "text/plain", "data": "hi"}),
        (FilePart(url="http://a.test/b.pdf"), {"type": "url", "url": "http://a.test/b.pdf"}),
    ],
)  # fmt: skip
def test_files_that_the_dialect_takes_DI_154(part: FilePart, source: dict[str, Any]) -> None:
    part.filename = "name"
    assert turns(turn(part))[0]["content"] == [{"type": "document", "source": source, "title": "name"}]


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (ImagePart(data="AA==", media_type="image/svg+xml"), "image_type"),
        (ImagePart(data="AA=="), "image_type"),
        (ImagePart(file_id="f"), "file_id"),
        (FilePart(file_id="f"), "file_id"),
        (FilePart(data="UEsD", media_type="application/zip"), "file_type"),
        (FilePart(data="UEsD"), "file_type"),
        (AudioPart("AA==", "wav"), "input_audio"),
        (ForeignPart("web_search_call", {}), "web_search_call"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_its_place_unless_the_operator_lets_it_go_DI_140(part: Part, name: str) -> None:
    asked = request(said("see"), turn(part, where="messages[5]"))
    error = refused(asked)
    assert (error.param, error.code) == ("messages[5]", "unsupported_by_provider")
    losses = Losses(frozenset({name}))
    assert MESSAGES.build(asked, TARGET, losses)["messages"] == [{"role": "user", "content": "see"}]
    assert losses.dropped == [name]


def test_a_text_file_that_is_not_base64_is_refused() -> None:
    assert refused(request(turn(FilePart(data="A", media_type="text/plain")))).param == "messages[1]"


@pytest.mark.parametrize(
    ("mark", "written"),
    [
        ({"type": "ephemeral", "ttl": "1h"}, {"type": "ephemeral", "ttl": "1h"}),
        ({"mode": "explicit"}, {"type": "ephemeral"}),
        ({"mode": "explicit", "ttl": "30m"}, {"type": "ephemeral", "ttl": "5m"}),
        ({"mode": "explicit", "ttl": "12h"}, {"type": "ephemeral", "ttl": "1h"}),
    ],
)
def test_cache_marks_are_adapted_wherever_they_stand_DI_147_DI_216(mark: dict[str, Any], written: dict[str, Any]) -> None:
    image = ImagePart(url="http://a.test/b", cache=mark)
    result = ToolResultPart("c1", [], cache=mark)
    asked = request(turn(TextPart("a", mark), image), assistant(CALL), turn(result), tools=[Tool("look", cache=mark)])
    body, dropped = build(asked)
    marked = [*body["messages"][0]["content"], *body["messages"][2]["content"], *body["tools"]]
    assert [each["cache_control"] for each in marked] == [written] * 4
    assert dropped == []


def test_reasoning_goes_back_only_with_the_proof_of_this_provider_DI_160_DI_161_TR_C22() -> None:
    history = assistant(
        ReasoningPart("hm", opaque="sealed:s"),
        ReasoningPart(summary=["a", "b"], opaque="sealed:s"),
        ReasoningPart(opaque="sealed:r"),
        TextPart("so"),
    )
    body, dropped = build(request(said("go"), history))
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "thinking", "thinking": "a\n\nb", "signature": "sig"},
        {"type": "redacted_thinking", "data": "red"},
        {"type": "text", "text": "so"},
    ]
    assert dropped == []


@pytest.mark.parametrize("opaque", [None, "forged", "sealed:e"])
def test_reasoning_of_others_is_dropped_by_name_DI_160(opaque: str | None) -> None:
    body, dropped = build(request(said("go"), assistant(ReasoningPart("hm", opaque=opaque), TextPart("so"))))
    assert body["messages"][1] == {"role": "assistant", "content": "so"}
    assert dropped == ["reasoning"]


# ----------------------------------------------------------------------------------------------------------------- tools


def test_functions_become_tools_DI_190_TR_P6() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    tools = [Tool("look", "d", schema, True), Tool("plain"), Tool("typeless", parameters={"properties": {}})]
    body, dropped = build(request(tools=tools))
    assert body["tools"] == [
        {"name": "look", "description": "d", "input_schema": schema, "strict": True},
        {"name": "plain", "input_schema": {"type": "object", "properties": {}}},
        {"name": "typeless", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert dropped == []


def test_a_free_text_tool_becomes_a_function_of_one_text_DI_166() -> None:
    body, dropped = build(request(tools=[Tool("patch", "d", custom=True, format=GRAMMAR)]))
    properties = {"input": {"type": "string", "description": "start: x"}}
    schema = {"type": "object", "properties": properties, "required": ["input"], "additionalProperties": False}
    assert body["tools"] == [{"name": "patch", "description": "d", "input_schema": schema}]
    assert dropped == ["tools.format"]


def test_tools_of_other_kinds_are_dropped_by_kind_DI_191() -> None:
    tools = [ForeignTool("web_search", None, {}), LOOK, Tool("x", extra={"defer_loading": True})]
    body, dropped = build(request(tools=tools))
    assert [tool["name"] for tool in body["tools"]] == ["look", "x"]
    assert dropped == ["tools.web_search", "tools.defer_loading"]


@pytest.mark.parametrize(
    ("tools", "choice"),
    [
        ([ForeignTool("mcp", "m", {})], ToolChoice("required")),
        ([ForeignTool("mcp", "m", {}), LOOK], ToolChoice("named", "m")),
        ([LOOK], ToolChoice("foreign", "web_search")),
        ([LOOK], ToolChoice("allowed", allowed=["other"], allowed_mode="required")),
    ],
)
def test_demanding_a_tool_that_cannot_be_carried_is_refused_DI_191(tools: list[Any], choice: ToolChoice) -> None:
    assert refused(request(tools=tools, tool_choice=choice)).param == "tool_choice"


def test_a_tool_name_that_the_provider_refuses_is_refused_first_DI_199() -> None:
    assert refused(request(tools=[LOOK, Tool("a.b")])).param == "tools[1].name"


@pytest.mark.parametrize(
    ("choice", "parallel", "written"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("named", "look"), None, {"type": "tool", "name": "look"}),
        (ToolChoice("allowed", allowed=["look"], allowed_mode="required"), None, {"type": "any"}),
    ],
)
def test_the_choice_among_tools_DI_193_to_DI_198(choice: ToolChoice | None, parallel: bool | None, written: Any) -> None:
    body, dropped = build(request(tools=[LOOK], tool_choice=choice, parallel_tools=parallel))
    assert body.get("tool_choice") == written
    assert dropped == []


def test_only_allowed_tools_are_sent_DI_197() -> None:
    choice = ToolChoice("allowed", allowed=["b"])
    body, _ = build(request(tools=[Tool("a"), Tool("b")], tool_choice=choice))
    assert [tool["name"] for tool in body["tools"]] == ["b"]
    assert body["tool_choice"] == {"type": "auto"}


@pytest.mark.parametrize("choice", [ToolChoice("auto"), ToolChoice("none"), None])
def test_a_choice_among_no_tools_is_no_choice(choice: ToolChoice | None) -> None:
    body, _ = build(request(tool_choice=choice, parallel_tools=False))
    assert "tool_choice" not in body
    assert "tools" not in body


# -------------------------------------------------------------------------------------------------------------- thinking


@pytest.mark.parametrize(
    ("effort", "thinking", "written"),
    [
        ("none", {"type": "disabled"}, None),
        ("minimal", {"type": "disabled"}, {"effort": "low"}),
        ("low", {"type": "adaptive"}, {"effort": "low"}),
        ("medium", {"type": "adaptive"}, {"effort": "medium"}),
        ("high", {"type": "adaptive"}, {"effort": "high"}),
        ("xhigh", {"type": "adaptive"}, {"effort": "xhigh"}),
        ("max", {"type": "adaptive"}, {"effort": "max"}),
    ],
)
def test_effort_for_a_model_that_adapts_DI_220_to_DI_226(effort: str, thinking: Any, written: Any) -> None:
    body, dropped = build(request(thinking=Thinking(effort)))
    assert (body["thinking"], body.get("output_config"), dropped) == (thinking, written, [])


@pytest.mark.parametrize(
    ("effort", "limit", "budget"),
    [
        ("none", None, None),
        ("minimal", None, None),
        ("low", 100_000, 2048),
        ("medium", 100_000, 8192),
        ("high", 100_000, 16_384),
        ("xhigh", 100_000, 32_768),
        ("max", 100_000, 65_536),
        ("high", 5000, 4999),  # DI-227
        ("high", 1025, 1024),
        ("high", 1024, None),
    ],
)
def test_effort_for_a_model_with_budgets_DI_220_to_DI_227(effort: str, limit: int | None, budget: int | None) -> None:
    body, dropped = build(request(thinking=Thinking(effort), max_tokens=limit), BUDGET)
    expected = {"type": "disabled"} if budget is None else {"type": "enabled", "budget_tokens": budget}
    assert (body["thinking"], dropped) == (expected, [])
    assert "output_config" not in body


@pytest.mark.parametrize(
    ("target", "budget", "thinking"),
    [
        (BUDGET, 3000, {"type": "enabled", "budget_tokens": 3000}),
        (BUDGET, 10, {"type": "enabled", "budget_tokens": 1024}),
        (TARGET, 3000, {"type": "adaptive"}),
    ],
)
def test_a_budget_that_a_router_client_gave(target: Target, budget: int, thinking: dict[str, Any]) -> None:
    body, _ = build(request(thinking=Thinking(budget=budget)), target)
    assert body["thinking"] == thinking
    assert body.get("output_config", {"effort": "low"}) == {"effort": "low"}


@pytest.mark.parametrize("thinking", [None, Thinking(), Thinking(summary="auto")])
@pytest.mark.parametrize("target", [TARGET, BUDGET])
def test_no_effort_is_made_up_DI_229(thinking: Thinking | None, target: Target) -> None:
    body, dropped = build(request(thinking=thinking), target)
    assert body.keys() == {"model", "max_tokens", "messages"}
    assert dropped == (["reasoning.summary"] if thinking and thinking.summary else [])


@pytest.mark.parametrize(
    ("dialect", "effort", "summary", "display"),
    [
        ("responses", "high", "concise", "summarized"),
        ("responses", "high", None, "omitted"),
        ("responses", "none", "auto", None),
        ("chat", "high", None, None),
    ],
)
def test_a_wish_for_a_summary_is_the_display_DI_208_TR_P15(
    dialect: str, effort: str, summary: str | None, display: str | None
) -> None:
    body, _ = build(request(dialect=dialect, thinking=Thinking(effort, summary=summary)))
    assert body["thinking"].get("display") == display


def test_a_model_that_does_not_think_is_not_asked_to_DI_232() -> None:
    body, dropped = build(request(thinking=Thinking("high")), Target("messages", "m", options={"reasoning": False}))
    assert body.keys() == {"model", "max_tokens", "messages"}
    assert dropped == ["reasoning"]


def test_a_model_with_budgets_cannot_be_made_to_call_while_it_thinks_DI_196() -> None:
    asked = request(thinking=Thinking("low"), tools=[LOOK], tool_choice=ToolChoice("named", "look"))
    assert refused(asked, BUDGET).param == "tool_choice"
    assert build(asked, TARGET)[0]["tool_choice"] == {"type": "tool", "name": "look"}
    losses = Losses(frozenset({"tool_choice"}))
    assert MESSAGES.build(asked, BUDGET, losses)["tool_choice"] == {"type": "auto"}


def test_a_model_with_budgets_does_not_think_on_in_a_tool_loop_without_its_proofs_TR_C22() -> None:
    history = [said("go"), assistant(CALL), turn(RESULT)]
    body, dropped = build(request(*history, thinking=Thinking("low"), tools=[LOOK]), BUDGET)
    assert (body["thinking"], dropped) == ({"type": "disabled"}, ["reasoning"])
    proven = Target("messages", "claude-4", thinking="budget", unseal=OPENED.get)
    history[1].parts.insert(0, ReasoningPart("hm", opaque="sealed:s"))
    body, dropped = build(request(*history, thinking=Thinking("low"), tools=[LOOK]), proven)
    assert (body["thinking"]["type"], dropped) == ("enabled", [])


# ---------------------------------------------------------------------------------------------------------------- fields


def test_a_schema_is_the_output_format_beside_the_effort_DI_209() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    form = Format("json_schema", "answer", schema=schema, strict=True)
    body, dropped = build(request(format=form, thinking=Thinking("high")))
    assert body["output_config"] == {"effort": "high", "format": {"type": "json_schema", "schema": schema}}
    assert dropped == []


@pytest.mark.parametrize(("dialect", "field"), [("chat", "response_format"), ("responses", "text.format")])
def test_what_a_format_says_beside_its_schema_is_dropped_by_name_DI_209(dialect: str, field: str) -> None:
    body, dropped = build(request(dialect=dialect, format=Format("json_schema", "n", "d", None, False)))
    assert body["output_config"]["format"] == {"type": "json_schema", "schema": {"type": "object"}}
    assert dropped == [f"{field}.description", f"{field}.strict"]
    asked = request(dialect=dialect, format=Format("json_object"))
    assert refused(asked).param == field  # DI-210
    losses = Losses(frozenset({"json_object"}))
    assert "output_config" not in MESSAGES.build(asked, TARGET, losses)
    assert losses.dropped == ["json_object"]


def test_plain_text_is_no_format() -> None:
    assert build(request(format=Format("text")))[0].keys() == {"model", "max_tokens", "messages"}


@pytest.mark.parametrize(
    ("dialect", "fields", "param"),
    [
        ("chat", {"n": 2}, "n"),
        ("chat", {"logprobs": True}, "logprobs"),
        ("responses", {"logprobs": True}, "include"),
        ("chat", {"extra": [Extra("logit_bias", {"1": 2}, significant=True)]}, "logit_bias"),
    ],
)
def test_what_would_change_the_answer_is_refused_DI_202_DI_203_DI_206(dialect: str, fields: Any, param: str) -> None:
    assert refused(request(dialect=dialect, **fields)).param == param


def test_state_that_a_provider_keeps_is_what_a_lone_result_is_about_DI_85() -> None:
    extra = [Extra("previous_response_id", "resp_1", significant=True)]
    error = refused(request(turn(RESULT), dialect="responses", extra=extra))
    assert (error.param, error.code) == ("previous_response_id", "previous_response_not_found")


def test_hints_are_dropped_by_name() -> None:
    _, dropped = build(
        request(
            seed=0,  # DI-204
            verbosity="low",  # DI-211
            metadata={"a": "b"},  # DI-213
            store=True,  # DI-214
            prompt_cache_key="k",  # DI-216
            extra=[Extra("prediction", {})],
        )
    )
    assert set(dropped) == {"seed", "verbosity", "metadata", "store", "prompt_cache_key", "prediction"}


def test_what_says_nothing_is_no_loss() -> None:
    assert build(request(store=False, metadata={}, temperature=1.0, top_p=1.0, top_k=-1, n=1))[1] == []


def test_sampling_goes_only_to_models_that_take_it_DI_205_TR_P13() -> None:
    asked = request(temperature=1.7, top_p=0.5, top_k=3)
    body, dropped = build(asked)
    assert body.keys() == {"model", "max_tokens", "messages"}
    assert dropped == ["temperature", "top_p", "top_k"]
    body, dropped = build(asked, SAMPLING)
    assert (body["temperature"], body["top_p"], body["top_k"], dropped) == (1.0, 0.5, 3, [])
    asked.thinking = Thinking("low")
    body, dropped = build(asked, Target("messages", "m", thinking="budget", sampling=True))
    assert "temperature" not in body
    assert dropped == ["temperature", "top_p", "top_k"], "a model that thinks samples as it does"


def test_temperature_0_is_a_value() -> None:
    assert build(request(temperature=0.0), SAMPLING)[0]["temperature"] == 0.0


def test_blank_stop_sequences_are_dropped_by_name_DI_201() -> None:
    body, dropped = build(request(stop=["END", "\n"]))
    assert (body["stop_sequences"], dropped) == (["END"], ["stop"])
    body, dropped = build(request(stop=[" "]))
    assert "stop_sequences" not in body
    assert dropped == ["stop"]


@pytest.mark.parametrize(
    ("tier", "written", "dropped"),
    [
        ("auto", "auto", []),
        ("default", "standard_only", []),
        ("flex", None, ["service_tier"]),
        ("priority", None, ["service_tier"]),
    ],
)
def test_service_tiers_DI_217(tier: str, written: str | None, dropped: list[str]) -> None:
    body, lost = build(request(service_tier=tier))
    assert (body.get("service_tier"), lost) == (written, dropped)


def test_the_users_identity_stays_one_when_it_is_too_long_DI_212() -> None:
    assert build(request(user="u"))[0]["metadata"] == {"user_id": "u"}
    long = build(request(user="u" * 257))[0]["metadata"]["user_id"]
    assert (
        long
        == build(request(user="u" * 257))[0]["metadata"]["user_id"]
        != build(request(user="v" * 257))[0]["metadata"]["user_id"]
    )
    assert len(long) <= 256


# ---------------------------------------------------------------------------------------------------------- real clients


def test_a_turn_of_codex_DI_261() -> None:
    """clients.md section 5, in small: what it offers and keeps beyond the common ground never fails the request."""
    asked = DIALECTS["responses"].parse(
        {
            "model": "m",
            "instructions": "You are Codex",
            "stream": True,
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "medium", "summary": "auto"},
            "prompt_cache_key": "k",
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "client_metadata": {"a": "b"},
            "text": {"verbosity": "low"},
            "tools": [
                {"type": "function", "name": "exec_command", "parameters": {"type": "object", "properties": {}}, "strict": False},
                {"type": "custom", "name": "apply_patch", "format": GRAMMAR},
                {"type": "namespace", "name": "agents", "tools": []},
                {"type": "tool_search"},
                {"type": "web_search"},
            ],
            "input": [
                {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "rules"}]},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "fix it"}]},
                {"type": "reasoning", "summary": [], "content": None, "encrypted_content": "sealed:s"},
                {"type": "function_call", "call_id": "call_1", "name": "exec_command", "arguments": '{"cmd":"ls"}'},
                {"type": "custom_tool_call", "call_id": "call_2", "name": "apply_patch", "input": "*** x"},
                {"type": "function_call_output", "call_id": "call_1", "output": "a.py"},
                {"type": "custom_tool_call_output", "call_id": "call_2", "output": "ok"},
            ],
        }
    )  # fmt: skip
    body, dropped = build(asked)
    assert body["system"] == "You are Codex\n\nrules"
    assert body["stream"] is True
    assert [[block["type"] for block in each["content"]] for each in body["messages"][1:]] == [
        ["thinking", "tool_use", "tool_use"],
        ["tool_result", "tool_result"],
    ]
    assert body["messages"][1]["content"][2]["input"] == {"input": "*** x"}
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert [tool["name"] for tool in body["tools"]] == ["exec_command", "apply_patch"]
    assert set(dropped) == {
        "client_metadata",
        "developer",
        "prompt_cache_key",
        "tools.format",
        "tools.namespace",
        "tools.tool_search",
        "tools.web_search",
        "verbosity",
    }


def test_a_turn_of_a_chat_client_with_tools() -> None:
    asked = DIALECTS["chat"].parse(
        {
            "model": "m",
            "max_completion_tokens": 100,
            "stop": "END",
            "user": "u",
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
            },
            "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "a", "type": "function", "function": {"name": "look", "arguments": ""}},
                        {"id": "b", "type": "function", "function": {"name": "look", "arguments": "{}"}},
                    ],
                },
                {"role": "tool", "tool_call_id": "b", "content": "2"},
                {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "1"}]},
            ],
        }
    )
    body, dropped = build(asked)
    assert dropped == []
    assert body == {
        "model": "claude-9",
        "max_tokens": 100,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u"},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        "system": "s",
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "a", "name": "look", "input": {}},
                    {"type": "tool_use", "id": "b", "name": "look", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                    {"type": "tool_result", "tool_use_id": "b", "content": "2"},
                ],
            },
        ],
    }


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the recorded traffic is not beside this checkout")
@pytest.mark.parametrize("target", [TARGET, BUDGET, SYSTEM_TURNS], ids=["adaptive", "budget", "system turns"])
@pytest.mark.parametrize("dialect", ["chat", "responses"])
def test_every_recorded_request_is_built_well_typed_or_refused_by_name(dialect: str, target: Target) -> None:
    built: list[str] = []
    refusals: list[GatewayError] = []
    for each in recordings(dialects=(dialect,)):
        if each.request is None:
            continue
        try:
            asked = DIALECTS[dialect].parse({"model": "in-the-path", **each.request})
        except GatewayError:
            continue  # the other dialect's own tests judge these
        try:
            body = MESSAGES.build(asked, target, Losses())
        except GatewayError as error:
            refusals.append(error)
        else:
            assert faults("messages", body) == [], each.name
            built.append(each.name)
    assert all(error.status == 400 and error.param for error in refusals)
    assert len(built) > 10 * len(refusals) > 0
