"""Messages blocks as events: one reading for streams and bodies, so that both give the same content.

``place`` is always the provider's index of a block, ``block`` our number of it: a foreign block has none. Every method appends
to the list it is given. Raises KeyError, TypeError, ValueError or AttributeError, and nothing else, for what no answer can be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from pipeline.dialects.messages.outcome import Native
from pipeline.dialects.messages.turns import FOREIGN_BLOCKS
from pipeline.events import BlockEnd, BlockStart, Citation, Event, Foreign, Reasoning, Text, ToolArguments, ToolStart, Unknown


class Open:
    """A block that has begun and not yet ended. ``block`` is our number of it, -1 for a foreign one."""

    __slots__ = ("block", "kind", "native", "pieces", "proof", "told")

    def __init__(self, kind: str, block: int, native: Native) -> None:
        self.kind = kind
        self.block = block
        self.native = native
        self.proof = ""
        """Signature or redacted data."""
        self.told = False
        """Whether a call's arguments came in pieces."""
        self.pieces: list[str] = []
        """JSON of a foreign block's input."""


class Reading:
    """The blocks of one answer."""

    __slots__ = ("_count", "_open", "_text_block", "_text_place", "finished", "tools")

    def __init__(self) -> None:
        self._open: dict[int, Open] = {}
        self._count = 0
        # The open run of text: nearly every event is a piece of it.
        self._text_place = self._text_block = -1
        self.tools = False
        """Whether there was a call."""
        self.finished = False
        """Set when the reason to stop is told: behind it nothing begins."""

    def start(self, place: int, native: Native, out: list[Event]) -> None:
        """``content_block_start``; also a whole block, when ``stop`` follows."""
        if self.finished:
            raise ValueError("content behind the reason to stop")
        if place in self._open:
            raise ValueError("a block that is already open")
        kind = native["type"]
        starter = _STARTS.get(kind)
        if starter is None:
            # DI-158. What its deltas bring is folded into the same object. Names of losses are bounded: a newer kind is "other".
            self._open[_number(place)] = Open(_string(kind), -1, native)
            out.append(Foreign(kind if kind in FOREIGN_BLOCKS else "other", native))
            return
        if kind != "tool_use":
            # A provider that leaves out the end of a block: texts do not overlap.
            self._end_runs(out)
        opened = self._open[_number(place)] = Open(kind, self._count, native)
        self._count += 1
        starter(self, place, opened, out)

    def _start_text(self, place: int, opened: Open, out: list[Event]) -> None:
        self._text_place, self._text_block = place, opened.block
        out.append(BlockStart(opened.block, "text"))
        if opened.native.get("text"):
            out.append(Text(opened.block, _string(opened.native["text"])))
        for citation in opened.native.get("citations") or ():
            _cite(opened.block, citation, out)

    def _start_thinking(self, place: int, opened: Open, out: list[Event]) -> None:
        out.append(BlockStart(opened.block, "reasoning"))
        if opened.native.get("thinking"):
            out.append(Reasoning(opened.block, _string(opened.native["thinking"])))
        opened.proof = _string(opened.native.get("signature") or "")

    def _start_redacted(self, place: int, opened: Open, out: list[Event]) -> None:
        out.append(BlockStart(opened.block, "reasoning"))
        opened.proof = _string(opened.native["data"])

    def _start_call(self, place: int, opened: Open, out: list[Event]) -> None:
        ident, name = opened.native["id"], opened.native["name"]
        if not _string(ident) or not _string(name):
            raise ValueError("a call without id or name")
        self.tools = True
        out.append(ToolStart(opened.block, ident, name))

    def delta(self, event: Native, out: list[Event]) -> None:
        """``content_block_delta``: one call for every token of an answer."""
        delta = event["delta"]
        if delta["type"] == "text_delta" and event["index"] == self._text_place:
            text = delta["text"]
            if text:
                out.append(Text(self._text_block, _string(text)))
            return
        opened = self._open[event["index"]]
        if opened.block < 0:
            _fold(opened, delta)
            return
        reader = _DELTAS.get((opened.kind, delta["type"]))
        if reader is None:
            out.append(Unknown(_string(delta["type"])))
        else:
            reader(opened, delta, out)

    def stop(self, place: int, out: list[Event]) -> None:
        """``content_block_stop``."""
        opened = self._open.pop(place, None)
        if opened is None:
            # Ended before, by what came behind it.
            return
        if opened.block < 0:
            if opened.pieces:
                opened.native["input"] = orjson.loads("".join(opened.pieces))
            return
        if place == self._text_place:
            self._text_place = -1
        given = opened.native.get("input") if opened.kind == "tool_use" and not opened.told else None
        if given:
            # Whole from the start. Pieces, where there are some, stand for it (DI-103).
            out.append(ToolArguments(opened.block, orjson.dumps(given).decode()))
        if not opened.proof:
            out.append(BlockEnd(opened.block))
        else:
            out.append(BlockEnd(opened.block, opened.proof, "redacted" if opened.kind == "redacted_thinking" else "signature"))

    def whole(self, blocks: Any, out: list[Event]) -> None:
        """The ``content`` of a message, block by block."""
        if type(blocks) is not list:
            raise TypeError("not a list")
        for place, native in enumerate(blocks):
            self.start(place, native, out)
            self.stop(place, out)

    def end(self, out: list[Event]) -> None:
        """End what the provider left open."""
        for place in list(self._open):
            self.stop(place, out)

    def _end_runs(self, out: list[Event]) -> None:
        for place, opened in list(self._open.items()):
            if opened.block >= 0 and opened.kind != "tool_use":
                self.stop(place, out)


def _on_thinking(opened: Open, delta: Native, out: list[Event]) -> None:
    text = delta["thinking"]
    if text:
        out.append(Reasoning(opened.block, _string(text)))


def _on_signature(opened: Open, delta: Native, out: list[Event]) -> None:
    opened.proof = _string(delta["signature"])


def _on_arguments(opened: Open, delta: Native, out: list[Event]) -> None:
    text = delta["partial_json"]
    if text:
        opened.told = True
        out.append(ToolArguments(opened.block, _string(text)))


def _on_citation(opened: Open, delta: Native, out: list[Event]) -> None:
    _cite(opened.block, delta["citation"], out)


def _cite(block: int, citation: Native, out: list[Event]) -> None:
    # DI-108, DI-159: the other kinds have no address. Where the source stands in the text, the dialect does not say.
    url, title = citation.get("url"), citation.get("title")
    out.append(Citation(block, url if type(url) is str else None, title if type(title) is str else None, native=citation))


def _fold(opened: Open, delta: Native) -> None:
    """A foreign block's delta becomes part of its own object: input in pieces of JSON, all other texts appended."""
    for name, value in delta.items():
        if name == "partial_json":
            opened.pieces.append(_string(value))
        elif name != "type":
            known = opened.native.get(name)
            opened.native[name] = known + value if type(known) is str and type(value) is str else value


def _string(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("not a text")
    return value


def _number(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("not a number")
    return value


_STARTS: Final[Mapping[str, Callable[[Reading, int, Open, list[Event]], None]]] = {
    "text": Reading._start_text,
    "thinking": Reading._start_thinking,
    "redacted_thinking": Reading._start_redacted,
    "tool_use": Reading._start_call,
}
_DELTAS: Final[Mapping[tuple[str, str], Callable[[Open, Native, list[Event]], None]]] = {
    ("text", "citations_delta"): _on_citation,
    ("thinking", "thinking_delta"): _on_thinking,
    ("thinking", "signature_delta"): _on_signature,
    ("tool_use", "input_json_delta"): _on_arguments,
}
