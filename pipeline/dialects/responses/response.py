"""The response object that a client of this dialect gets, complete (DI-60): the request's own values stand in it again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from pipeline.request import Answering

TEXT_DEFAULTS: Final[dict[str, Any]] = {"format": {"type": "text"}}
REASONING_DEFAULTS: Final[dict[str, Any]] = {"effort": None, "summary": None}
# What the service echoes for a field that the request leaves out.
DEFAULTS: Final[dict[str, Any]] = {
    "background": False,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "tools": [],
    "text": TEXT_DEFAULTS,
    "reasoning": REASONING_DEFAULTS,
}
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9]+")
FUNCTION_DEFAULTS: Final[dict[str, Any]] = {"description": None, "parameters": None, "strict": None}


def echo(body: dict[str, Any]) -> dict[str, Any]:
    """The fields that stay the same for the life of a response, from the client's own body."""
    fields = DEFAULTS.copy()
    for name, value in body.items():
        if value is not None and name in DEFAULTS:
            fields[name] = COMPLETED[name](value) if name in COMPLETED else value
    return fields


def _tool(tool: Any) -> Any:
    return {**FUNCTION_DEFAULTS, **tool} if isinstance(tool, dict) and tool.get("type") == "function" else tool


def _tools(value: Any) -> list[Any]:
    return [_tool(tool) for tool in value] if isinstance(value, list) else []


def _text(value: Any) -> dict[str, Any]:
    return {**TEXT_DEFAULTS, **_known(value)}


def _reasoning(value: Any) -> dict[str, Any]:
    return {**REASONING_DEFAULTS, **_known(value)}


def _known(value: Any) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if inner is not None} if isinstance(value, dict) else {}


# Fields of which the request says only a part.
COMPLETED: Final[Mapping[str, Callable[[Any], Any]]] = {"tools": _tools, "text": _text, "reasoning": _reasoning}


def plain(text: str) -> str:
    """Letters and digits of a request id: the stable stem of a response's ids (DI-83, DI-256)."""
    stem = text.removeprefix("req_")
    if stem.isalnum() and stem.isascii():
        return stem
    return _UNSAFE.sub("", stem) or "0"


class ResponseObject:
    """One response through its life: what varies is given, what does not is serialised once."""

    __slots__ = ("_echo", "created", "id", "model", "stem")

    def __init__(self, answering: Answering) -> None:
        self.stem = plain(answering.request_id)
        self.id = f"resp_{self.stem}"
        self.model = answering.request.model
        # DI-87
        self.created = answering.created
        self._echo = orjson.dumps(echo(answering.request.body))[1:]

    def dump(
        self,
        status: str,
        output: list[dict[str, Any]],
        *,
        usage: dict[str, Any] | None = None,
        error: dict[str, Any] | None = None,
        incomplete: str | None = None,
    ) -> bytes:
        """JSON of the response in this state."""
        head = {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "error": error,
            "incomplete_details": None if incomplete is None else {"reason": incomplete},
            "model": self.model,
            "output": output,
            "usage": usage,
        }
        return orjson.dumps(head)[:-1] + b"," + self._echo
