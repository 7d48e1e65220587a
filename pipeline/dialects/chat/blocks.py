"""Where one block of a Chat answer ends and the next begins, which the dialect itself does not say (DI-241).

Text, reasoning and refusal never overlap. A tool call ends when something else begins and its arguments are whole so far;
one that is not whole stays open until the finish, so interleaved calls keep every piece (DI-242).
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from pipeline.dialects.lenient import count, word
from pipeline.events import (
    BlockEnd,
    BlockKind,
    BlockStart,
    Citation,
    Event,
    OpaqueKind,
    Reasoning,
    Refusal,
    Text,
    ToolArguments,
    ToolStart,
)

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]+")


class Call:
    """One tool call as far as it has come. ``pieces`` are kept only to see whether the arguments are whole."""

    __slots__ = ("block", "custom", "id", "name", "open", "pieces")

    def __init__(self, custom: bool) -> None:
        self.block = -1
        self.open = True
        self.id = ""
        self.name = ""
        self.custom = custom
        self.pieces: list[str] = []

    def whole(self) -> bool:
        """Whether what came so far is one complete JSON object. Nothing at all may be the start of anything."""
        text = "".join(self.pieces)
        if self.custom or not text.rstrip().endswith("}"):
            return False
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError:
            return False
        return True


class Blocks:
    """Turns the pieces of choice 0, stream or body, into events with blocks.

    Every method appends to ``events``. Raises ValueError for a call that no client could use.
    """

    __slots__ = ("_calls", "_count", "_current", "_last", "_later", "_opaque", "kind", "refused", "seed", "tools")

    def __init__(self) -> None:
        self.kind: BlockKind | None = None
        """What the open text, reasoning or refusal block is; None: none is open."""
        self._current = -1
        self.tools = False
        self.refused = False
        self.seed = ""
        """The answer's id, for calls that come without their own."""
        self._count = 0
        self._calls: dict[int | str, Call] = {}
        self._last: int | str = 0
        self._opaque: tuple[str, OpaqueKind] | None = None
        self._later: list[tuple[str, OpaqueKind]] = []

    @property
    def begun(self) -> bool:
        """Whether there was any block."""
        return self._count > 0 or bool(self._calls)

    @property
    def torn(self) -> bool:
        """Whether a call stands open in the middle of its arguments."""
        return any(call.open and call.pieces and not call.custom and not call.whole() for call in self._calls.values())

    def begin(self, kind: BlockKind, events: list[Event]) -> int:
        """Open a block after whatever was open before."""
        self.end(events)
        if self._calls:
            self._end_whole_calls(events)
        block = self._current = self._next()
        self.kind = kind
        events.append(BlockStart(block, kind))
        return block

    def end(self, events: list[Event]) -> None:
        """Close the open text, reasoning or refusal block, and hand out the proofs that came while it was open."""
        if self.kind is None:
            return
        opaque, self._opaque = self._opaque, None
        events.append(BlockEnd(self._current, *opaque) if opaque else BlockEnd(self._current))
        self.kind = None
        later, self._later = self._later, []
        for proof in later:
            block = self._next()
            events += (BlockStart(block, "reasoning"), BlockEnd(block, *proof))

    def finish(self, events: list[Event]) -> None:
        """Close everything."""
        self.end(events)
        for call in self._calls.values():
            self._end_call(call, events)

    def _piece(self, kind: BlockKind, events: list[Event]) -> int:
        if self.kind != kind:
            return self.begin(kind, events)
        return self._current

    def text(self, text: str, logprobs: list[Any] | None, events: list[Event]) -> None:
        block = self._piece("text", events)
        events.append(Text(block, text, logprobs))

    def reasoning(self, text: str, events: list[Event], *, summary: bool = False) -> None:
        block = self._piece("reasoning", events)
        events.append(Reasoning(block, text, 0, summary))

    def refusal(self, text: str, events: list[Event]) -> None:
        self.refused = True
        block = self._piece("refusal", events)
        events.append(Refusal(block, text))

    def opaque(self, value: str, kind: OpaqueKind, events: list[Event]) -> None:
        """A proof of reasoning: of the open reasoning, or a block of its own behind what is open now."""
        if self.kind == "text" or self.kind == "refusal":
            self._later.append((value, kind))
            return
        if self.kind is None or self._opaque is not None:
            self.begin("reasoning", events)
        self._opaque = (value, kind)

    def citation(self, entry: Any, events: list[Event]) -> None:
        """DI-159"""
        if type(entry) is not dict or entry.get("type") != "url_citation":
            return
        source = entry.get("url_citation")
        if type(source) is not dict:
            source = entry
        block = self._piece("text", events)
        start, end = count(source.get("start_index")), count(source.get("end_index"))
        events.append(Citation(block, word(source.get("url")), word(source.get("title")), start, end, entry))

    def call(self, entry: dict[str, Any], events: list[Event]) -> None:
        """A piece of a tool call, whole or not, with or without an index (DI-33, DI-34)."""
        # Typed servers fill in both.
        function = entry.get("function")
        custom = not function and type(entry.get("custom")) is dict
        body: dict[str, Any] = entry["custom"] if custom else function or {}
        index, ident, name = entry.get("index"), entry.get("id") or "", body.get("name") or ""
        key: int | str = index if type(index) is int else ident or self._last
        call = self._calls.get(key)
        # Some providers give every call the index 0: another id is another call.
        if call is None or (ident and call.id and ident != call.id):
            call = self._new_call(key, custom, events)
        self._last = key
        call.id = call.id or str(ident)
        if call.block < 0 and name:
            call.name = str(name)
            self._start_call(call, events)
        piece = body.get("input") if call.custom else body.get("arguments")
        if piece:
            # Arguments as an object instead of a string: some local servers do so.
            self._arguments(call, piece if type(piece) is str else orjson.dumps(piece).decode(), events)

    def _new_call(self, key: int | str, custom: bool, events: list[Event]) -> Call:
        self.end(events)
        self._end_whole_calls(events)
        old = self._calls.pop(key, None)
        if old is not None:
            self._end_call(old, events)
        call = self._calls[key] = Call(custom)
        self.tools = True
        return call

    def _start_call(self, call: Call, events: list[Event]) -> None:
        call.block = self._next()
        if not call.id:
            # Made from what is known, so that it is the same however often the answer is read.
            call.id = f"call_{_UNSAFE.sub('', self.seed)}_{call.block}"
        events.append(ToolStart(call.block, call.id, call.name, call.custom))
        events += [ToolArguments(call.block, piece) for piece in call.pieces]

    def _arguments(self, call: Call, piece: str, events: list[Event]) -> None:
        if not call.open:
            # A provider that sums up at the end repeats what it sent; blanks say nothing.
            if piece.strip() and piece != "".join(call.pieces):
                raise ValueError("arguments for a call that was complete")
            return
        call.pieces.append(piece)
        if call.block >= 0:
            events.append(ToolArguments(call.block, piece))

    def _end_whole_calls(self, events: list[Event]) -> None:
        for call in self._calls.values():
            if call.open and call.whole():
                self._end_call(call, events)

    def _end_call(self, call: Call, events: list[Event]) -> None:
        if not call.open:
            return
        if call.block < 0:
            raise ValueError("a call without a name")
        call.open = False
        events.append(BlockEnd(call.block))

    def _next(self) -> int:
        self._count += 1
        return self._count - 1
