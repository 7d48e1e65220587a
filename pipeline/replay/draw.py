"""The stages of a request as marbles: a row a stage, all over one axis of time, so that two requests can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from rich.text import Text

from pipeline.replay.axis import CUT, Axis
from pipeline.replay.recording import STAGES, Recording, Row

SIGNS: Final[Mapping[str, tuple[str, str, str]]] = {
    "subscribe": ("^", "asked", "dim"),
    "head": ("o", "accepted", "cyan"),
    "opened": ("o", "accepted", "cyan"),
    "text": ("t", "text", "green"),
    "reasoning": ("r", "reasoning", "magenta"),
    "tool": ("c", "tool call", "blue"),
    "refusal": ("x", "refusal", "yellow"),
    "usage": ("u", "usage", "dim"),
    "bytes": (".", "bytes", ""),
    "other": ("s", "sign of life", "dim"),
    "beat": ("h", "heartbeat", "dim"),
    "end": ("e", "end said", "green"),
    "error": ("#", "error", "bold red"),
    "completed": ("|", "complete", "bold"),
    "dispose": ("!", "let go", "yellow"),
}
"""Kind -> (sign, what it means, style)."""

# Of several things in one column the one that stands first here is drawn.
_TELLING: Final = ("error", "dispose", "completed", "subscribe", "end", "tool", "refusal", "text", "reasoning", "usage")
_RANK: Final = {kind: rank for rank, kind in enumerate(_TELLING)}
_ENDS: Final = ("error", "completed", "dispose")
_LABEL: Final = 26


def axis_of(recordings: Iterable[Recording], width: int) -> Axis:
    """The axis on which all of them have room, with ``width`` columns for labels and marks together.

    A silence with nothing but heartbeats in it is one silence.
    """
    marks = [mark for each in recordings for row in each.rows for mark in row.marks]
    beats = {round(mark.at, 3) for mark in marks if mark.kind == "beat"}
    moments = [mark.at for mark in marks if mark.kind != "beat" and (mark.kind != "bytes" or round(mark.at, 3) not in beats)]
    return Axis([0.0, *moments], max(width - _LABEL - 2, 20))


def drawn(recording: Recording, axis: Axis, unknown: Mapping[int, float]) -> Iterator[Text]:
    """The rows of one request, from its first attempt on, and the axis under them.

    Args:
        recording: the request.
        axis: where its moments stand.
        unknown: attempt -> from when on, in seconds, it is not known what it would have done; drawn as ``?``.
    """
    until = axis.column(recording.ended)
    for row in _ordered(recording):
        known = axis.column(unknown[row.attempt]) if row.attempt in unknown and row.stage != "attempt" else None
        yield Text.assemble((_label(recording, row).ljust(_LABEL), ""), "  ", _marks(row, axis, until, known))
    yield Text(f"{'':{_LABEL}}  {axis.draw()}", "dim")


def legend(recordings: Iterable[Recording]) -> str:
    """What the signs mean that are there."""
    kinds = {mark.kind for each in recordings for row in each.rows for mark in row.marks}
    words = dict.fromkeys(f"{sign} {meaning}" for kind, (sign, meaning, _) in SIGNS.items() if kind in kinds)
    return "  ".join(words)


def _ordered(recording: Recording) -> list[Row]:
    """Attempts first, each from its wire on; then what belongs to the whole request."""
    return sorted(recording.rows, key=lambda row: (row.attempt or 10**6, STAGES.index(row.stage) if row.stage in STAGES else 9))


def _label(recording: Recording, row: Row) -> str:
    if not row.attempt:
        return row.stage
    candidate = next((each.candidate for each in recording.attempts if each.number == row.attempt), "?")
    return f"{row.attempt} {_cut(candidate, _LABEL - len(row.stage) - len(str(row.attempt)) - 2)} {row.stage}"


def _cut(text: str, most: int) -> str:
    """A long name without its middle: both ends tell more."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[-tail:]}"


def _marks(row: Row, axis: Axis, until: int, known: int | None) -> Text:
    kinds: dict[int, str] = {}
    for mark in row.marks:
        column = axis.column(mark.at)
        kind = kinds.get(column)
        if kind is None or _rank(mark.kind) < _rank(kind):
            kinds[column] = mark.kind
    # An end in the very column of the beginning: both are to be seen.
    first, last = min(kinds, default=0), max(kinds, default=0)
    over = any(kind in _ENDS for kind in kinds.values())
    text = Text()
    for column in range(axis.width):
        here = kinds.get(column)
        if here is not None:
            sign, _, style = SIGNS.get(here, SIGNS["other"])
            text.append(sign, style)
        elif column < first or column > (last if over else until):
            text.append(" ")
        elif known is not None and column > known:
            text.append("?", "yellow")
        else:
            text.append("-", "dim")
    return _cuts(text, axis, first, last if over else until)


def _cuts(text: Text, axis: Axis, first: int, last: int) -> Text:
    """Left-out time, in the rows that it runs through."""
    for cut in axis.cuts:
        if first <= cut - 1 and cut + len(CUT) <= last:
            before, after = text[:cut], text[cut + len(CUT) :]
            text = Text.assemble(before, (CUT, "dim"), after)
    text.rstrip()
    return text


def _rank(kind: str) -> int:
    return _RANK.get(kind, len(_RANK))
