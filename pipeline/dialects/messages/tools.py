"""Tools and the choice among them, both ways (DI-95, DI-96, DI-190 to DI-199)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from pipeline.dialects.custom_tools import as_function
from pipeline.dialects.fields import Fields
from pipeline.dialects.messages.cache import write_cache
from pipeline.request import ForeignTool, Losses, Request, Tool, ToolCallPart, ToolChoice

Mode = Literal["auto", "none", "required", "named"]

# DI-95: families of dated tools that the provider itself runs or has defined. Names of losses are bounded: a newer is "other".
FOREIGN_TOOLS: Final = (
    "advisor",
    "bash",
    "browser_toolset",
    "code_execution",
    "computer",
    "computer_toolset",
    "mcp_toolset",
    "memory",
    "text_editor",
    "tool_search_tool_bm25",
    "tool_search_tool_regex",
    "web_fetch",
    "web_search",
)
# Fields of a tool that only this dialect has.
TOOL_EXTRAS: Final = ("allowed_callers", "defer_loading", "eager_input_streaming", "input_examples")
MODES: Final[Mapping[str, Mode]] = {"auto": "auto", "any": "required", "tool": "named", "none": "none"}
WORDS: Final[Mapping[str, str]] = {"auto": "auto", "none": "none", "required": "any"}

_DATE: Final = re.compile(r"_\d{8}$")
# DI-199
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


def read_tools(entries: list[Any]) -> list[Tool | ForeignTool]:
    """Tools of a body. Raises GatewayError (400) naming the tool."""
    return [_read_tool(Fields(entry, f"tools[{index}]")) for index, entry in enumerate(entries)]


def _read_tool(fields: Fields) -> Tool | ForeignTool:
    kind = fields.text("type")
    if kind not in (None, "custom"):
        family = _DATE.sub("", kind or "")
        return ForeignTool(family if family in FOREIGN_TOOLS else "other", fields.text("name"), fields.data)
    return Tool(
        fields.need_name("name"),
        fields.text("description"),
        # Claude Code's placeholder for deferred tools has none.
        fields.mapping("input_schema"),
        fields.flag("strict"),
        cache=fields.mapping("cache_control"),
        extra={name: fields.data[name] for name in TOOL_EXTRAS if fields.data.get(name)},
    )


def read_choice(value: dict[str, Any] | None) -> tuple[ToolChoice | None, bool | None]:
    """(``tool_choice``, whether calls may be parallel). Raises GatewayError (400)."""
    if value is None:
        return None, None
    fields = Fields(value, "tool_choice")
    mode = MODES[fields.need_word("type", MODES.keys())]
    single = fields.flag("disable_parallel_tool_use")
    name = fields.need_name("name") if mode == "named" else None
    return ToolChoice(mode, name, native=value), None if single is None else not single


def write_tools(request: Request, losses: Losses) -> list[dict[str, Any]]:
    """The tools that this dialect can carry; others are hints by kind."""
    tools = []
    choice = request.tool_choice
    allowed = set(choice.allowed) if choice is not None and choice.mode == "allowed" else None
    for index, tool in enumerate(request.tools or ()):
        if isinstance(tool, ForeignTool):
            losses.hint(f"tools.{tool.kind}")
        # DI-197: the model sees only what it may call.
        elif allowed is None or tool.name in allowed:
            tools.append(_write_tool(tool, f"tools[{index}]", losses))
    return tools


def _write_tool(tool: Tool, where: str, losses: Losses) -> dict[str, Any]:
    if not _NAME.fullmatch(tool.name):
        # DI-199
        losses.significant(
            f"{where}.name", "The provider takes tool names of letters, digits, underscore and dash only.", name="tools.name"
        )
    for name in tool.extra:
        losses.hint(f"tools.{name}")
    if tool.custom:
        tool = as_function(tool)
        if tool.format is not None and tool.format.get("type") != "text":
            losses.hint("tools.format")
    entry: dict[str, Any] = {"name": tool.name, "input_schema": _schema(tool.parameters)}
    if tool.description is not None:
        entry["description"] = tool.description
    # TR-P6
    if tool.strict is not None:
        entry["strict"] = tool.strict
    cache = write_cache(tool.cache)
    if cache is not None:
        entry["cache_control"] = cache
    return entry


def _schema(parameters: dict[str, Any] | None) -> dict[str, Any]:
    # DI-190: the dialect demands an object schema; none becomes the empty one.
    if not parameters:
        return {"type": "object", "properties": {}}
    return parameters if "type" in parameters else {"type": "object", **parameters}


def names_of_calls(request: Request) -> list[dict[str, Any]]:
    """DI-168: where the history calls tools and the request offers none, their names with empty schemas."""
    names: dict[str, None] = {}
    for message in request.messages:
        for part in message.parts:
            if type(part) is ToolCallPart:
                names[part.name] = None
    return [{"name": name, "input_schema": _schema(None)} for name in names if _NAME.fullmatch(name)]


def write_choice(request: Request, tools: list[dict[str, Any]], losses: Losses) -> dict[str, Any] | None:
    """``tool_choice`` beside the ``tools`` that are sent. Demanding a tool that cannot be carried is significant."""
    choice = request.tool_choice
    if choice is not None and _demands_foreign(choice, request, tools):
        losses.significant("tool_choice", "The provider does not know the kind of tool that tool_choice demands.")
        choice = None
    if not tools:
        return None
    single = request.parallel_tools is False
    if choice is None:
        # DI-198
        return {"type": "auto", "disable_parallel_tool_use": True} if single else None
    if choice.mode == "named":
        entry: dict[str, Any] = {"type": "tool", "name": choice.name}
    else:
        entry = {"type": WORDS[choice.allowed_mode if choice.mode == "allowed" else choice.mode]}
    if single and entry["type"] != "none":
        entry["disable_parallel_tool_use"] = True
    return entry


def _demands_foreign(choice: ToolChoice, request: Request, tools: list[dict[str, Any]]) -> bool:
    if choice.mode == "foreign":
        return True
    if choice.mode == "named":
        return any(isinstance(tool, ForeignTool) and tool.name == choice.name for tool in request.tools or ())
    demanded = choice.mode == "required" or (choice.mode == "allowed" and choice.allowed_mode == "required")
    return demanded and bool(request.tools) and not tools
