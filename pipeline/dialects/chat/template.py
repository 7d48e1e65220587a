"""The bytes that all pieces of a text have in common: what equals them is read without parsing a chunk, and never wrongly.

Between two pieces of text nearly every provider changes one JSON string of the chunk, some also the padding against
eavesdroppers. A chunk whose other bytes equal those of one that was read in full means the same but for that string, as long
as what stands in its place is exactly one JSON string: which is checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from pipeline.dialects.chat.blocks import Call, Run
from pipeline.events import Event, Reasoning, Text, ToolArguments

PATIENCE: Final = 8
"""Templates that are learned before one must have proved useful: some providers change an id or a time in each chunk."""

# A quote inside a JSON string has a backslash before it, so these match keys only, never text.
_STRING: Final = rb': ?("(?:[^"\\]|\\.)*")'
_FIELDS: Final[Mapping[type[Event], re.Pattern[bytes]]] = {
    Text: re.compile(rb'"(content)"' + _STRING),
    Reasoning: re.compile(rb'"(reasoning_content|reasoning)"' + _STRING),
    ToolArguments: re.compile(rb'"(arguments)"' + _STRING),
}
_PADDING: Final = re.compile(rb'"(?:obfuscation|p)": ?"((?:[^"\\]|\\.)*)"')
_loads = orjson.loads
_PROBE: Final = "\x00probe"


Piece = type[Text] | type[Reasoning] | type[ToolArguments]


class Template:
    """A chunk with a hole for its one piece of text.

    Args:
        make: what the piece is.
        run: the block that it belongs to; the template is good as long as that is open.
        head, tail: the bytes before and behind.
        middle: the bytes from the hole to the padding, where there is padding; ``tail`` is behind the padding then.
    """

    __slots__ = ("_ends", "_heads", "_middle", "_middle_size", "_sizes", "_tails", "make", "pieces", "run")

    def __init__(self, make: Piece, run: Run, head: bytes, tail: bytes, middle: bytes | None) -> None:
        self.make = make
        self.run = run
        self.pieces = run.pieces if isinstance(run, Call) else None
        # Of the chunk alone, and of the whole wire event.
        self._heads = (head, b"data: " + head)
        self._tails = (tail, tail + b"\n\n")
        self._sizes = (len(head), len(head) + 6)
        self._ends = (-len(tail), -len(tail) - 2)
        self._middle = middle
        self._middle_size = 0 if middle is None else len(middle)

    def read(self, data: bytes, wire: bool) -> str | None:
        """The piece of text, or None: the chunk is another one and has to be read in full. ``wire``: data is a whole event."""
        if not (data.startswith(self._heads[wire]) and data.endswith(self._tails[wire])):
            return None
        size, end = self._sizes[wire], self._ends[wire]
        middle = self._middle
        try:
            if middle is None:
                text = _loads(data[size:end])
            else:
                start = data.find(middle, size)
                padding = data[start + self._middle_size : end]
                if start < 0 or not (padding.isalnum() or type(_loads(b'"' + padding + b'"')) is str):
                    return None
                text = _loads(data[size:start])
        except orjson.JSONDecodeError:
            return None
        return text if type(text) is str else None


def learn(data: bytes, event: Event, run: Run) -> Template | None:
    """A template of a chunk that says ``event`` and nothing else; None where the place of its text is not certain."""
    if not isinstance(event, (Text, Reasoning, ToolArguments)):
        return None
    found = _FIELDS[type(event)].search(data)
    if found is None:
        return None
    field = found[1].decode()
    head, tail = data[: found.start(2)], data[found.end(2) :]
    if _told(data, field) != event.text or _told(head + orjson.dumps(_PROBE) + tail, field) != _PROBE:
        return None
    padding = _PADDING.search(tail)
    if padding is None:
        return Template(type(event), run, head, tail, None)
    return Template(type(event), run, head, tail[padding.end(1) :], tail[: padding.start(1)])


def _told(data: bytes, field: str) -> Any:
    try:
        delta = orjson.loads(data)["choices"][0]["delta"]
        return delta["tool_calls"][0]["function"][field] if field == "arguments" else delta[field]
    except (KeyError, TypeError, IndexError):
        return None
