"""Output items as they grow in a stream: the events that open and close each kind, and the item as it stands (DI-59 to DI-72)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from pipeline.events import ToolStart

Native = dict[str, Any]
Told = tuple[bytes, bytes]
"""(event name, its JSON fields without braces)"""


class Output:
    """One output item. ``pieces`` are the deltas told so far; ``prefix`` is what every delta of it begins with."""

    __slots__ = ("annotations", "block", "id", "index", "logprobs", "pieces", "prefix", "refuses", "status", "where")

    def __init__(self, id: str, index: int) -> None:
        self.id = id
        self.index = index
        self.block = -1
        self.where = b'"item_id":' + orjson.dumps(id) + b',"output_index":%d' % index
        self.pieces: list[str] = []
        self.prefix = b""
        self.annotations: list[Native] = []
        self.logprobs: list[Any] = []
        self.refuses = False
        self.status = ""
        """How it was closed; empty while it is open."""

    def native(self, status: str) -> Native:
        """The item as told so far; ``status`` counts only while it is open."""
        raise NotImplementedError

    def opening(self) -> Iterator[Told]:
        """What follows ``output_item.added``."""
        yield from ()

    def closing(self, status: str) -> Iterator[Told]:
        """What goes before ``output_item.done``."""
        yield from ()


def delta_prefix(name: bytes, fields: bytes) -> bytes:
    """The bytes of a delta event up to its text."""
    return b"event: " + name + b'\ndata: {"type":"' + name + b'",' + fields + b',"delta":'


class Message(Output):
    """A message of one part: a run of text or of refusal (DI-244, DI-70)."""

    __slots__ = ()

    def __init__(self, id: str, index: int, kind: str) -> None:
        super().__init__(id, index)
        self.refuses = kind == "refusal"
        self.where += b',"content_index":0'
        self.prefix = delta_prefix(b"response.refusal.delta" if self.refuses else b"response.output_text.delta", self.where)

    def native(self, status: str) -> Native:
        content = [self._part()] if self.pieces or self.annotations else []
        return {"id": self.id, "type": "message", "status": self.status or status, "role": "assistant", "content": content}

    def _part(self) -> Native:
        text = "".join(self.pieces)
        if self.refuses:
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "text": text, "annotations": self.annotations, "logprobs": self.logprobs}

    def opening(self) -> Iterator[Told]:
        yield b"response.content_part.added", self.where + b',"part":' + orjson.dumps(self._part())

    def closing(self, status: str) -> Iterator[Told]:
        part = self._part()
        if self.refuses:
            yield b"response.refusal.done", self.where + b',"refusal":' + orjson.dumps(part["refusal"])
        else:
            text = orjson.dumps(part["text"])
            yield b"response.output_text.done", self.where + b',"text":' + text + b',"logprobs":' + orjson.dumps(self.logprobs)
        yield b"response.content_part.done", self.where + b',"part":' + orjson.dumps(part)


class Reason(Output):
    """Reasoning as summary parts, which every client of this dialect reads (DI-72)."""

    __slots__ = ("_parts", "opaque", "place")

    def __init__(self, id: str, index: int) -> None:
        super().__init__(id, index)
        self.opaque: str | None = None
        self.place: tuple[bool, int] | None = None
        """Which part of the provider's reasoning is being told."""
        self._parts: list[list[str]] = []

    def native(self, status: str) -> Native:
        summary = [{"type": "summary_text", "text": "".join(part)} for part in self._parts]
        item: Native = {"id": self.id, "type": "reasoning", "summary": summary}
        if self.opaque is not None:
            item["encrypted_content"] = self.opaque
        return item

    def turn(self, place: tuple[bool, int]) -> Iterator[Told]:
        """Close the part that is open and open the next one: summary indices count from 0 without a gap."""
        yield from self._close_part()
        self.place = place
        self.pieces = []
        self._parts.append(self.pieces)
        where = self.where + b',"summary_index":%d' % (len(self._parts) - 1)
        self.prefix = delta_prefix(b"response.reasoning_summary_text.delta", where)
        yield b"response.reasoning_summary_part.added", where + b',"part":{"type":"summary_text","text":""}'

    def _close_part(self) -> Iterator[Told]:
        if self._parts:
            where = self.where + b',"summary_index":%d' % (len(self._parts) - 1)
            text = orjson.dumps("".join(self.pieces))
            yield b"response.reasoning_summary_text.done", where + b',"text":' + text
            yield b"response.reasoning_summary_part.done", where + b',"part":{"type":"summary_text","text":' + text + b"}"

    def closing(self, status: str) -> Iterator[Told]:
        yield from self._close_part()


class Call(Output):
    """A call of a function or of a free-text tool (DI-71, DI-65)."""

    __slots__ = ("_call", "_custom", "_name")

    def __init__(self, id: str, index: int, start: ToolStart) -> None:
        super().__init__(id, index)
        self._call = start.id
        self._name = start.name
        self._custom = start.custom
        stem = b"custom_tool_call_input" if start.custom else b"function_call_arguments"
        self.prefix = delta_prefix(b"response." + stem + b".delta", self.where)

    def native(self, status: str) -> Native:
        kind, field = ("custom_tool_call", "input") if self._custom else ("function_call", "arguments")
        return {
            "id": self.id,
            "type": kind,
            "status": self.status or status,
            "call_id": self._call,
            "name": self._name,
            field: "".join(self.pieces),
        }

    def closing(self, status: str) -> Iterator[Told]:
        if not self.pieces and not self._custom and status == "completed":
            # DI-165: no arguments are the empty object, and this dialect writes it out.
            self.pieces.append("{}")
            yield b"response.function_call_arguments.delta", self.where + b',"delta":"{}"'
        whole = orjson.dumps("".join(self.pieces))
        if self._custom:
            yield b"response.custom_tool_call_input.done", self.where + b',"input":' + whole
        else:
            yield b"response.function_call_arguments.done", self.where + b',"arguments":' + whole


class Verbatim(Output):
    """An item of this dialect that nobody else knows, as its provider gave it."""

    __slots__ = ("_item",)

    def __init__(self, index: int, item: Native) -> None:
        super().__init__(str(item.get("id") or ""), index)
        self._item = item

    def native(self, status: str) -> Native:
        return self._item
