"""What was noted at several places of one chain, with its times; it draws itself as marbles that line up."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, NamedTuple

from operators.options import Count, positive

Kind = Literal["subscribe", "next", "error", "completed", "dispose"]

LONGEST: Final = 40
"""Characters of a text."""

_SIGNS: Final = {"subscribe": "^", "error": "#", "completed": "|", "dispose": "!"}
_LETTERS: Final = string.ascii_letters + string.digits
_NO_LETTER: Final = "?"

# More marks than that in one column are cut in their middle.
_CROWD: Final = 6


def short(item: Any) -> str:
    """The ``repr`` of an item, without making more of it than is shown."""
    return repr(item[:LONGEST] if isinstance(item, str | bytes) else item)


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


class Note(NamedTuple):
    """What happened once at one place. ``seconds`` are those since its sheet began."""

    seconds: float
    label: str
    kind: Kind
    text: str


_new: Final = tuple.__new__


class Sheet:
    """Notes of one subscription to a chain, made by ``trace`` at each of its places.

    Args:
        now: time in seconds; only differences mean something. See ``clock.seconds``.
        most: how many notes are kept. The last tenth is kept free for what is no item, so that the end of a long stream is seen.

    Raises:
        ValueError: ``most`` is not positive.
    """

    __slots__ = ("_began", "_most", "_most_items", "_now", "left_out", "notes")

    def __init__(self, now: Callable[[], float], most: Count = 1000) -> None:
        positive("Sheet", most=most)
        self._now = now
        self._began = now()
        self._most = most
        self._most_items = most - most // 10
        self.notes: list[Note] = []
        self.left_out = 0
        """How many notes there was no room for."""

    def note(self, label: str, kind: Kind, value: Any = None, shown: Callable[[Any], str] | None = None) -> None:
        """Something happened at the place ``label``; ``shown`` makes a text of ``value``, and may raise."""
        notes = self.notes
        if len(notes) >= (self._most_items if kind == "next" else self._most):
            self.left_out += 1
            return
        text = ""
        if shown is not None:
            try:
                text = shown(value)
                if len(text) > LONGEST:
                    text = f"{text[: LONGEST - 1]}…"
            except Exception as error:
                text = f"({type(error).__name__} when it was shown)"
        # Half the time of calling the class.
        notes.append(_new(Note, (self._now() - self._began, label, kind, text)))

    def draw(self, step: float | None = None, width: int = 100) -> str:
        """All of it as text: a place a line, the one nearest to the source first, a step of time a column, and a legend.

        The signs are those of ``operators.testing``; an item is a letter, the same one wherever its text is the same. Columns
        line up: where several things happened within a step at one place, the other lines are stretched.

        Args:
            step: seconds of a column; None: as long as tells all moments apart that ``width`` columns can tell apart.
            width: how many columns there are at most where ``step`` is not given.

        Raises:
            ValueError: a number is not positive.
        """
        positive("Sheet.draw", width=width, step=1 if step is None else step)
        if not self.notes:
            return "nothing was noted"
        seconds = [note.seconds for note in self.notes]
        step = step or _step(seconds, width)
        letters = _letters(self.notes)
        lines = {note.label: _Line(note.label) for note in self.notes}
        for note in self.notes:
            lines[note.label].add(_column(note.seconds, step), _SIGNS.get(note.kind) or letters[note.text])
        columns = range(_column(max(seconds), step) + 1)
        widths = [max(len(line.cell(column)) for line in lines.values()) for column in columns]
        longest = max(map(len, lines))
        drawn = [f"{line.label:<{longest}}  {line.draw(widths)}".rstrip() for line in reversed(lines.values())]
        return "\n".join([*drawn, "", *self._legend(step, letters)])

    def _legend(self, step: float, letters: dict[str, str]) -> Iterator[str]:
        yield f"a column is {step:g} s"
        for text, letter in letters.items():
            if letter != _NO_LETTER:
                yield f"{letter}  {_one_line(text)}"
        nameless = sum(letter == _NO_LETTER for letter in letters.values())
        if nameless:
            yield f"{_NO_LETTER}  one of {nameless} others"
        for text in dict.fromkeys(note.text for note in self.notes if note.kind == "error"):
            yield f"{_SIGNS['error']}  {_one_line(text)}"
        if self.left_out:
            yield f"{self.left_out} more were left out"


class _Line:
    """One place: its marks, by column."""

    def __init__(self, label: str) -> None:
        self.label = label
        self._marks: dict[int, str] = {}

    def add(self, column: int, mark: str) -> None:
        self._marks[column] = self._marks.get(column, "") + mark

    def cell(self, column: int) -> str:
        """What stands in one column; "" where nothing happened."""
        marks = self._marks.get(column, "")
        if len(marks) > _CROWD:
            marks = f"{marks[:3]}+{len(marks) - 4}{marks[-1]}"
        return marks if len(marks) < 2 else f"({marks})"

    def draw(self, widths: list[int]) -> str:
        """All columns, filled up with time where somebody was subscribed."""
        text = ""
        subscribed = 0
        for column, width in enumerate(widths):
            marks = self._marks.get(column, "")
            subscribed += marks.count("^") - sum(marks.count(end) for end in "#|!")
            text += self.cell(column).ljust(max(width, 1), "-" if subscribed > 0 else " ")
        return text


def _letters(notes: list[Note]) -> dict[str, str]:
    """A letter for each text of an item, in their order."""
    texts = dict.fromkeys(note.text for note in notes if note.kind == "next")
    return {text: _LETTERS[index] if index < len(_LETTERS) else _NO_LETTER for index, text in enumerate(texts)}


def _column(seconds: float, step: float) -> int:
    # A moment on the border belongs to the column that it begins, also where the division falls just short.
    return int(seconds / step + 1e-6)


def _step(seconds: list[float], width: int) -> float:
    """The longest step, of 1, 2 or 5 and zeros, that tells as many moments apart as the shortest one that fits."""
    chosen, apart = 1.0, 0
    for step in (digit * 10.0**power for power in range(-3, 12) for digit in (1, 2, 5)):
        columns = {_column(moment, step) for moment in seconds}
        if max(columns) >= width:
            continue
        if apart and (len(columns) < apart or len(columns) == 1):
            break
        chosen, apart = step, len(columns)
    return chosen
