"""A client's Chat body: checked cheaply, or read whole into the neutral request; every fault names its place."""

from __future__ import annotations

from typing import Any, Final

from pipeline.dialects.chat.tools import read_choice, read_functions, read_tools
from pipeline.dialects.chat.turns import read_messages
from pipeline.dialects.fields import Fields, check_head, fault, missing, wrong_type
from pipeline.request import Extra, Format, Request, Thinking

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
    tools = fields.array("tools")
    functions = fields.array("functions")
    limit = fields.whole("max_completion_tokens")
    options = Fields(fields.mapping("stream_options") or {}, "stream_options")
    return Request(
        dialect="chat",
        model=body["model"],
        stream=bool(body.get("stream")),
        body=body,
        messages=read_messages(body["messages"]),
        # DI-192
        tools=None if tools is None and functions is None else read_tools(tools or ()) + read_functions(functions or ()),
        tool_choice=read_choice(body),
        parallel_tools=fields.flag("parallel_tool_calls"),
        format=_format(fields),
        thinking=_thinking(fields),
        # DI-200, TR-P3: the newer name wins.
        max_tokens=fields.whole("max_tokens") if limit is None else limit,
        temperature=fields.number("temperature", 0, 2),
        top_p=fields.number("top_p", 0, 1),
        top_k=fields.whole("top_k", -1),
        stop=_stop(fields),
        n=fields.whole("n", 1, 128) or 1,
        seed=fields.whole("seed", -(2**63)),
        logprobs=bool(fields.flag("logprobs")),
        top_logprobs=fields.whole("top_logprobs", 0, 20),
        # DI-212
        user=fields.text("safety_identifier") or fields.text("user"),
        metadata=fields.mapping("metadata"),
        service_tier=fields.text("service_tier"),
        verbosity=fields.word("verbosity", ("low", "medium", "high")),
        store=fields.flag("store"),
        prompt_cache_key=fields.text("prompt_cache_key"),
        include_usage=bool(options.flag("include_usage")),
        extra=_extra(fields),
    )


def _format(fields: Fields) -> Format | None:
    # DI-23: the schema stands nested, unlike Responses.
    value = fields.mapping("response_format")
    if value is None:
        return None
    form = Fields(value, "response_format")
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


def _thinking(fields: Fields) -> Thinking | None:
    effort = fields.word("reasoning_effort", EFFORTS)
    # Routers take the effort, or a budget, in an object as Responses does.
    asked = Fields(fields.mapping("reasoning") or {}, "reasoning")
    effort = effort or asked.word("effort", EFFORTS)
    budget = asked.whole("max_tokens", 1)
    if asked.flag("enabled") is False:
        effort = effort or "none"
    return None if effort is None and budget is None else Thinking(effort, budget=budget)


def _stop(fields: Fields) -> list[str]:
    value = fields.data.get("stop")
    if value is None:
        return []
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
