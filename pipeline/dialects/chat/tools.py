"""Tools and the choice among them, both ways: the nested form of this dialect (DI-21, DI-22)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, cast

from pipeline.dialects.fields import Fields, missing, wrong_type, wrong_word
from pipeline.request import ForeignTool, Losses, Request, Tool, ToolChoice

KINDS: Final = ("function", "custom")
# "any" is what Mistral calls it.
MODES: Final[Mapping[str, Literal["auto", "none", "required"]]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",
}
# Hosted tools that services add to the dialect. Anything else counts as "other": names of losses are bounded.
FOREIGN_TOOLS: Final = ("code_interpreter", "connector", "file_search", "image_generation", "mcp", "web_search")


def read_tools(entries: Iterable[Any]) -> list[Tool | ForeignTool]:
    """``tools`` of a body. Raises GatewayError (400) naming the tool."""
    return [_read_tool(Fields(entry, f"tools[{index}]")) for index, entry in enumerate(entries)]


def read_functions(entries: Iterable[Any]) -> list[Tool | ForeignTool]:
    """The old ``functions`` (DI-192)."""
    return [_read_function(Fields(entry, f"functions[{index}]")) for index, entry in enumerate(entries)]


def _read_tool(fields: Fields) -> Tool | ForeignTool:
    kind = fields.text("type")
    if kind is None and "function" in fields.data:
        kind = "function"
    if kind == "function":
        tool = _read_function(_inner(fields, "function"))
    elif kind == "custom":
        inner = _inner(fields, "custom")
        tool = Tool(inner.need_name("name"), inner.text("description"), custom=True, format=_read_grammar(inner))
    elif kind is None:
        raise missing(fields.at("type"))
    elif "function" in fields.data or "custom" in fields.data:
        raise wrong_word(fields.at("type"), kind, KINDS)
    else:
        known = next((name for name in FOREIGN_TOOLS if name in kind), "other")
        return ForeignTool(known, fields.text("name"), fields.data)
    tool.cache = fields.mapping("cache_control")
    return tool


def _inner(fields: Fields, name: str) -> Fields:
    value = fields.mapping(name)
    if value is None:
        raise missing(fields.at(name))
    return Fields(value, fields.at(name))


def _read_function(fields: Fields) -> Tool:
    return Tool(fields.need_name("name"), fields.text("description"), fields.mapping("parameters"), fields.flag("strict"))


def _read_grammar(fields: Fields) -> dict[str, Any] | None:
    """The format of a custom tool in the neutral, flat form."""
    value = fields.mapping("format")
    if value is None:
        return None
    form = Fields(value, fields.at("format"))
    if form.need_word("type", ("text", "grammar")) == "text":
        return {"type": "text"}
    grammar = _inner(form, "grammar")
    return {
        "type": "grammar",
        "definition": grammar.need_text("definition"),
        "syntax": grammar.need_word("syntax", ("lark", "regex")),
    }


def read_choice(body: dict[str, Any]) -> ToolChoice | None:
    """``tool_choice``, or the old ``function_call``. Raises GatewayError (400)."""
    value = body.get("tool_choice")
    if value is None:
        return _read_old_choice(body.get("function_call"))
    if isinstance(value, str):
        if value not in MODES:
            raise wrong_word("tool_choice", value, ("auto", "none", "required"))
        return ToolChoice(MODES[value])
    if not isinstance(value, dict):
        raise wrong_type("tool_choice", "a string or an object", value)
    fields = Fields(value, "tool_choice")
    kind = fields.need_word("type", (*KINDS, "allowed_tools"))
    if kind in KINDS:
        return ToolChoice("named", _inner(fields, kind).need_name("name"), custom=kind == "custom")
    return _read_allowed(_inner(fields, "allowed_tools"))


def _read_old_choice(value: Any) -> ToolChoice | None:
    if value is None:
        return None
    if isinstance(value, str):
        if value not in ("auto", "none"):
            raise wrong_word("function_call", value, ("auto", "none"))
        return ToolChoice(MODES[value])
    return ToolChoice("named", Fields(value, "function_call").need_name("name"))


def _read_allowed(fields: Fields) -> ToolChoice:
    mode = cast(Literal["auto", "required"], fields.need_word("mode", ("auto", "required")))
    names = []
    for index, entry in enumerate(fields.array("tools") or ()):
        tool = Fields(entry, f"{fields.at('tools')}[{index}]")
        names.append(_inner(tool, tool.need_word("type", KINDS)).need_name("name"))
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
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = {"type": "object", "properties": {}} if tool.parameters is None else tool.parameters
    # TR-P6
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _write_custom(tool: Tool) -> dict[str, Any]:
    # DI-166
    custom: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        custom["description"] = tool.description
    if tool.format is not None:
        grammar = {name: value for name, value in tool.format.items() if name != "type"}
        custom["format"] = {"type": "grammar", "grammar": grammar} if grammar else tool.format
    return {"type": "custom", "custom": custom}


def write_choice(request: Request, tools: list[dict[str, Any]], losses: Losses) -> Any:
    """``tool_choice`` beside the ``tools`` that are sent, or None. Demanding a tool that cannot be carried is significant."""
    choice = request.tool_choice
    if choice is None:
        return None
    custom = {tool.name: tool.custom for tool in request.tools or () if isinstance(tool, Tool)}
    foreign = choice.mode == "foreign" or (choice.mode == "named" and _demands_foreign(request, choice.name))
    if foreign or (choice.mode == "required" and request.tools and not tools):
        losses.significant("tool_choice", "The provider does not know the kind of tool that tool_choice demands.")
        return None
    if not tools:
        # The service refuses a choice among nothing.
        return None
    if choice.mode == "named":
        return _named(choice.name or "", choice.custom or custom.get(choice.name or "", False))
    if choice.mode == "allowed":
        # DI-197
        allowed = [_named(name, custom.get(name, False)) for name in choice.allowed]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.allowed_mode, "tools": allowed}}
    return choice.mode


def _named(name: str, custom: bool) -> dict[str, Any]:
    kind = "custom" if custom else "function"
    return {"type": kind, kind: {"name": name}}


def _demands_foreign(request: Request, name: str | None) -> bool:
    return any(isinstance(tool, ForeignTool) and tool.name == name for tool in request.tools or ())
