"""The bytes that an event of text has around its values: what has these bytes and such values means the same, but for them.

Why it is never wrong: of every event the known bytes around its values are cut off, at the places where they were learned. What
is left is read as one JSON array for each place, with a comma and a tab between the values of two events. A tab stands neither in
a JSON string nor in what is learned, so no value can reach over it; and as there are exactly as many values as events, there is
one value in each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from pipeline.events import Reasoning, Text

Plain = Callable[[dict[str, Any]], str | None]
"""The text of an event's payload that holds a piece of text and nothing else that could matter; None for any other."""

END: Final = b"\n\n"

_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'
# A quote inside a JSON string has a backslash before it, so these match keys only, never text.
_VALUES: Final = re.compile(
    rb'"(content|delta|text|thinking|reasoning_content|reasoning)": ?(' + _STRING + rb")"
    rb'|"(?:obfuscation|p)": ?(' + _STRING + rb')|"sequence_number": ?(\d+)'
)
# Longer ones are not the ones that come a thousand times.
_LONGEST: Final = 4096
# A number with more is none that JSON readers agree on.
_DIGITS: Final = 15
_PROBE: Final = "\x00probe"
# Values of an event that change: a piece of text, its number, padding.
_MOST: Final = 3
_loads = orjson.loads


class Shape:
    """The bytes that one event has around its values.

    Args:
        make, block: what a piece of text is, and of which block.
        around: the bytes before, between and behind the values.
        kinds: the type of each value.
        text: which of the values is the text.
    """

    __slots__ = ("_between", "_cut", "_end", "_gaps", "_head", "_kinds", "_places", "_skip", "_tail", "_text", "block", "make")

    def __init__(self, make: type[Text] | type[Reasoning], block: int, around: list[bytes], kinds: list[type], text: int) -> None:
        self.make = make
        self.block = block
        self._head, *gaps, self._tail = around
        self._skip = len(self._head)
        self._cut = -len(self._tail)
        self._between = self._tail + self._head
        # Without the blank line.
        self._end = self._tail[: -len(END)]
        # What follows each value within the event, its type, whether it is the text.
        self._places = [(gap, kind, place == text) for place, (gap, kind) in enumerate(zip([*gaps, b""], kinds, strict=True))]
        self._gaps = gaps
        self._kinds = kinds
        self._text = text

    def only(self, data: bytes) -> str | None:
        """The text of ``data`` when that is exactly one event of this shape; None for anything else."""
        if not (data.startswith(self._head) and data.endswith(self._tail)):
            return None
        core = data[self._skip : self._cut]
        text: str | None = None
        try:
            for gap, kind, is_text in self._places:
                value, found, core = core.partition(gap) if gap else (core, gap, b"")
                if kind is int:
                    if not value.isdigit() or len(value) > _DIGITS or (value[:1] == b"0" and len(value) > 1):
                        return None
                # Between two quotes a line's end cannot be (see ``_array``), and two values cannot.
                elif value[:1] != b'"' or value[-1:] != b'"':
                    return None
                elif is_text:
                    text = _loads(value)
                elif not value[1:-1].isalnum():
                    _loads(value)
                if gap and not found:
                    return None
        except orjson.JSONDecodeError:
            return None
        return text

    def last_end(self, data: bytes, at: int, whole: int) -> int:
        """Where the last event of the shape ends before ``whole``, the end of an event; 0 when none begins at ``at``."""
        if not data.startswith(self._head, at):
            return 0
        last = data.rfind(self._head, at, whole)
        found = data.find(self._tail, last + self._skip, whole)
        if found < 0 and last > at:
            # One that only begins like them, as the last of an answer may.
            last = data.rfind(self._head, at, last)
            found = data.find(self._tail, last + self._skip, whole)
        return found + len(self._tail) if found >= 0 else 0

    def texts(self, data: bytes, at: int, end: int) -> list[str] | None:
        """The texts of the events between ``at``, where one begins, and ``end``, where one ends; None unless all are like it."""
        run = data[at:end]
        skip, cut = self._skip, -len(self._end)
        cores = [event[skip:cut] for event in run[: -len(END)].split(END)]
        # Put together again it is what came: so each of them has the known bytes around its values.
        if self._head + self._between.join(cores) + self._tail != run:
            return None
        texts: list[str] | None = None
        for place, values in enumerate(self._columns(cores)):
            array = _array(b",\t".join(values))
            if array is None or list(map(type, array)) != [self._kinds[place]] * len(cores):
                return None
            if place == self._text:
                texts = array
        return texts

    def _columns(self, cores: list[bytes]) -> Iterator[list[bytes]]:
        """The values of all events by place; fewer of them where a gap was not found."""
        for gap in self._gaps:
            parts = [core.partition(gap) for core in cores]
            yield [value for value, found, _ in parts if found]
            cores = [rest for _, _, rest in parts]
        yield cores


def _array(values: bytes) -> list[Any] | None:
    # Around a value a line's end is a blank for JSON, but not for an event stream.
    if b"\n" in values or b"\r" in values:
        return None
    try:
        array: list[Any] = _loads(b"[" + values + b"]")
    except orjson.JSONDecodeError:
        return None
    return array


def told(wire: bytes, plain: Plain) -> str | None:
    """The text of a wire event that says nothing else and may be one of many; None for any other."""
    payload = _payload(wire)
    try:
        return None if payload is None else plain(_loads(payload))
    except (KeyError, TypeError, ValueError, AttributeError):
        # Nothing that the dialect knows: its decoder says what is wrong.
        return None


def _payload(wire: bytes) -> bytes | None:
    """The object of an event with one line of data and perhaps a name, in the usual form; None for any other."""
    if len(wire) > _LONGEST or not wire.endswith(b"}\n\n") or b"\r" in wire or b"\t" in wire:
        return None
    start = wire.find(b"\n") + 1 if wire.startswith(b"event:") else 0
    if b"{" in wire[:start] or not wire.startswith(b"data:", start):
        return None
    start += 6 if wire.startswith(b" ", start + 5) else 5
    payload = wire[start : -len(END)]
    return payload if payload.startswith(b"{") and b"\n" not in payload else None


def learn(event: Text | Reasoning, wire: bytes, text: str | None, plain: Plain) -> Shape | None:
    """The shape of a wire event that a decoder read as ``event``, and that has this :func:`told` text.

    None where the place of its text is not certain.
    """
    if event != type(event)(event.block, event.text) or text != event.text:
        return None
    start = wire.find(b"{")
    around: list[bytes] = []
    kinds: list[type] = []
    place, last = -1, 0
    for found in _VALUES.finditer(wire, start):
        group = found.lastindex or 0
        if group == 2:
            if place >= 0 or not _is_text(wire, start, found.span(2), plain):
                continue
            place = len(kinds)
        around.append(wire[last : found.start(group)])
        kinds.append(int if group == 4 else str)
        last = found.end(group)
    if place < 0 or len(kinds) > _MOST:
        return None
    return Shape(type(event), event.block, [*around, wire[last:]], kinds, place)


def _is_text(wire: bytes, start: int, span: tuple[int, int], plain: Plain) -> bool:
    probed = wire[start : span[0]] + orjson.dumps(_PROBE) + wire[span[1] :]
    return plain(_loads(probed)) == _PROBE
