"""The bytes that all deltas of a block have in common: what begins with them is read without parsing an event, and never wrongly.

Between two deltas of a block a provider changes one JSON string, and the blanks that it pads with against eavesdroppers. An
event that begins like one that was read in full, and whose rest is exactly one JSON string and the closing braces, means the
same but for that string.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from pipeline.events import Event, Reasoning, Text, ToolArguments

PATIENCE: Final = 8
"""Templates that are learned before one must have proved useful."""

_FRAME: Final = b"event: content_block_delta\ndata: "
# A quote inside a JSON string has a backslash before it, so these match keys only, never text.
_FIELD: Final = re.compile(rb'"(text|thinking|partial_json)": ?(?=")')
_KINDS: Final[tuple[type[Event], ...]] = (Text, Reasoning, ToolArguments)
_PROBE: Final = "\x00probe"


class Template:
    """Deltas of one block.

    Args:
        event: what one of them became; the others become the like.
        head: the bytes of its JSON before the string.
    """

    __slots__ = ("_block", "_frame", "_head", "_make", "_skip")

    def __init__(self, event: Text | Reasoning | ToolArguments, head: bytes) -> None:
        self._make: Any = type(event)
        self._block = event.block
        self._head = head
        self._frame = _FRAME + head
        self._skip = len(self._frame)

    def whole(self, read: bytes) -> Event | None:
        """The event of a read that is exactly one delta of this block, blank line included; None for any other read."""
        if not (read.startswith(self._frame) and read.endswith(b"\n\n")):
            return None
        end = len(read.rstrip(b"\n} "))
        return self._event(read[self._skip : end]) if read[end:].replace(b" ", b"") == b"}}\n\n" else None

    def read(self, data: bytes) -> Event | None:
        """The same for the JSON of an event."""
        if not data.startswith(self._head):
            return None
        end = len(data.rstrip(b"} "))
        return self._event(data[len(self._head) : end]) if data[end:].replace(b" ", b"") == b"}}" else None

    def _event(self, string: bytes) -> Event | None:
        try:
            text = orjson.loads(string)
        except orjson.JSONDecodeError:
            return None
        event: Event | None = self._make(self._block, text) if text and type(text) is str else None
        return event


def learn(data: bytes, event: Event) -> Template | None:
    """A template of a delta that became this event and nothing else; None where the place of its text is not certain."""
    if not isinstance(event, _KINDS):
        return None
    assert isinstance(event, (Text, Reasoning, ToolArguments))
    found = _FIELD.search(data)
    if found is None:
        return None
    head, field = data[: found.end()], found[1].decode()
    try:
        probe = orjson.loads(head + orjson.dumps(_PROBE) + b"}}")
    except orjson.JSONDecodeError:
        return None
    told = orjson.loads(data)
    same = told["delta"].get(field) == event.text and probe["delta"].get(field) == _PROBE
    # Nothing may stand behind the string.
    probe["delta"][field] = event.text
    return Template(event, head) if same and probe == told else None
