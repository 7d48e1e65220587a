"""What a decoder remembers of each output item: which blocks it became, and what of it was already told."""

from __future__ import annotations

from typing import Any

import orjson


class Run:
    """One piece of an item that grows: a content part, a summary part, or a call's arguments."""

    __slots__ = ("block", "citations", "content", "kind", "output", "pieces")

    def __init__(self, kind: str, output: int, content: int = 0) -> None:
        self.kind = kind
        """text | refusal, or what the item is"""
        self.output = output
        self.content = content
        self.block = -1
        self.pieces: list[str] = []
        self.citations = 0

    def missing(self, whole: str) -> str:
        """What of the final text was not told yet.

        DI-252: all of it, when nothing was. DI-253: what was told stands; a final text that contradicts it adds nothing.
        """
        told = "".join(self.pieces)
        return whole[len(told) :] if whole.startswith(told) else ""


class Item:
    """One output item in progress."""

    __slots__ = ("block", "done", "id", "index", "kind", "native", "runs")

    def __init__(self, index: int, kind: str, id: str | None) -> None:
        self.index = index
        self.kind = kind
        self.id = id
        self.block = -1
        """The block of a reasoning item or a tool call; -1 while there is none."""
        self.done = False
        self.native: dict[str, Any] | None = None
        self.runs: dict[tuple[str, int], Run] = {}

    def run(self, kind: str, content: int = 0) -> Run:
        """The run of this kind and index."""
        run = self.runs.get((kind, content))
        if run is None:
            run = self.runs[kind, content] = Run(kind, self.index, content)
        return run


def text_of(value: Any) -> str:
    """Text where text belongs; some providers send arguments as an object, or null for nothing."""
    if type(value) is str:
        return value
    return "" if value is None else orjson.dumps(value).decode()
