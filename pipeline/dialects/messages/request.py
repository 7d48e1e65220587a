"""A client's Messages body: checked cheaply, or read whole into the neutral request; every fault names its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from pipeline.dialects.fields import FieldReader, Fields, check_head, fault, missing, read_fields, wrong_type
from pipeline.dialects.messages.tools import read_choice, read_tools
from pipeline.dialects.messages.turns import Turns
from pipeline.request import Extra, ForeignTool, Format, Request, Thinking, Tool

EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
MODES: Final = ("enabled", "adaptive", "disabled", "between_tools")
LEAST_BUDGET: Final = 1024
# How older clients say that a filter is not wanted.
OFF: Final = -1

# DI-90: dropping these would change the answer. `thread`: the client would go on to send only its newest messages.
SIGNIFICANT: Final = ("mcp_servers", "container", "fallbacks", "thread")
# The word at which the SDK's tool runner sends the whole conversation instead.
DETAILS: Final[Mapping[str, dict[str, Any]]] = {"thread": {"error_code": "thread_unsupported_request", "unsupported": []}}
# What today's clients add, dropped by name (DI-90, DI-216).
HINTS: Final = (
    "anthropic_beta",
    "anthropic_version",
    "betas",
    "cache_control",
    "compaction",
    "context_management",
    "diagnostics",
    "inference_geo",
    "safeguards",
    "user_profile_id",
    "workspace_id",
)
NEUTRAL: Final = (
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "output_format",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
)
# Where format and thinking are asked for.
_CONFIGURED: Final = frozenset({"output_config", "output_format", "thinking"})
_KNOWN: Final = frozenset(NEUTRAL).union(SIGNIFICANT, HINTS)
# Of these nothing can be lost.
_PLAIN: Final = frozenset(NEUTRAL) - {"speed"}


def check_count(body: dict[str, Any]) -> None:
    """What must hold of a body whose tokens are counted (DI-106): ``model``, ``messages``, ``stream``. Raises GatewayError."""
    check_head(body)
    messages = body.get("messages")
    # TR-M6
    if messages is None:
        raise missing("messages")
    if type(messages) is not list:
        raise wrong_type("messages", "an array", messages)
    if not messages:
        raise fault("messages", "Invalid 'messages': expected at least one message.")


def check(body: dict[str, Any]) -> None:
    """What must hold whatever the provider: the types of all that is required (DI-89). Raises GatewayError (400)."""
    check_count(body)
    # TR-P11: 0 is a value; it fills the prompt cache.
    limit = body.get("max_tokens")
    if (type(limit) is not int or limit < 0) and Fields(body).whole("max_tokens") is None:
        raise missing("max_tokens")


def parse(body: dict[str, Any]) -> Request:
    """The whole body in neutral form, also of one whose tokens are only counted.

    Raises GatewayError (400) whose ``param`` is the path of what is wrong.
    """
    check_count(body)
    fields = Fields(body)
    turns = Turns()
    turns.system(body.get("system"))
    turns.read(body["messages"])
    request = Request("messages", body["model"], bool(body.get("stream")), body, turns.messages)
    read_fields(fields, READERS, request)
    request.tool_choice, request.parallel_tools = read_choice(fields.mapping("tool_choice"))
    if not _CONFIGURED.isdisjoint(body):
        config = Fields(fields.mapping("output_config") or {}, "output_config")
        request.format = _format(config, "format") or _format(fields, "output_format")
        request.thinking = _thinking(fields, config)
    request.extra = _extra(fields, turns.hints)
    return request


def _tools(fields: Fields, name: str) -> list[Tool | ForeignTool]:
    return read_tools(fields.array(name) or [])


def _user(fields: Fields, name: str) -> str | None:
    return Fields(fields.mapping(name), name).text("user_id")


def _top_p(fields: Fields, name: str) -> float | None:
    return None if fields.data[name] == OFF else fields.number(name, 0, 1)


def _top_k(fields: Fields, name: str) -> int | None:
    return None if fields.data[name] == OFF else fields.whole(name)


def _format(owner: Fields, name: str) -> Format | None:
    value = owner.mapping(name)
    if value is None:
        return None
    form = Fields(value, owner.at(name))
    form.need_word("type", ("json_schema",))
    schema = form.mapping("schema")
    if schema is None:
        raise missing(form.at("schema"))
    return Format("json_schema", schema=schema)


def _thinking(fields: Fields, config: Fields) -> Thinking | None:
    # DI-97, DI-207
    effort = config.word("effort", EFFORTS)
    value = fields.mapping("thinking")
    if value is None:
        return None if effort is None else Thinking(effort)
    asked = Fields(value, "thinking")
    mode = cast(Literal["enabled", "adaptive", "disabled", "between_tools"], asked.need_word("type", MODES))
    budget = asked.whole("budget_tokens", LEAST_BUDGET)
    if mode == "enabled" and budget is None:
        raise missing("thinking.budget_tokens")
    # DI-208. Clients know more words than the documentation; each but one asks to see something.
    display = asked.text("display")
    summary = None if display is None else "omitted" if display == "omitted" else "auto"
    return Thinking(effort, mode, budget, summary)


def _stop(fields: Fields, name: str) -> list[str]:
    values = fields.array(name) or []
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise wrong_type(f"{name}[{index}]", "a string", value)
    return values


def _extra(fields: Fields, hints: set[str]) -> list[Extra]:
    body = fields.data
    if body.keys() <= _PLAIN and not hints:
        return []
    extra = [
        Extra(name, body[name], significant=True, details=DETAILS.get(name))
        for name in SIGNIFICANT
        if body.get(name) not in (None, [])
    ]
    extra += [Extra(name, body[name]) for name in HINTS if body.get(name) is not None]
    if fields.text("speed") not in (None, "standard"):
        extra.append(Extra("speed", body["speed"]))
    extra += [Extra(name, None) for name in sorted(hints)]
    # DI-142: names of losses are bounded, so what nobody knows shares one.
    unknown = {name: value for name, value in body.items() if value is not None and name not in _KNOWN}
    if unknown:
        extra.append(Extra("unknown_fields", unknown))
    return extra


READERS: Final[Mapping[str, tuple[str, FieldReader]]] = {
    "tools": ("tools", _tools),
    "max_tokens": ("max_tokens", Fields.whole),
    # DI-91, DI-205: whether the provider's version takes them is its own affair.
    "temperature": ("temperature", lambda fields, name: fields.number(name, 0, 1)),
    "top_p": ("top_p", _top_p),
    "top_k": ("top_k", _top_k),
    "stop_sequences": ("stop", _stop),
    "metadata": ("user", _user),
    "service_tier": ("service_tier", Fields.text),
}
