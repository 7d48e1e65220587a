"""The bytes that an event of text has around its values: what has these bytes and such values means the same, but for them.

Why it is never wrong: a run of events is cut into values by the lengths of what was learned around them. Each value is one whole
JSON token of its type, so it cannot reach over its end. Put together again with the learned bytes between them, the values must
be the run, byte for byte; so each event has these bytes around its values, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
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
# A line's end is blank space to JSON, but not to an event stream: neither it nor another control character is in a value.
_TEXT: Final = rb'"[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+"'
# Nobody reads it, so it is only skimmed where it needs no reading to be JSON.
_PADDING: Final = rb'"[ !#-\[\]-~]*+"'
# With more digits it is none that JSON readers agree on.
_NUMBER: Final = rb"0|[1-9][0-9]{0,14}+"
# By the groups of the pattern above.
_KINDS: Final = {2: _TEXT, 3: _PADDING, 4: _NUMBER}
_PROBE: Final = "\x00probe"
# Values of an event that change: a piece of text, its number, padding.
_MOST: Final = 3
_loads = orjson.loads


class Shape:
    """The bytes that one event has around its values.

    Args:
        make, block: what a piece of text is, and of which block.
        around: the bytes before, between and behind the values.
        kinds: what each value may be: text, padding or a number.
    """

    __slots__ = (
        "_alone",
        "_around",
        "_cut",
        "_head",
        "_kinds",
        "_pattern",
        "_repeated",
        "_skip",
        "_stride",
        "_tail",
        "_text",
        "block",
        "make",
    )

    def __init__(self, make: type[Text] | type[Reasoning], block: int, around: list[bytes], kinds: list[bytes]) -> None:
        self.make = make
        self.block = block
        self._around = around
        self._kinds = kinds
        self._pattern: re.Pattern[bytes] | None = None
        """Made when an event came that begins as this one does: in some streams none ever does."""
        self._head, *gaps, self._tail = around
        self._skip = len(self._head)
        self._cut = -len(self._tail)
        # What the pattern makes of an event: what is before it (nothing), its values, and no rest.
        self._stride = len(kinds) + 2
        # Which of the values is the text.
        self._text = kinds.index(_TEXT)
        # With room for the values: of one event alone, and of one that follows another.
        self._alone = b"%b".join([part.replace(b"%", b"%%") for part in around])
        self._repeated = [self._tail + self._head, b"", *(part for gap in gaps for part in (gap, b""))]

    def only(self, data: bytes) -> str | None:
        """The text of ``data`` when that is exactly one event of this shape; None for anything else."""
        if self._stride == 3:
            # With one value, as most have it, nothing has to be looked for. Two values, or a line's end, are no JSON string.
            token = data[self._skip : self._cut]
            if not (data.startswith(self._head) and data.endswith(self._tail)):
                return None
            if not (token.startswith(b'"') and token.endswith(b'"')):
                return None
        else:
            pattern = self._pattern or self._ready(data)
            found = None if pattern is None else pattern.fullmatch(data)
            if found is None:
                return None
            groups = found.groups()
            if groups[-1] is not None or self._alone % groups[:-1] != data:
                return None
            token = groups[self._text]
        try:
            text: str = _loads(token)
        except orjson.JSONDecodeError:
            return None
        return text

    def run(self, data: bytes) -> tuple[list[str], int] | None:
        """The texts of the events of this shape that ``data`` begins with, and where the last of them ends.

        None when the first is none, or one of them only looks like it.
        """
        pattern = self._pattern or self._ready(data)
        if pattern is None:
            return None
        stride = self._stride
        parts = pattern.split(data)
        end = len(data)
        if parts[-2] is not None:
            end -= len(parts[-2])
            del parts[-stride:]
        if not end:
            return None
        repeated = self._repeated
        again = repeated * (len(parts) // stride)
        for place in range(1, stride - 1):
            again[2 * place - 1 :: len(repeated)] = parts[place::stride]
        again[0] = self._head
        again.append(self._tail)
        if not data.startswith(b"".join(again)):
            return None
        try:
            # Of each event, what is before its values comes first.
            return _loads(b"[" + b",".join(parts[1 + self._text :: stride]) + b"]"), end
        except orjson.JSONDecodeError:
            return None

    def _ready(self, data: bytes) -> re.Pattern[bytes] | None:
        if data.startswith(self._head):
            self._pattern = _pattern(tuple(map(len, self._around)), tuple(self._kinds))
        return self._pattern


@lru_cache(512)
def _pattern(lengths: tuple[int, ...], kinds: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Cuts the values out of one event; what is none is its last group, with all behind it, so that nothing is searched for.

    It looks at nothing but the values and the end, because a pattern takes 25 instructions for each byte it looks at, and so it
    is the same for most streams of a provider: to compile one takes as long as a short stream.
    """
    *before, tail = lengths
    event = b"".join(b".{%d}+(%s)" % (length, kind) for length, kind in zip(before, kinds, strict=True))
    return re.compile(event + b".{%d}+\\}\n\n|(.+)" % (tail - 3), re.DOTALL)


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
    if len(wire) > _LONGEST or not wire.endswith(b"}\n\n") or b"\r" in wire:
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
    kinds: list[bytes] = []
    last = 0
    for found in _VALUES.finditer(wire, start):
        group = found.lastindex or 0
        if group == 2 and (_TEXT in kinds or not _is_text(wire, start, found.span(2), plain)):
            continue
        around.append(wire[last : found.start(group)])
        kinds.append(_KINDS[group])
        last = found.end(group)
    if _TEXT not in kinds or len(kinds) > _MOST:
        return None
    return Shape(type(event), event.block, [*around, wire[last:]], kinds)


def _is_text(wire: bytes, start: int, span: tuple[int, int], plain: Plain) -> bool:
    probed = wire[start : span[0]] + orjson.dumps(_PROBE) + wire[span[1] :]
    return plain(_loads(probed)) == _PROBE
