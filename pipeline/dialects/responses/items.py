"""Input items of a Responses body become turns: nothing changes places, and machine data never speaks as the user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from pipeline.dialects.fields import Fields, fault, only_said, wrong_type, wrong_word
from pipeline.dialects.responses.parts import INPUT_PARTS, OUTPUT_PARTS, ResultPart, read_parts
from pipeline.request import ForeignPart, Message, Part, ReasoningPart, Role, TextPart, ToolCallPart, ToolResultPart

ROLES: Final = ("user", "assistant", "system", "developer")

# DI-45: items that only this dialect knows, and in whose turn they stand.
FOREIGN_ITEMS: Final[Mapping[str, Role]] = {
    "file_search_call": "assistant",
    "web_search_call": "assistant",
    "computer_call": "assistant",
    "computer_call_output": "user",
    "code_interpreter_call": "assistant",
    "image_generation_call": "assistant",
    "local_shell_call": "assistant",
    "local_shell_call_output": "user",
    "shell_call": "assistant",
    "shell_call_output": "user",
    "apply_patch_call": "assistant",
    "apply_patch_call_output": "user",
    "mcp_list_tools": "assistant",
    "mcp_call": "assistant",
    "mcp_approval_request": "assistant",
    "mcp_approval_response": "user",
    "tool_search_call": "assistant",
    "tool_search_output": "user",
    "program": "assistant",
    "program_output": "user",
    "additional_tools": "developer",
    "configuration_update": "developer",
    "compaction": "user",
    "compaction_summary": "user",
    "compaction_trigger": "user",
    "item_reference": "user",
}


def read_input(value: Any) -> list[Message]:
    """Turns of ``input``: a string, or items.

    Raises GatewayError (400) naming the item. Consecutive items of the assistant (reasoning, text, calls) are one turn
    (TR-C1), and so are consecutive tool results (TR-C14).
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [Message("user", read_parts(value, "input", INPUT_PARTS), where="input")]
    if not isinstance(value, list):
        raise wrong_type("input", "a string or an array of items", value)
    turns = _Turns()
    for index, entry in enumerate(value):
        text = only_said(entry, ROLES)
        if text is not None:
            turns.said(entry["role"], text, f"input[{index}]")
            continue
        fields = Fields(entry, f"input[{index}]")
        _reader(fields)(turns, fields)
    return turns.messages


class _Turns:
    """Items gathered to messages."""

    __slots__ = ("_joinable", "messages")

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._joinable = ""

    def said(self, role: Role, text: str, where: str) -> None:
        """A message that is one text."""
        self.add("assistant" if role == "assistant" else "", role, [TextPart(text)], where)

    def add(self, kind: str, role: Role, parts: list[Part], where: str) -> None:
        """Join the open turn of the same ``kind``, or begin one. The empty kind stands alone."""
        if kind and kind == self._joinable:
            self.messages[-1].parts.extend(parts)
        else:
            self.messages.append(Message(role, parts, where=where))
        self._joinable = kind


def _reader(fields: Fields) -> Callable[[_Turns, Fields], None]:
    kind = fields.text("type")
    if kind is None:
        if "role" in fields.data:
            return _message
        # The only other item whose type may be left out.
        kind = "item_reference" if set(fields.data) == {"id"} else None
    reader = ITEM_READERS.get(kind or "")
    if reader is None:
        # TR-C3: what we do not know is refused, never turned into a user's words.
        if kind is None:
            raise fault(
                fields.path, f"Invalid '{fields.path}': an item needs a 'type' or a 'role'.", "missing_required_parameter"
            )
        raise wrong_word(fields.at("type"), kind, ITEM_READERS.keys())
    return reader


def _message(turns: _Turns, fields: Fields) -> None:
    role = cast(Role, fields.need_word("role", ROLES))
    readers = OUTPUT_PARTS if role == "assistant" else INPUT_PARTS
    parts = read_parts(fields.data.get("content"), fields.at("content"), readers)
    turns.add("assistant" if role == "assistant" else "", role, parts, fields.path)


def _call(turns: _Turns, fields: Fields) -> None:
    # DI-163: the call id passes unchanged; without it the result could never be matched (TR-C18).
    part = ToolCallPart(fields.need_name("call_id"), fields.need_name("name"), fields.need_text("arguments"))
    turns.add("assistant", "assistant", [part], fields.path)


def _custom_call(turns: _Turns, fields: Fields) -> None:
    part = ToolCallPart(fields.need_name("call_id"), fields.need_name("name"), fields.need_text("input"), custom=True)
    turns.add("assistant", "assistant", [part], fields.path)


def _result(turns: _Turns, fields: Fields) -> None:
    _add_result(turns, fields, custom=False)


def _custom_result(turns: _Turns, fields: Fields) -> None:
    _add_result(turns, fields, custom=True)


def _add_result(turns: _Turns, fields: Fields, *, custom: bool) -> None:
    # TR-C5: parts stay parts, they do not become their JSON.
    parts = cast(list[ResultPart], read_parts(fields.data.get("output"), fields.at("output"), INPUT_PARTS))
    turns.add("result", "user", [ToolResultPart(fields.need_name("call_id"), parts, custom=custom)], fields.path)


def _reasoning(turns: _Turns, fields: Fields) -> None:
    # DI-66; Codex sends no id and content null.
    opaque = fields.text("encrypted_content")
    part = ReasoningPart(
        text="\n\n".join(_texts(fields, "content", ("reasoning_text", "text"))),
        summary=_texts(fields, "summary", ("summary_text",)),
        opaque=opaque,
        opaque_kind=None if opaque is None else "encrypted",
        id=fields.text("id"),
    )
    turns.add("assistant", "assistant", [part], fields.path)


def _texts(fields: Fields, name: str, kinds: tuple[str, ...]) -> list[str]:
    texts = []
    for index, entry in enumerate(fields.array(name) or ()):
        part = Fields(entry, f"{fields.at(name)}[{index}]")
        part.need_word("type", kinds)
        texts.append(part.need_text("text"))
    return texts


def _foreign(turns: _Turns, fields: Fields) -> None:
    # DI-158: alone in its message, so that a refusal names exactly this item.
    kind = fields.data.get("type") or "item_reference"
    turns.add("", FOREIGN_ITEMS[kind], [ForeignPart(kind, fields.data)], fields.path)


ITEM_READERS: Final[Mapping[str, Callable[[_Turns, Fields], None]]] = {
    "message": _message,
    "function_call": _call,
    "function_call_output": _result,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _custom_result,
    "reasoning": _reasoning,
    **dict.fromkeys(FOREIGN_ITEMS, _foreign),
}
