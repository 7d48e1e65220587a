"""A request of another dialect as a Chat body (Part 6 of the mapping): each field travels, is refused or is dropped by name.

What a provider's Chat takes beyond the common ground is told by ``Target.options``: ``max_tokens_field`` (the name under which
it takes the limit), ``reasoning: false`` (it refuses ``reasoning_effort``).
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from pipeline.dialects.chat.build_turns import write_turns
from pipeline.dialects.chat.tools import write_choice, write_tools
from pipeline.request import Format, Losses, Request, Target, Thinking, add_known

# Fields without a neutral meaning that Chat and Responses spell alike.
SHARED_WITH_RESPONSES: Final = frozenset({"moderation", "prompt_cache_options", "prompt_cache_retention"})
# DI-217, from Messages.
TIERS: Final = {"standard_only": "default"}
# DI-222 to DI-226: back from a budget in tokens.
BUDGETS: Final = ((4096, "low"), (16384, "medium"), (32768, "high"), (65536, "xhigh"))
MOST_STOPS: Final = 4
USER_LENGTH: Final = 64


def build(request: Request, target: Target, losses: Losses) -> dict[str, Any]:
    """The provider's body. Raises GatewayError (400, ``param``) for what cannot be carried and would change the answer."""
    body: dict[str, Any] = {"model": target.model, "messages": write_turns(request, target, losses), "stream": request.stream}
    if request.stream:
        # TR-P17: only with streaming. The usage has to cross to the other dialect, so it is always asked for.
        body["stream_options"] = {"include_usage": True}
    _add_tools(body, request, losses)
    if request.format is not None:
        body["response_format"] = _format(request.format, request.dialect)
    effort = _effort(request.thinking, target, losses)
    if effort is not None:
        body["reasoning_effort"] = effort
    _add_sampling(body, request, target, losses)
    _add_plain(body, request, losses)
    _add_extra(body, request, losses)
    return body


def _add_tools(body: dict[str, Any], request: Request, losses: Losses) -> None:
    tools = write_tools(request, losses)
    choice = write_choice(request, tools, losses)
    if not tools:
        return
    body["tools"] = tools
    if choice is not None:
        body["tool_choice"] = choice
    # DI-198
    if request.parallel_tools is not None:
        body["parallel_tool_calls"] = request.parallel_tools


def _format(form: Format, dialect: str) -> dict[str, Any]:
    if form.kind != "json_schema":
        return {"type": form.kind}
    # DI-209: Messages has no name, and always holds to the schema.
    strict = True if form.strict is None and dialect == "messages" else form.strict
    schema: dict[str, Any] = {"name": form.name or "response", "schema": form.schema or {}}
    if form.description is not None:
        schema["description"] = form.description
    if strict is not None:
        schema["strict"] = strict
    return {"type": "json_schema", "json_schema": schema}


def _effort(asked: Thinking | None, target: Target, losses: Losses) -> str | None:
    """DI-207, DI-220 to DI-232"""
    if asked is None:
        return None
    if target.options.get("reasoning") is False:
        losses.hint("reasoning")
        return None
    if asked.summary not in (None, "omitted"):
        # DI-208: the dialect cannot ask for it.
        losses.hint("reasoning.summary")
    if asked.mode == "disabled":
        return "none"
    if asked.mode == "between_tools":
        losses.hint("thinking")
    if asked.effort is None and asked.budget is not None:
        return next((name for limit, name in BUDGETS if asked.budget < limit), "max")
    # DI-229: none is made up.
    return asked.effort


def _add_sampling(body: dict[str, Any], request: Request, target: Target, losses: Losses) -> None:
    plain = {
        # DI-200, TR-P3
        target.options.get("max_tokens_field", "max_completion_tokens"): request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
    }
    add_known(body, plain)
    if request.stop:
        # DI-201
        if len(request.stop) > MOST_STOPS:
            losses.significant("stop_sequences", f"The provider's dialect takes at most {MOST_STOPS} stop sequences.")
        body["stop"] = request.stop[:MOST_STOPS]
    if request.n > 1:
        body["n"] = request.n
    if request.logprobs:
        # DI-203
        body["logprobs"] = True
        if request.top_logprobs is not None:
            body["top_logprobs"] = request.top_logprobs
    if request.top_k is not None:
        losses.hint("top_k")  # DI-205


def _add_plain(body: dict[str, Any], request: Request, losses: Losses) -> None:
    plain = {
        "metadata": request.metadata,
        "service_tier": TIERS.get(request.service_tier or "", request.service_tier),
        "verbosity": request.verbosity,
        "prompt_cache_key": request.prompt_cache_key,
    }
    add_known(body, plain)
    if request.store:
        losses.hint("store")  # DI-214
    if request.user is not None:
        # DI-212. The service takes 64 characters; an identity stays one when it is hashed.
        name = "user" if request.body.get("user") == request.user else "safety_identifier"
        long = len(request.user) > USER_LENGTH
        body[name] = hashlib.sha256(request.user.encode()).hexdigest() if long else request.user


def _add_extra(body: dict[str, Any], request: Request, losses: Losses) -> None:
    for extra in request.extra:
        if request.dialect == "responses" and extra.name in SHARED_WITH_RESPONSES:
            body[extra.name] = extra.value
        elif extra.significant:
            losses.significant(extra.name, f"The provider's dialect has nothing like '{extra.name}'.", details=extra.details)
        else:
            losses.hint(extra.name)
