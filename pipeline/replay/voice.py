"""Marks as what a provider says: events of the recorded kinds, in texts of dots, with the bytes that the wire had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pipeline.events import (
    Batch,
    BlockEnd,
    BlockStart,
    End,
    Event,
    Finish,
    Ping,
    Reasoning,
    Refusal,
    Started,
    Text,
    ToolArguments,
    ToolStart,
    Unknown,
    Usage,
)
from pipeline.providers.frame import Read
from pipeline.replay.recording import Mark

MOST: Final = 4096
"""Events of one mark that are said one by one; of a mark that stands for more, the texts are longer."""


def share(whole: int, part: int, parts: int) -> int:
    """Part number ``part`` of ``parts`` of a number, so that all of them add up to it."""
    return whole * (part + 1) // parts - whole * part // parts


class Voice:
    """The marks of one attempt as frames: blocks begin and end as the kinds change.

    Args:
        usage: what the answer says of its tokens, where it says it.
        marks: all of them.
        whole: the answer comes to its end.
    """

    def __init__(self, usage: Mapping[str, int], marks: Sequence[Mark], *, whole: bool) -> None:
        self._usage = usage
        self._ends = sum(mark.kind == "end" for mark in marks)
        self._whole = whole
        self._open = ""
        self._block = -1
        self._finished = False
        self._over = False

    @property
    def waits(self) -> bool:
        """Whether the end has still to be said."""
        return self._whole and not self._over

    def say(self, mark: Mark) -> Iterator[Read]:
        """The frame of a mark."""
        if mark.kind == "bytes":
            # A part of an event: no blank line ends it.
            yield Read(b"." * mark.bytes, ())
            return
        events = self._events(mark)
        yield _read(events, mark.bytes)

    def end(self) -> Read:
        """What was left to say."""
        self._over = True
        return _read([*self._usages(), *self._finish(), End()], 0)

    def _events(self, mark: Mark) -> list[Event]:
        count = min(max(mark.events, 1), MOST)
        texts = ["." * max(share(mark.bytes, part, count), 1) for part in range(count)]
        if mark.kind in ("text", "reasoning", "refusal"):
            make = {"text": Text, "reasoning": Reasoning, "refusal": Refusal}[mark.kind]
            return [*self._begin(mark.kind), *(make(self._block, text) for text in texts)]
        if mark.kind == "tool":
            return [*self._begin("tool"), *(ToolArguments(self._block, text) for text in texts[1:])]
        if mark.kind == "usage":
            return self._usages()
        if mark.kind == "end":
            return self._last()
        if mark.kind == "beat":
            return [Ping()]
        return [Started() if self._block < 0 else Unknown("not_recorded")]

    def _begin(self, kind: str) -> list[Event]:
        if self._open == kind:
            return []
        closed = self._close()
        self._block += 1
        self._open = kind
        if kind == "tool":
            return [*closed, ToolStart(self._block, f"call_{self._block}", "not_recorded")]
        return [*closed, BlockStart(self._block, kind)]  # type: ignore[arg-type]

    def _close(self) -> list[Event]:
        kind, self._open = self._open, ""
        return [BlockEnd(self._block)] if kind else []

    def _last(self) -> list[Event]:
        self._ends -= 1
        if self._ends or not self._whole:
            return self._finish()
        self._over = True
        return [*self._usages(), *self._finish(), End()]

    def _finish(self) -> list[Event]:
        if self._finished:
            return []
        self._finished = True
        return [*self._close(), Finish("stop")]

    def _usages(self) -> list[Event]:
        usage, self._usage = self._usage, dict[str, int]()
        known = {
            name: usage[name] for name in ("input", "output", "total", "cache_read", "cache_write", "reasoning") if name in usage
        }
        return [Usage(**known)] if known else []


def _read(events: list[Event], size: int) -> Read:
    raw = b"." * max(size - 2, 0) + b"\n\n"[: max(size, 0)]
    return Read(raw, (Batch(events, raw),)) if events else Read(raw, ())
