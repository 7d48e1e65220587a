"""Tools and the choice among them, both ways: the flat form of this dialect (DI-47, DI-48, TR-C16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from pipeline.dialects.fields import Fields, fault, wrong_type, wrong_word
from pipeline.request import ForeignTool, Losses, Request, Tool, ToolChoice

FUNCTION_EXTRAS: Final = ("defer_loading", "allowed_callers", "async", "output_schema")

# Tool kinds that only this dialect knows. Anything newer counts as "other": names of losses are bounded.
FOREIGN_TOOLS: Final = (
    "apply_patch",
    "code_interpreter",
    "computer",
    "computer_use",
    "computer_use_preview",
    "file_search",
    "image_generation",
    "local_shell",
    "mcp",
    "namespace",
    "programmatic_tool_calling",
    "shell",
    "tool_search",
    "web_search",
    "web_search_preview",
)

CHOICES: Final[Mapping[str, Literal["auto", "none", "required"]]] = {"auto": "auto", "none": "none", "required": "required"}


def foreign_kind(kind: str) -> str:
    """The bounded name of a tool kind: dated variants (``web_search_2025_08_26``) count as their family."""
    if kind in FOREIGN_TOOLS:
        return kind
    return next((name for name in sorted(FOREIGN_TOOLS, key=len, reverse=True) if kind.startswith(name + "_")), "other")


def read_tools(entries: list[Any]) -> list[Tool | ForeignTool]:
    """Tools of a body. Raises GatewayError (400) naming the tool."""
    return [_read_tool(Fields(entry, f"tools[{index}]")) for index, entry in enumerate(entries)]


def _read_tool(fields: Fields) -> Tool | ForeignTool:
    kind = fields.need_name("type")
    if kind == "function":
        if "name" not in fields.data and "function" in fields.data:
            where = fields.at("name")
            raise fault(where, f"Missing required parameter: '{where}'. The fields of a function stand flat beside 'type'.",
                        "missing_required_parameter")  # fmt: skip
        return Tool(
            fields.need_name("name"),
            fields.text("description"),
            fields.mapping("parameters"),
            fields.flag("strict"),
            extra={name: fields.data[name] for name in FUNCTION_EXTRAS if fields.data.get(name) is not None},
        )
    if kind == "custom":
        tool = Tool(fields.need_name("name"), fields.text("description"), custom=True, format=fields.mapping("format"))
        tool.extra = {name: fields.data[name] for name in FUNCTION_EXTRAS if fields.data.get(name) is not None}
        return tool
    return ForeignTool(foreign_kind(kind), fields.text("name"), fields.data)


def read_choice(value: Any) -> ToolChoice | None:
    """``tool_choice`` of a body. Raises GatewayError (400)."""
    if value is None:
        return None
    if isinstance(value, str):
        if value not in CHOICES:
            raise wrong_word("tool_choice", value, CHOICES)
        return ToolChoice(CHOICES[value])
    if not isinstance(value, dict):
        raise wrong_type("tool_choice", "a string or an object", value)
    fields = Fields(value, "tool_choice")
    kind = fields.need_name("type")
    if kind in ("function", "custom"):
        return ToolChoice("named", fields.need_name("name"), custom=kind == "custom")
    if kind == "allowed_tools":
        return _read_allowed(fields)
    return ToolChoice("foreign", name=foreign_kind(kind), native=value)


def _read_allowed(fields: Fields) -> ToolChoice:
    mode = cast(Literal["auto", "required"], fields.need_word("mode", ("auto", "required")))
    names = []
    for index, entry in enumerate(fields.array("tools") or ()):
        tool = Fields(entry, f"tool_choice.tools[{index}]")
        if tool.need_name("type") in ("function", "custom"):
            names.append(tool.need_name("name"))
    return ToolChoice("allowed", allowed=names, allowed_mode=mode, native=fields.data)


def write_tools(request: Request, losses: Losses) -> list[dict[str, Any]]:
    """The tools that this dialect can carry; others are hints by kind."""
    tools = []
    for tool in request.tools or ():
        if isinstance(tool, ForeignTool):
            losses.hint(f"tools.{tool.kind}")
            continue
        if tool.cache is not None:
            losses.hint("cache_control")
        for name in tool.extra:
            losses.hint(f"tools.{name}")
        tools.append(_write_custom(tool) if tool.custom else _write_function(tool))
    return tools


def _write_function(tool: Tool) -> dict[str, Any]:
    # DI-190: missing parameters become an empty object schema; a missing description stays missing.
    # The service takes a missing `strict` for true, the other dialects for false.
    entry: dict[str, Any] = {
        "type": "function",
        "name": tool.name,
        "parameters": {"type": "object", "properties": {}} if tool.parameters is None else tool.parameters,
        "strict": bool(tool.strict),
    }
    if tool.description is not None:
        entry["description"] = tool.description
    return entry


def _write_custom(tool: Tool) -> dict[str, Any]:
    # DI-166: exact between the OpenAI dialects.
    entry: dict[str, Any] = {"type": "custom", "name": tool.name}
    if tool.description is not None:
        entry["description"] = tool.description
    if tool.format is not None:
        entry["format"] = tool.format
    return entry


def write_choice(request: Request, losses: Losses) -> Any:
    """``tool_choice``, or None. Demanding a tool that cannot be carried is significant."""
    choice = request.tool_choice
    if choice is None:
        return None
    custom = {tool.name: tool.custom for tool in request.tools or () if isinstance(tool, Tool)}
    if choice.mode == "foreign" or (choice.mode == "named" and _demands_foreign(request, choice.name)):
        losses.significant("tool_choice", "The provider does not know the kind of tool that tool_choice demands.")
        return None
    if choice.mode == "named":
        return {"type": "custom" if choice.custom or custom.get(choice.name or "") else "function", "name": choice.name}
    if choice.mode == "allowed":
        # DI-197
        allowed = [{"type": "custom" if custom.get(name) else "function", "name": name} for name in choice.allowed]
        return {"type": "allowed_tools", "mode": choice.allowed_mode, "tools": allowed}
    return choice.mode


def _demands_foreign(request: Request, name: str | None) -> bool:
    return any(isinstance(tool, ForeignTool) and tool.name == name for tool in request.tools or ())
