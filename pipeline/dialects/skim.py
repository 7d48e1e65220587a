"""Same dialect, streamed: events that differ from the one before only in their text are checked all at once, not one by one.

Most events of a stream are one event again with another piece of text (and another number, and other padding). Once one of them
was read in full, its bytes around these values are known. A read that is nothing but such events is turned into one JSON array
by replacing the known bytes, and parsed in one go: so every value is still checked to be JSON of the right type, every byte
around them to be what it was, and anything else goes to the decoder proper. The events of a skimmed read are one: all its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import orjson

from pipeline.dialects.codec import Decoder
from pipeline.events import Batch, Reasoning, Text

Plain = Callable[[dict[str, Any]], str | None]
"""The text of an event's payload that holds a piece of text and nothing else that could matter; None for any other."""

_STRING: Final = rb'"(?:[^"\\]|\\.)*"'
# A quote inside a JSON string has a backslash before it, so these match keys only, never text.
_HOLES: Final = re.compile(
    rb'"(content|delta|text|thinking|reasoning_content|reasoning)": ?(' + _STRING + rb")"
    rb'|"(?:obfuscation|p)": ?(' + _STRING + rb')|"sequence_number": ?(\d+)'
)
_END: Final = b"\n\n"
_PROBE: Final = "\x00probe"
# Shapes that are learned before one must have proved useful: some providers change an id or a time in each event.
_PATIENCE: Final = 4
# At the beginning of a stream no shape is known: a long read is taken in pieces until one is.
_FIRST: Final = 2048


class Skim:
    """See :class:`pipeline.dialects.codec.Decoder`.

    Args:
        decoder: reads whatever is not skimmed.
        plain: see :data:`Plain`.
        skipped: told the text of a skimmed read, where the decoder remembers what was said.
    """

    __slots__ = ("_decoder", "_patience", "_pending", "_plain", "_shape", "_skipped")

    def __init__(self, decoder: Decoder, plain: Plain, skipped: Callable[[str], None] | None = None) -> None:
        self._decoder = decoder
        self._plain = plain
        self._skipped = skipped
        self._shape: _Shape | None = None
        self._pending = 0
        """Bytes of an event that is not yet whole; they wait in the decoder."""
        self._patience = _PATIENCE

    def feed(self, data: bytes) -> Batch:
        shape = self._shape
        if shape is None:
            cut = data.find(_END, _FIRST) + 2 if self._patience and len(data) > _FIRST else 0
            if cut < 2 or cut >= len(data):
                return self._read(data)
            return self._both(self._read(data[:cut]), data[cut:])
        if self._pending:
            # A short read is not worth taking apart.
            cut = data.find(_END) + 2 if len(data) > _FIRST else 0
            if cut < 2 or cut >= len(data):
                return self._read(data)
            return self._both(self._read(data[:cut]), data[cut:])
        end, text = shape.skim(data)
        if not end:
            # Whole events of another shape: perhaps that is what comes from now on.
            if self._patience and _END in data:
                self._shape = None
            return self._read(data)
        self._patience = _PATIENCE
        if self._skipped is not None:
            self._skipped(text)
        batch = Batch([shape.make(shape.block, text)], data if end == len(data) else data[:end])
        return batch if end == len(data) else _joined(batch, self._read(data[end:]))

    def close(self) -> Batch:
        return self._decoder.close()

    def _both(self, first: Batch, rest: bytes) -> Batch:
        if first.ends or first.error is not None:
            return first
        return _joined(first, self.feed(rest))

    def _read(self, data: bytes) -> Batch:
        batch = self._decoder.feed(data)
        self._pending += len(data) - len(batch.raw)
        if self._shape is None and self._patience and batch.events and type(batch.events[-1]) in (Text, Reasoning):
            self._patience -= 1
            self._shape = _learn(batch, self._plain)
        return batch


def _joined(first: Batch, second: Batch) -> Batch:
    return Batch(first.events + second.events, first.raw + second.raw, second.error)


class _Shape:
    """The bytes that one event has around its values.

    Args:
        make, block: what a piece of text is, and of which block.
        around: the bytes before, between and behind the values.
        kinds: the type of each value.
        text: which of the values is the text.
    """

    __slots__ = ("_around", "_between", "_kinds", "_text", "block", "make")

    def __init__(self, make: type[Text] | type[Reasoning], block: int, around: list[bytes], kinds: list[type], text: int) -> None:
        self.make = make
        self.block = block
        self._around = around
        self._between = around[-1] + around[0]
        self._kinds = kinds
        self._text = text

    def skim(self, data: bytes) -> tuple[int, str]:
        """(bytes of the whole events of this shape that lead ``data``, their text); (0, "") when anything is otherwise."""
        head, tail = self._around[0], self._around[-1]
        if not data.startswith(head):
            return 0, ""
        end = _last_end(data, head, tail)
        if not end:
            return 0, ""
        values = self._values(data[len(head) : end - len(tail)])
        if values is None:
            return 0, ""
        width = len(self._kinds)
        for place, kind in enumerate(self._kinds):
            if set(map(type, values[place::width])) != {kind}:
                return 0, ""
        return end, "".join(values[self._text :: width])

    def _values(self, body: bytes) -> list[Any] | None:
        count = body.count(self._between) + 1
        body = body.replace(self._between, b",")
        for bytes_between in self._around[1:-1]:
            if body.count(bytes_between) != count:
                return None
            body = body.replace(bytes_between, b",")
        try:
            values: list[Any] = orjson.loads(b"[" + body + b"]")
        except orjson.JSONDecodeError:
            return None
        return values if len(values) == count * len(self._kinds) else None


def _last_end(data: bytes, head: bytes, tail: bytes) -> int:
    """Where the last whole event of the shape ends; 0 when there is none."""
    last = data.rfind(head)
    found = data.find(tail, last + len(head))
    if found < 0:
        last = data.rfind(head, 0, last)
        if last < 0:
            return 0
        found = data.find(tail, last + len(head))
    return found + len(tail) if found >= 0 else 0


def _learn(batch: Batch, plain: Plain) -> _Shape | None:
    """The shape of the batch's last event; None where the place of its text is not certain."""
    event, raw = batch.events[-1], batch.raw
    if not isinstance(event, (Text, Reasoning)) or not raw.endswith(_END):
        return None
    wire = raw[raw.rfind(_END, 0, -2) + 2 if _END in raw[:-2] else 0 :]
    start = wire.find(b"data:")
    # Some providers name the event behind its data; such are read one by one.
    if start < 0 or wire.find(b"\n", start) != len(wire) - 2 or plain(orjson.loads(wire[start + 5 :])) != event.text:
        return None
    around: list[bytes] = []
    kinds: list[type] = []
    text, last = -1, 0
    for found in _HOLES.finditer(wire, start):
        group = found.lastindex or 0
        group = 2 if group == 1 else group
        if group == 2 and (text >= 0 or not _is_text(wire, start, found.span(2), plain)):
            continue
        if group == 2:
            text = len(kinds)
        around.append(wire[last : found.start(group)])
        kinds.append(int if group == 4 else str)
        last = found.end(group)
    return None if text < 0 else _Shape(type(event), event.block, [*around, wire[last:]], kinds, text)


def _is_text(wire: bytes, start: int, span: tuple[int, int], plain: Plain) -> bool:
    probed = wire[start + 5 : span[0]] + orjson.dumps(_PROBE) + wire[span[1] :]
    return plain(orjson.loads(probed)) == _PROBE
