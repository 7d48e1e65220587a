"""A request of another dialect as a Messages body (Part 6): every field travels, is refused, or is dropped by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from pipeline.dialects.messages.build_thinking import add_thinking
from pipeline.dialects.messages.build_turns import write_turns
from pipeline.dialects.messages.tools import names_of_calls, write_choice, write_tools
from pipeline.request import Format, Losses, Request, Target

# DI-217
TIERS: Final[Mapping[str, str]] = {"auto": "auto", "default": "standard_only"}
# DI-209: where the client's dialect keeps its format.
FORMAT_FIELDS: Final[Mapping[str, str]] = {"chat": "response_format", "responses": "text.format"}
USER_LENGTH: Final = 256


def build(request: Request, target: Target, losses: Losses) -> dict[str, Any]:
    """The provider's body. Raises GatewayError (400, ``param``) for what cannot be carried and would change the answer."""
    _refuse(request, losses)
    system, messages = write_turns(request, target, losses)
    body: dict[str, Any] = {
        "model": target.model,
        # DI-200, TR-P11
        "max_tokens": target.max_tokens if request.max_tokens is None else request.max_tokens,
        "messages": messages,
    }
    if request.stream:
        body["stream"] = True
    if system is not None:
        body["system"] = system
    _add_tools(body, request, losses)
    if request.thinking is not None:
        add_thinking(body, request.thinking, target, losses, dialect=request.dialect)
    if request.format is not None:
        _add_format(body, request.format, FORMAT_FIELDS.get(request.dialect, "format"), losses)
    if not (request.temperature is None and request.top_p is None and request.top_k is None):
        _add_sampling(body, request, target, losses)
    if request.stop:
        _add_stop(body, request.stop, losses)
    _add_plain(body, request, losses)
    return body


def _refuse(request: Request, losses: Losses) -> None:
    # First, because what a provider keeps for the client (DI-215) explains what is missing elsewhere.
    for extra in request.extra:
        if extra.significant:
            losses.significant(extra.name, f"The provider's dialect has nothing like '{extra.name}'.", details=extra.details)
        else:
            losses.hint(extra.name)
    # DI-202, TR-P4
    if request.n > 1:
        losses.significant("n", "The provider's dialect gives one answer a request.")
    # DI-203
    if request.logprobs:
        param = "include" if request.dialect == "responses" else "logprobs"
        losses.significant(param, "The provider's dialect gives no log probabilities.", name="logprobs")


def _add_tools(body: dict[str, Any], request: Request, losses: Losses) -> None:
    tools = write_tools(request, losses)
    choice = write_choice(request, tools, losses)
    if not tools:
        tools = names_of_calls(request)
        # Nothing was offered, so nothing may be called.
        choice = {"type": "none"}
    if tools:
        body["tools"] = tools
        if choice is not None:
            body["tool_choice"] = choice


def _add_format(body: dict[str, Any], form: Format, field: str, losses: Losses) -> None:
    if form.kind == "json_object":
        # DI-210
        losses.significant(field, "The provider's dialect has JSON output with a schema only (json_schema).", name="json_object")
    if form.kind != "json_schema":
        return
    # DI-209: the dialect has no name, which every client gives, and always holds to the schema.
    if form.description:
        losses.hint(f"{field}.description")
    if form.strict is False:
        losses.hint(f"{field}.strict")
    schema = {"type": "object"} if form.schema is None else form.schema
    body.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": schema}


def _add_sampling(body: dict[str, Any], request: Request, target: Target, losses: Losses) -> None:
    # DI-205: a default value says nothing, and -1 is how some servers spell "off".
    asked: dict[str, float | int | None] = {
        "temperature": None if request.temperature == 1 else request.temperature,
        "top_p": None if request.top_p == 1 else request.top_p,
        "top_k": None if request.top_k in (-1, 0) else request.top_k,
    }
    # Models that think take no other sampling than their own.
    takes = target.sampling and body.get("thinking", {}).get("type") in (None, "disabled")
    for name, value in asked.items():
        if value is None:
            continue
        if takes:
            # TR-P13
            body[name] = min(value, 1.0) if name == "temperature" else value
        else:
            losses.hint(name)


def _add_stop(body: dict[str, Any], asked: list[str], losses: Losses) -> None:
    # DI-201: the service refuses sequences that are blank.
    stop = [sequence for sequence in asked if sequence.strip()]
    if stop:
        body["stop_sequences"] = stop
    if len(stop) < len(asked):
        losses.hint("stop")


def _add_plain(body: dict[str, Any], request: Request, losses: Losses) -> None:
    if request.user is not None:
        # DI-212. The service takes 256 characters; an identity stays one when it is hashed.
        long = len(request.user) > USER_LENGTH
        body["metadata"] = {"user_id": hashlib.sha256(request.user.encode()).hexdigest() if long else request.user}
    tier = request.service_tier
    if tier is not None:
        if tier in TIERS:
            body["service_tier"] = TIERS[tier]
        else:
            losses.hint("service_tier")
    if request.seed is not None:
        losses.hint("seed")  # DI-204
    if request.verbosity is not None:
        losses.hint("verbosity")  # DI-211
    if request.metadata:
        losses.hint("metadata")  # DI-213
    if request.store:
        losses.hint("store")  # DI-214
    if request.prompt_cache_key is not None:
        losses.hint("prompt_cache_key")  # DI-216
