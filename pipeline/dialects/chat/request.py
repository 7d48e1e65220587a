"""A client's Chat body: checked cheaply, or read whole into the neutral request; every fault names its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.dialects.chat.tools import read_choice, read_functions, read_tools
from pipeline.dialects.chat.turns import read_messages
from pipeline.dialects.fields import FieldReader, Fields, check_head, fault, missing, read_fields, wrong_type
from pipeline.request import Extra, ForeignTool, Format, Request, Thinking, Tool, ToolChoice

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

# Dropping these would change the answer (DI-206, DI-191).
SIGNIFICANT: Final = ("logit_bias", "audio", "web_search_options")
# DI-204, DI-216, DI-219d, and extensions of the world around the dialect.
HINTS: Final = (
    "chat_template_kwargs",
    "enable_thinking",
    "frequency_penalty",
    "include_reasoning",
    "min_p",
    "moderation",
    "prediction",
    "presence_penalty",
    "prompt_cache_options",
    "prompt_cache_retention",
    "provider",
    "repetition_penalty",
    "thinking",
)
NEUTRAL: Final = (
    "function_call",
    "functions",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "usage",
    "user",
    "verbosity",
)
_KNOWN: Final = frozenset(NEUTRAL).union(SIGNIFICANT, HINTS)
# Of these nothing can be lost.
_PLAIN: Final = frozenset(NEUTRAL) - {"modalities"}


def check(body: dict[str, Any]) -> None:
    """What must hold whatever the provider: the types of ``model``, ``messages`` and ``stream``. Raises GatewayError (400)."""
    check_head(body)
    messages = body.get("messages")
    # TR-M6
    if messages is None:
        raise missing("messages")
    if type(messages) is not list:
        raise wrong_type("messages", "an array", messages)
    if not messages:
        raise fault("messages", "Invalid 'messages': expected at least one message.")


def parse(body: dict[str, Any]) -> Request:
    """The whole body in neutral form. Raises GatewayError (400) whose ``param`` is the path of what is wrong."""
    check(body)
    fields = Fields(body)
    request = Request("chat", body["model"], bool(body.get("stream")), body, read_messages(body["messages"]))
    read_fields(fields, READERS, request)
    request.extra = _extra(fields)
    return request


def _tools(fields: Fields, name: str) -> list[Tool | ForeignTool]:
    # DI-192
    return read_tools(fields.array("tools") or ()) + read_functions(fields.array("functions") or ())


def _choice(fields: Fields, name: str) -> ToolChoice | None:
    return read_choice(fields.data)


def _max_tokens(fields: Fields, name: str) -> int | None:
    # DI-200, TR-P3: the newer name wins.
    limit = fields.whole("max_completion_tokens")
    return fields.whole("max_tokens") if limit is None else limit


def _user(fields: Fields, name: str) -> str | None:
    # DI-212
    return fields.text("safety_identifier") or fields.text("user")


def _include_usage(fields: Fields, name: str) -> bool:
    return bool(Fields(fields.mapping(name), name).flag("include_usage"))


def _format(fields: Fields, name: str) -> Format:
    # DI-23: the schema stands nested, unlike Responses.
    form = Fields(fields.mapping(name), name)
    kind = form.need_word("type", ("text", "json_object", "json_schema"))
    if kind == "text":
        return Format("text")
    if kind == "json_object":
        return Format("json_object")
    inner = form.mapping("json_schema")
    if inner is None:
        raise missing("response_format.json_schema")
    schema = Fields(inner, "response_format.json_schema")
    return Format(
        "json_schema", schema.need_name("name"), schema.text("description"), schema.mapping("schema"), schema.flag("strict")
    )


def _thinking(fields: Fields, name: str) -> Thinking | None:
    effort = fields.word("reasoning_effort", EFFORTS)
    # Routers take the effort, or a budget, in an object as Responses does.
    asked = Fields(fields.mapping("reasoning") or {}, "reasoning")
    effort = effort or asked.word("effort", EFFORTS)
    budget = asked.whole("max_tokens", 1)
    if asked.flag("enabled") is False:
        effort = effort or "none"
    return None if effort is None and budget is None else Thinking(effort, budget=budget)


def _stop(fields: Fields, name: str) -> list[str]:
    value = fields.data[name]
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise wrong_type("stop", "a string or an array of strings", value)
    for index, entry in enumerate(value):
        if not isinstance(entry, str):
            raise wrong_type(f"stop[{index}]", "a string", entry)
    return value


def _extra(fields: Fields) -> list[Extra]:
    body = fields.data
    if body.keys() <= _PLAIN:
        return []
    extra = [Extra(name, body[name], significant=True) for name in SIGNIFICANT if body.get(name) not in (None, {})]
    # DI-218: text alone is what every answer is.
    modalities = fields.array("modalities")
    if modalities and modalities != ["text"]:
        extra.append(Extra("modalities", modalities, significant=True))
    # A penalty of 0 is none.
    extra += [Extra(name, body[name]) for name in HINTS if body.get(name) not in (None, 0)]
    # DI-142: names of losses are bounded, so what nobody knows shares one.
    unknown = {name: value for name, value in body.items() if value is not None and name not in _KNOWN}
    if unknown:
        extra.append(Extra("unknown_fields", unknown))
    return extra


READERS: Final[Mapping[str, tuple[str, FieldReader]]] = {
    "tools": ("tools", _tools),
    "functions": ("tools", _tools),
    "tool_choice": ("tool_choice", _choice),
    "function_call": ("tool_choice", _choice),
    "parallel_tool_calls": ("parallel_tools", Fields.flag),
    "response_format": ("format", _format),
    "reasoning_effort": ("thinking", _thinking),
    "reasoning": ("thinking", _thinking),
    "max_completion_tokens": ("max_tokens", _max_tokens),
    "max_tokens": ("max_tokens", _max_tokens),
    "temperature": ("temperature", lambda fields, name: fields.number(name, 0, 2)),
    "top_p": ("top_p", lambda fields, name: fields.number(name, 0, 1)),
    "top_k": ("top_k", lambda fields, name: fields.whole(name, -1)),
    "stop": ("stop", _stop),
    "n": ("n", lambda fields, name: fields.whole(name, 1, 128)),
    "seed": ("seed", lambda fields, name: fields.whole(name, -(2**63))),
    "logprobs": ("logprobs", Fields.flag),
    "top_logprobs": ("top_logprobs", lambda fields, name: fields.whole(name, 0, 20)),
    "safety_identifier": ("user", _user),
    "user": ("user", _user),
    "metadata": ("metadata", Fields.mapping),
    "service_tier": ("service_tier", Fields.text),
    "verbosity": ("verbosity", lambda fields, name: fields.word(name, ("low", "medium", "high"))),
    "store": ("store", Fields.flag),
    "prompt_cache_key": ("prompt_cache_key", Fields.text),
    "stream_options": ("include_usage", _include_usage),
}
