"""One time axis for many rows: a column is a span of time, and a long silence takes few columns, cut by ``//``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

CUT: Final = "//"
"""What stands in an axis, and in the rows over it, where time was left out."""

# Columns of the longest silence that is drawn in full; the columns of one that is not.
_LONGEST_GAP: Final = 10
_SHORT: Final = 4

_STEPS: Final = tuple(digit * 10.0**power for power in range(-3, 7) for digit in (1, 2, 5))

# Moments that are closer than that, in seconds, are one.
_MOMENT: Final = 0.0005


class Axis:
    """Where each moment stands.

    Args:
        moments: all that will be asked for, in seconds; in any order, more than none.
        width: how many columns there are at most, where that is possible at all.
    """

    def __init__(self, moments: Iterable[float], width: int) -> None:
        self._moments = _apart(sorted(moments))
        for self.step in _STEPS:
            self._columns, self.cuts = self._placed(self.step)
            if self.width <= width:
                break

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self._columns[-1] + 1

    def column(self, moment: float) -> int:
        """The column of a moment."""
        return self._columns[max(bisect_right(self._moments, moment + _MOMENT / 2) - 1, 0)]

    def _placed(self, step: float) -> tuple[list[int], list[int]]:
        """The column of each moment, and those in which a cut begins."""
        columns, cuts = [0], list[int]()
        moments = self._moments
        since, base = moments[0], 0
        for earlier, later in zip(moments, moments[1:], strict=False):
            if later - earlier > _LONGEST_GAP * step:
                cuts.append(columns[-1] + 1)
                base, since = columns[-1] + _SHORT, later
                columns.append(base)
            else:
                columns.append(base + int((later - since) / step + 1e-6))
        return columns, cuts

    def draw(self) -> str:
        """The axis itself: times under their columns, as many as there is room for; those behind a cut first."""
        wanted = [0, *(cut + _SHORT - 1 for cut in self.cuts), self.width - 1]
        line = list(" " * (self.width + 12))
        free_from = 0
        placed: list[int] = []
        for column in sorted({*wanted, *range(0, self.width, 16)}, key=lambda at: (at not in wanted, at)):
            text = self._label(column)
            end = column + len(text)
            if any(column < other_end + 2 and end + 2 > other for other, other_end in ((p, p + len(self._label(p))) for p in placed)):
                continue
            placed.append(column)
            line[column:end] = text
            free_from = max(free_from, end)
        return "".join(line).rstrip()

    def _label(self, column: int) -> str:
        return shown(self._moments[max(bisect_right(self._columns, column) - 1, 0)])


def shown(seconds: float) -> str:
    """Seconds as people read them.

    >>> shown(0), shown(0.0504), shown(12.34), shown(120.06)
    ('0 s', '0.05 s', '12.34 s', '120.06 s')
    """
    digits = 3 if seconds < 0.01 else 2
    return f"{round(seconds, digits):g} s"


def _apart(moments: list[float]) -> list[float]:
    found = moments[:1]
    for moment in moments[1:]:
        if moment - found[-1] >= _MOMENT:
            found.append(moment)
    return found
