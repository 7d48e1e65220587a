"""A request of another dialect as a Responses body (Part 6): every field travels, is refused, or is dropped by name."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from pipeline.dialects.responses.build_items import write_items
from pipeline.dialects.responses.request import ENCRYPTED, LOGPROBS
from pipeline.dialects.responses.tools import write_choice, write_tools
from pipeline.request import Format, Losses, Request, Target, Thinking, add_known

# Fields without a neutral meaning that Chat and Responses spell alike.
SHARED_WITH_CHAT: Final = frozenset({"moderation", "prompt_cache_options", "prompt_cache_retention"})
# DI-217, from Messages.
TIERS: Final = {"standard_only": "default"}
# DI-222 to DI-226: back from a budget in tokens.
BUDGETS: Final = ((4096, "low"), (16384, "medium"), (32768, "high"), (65536, "xhigh"))
USER_LENGTH: Final = 64


def build(request: Request, target: Target, losses: Losses) -> dict[str, Any]:
    """The provider's body. Raises GatewayError (400, ``param``) for what cannot be carried and would change the answer."""
    _refuse(request, losses)
    instructions, items = write_items(request, target, losses)
    body: dict[str, Any] = {"model": target.model, "input": items, "stream": request.stream}
    if instructions is not None:
        body["instructions"] = instructions
    # DI-214: the service would store by default.
    body["store"] = bool(request.store)
    _add_tools(body, request, losses)
    _add_text(body, request)
    include = _reasoning_include(body, request, target, losses)
    if request.logprobs:
        include.append(LOGPROBS)  # DI-203
        body["top_logprobs"] = request.top_logprobs or 0
    if include:
        body["include"] = include
    _add_plain(body, request)
    _add_extra(body, request, losses)
    return body


def _refuse(request: Request, losses: Losses) -> None:
    # DI-201, DI-202: this dialect has neither.
    if request.stop:
        field = "stop_sequences" if request.dialect == "messages" else "stop"
        losses.significant(field, "The provider's dialect has no stop sequences.", name="stop")
    if request.n > 1:
        losses.significant("n", "The provider's dialect gives one answer a request.")
    # DI-204, DI-205
    if request.seed is not None:
        losses.hint("seed")
    if request.top_k is not None:
        losses.hint("top_k")


def _add_tools(body: dict[str, Any], request: Request, losses: Losses) -> None:
    tools = write_tools(request, losses)
    choice = write_choice(request, losses)
    if tools:
        body["tools"] = tools
    if choice is not None:
        body["tool_choice"] = choice
    if request.parallel_tools is not None:
        body["parallel_tool_calls"] = request.parallel_tools


def _add_text(body: dict[str, Any], request: Request) -> None:
    text: dict[str, Any] = {}
    if request.format is not None:
        text["format"] = _format(request.format, request.dialect)
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    if text:
        body["text"] = text


def _format(form: Format, dialect: str) -> dict[str, Any]:
    if form.kind != "json_schema":
        return {"type": form.kind}
    # DI-209: Messages has no name, and always holds to the schema.
    strict = True if form.strict is None and dialect == "messages" else form.strict
    entry: dict[str, Any] = {"type": "json_schema", "name": form.name or "response", "schema": form.schema or {}}
    if form.description is not None:
        entry["description"] = form.description
    if strict is not None:
        entry["strict"] = strict
    return entry


def _reasoning_include(body: dict[str, Any], request: Request, target: Target, losses: Losses) -> list[str]:
    """Put ``reasoning`` into the body; say what has to be included for it (TR-P14)."""
    asked = request.thinking
    # DI-232: the configuration says that the model takes no such fields.
    if asked is not None and target.options.get("reasoning") is False:
        losses.hint("reasoning")
        return []
    reasoning = {} if asked is None else _reasoning(asked, losses)
    if reasoning:
        body["reasoning"] = reasoning
    thinks = bool(reasoning) and reasoning.get("effort") != "none"
    replayed = "reasoning" in [item["type"] for item in body["input"]]
    return [ENCRYPTED] if thinks or replayed or (asked is not None and asked.mode == "adaptive") else []


def _reasoning(asked: Thinking, losses: Losses) -> dict[str, Any]:
    effort = asked.effort
    if asked.mode == "disabled":
        effort = "none"
    elif asked.mode == "between_tools":
        losses.hint("thinking")  # DI-231
    elif effort is None and asked.budget is not None:
        effort = next((name for limit, name in BUDGETS if asked.budget < limit), "max")
    reasoning: dict[str, Any] = {}
    # DI-229: none is made up.
    if effort is not None:
        reasoning["effort"] = effort
    # DI-208; TR-P15: no summary of what does not happen.
    if asked.summary not in (None, "omitted") and effort != "none":
        reasoning["summary"] = asked.summary
    return reasoning


def _add_plain(body: dict[str, Any], request: Request) -> None:
    plain = {
        "max_output_tokens": request.max_tokens,  # DI-200, DI-228: both include reasoning
        "temperature": request.temperature,
        "top_p": request.top_p,
        "metadata": request.metadata,
        "prompt_cache_key": request.prompt_cache_key,
        "service_tier": TIERS.get(request.service_tier or "", request.service_tier),
    }
    add_known(body, plain)
    if request.user is not None:
        # DI-212. The service takes 64 characters; an identity stays one when it is hashed.
        name = "user" if request.body.get("user") == request.user else "safety_identifier"
        long = len(request.user) > USER_LENGTH
        body[name] = hashlib.sha256(request.user.encode()).hexdigest() if long else request.user


def _add_extra(body: dict[str, Any], request: Request, losses: Losses) -> None:
    for extra in request.extra:
        if request.dialect == "chat" and extra.name in SHARED_WITH_CHAT:
            body[extra.name] = extra.value
        elif extra.significant:
            losses.significant(extra.name, f"The provider's dialect has nothing like '{extra.name}'.", details=extra.details)
        else:
            losses.hint(extra.name)
