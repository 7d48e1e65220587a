"""Turns of a neutral request as Responses input items, in the order in which they stood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pipeline.dialects.responses.parts import write_input
from pipeline.request import (
    AudioPart,
    FilePart,
    ForeignPart,
    ImagePart,
    Losses,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    Request,
    Target,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

# DI-157, TR-C20: the dialect has no flag for a failed tool, so the text says it.
ERROR_PREFIX: Final = "Error: "

Item = dict[str, Any]


def write_items(request: Request, target: Target, losses: Losses) -> tuple[str | None, list[Item]]:
    """(instructions, input items). Raises GatewayError (400) for parts that cannot be carried."""
    count = _leading_system(request.messages)
    texts: list[str] = []
    writer = _Writer(target, losses)
    for message in request.messages[:count]:
        writer.note_losses(message)
        texts += [part.text for part in message.parts if isinstance(part, TextPart)]
    for message in request.messages[count:]:
        writer.message(message)
    # DI-145
    return ("\n\n".join(texts) if texts else None), writer.items


def _leading_system(messages: list[Message]) -> int:
    """How many messages at the front are ``instructions``: of role system, and nothing but text."""
    count = 0
    for message in messages:
        if message.role != "system" or [part for part in message.parts if type(part) is not TextPart]:
            break
        count += 1
    return count


class _Writer:
    """Items so far, and the message item that is still open for more parts."""

    __slots__ = ("_custom_calls", "_losses", "_message", "_open", "_target", "items")

    def __init__(self, target: Target, losses: Losses) -> None:
        self.items: list[Item] = []
        self._target = target
        self._losses = losses
        self._open: list[Item] | None = None
        self._custom_calls: set[str] = set()
        self._message: Message

    def message(self, message: Message) -> None:
        """Write one turn, part by part."""
        self._message = message
        self._open = None
        self.note_losses(message)
        for part in message.parts:
            WRITERS[type(part)](self, part)

    def note_losses(self, message: Message) -> None:
        """What stands on the message itself and on parts that are joined."""
        if message.name is not None:
            self._losses.hint("messages.name")  # DI-148
        for part in message.parts:
            if type(part) is TextPart and part.cache is not None:
                self._losses.hint("cache_control")  # DI-147

    def text(self, part: TextPart) -> None:
        # TR-C4, DI-150
        if self._message.role == "assistant":
            self.items.append({"type": "message", "role": "assistant", "content": part.text})
        else:
            self.content(part)

    def content(self, part: TextPart | ImagePart | FilePart) -> None:
        entry = write_input(part, self._message.where, self._losses)
        if entry is None:
            return
        if self._open is None:
            # TR-C23: the item exists once it has a part.
            self._open = []
            self.items.append({"type": "message", "role": self._message.role, "content": self._open})
        self._open.append(entry)

    def audio(self, part: AudioPart) -> None:
        # DI-155
        self._losses.significant(self._message.where, "The provider's dialect takes no audio.", name="input_audio")

    def refusal(self, part: RefusalPart) -> None:
        # DI-156
        content = [{"type": "refusal", "refusal": part.text}]
        self.items.append({"type": "message", "role": "assistant", "content": content})

    def reasoning(self, part: ReasoningPart) -> None:
        # DI-160, DI-161: reasoning goes back only to the provider that made it.
        own = None if part.opaque is None else self._target.unseal(part.opaque)
        if own is None or own[0] != "encrypted":
            self._losses.hint("reasoning")
            return
        texts = part.summary or ([part.text] if part.text else [])
        summary = [{"type": "summary_text", "text": text} for text in texts]
        self.items.append({"type": "reasoning", "summary": summary, "encrypted_content": own[1]})

    def call(self, part: ToolCallPart) -> None:
        # DI-163, DI-165: id and arguments exactly as they stood.
        if part.cache is not None:
            self._losses.hint("cache_control")
        if part.custom:
            self._custom_calls.add(part.id)
            item = {"type": "custom_tool_call", "call_id": part.id, "name": part.name, "input": part.arguments}
        else:
            item = {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments}
        self.items.append(item)

    def result(self, part: ToolResultPart) -> None:
        # DI-157: images and files stay in the result.
        if part.cache is not None:
            self._losses.hint("cache_control")
        entries = [entry for piece in part.parts if (entry := write_input(piece, self._message.where, self._losses))]
        if part.is_error:
            _prefix(entries)
        output: Any = entries
        if all(entry["type"] == "input_text" for entry in entries) and len(entries) < 2:
            output = entries[0]["text"] if entries else ""
        custom = part.custom or part.call_id in self._custom_calls
        kind = "custom_tool_call_output" if custom else "function_call_output"
        self.items.append({"type": kind, "call_id": part.call_id, "output": output})
        self._open = None

    def foreign(self, part: ForeignPart) -> None:
        # DI-158
        self._losses.significant(self._message.where, f"The provider's dialect has nothing like '{part.kind}'.", name=part.kind)


def _prefix(entries: list[Item]) -> None:
    first = next((entry for entry in entries if entry["type"] == "input_text"), None)
    if first is None:
        entries.insert(0, {"type": "input_text", "text": ERROR_PREFIX.strip()})
    else:
        first["text"] = ERROR_PREFIX + first["text"]


WRITERS: Final[Mapping[type[Part], Callable[[_Writer, Any], None]]] = {
    TextPart: _Writer.text,
    ImagePart: _Writer.content,
    FilePart: _Writer.content,
    AudioPart: _Writer.audio,
    RefusalPart: _Writer.refusal,
    ReasoningPart: _Writer.reasoning,
    ToolCallPart: _Writer.call,
    ToolResultPart: _Writer.result,
    ForeignPart: _Writer.foreign,
}
