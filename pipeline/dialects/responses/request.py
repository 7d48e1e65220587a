"""A client's Responses body: checked cheaply, or read whole into the neutral request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.dialects.fields import FieldReader, Fields, check_head, fault, missing, read_fields, wrong_type
from pipeline.dialects.responses.items import read_input
from pipeline.dialects.responses.tools import read_choice, read_tools
from pipeline.request import Extra, ForeignTool, Format, Message, Request, TextPart, Thinking, Tool, ToolChoice

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
    messages = _instructions(fields) + read_input(body.get("input"))
    request = Request("responses", body["model"], bool(body.get("stream")), body, messages)
    read_fields(fields, READERS, request)
    if body.get("text") is not None:
        text = Fields(fields.mapping("text"), "text")
        request.format = _format(text)
        request.verbosity = text.word("verbosity", ("low", "medium", "high"))
    request.extra = _extra(fields)
    return request


def _tools(fields: Fields, name: str) -> list[Tool | ForeignTool]:
    return read_tools(fields.array(name) or [])


def _choice(fields: Fields, name: str) -> ToolChoice | None:
    return read_choice(fields.data[name])


def _logprobs(fields: Fields, name: str) -> bool:
    return LOGPROBS in (fields.array(name) or ())


def _user(fields: Fields, name: str) -> str | None:
    # DI-212
    return fields.text("safety_identifier") or fields.text("user")


def _instructions(fields: Fields) -> list[Message]:
    # DI-145
    text = fields.text("instructions")
    return [] if text is None else [Message("system", [TextPart(text)], where="instructions")]


def _format(text: Fields) -> Format | None:
    # DI-49: flat, unlike Chat.
    value = text.mapping("format")
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


def _thinking(fields: Fields, name: str) -> Thinking | None:
    reasoning = Fields(fields.mapping(name), name)
    effort = reasoning.word("effort", EFFORTS)
    summary = reasoning.word("summary", SUMMARIES) or reasoning.word("generate_summary", SUMMARIES)
    return None if effort is None and summary is None else Thinking(effort, summary=summary)


def _extra(fields: Fields) -> list[Extra]:
    body = fields.data
    if body.keys() <= _PLAIN:
        return _item_hints(body.get("input"))
    extra = [Extra(name, body[name], significant=True) for name in SIGNIFICANT if body.get(name) not in (None, False)]
    extra += [Extra(name, body[name]) for name in HINTS if body.get(name) is not None]
    if fields.word("truncation", ("auto", "disabled")) == "auto":
        extra.append(Extra("truncation", "auto"))  # DI-219a
    others = [value for value in fields.array("include") or () if value not in (ENCRYPTED, LOGPROBS)]
    if others:
        extra.append(Extra("include", others))  # DI-219b
    reasoning = body.get("reasoning") or {}
    extra += [Extra(f"reasoning.{name}", reasoning[name]) for name in ("context", "mode") if reasoning.get(name) is not None]
    extra += _item_hints(body.get("input"))
    # DI-142: names of losses are bounded, so what nobody knows shares one.
    unknown = {name: value for name, value in body.items() if value is not None and name not in _KNOWN}
    if unknown:
        extra.append(Extra("unknown_fields", unknown))
    return extra


def _item_hints(items: Any) -> list[Extra]:
    if type(items) is not list:
        return []
    marked = [item for item in items if not _MARKS.isdisjoint(item)]
    if not marked:
        return []
    return [Extra(f"input.{name}", None) for name in ITEM_HINTS if any(item.get(name) is not None for item in marked)]


_MARKS: Final = frozenset(ITEM_HINTS)
_KNOWN: Final = NEUTRAL.union(SIGNIFICANT, HINTS)
# Of these nothing can be lost.
_PLAIN: Final = NEUTRAL - {"include", "reasoning", "truncation"}

READERS: Final[Mapping[str, tuple[str, FieldReader]]] = {
    "tools": ("tools", _tools),
    "tool_choice": ("tool_choice", _choice),
    "parallel_tool_calls": ("parallel_tools", Fields.flag),
    "reasoning": ("thinking", _thinking),
    "max_output_tokens": ("max_tokens", Fields.whole),
    "temperature": ("temperature", lambda fields, name: fields.number(name, 0, 2)),
    "top_p": ("top_p", lambda fields, name: fields.number(name, 0, 1)),
    "include": ("logprobs", _logprobs),
    "top_logprobs": ("top_logprobs", lambda fields, name: fields.whole(name, 0, 20)),
    "safety_identifier": ("user", _user),
    "user": ("user", _user),
    "metadata": ("metadata", Fields.mapping),
    "service_tier": ("service_tier", Fields.text),
    "store": ("store", Fields.flag),
    "prompt_cache_key": ("prompt_cache_key", Fields.text),
}
