"""One time axis for many rows: a column is a span of time, and a long silence takes few columns, cut by ``//``."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import pairwise
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

    The step, of 1, 2 or 5 and zeros, is one with few cuts that tells at least half as many moments apart as any that fits.

    Args:
        moments: all that have to be told apart, in seconds; in any order, more than none.
        width: how many columns there are at most, where that is possible at all.
    """

    def __init__(self, moments: Iterable[float], width: int) -> None:
        self._moments = _apart(sorted(moments))
        placed = [(step, *self._placed(step)) for step in _STEPS]
        fitting = [each for each in placed if each[1][-1] < width] or placed[-1:]
        apart = max(len({*columns}) for _, columns, _ in fitting)
        # What is worth a column of its own is worth little where it costs a cut: clocks jitter.
        telling = [each for each in fitting if 2 * len({*each[1]}) >= apart]
        self.step, self._columns, self.cuts = min(telling, key=lambda each: (len(each[2]), -len({*each[1]}), -each[0]))

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self._columns[-1] + 1

    def column(self, moment: float) -> int:
        """The column of a moment, also of one that the axis was not made for: it stands between its neighbours."""
        place = max(bisect_right(self._moments, moment + _MOMENT / 2) - 1, 0)
        column, since = self._columns[place], moment - self._moments[place]
        if since < _MOMENT or place + 1 == len(self._columns):
            return column
        if column + 1 in self.cuts:
            return column + 1 + len(CUT)
        return min(column + int(since / self.step + 1e-6), self._columns[place + 1])

    def _placed(self, step: float) -> tuple[list[int], list[int]]:
        """The column of each moment, and those in which a cut begins."""
        columns, cuts = [0], list[int]()
        moments = self._moments
        since, base = moments[0], 0
        for earlier, later in pairwise(moments):
            if later - earlier > _LONGEST_GAP * step:
                cuts.append(columns[-1] + 1)
                base, since = columns[-1] + _SHORT, later
                columns.append(base)
            else:
                columns.append(base + int((later - since) / step + 1e-6))
        return columns, cuts

    def draw(self) -> str:
        """The axis itself: times at their columns, as many as there is room for; those behind a cut before others."""
        wanted = [0, *(cut + _SHORT - 1 for cut in self.cuts), self.width - 1]
        line = list(" " * max(self.width, len(self._label(self.width - 1))))
        for column in dict.fromkeys([*wanted, *range(0, self.width, 16)]):
            text = self._label(column)
            # The last ones end where the axis ends.
            start = max(min(column, len(line) - len(text)), 0)
            if not "".join(line[max(start - 1, 0) : start + len(text) + 1]).strip():
                line[start : start + len(text)] = text
        return "".join(line).rstrip()

    def _label(self, column: int) -> str:
        """The first moment of a column; of an empty one, the last before it."""
        place = bisect_left(self._columns, column)
        exact = place < len(self._columns) and self._columns[place] == column
        return shown(self._moments[place if exact else max(place - 1, 0)])


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
