"""What the drawings of cases say: texts and signs in columns, read from a drawing and drawn from what came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final

from reactivex.notification import OnError, OnNext

from operators.testing import parse
from pipeline.encode import BEAT
from pipeline.events import Batch, Started, Text


class Sign(Enum):
    """What a drawing shows that is no text. A text with the same letter is something else."""

    LIFE = "s"
    BEAT = "h"
    ERROR = "#"
    END = "|"


Seen = tuple[float, Sign | str]
"""In which column, and what: a text or a sign."""

_NO_LETTER: Final = frozenset({*(sign.value for sign in Sign), *"-()^ "})
"""What a drawing would be misread by if it stood for a text."""


class _Given(str):
    """A text that a case says by ``values``: also "s" is one."""

    __slots__ = ()


def read(drawing: str, values: Mapping[str, str]) -> list[Seen]:
    """What a drawing says. ``values`` are the texts of its letters; others say themselves. Raises ValueError."""
    given = {mark: _Given(text) for mark, text in values.items()}
    return [_mark(column, event) for column, event in parse(drawing, given, Exception())]


def draw(seen: list[Seen], values: Mapping[str, str]) -> str:
    """As a drawing; what stands between two columns, or has no character of its own, is written behind it."""
    names = {text: mark for mark, text in values.items()}
    line, notes = "", list[str]()
    columns: dict[int, str] = {}
    for column, what in seen:
        mark = what.value if isinstance(what, Sign) else names.get(what, what)
        if isinstance(what, str) and (len(mark) != 1 or (mark in _NO_LETTER and what not in names)):
            notes.append(f"? is {what!r}")
            mark = "?"
        if column != int(column):
            notes.append(f"{mark} came at {column:g}, between two columns")
        columns[int(column)] = columns.get(int(column), "") + mark
    for column, marks in sorted(columns.items()):
        if column < len(line):
            notes.append(f"{marks} came at {column}, under the bracket before it")
        line += "-" * (column - len(line)) + (marks if len(marks) == 1 else f"({marks})")
    return line + (f"   ({'; '.join(dict.fromkeys(notes))})" if notes else "")


def said(batch: Batch) -> Iterator[Sign | str]:
    """What of a batch a drawing shows."""
    if batch is BEAT:
        yield Sign.BEAT
    text = "".join(event.text for event in batch.events if isinstance(event, Text))
    if text:
        yield text
    elif any(isinstance(event, Started) for event in batch.events):
        yield Sign.LIFE


def draw_try(began: float, let_go: float | None = None) -> str:
    """One try as a drawing, with what lies between two columns said in numbers."""
    if began != int(began) or (let_go is not None and (let_go != int(let_go) or let_go == began)):
        return f"{began:g} to {let_go:g}" if let_go is not None else f"{began:g} on"
    end = "" if let_go is None else "-" * (int(let_go) - int(began) - 1) + "!"
    return "-" * int(began) + "^" + end


def _mark(column: float, event: Any) -> Seen:
    if not isinstance(event, OnNext):
        return column, Sign.ERROR if isinstance(event, OnError) else Sign.END
    what = event.value
    if isinstance(what, _Given) or what not in (Sign.LIFE.value, Sign.BEAT.value):
        return column, str(what)
    return column, Sign(what)
