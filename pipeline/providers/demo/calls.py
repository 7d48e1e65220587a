"""Which tools the demo model calls, and with what: the choice is kept, and a tool that a user's text names is called."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

import orjson

from pipeline.errors import GatewayError, Kind
from pipeline.providers.demo.schema import Example
from pipeline.request import Request, Tool, ToolChoice


@dataclass(slots=True)
class Call:
    name: str
    arguments: str
    custom: bool = False


def choose(request: Request, said: str, *, spoken_to: bool, always: bool) -> list[Call]:
    """The calls of this turn.

    Args:
        said: the user's text.
        spoken_to: whether the user, and no tool, spoke last.
        always: call one whenever the user spoke last, named or not.

    Raises:
        GatewayError: the choice demands what cannot be called (400).
    """
    choice = request.tool_choice or ToolChoice("auto")
    offered = [tool for tool in request.tools or [] if isinstance(tool, Tool)]
    demanded = choice.mode in ("required", "named", "foreign") or (choice.mode == "allowed" and choice.allowed_mode == "required")
    open_to = [tool for tool in offered if _is_open(tool, choice)]
    if demanded and not open_to:
        raise GatewayError(Kind.BAD_REQUEST, _missing(choice, offered), param="tool_choice")
    named = [tool for tool in open_to if _mentions(said, tool.name)] if demanded or spoken_to else []
    chosen = named or (open_to[:1] if demanded or (always and spoken_to) else [])
    if len(chosen) == 1 and re.search(r"\b(?:twice|both)\b", said, re.IGNORECASE):
        chosen = chosen * 2
    if request.parallel_tools is False:
        chosen = chosen[:1]
    return [_call(tool, said) for tool in chosen]


def _is_open(tool: Tool, choice: ToolChoice) -> bool:
    if choice.mode == "named":
        return tool.name == choice.name
    if choice.mode == "allowed":
        return tool.name in choice.allowed
    return choice.mode in ("auto", "required")


def _missing(choice: ToolChoice, offered: list[Tool]) -> str:
    if choice.mode == "foreign":
        return f"`tool_choice` demands {choice.name!r}, a kind of tool that the demo model does not have."
    if not offered:
        return "`tool_choice` demands a tool, but `tools` offers none."
    names = [tool.name for tool in offered]
    wanted = choice.name or ", ".join(choice.allowed)
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(names)[:400]}."
    return f"`tool_choice` demands {wanted!r:.80}, which is not among `tools`. {hint}"


def _mentions(said: str, name: str) -> bool:
    words = re.escape(name).replace("_", "[_ ]").replace(r"\-", "[- ]")
    return re.search(rf"(?<!\w){words}(?!\w)", said, re.IGNORECASE) is not None


def _call(tool: Tool, said: str) -> Call:
    if tool.custom:
        return Call(tool.name, said or "demo", custom=True)
    value = Example(tool.parameters or {"type": "object"}, said).value()
    return Call(tool.name, orjson.dumps(value if isinstance(value, dict) else {}).decode())
