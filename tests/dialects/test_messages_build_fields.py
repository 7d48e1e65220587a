"""Fields of other dialects in a Messages body: tools, thinking, and all the rest; what is refused or dropped, by name."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.dialects.messages import MESSAGES
from pipeline.request import (
    Extra,
    ForeignTool,
    Format,
    Losses,
    ReasoningPart,
    Target,
    Thinking,
    Tool,
    ToolChoice,
)
from tests.dialects.messages_build_kit import (
    BUDGET,
    CALL,
    GRAMMAR,
    LOOK,
    OPENED,
    RESULT,
    SAMPLING,
    TARGET,
    assistant,
    build,
    refused,
    request,
    said,
    turn,
)

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


def test_a_schema_of_which_nothing_more_is_said_loses_nothing_DI_209() -> None:
    assert build(request(format=Format("json_schema", "n", schema={"type": "object"})))[1] == []


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
