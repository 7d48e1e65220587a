"""A client's Responses body: checked cheaply, or read whole into the neutral request."""

from __future__ import annotations

from typing import Any, Final

from pipeline.dialects.fields import Fields, check_head, fault, missing, wrong_type
from pipeline.dialects.responses.items import read_input
from pipeline.dialects.responses.tools import read_choice, read_tools
from pipeline.request import Extra, Format, Message, Request, TextPart, Thinking

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SUMMARIES: Final = ("auto", "concise", "detailed")
ENCRYPTED: Final = "reasoning.encrypted_content"
LOGPROBS: Final = "message.output_text.logprobs"

# Fields that lead to what another provider has not got (DI-215): dropping them would change the answer.
SIGNIFICANT: Final = ("previous_response_id", "conversation", "prompt", "background")
# DI-216 to DI-219d, and what today's clients add: dropped by name.
HINTS: Final = (
    "access_programs",
    "client_metadata",
    "context_management",
    "image",
    "max_tool_calls",
    "moderation",
    "prompt_cache_options",
    "prompt_cache_retention",
    "provider",
)
# Read into neutral fields, or of no meaning beyond the gateway (stream_options, DI-219).
NEUTRAL: Final = frozenset(
    {
        "model",
        "input",
        "instructions",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "text",
        "reasoning",
        "include",
        "store",
        "max_output_tokens",
        "temperature",
        "top_p",
        "top_logprobs",
        "metadata",
        "user",
        "safety_identifier",
        "service_tier",
        "prompt_cache_key",
        "truncation",
    }
)
# Fields of items that no other dialect has (DI-162, DI-167).
ITEM_HINTS: Final = ("phase", "namespace", "caller", "async")
INPUT_ELSEWHERE: Final = ("previous_response_id", "conversation", "prompt")


def check(body: dict[str, Any]) -> None:
    """What must hold whatever the provider: ``model``, ``stream`` and ``input`` have their types. Raises GatewayError (400)."""
    check_head(body)
    value = body.get("input")
    if value is None:
        if not any(body.get(name) is not None for name in INPUT_ELSEWHERE):
            raise missing("input")
    elif not isinstance(value, (str, list)):
        raise wrong_type("input", "a string or an array of items", value)
    # DI-41
    if body.get("previous_response_id") is not None and body.get("conversation") is not None:
        raise fault(
            "previous_response_id",
            "'previous_response_id' and 'conversation' exclude each other.",
            "mutually_exclusive_parameters",
        )


def parse(body: dict[str, Any]) -> Request:
    """The whole body in neutral form. Raises GatewayError (400) whose ``param`` is the path of what is wrong."""
    check(body)
    fields = Fields(body)
    tools = fields.array("tools")
    include = fields.array("include") or []
    return Request(
        dialect="responses",
        model=body["model"],
        stream=bool(body.get("stream")),
        body=body,
        messages=_instructions(fields) + read_input(body.get("input")),
        tools=None if tools is None else read_tools(tools),
        tool_choice=read_choice(body.get("tool_choice")),
        parallel_tools=fields.flag("parallel_tool_calls"),
        format=_format(fields),
        thinking=_thinking(fields),
        max_tokens=fields.whole("max_output_tokens"),
        temperature=fields.number("temperature", 0, 2),
        top_p=fields.number("top_p", 0, 1),
        logprobs=LOGPROBS in include,
        top_logprobs=fields.whole("top_logprobs", 0, 20),
        # DI-212
        user=fields.text("safety_identifier") or fields.text("user"),
        metadata=fields.mapping("metadata"),
        service_tier=fields.text("service_tier"),
        verbosity=_text(fields).word("verbosity", ("low", "medium", "high")),
        store=fields.flag("store"),
        prompt_cache_key=fields.text("prompt_cache_key"),
        extra=_extra(fields, include),
    )


def _instructions(fields: Fields) -> list[Message]:
    # DI-145
    text = fields.text("instructions")
    return [] if text is None else [Message("system", [TextPart(text)], where="instructions")]


def _text(fields: Fields) -> Fields:
    return Fields(fields.mapping("text") or {}, "text")


def _format(fields: Fields) -> Format | None:
    # DI-49: flat, unlike Chat.
    value = _text(fields).mapping("format")
    if value is None:
        return None
    form = Fields(value, "text.format")
    kind = form.need_word("type", ("text", "json_object", "json_schema"))
    if kind == "text":
        return Format("text")
    if kind == "json_object":
        return Format("json_object")
    schema = form.mapping("schema")
    if schema is None:
        raise missing("text.format.schema")
    return Format("json_schema", form.need_name("name"), form.text("description"), schema, form.flag("strict"))


def _thinking(fields: Fields) -> Thinking | None:
    value = fields.mapping("reasoning")
    if value is None:
        return None
    reasoning = Fields(value, "reasoning")
    effort = reasoning.word("effort", EFFORTS)
    summary = reasoning.word("summary", SUMMARIES) or reasoning.word("generate_summary", SUMMARIES)
    return None if effort is None and summary is None else Thinking(effort, summary=summary)


def _extra(fields: Fields, include: list[Any]) -> list[Extra]:
    body = fields.data
    extra = [Extra(name, body[name], significant=True) for name in SIGNIFICANT if body.get(name) not in (None, False)]
    extra += [Extra(name, body[name]) for name in HINTS if body.get(name) is not None]
    if fields.word("truncation", ("auto", "disabled")) == "auto":
        extra.append(Extra("truncation", "auto"))  # DI-219a
    others = [value for value in include if value not in (ENCRYPTED, LOGPROBS)]
    if others:
        extra.append(Extra("include", others))  # DI-219b
    reasoning = body.get("reasoning") or {}
    extra += [Extra(f"reasoning.{name}", reasoning[name]) for name in ("context", "mode") if reasoning.get(name) is not None]
    items = body["input"] if isinstance(body.get("input"), list) else []
    for name in ITEM_HINTS:
        if any(item.get(name) is not None for item in items):
            extra.append(Extra(f"input.{name}", None))
    # DI-142: names of losses are bounded, so what nobody knows shares one.
    unknown = {name: value for name, value in body.items() if value is not None and name not in _KNOWN}
    if unknown:
        extra.append(Extra("unknown_fields", unknown))
    return extra


_KNOWN: Final = NEUTRAL.union(SIGNIFICANT, HINTS)
