"""Event streams: any legal wire, cut anywhere, gives the same events in linear time, and every byte comes out again.

The reader works on bytes only; a character that is cut between two reads is never looked at before its event is whole. What
it handed out, it also hands out as :attr:`SseReader.raw`, byte for byte, so that a relay passes exactly whole events.
"""

from __future__ import annotations

import re
from typing import Final

SseEvent = tuple[bytes, bytes]
"""(event name or b"", data)"""

DONE: Final = b"data: [DONE]\n\n"

_BOM: Final = b"\xef\xbb\xbf"
# DI-2 A blank line after any of the three line ends. A CR before an LF is half a line end, never a whole one.
_BLANK: Final = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")


def event(name: bytes, data: bytes) -> bytes:
    r"""One event with a name (DI-12). Both must be free of line ends: known names and JSON are (TR-S18).

    >>> event(b"ping", b"{}")
    b'event: ping\ndata: {}\n\n'
    """
    return b"event: " + name + b"\ndata: " + data + b"\n\n"


def message(data: bytes) -> bytes:
    r"""One event without a name, as Chat Completions writes it (DI-12).

    >>> message(b"[DONE]") == DONE
    True
    """
    return b"data: " + data + b"\n\n"


def comment(text: bytes) -> bytes:
    r"""A line that every reader skips: a sign of life (DI-13).

    >>> comment(b"keep-alive")
    b': keep-alive\n\n'
    """
    return b": " + text + b"\n\n"


def whole(raw: bytes) -> bytes:
    r"""Events with the blank line that the last one may lack (TR-S5): many clients drop it otherwise, and what follows with it.

    >>> whole(b"data: 1\n"), whole(b"data: 2\n\n"), whole(b"")
    (b'data: 1\n\n', b'data: 2\n\n', b'')
    """
    if not raw or raw.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")):
        return raw
    return raw + (b"\n" if raw.endswith(b"\n") else b"\n\n")


class SseReader:
    """An incremental event stream reader.

    ``feed`` and ``close`` never raise. A block of lines without data (comments, a lone ``retry``) is no event, but its bytes
    are in ``raw``: bytes without an event are a sign of life.
    """

    __slots__ = ("_buffer", "_carriage", "_fresh", "raw")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._carriage = False
        self._fresh = True
        self.raw = b""
        """The bytes of the blocks that the last ``feed`` or ``close`` completed, from the end of the block before them. What is
        no event yet at the close is left out."""

    def feed(self, data: bytes) -> list[SseEvent]:
        """Take the next bytes, cut anywhere; the events that they complete, in order."""
        if not self._carriage:
            # `in` would cost twice as much: it tries for a number first.
            if data.find(b"\r") >= 0:
                self._carriage = True
            elif data.endswith(b"\n\n") and not self._buffer and not self._fresh:
                # A read that is exactly one event, as a provider that writes token by token sends it.
                only = _single(data[:-2])
                if only is not None:
                    self.raw = data
                    return [only]
        if self._buffer:
            known = len(self._buffer)
            self._buffer += data
            # Only the new bytes are searched, with as many old ones as a blank line may have: linear for any cut.
            if not self._has_blank(known):
                self.raw = b""
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        # A CR that ends the read ends its line at once. The LF that may follow becomes an empty line before the next event.
        blocks = _BLANK.split(data) if self._carriage else data.split(b"\n\n")
        rest = blocks.pop()
        if rest:
            self._buffer += rest
            self.raw = data[: len(data) - len(rest)]
        else:
            self.raw = data
        return self._events(blocks) if blocks else []

    def close(self) -> list[SseEvent]:
        """The wire ended. An event that still waits for its blank line is handed out (TR-S5); its reader judges it."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        events = self._events([rest]) if rest else []
        # What follows is often an error of ours: behind half an event nobody would see it.
        self.raw = rest if events or not rest.strip(b"\r\n") else b""
        return events

    def head(self, count: int) -> int:
        """How many bytes of ``raw`` the first ``count`` events of the last ``feed`` or ``close`` take, blank lines included.

        For the rare read in which something is wrong behind good events; it reads the whole of ``raw`` again.
        """
        start = 0
        for blank in _BLANK.finditer(self.raw) if count else ():
            if _parse(self.raw[start : blank.start()].removeprefix(b"" if start else _BOM)) is not None:
                count -= 1
            start = blank.end()
            if not count:
                return start
        return len(self.raw) if count else 0

    def _has_blank(self, known: int) -> bool:
        if self._carriage:
            return _BLANK.search(self._buffer, max(0, known - 3)) is not None
        return self._buffer.find(b"\n\n", known - 1) >= 0

    def _events(self, blocks: list[bytes]) -> list[SseEvent]:
        if self._fresh:
            self._fresh = False
            if blocks[0].startswith(_BOM):  # DI-1
                blocks[0] = blocks[0][3:]
        events: list[SseEvent] = []
        append = events.append
        for block in blocks:
            if not self._carriage:
                only = _single(block)
                if only is not None:
                    append(only)
                    continue
            parsed = _parse(block)
            if parsed is not None:
                append(parsed)
        return events


def _single(block: bytes) -> SseEvent | None:
    """The two shapes that nearly every event has, without the blank line behind; None for every other."""
    first, newline, rest = block.partition(b"\n")
    if not newline:
        return (b"", first[6:]) if first[:6] == b"data: " else None
    if first[:7] == b"event: " and rest[:6] == b"data: " and rest.find(b"\n") < 0:
        return (first[7:], rest[6:])
    return None


def _parse(block: bytes) -> SseEvent | None:
    """Any legal block of lines (DI-3 to DI-6); None where it holds no data."""
    name = b""
    data: list[bytes] = []
    for line in block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        field, colon, value = line.partition(b":")
        # TR-S1 The space is optional and at most one is removed.
        if colon and value.startswith(b" "):
            value = value[1:]
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return (name, b"\n".join(data)) if data else None
