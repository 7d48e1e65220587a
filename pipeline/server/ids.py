"""Names for requests whose clients gave them none."""

from __future__ import annotations

import os
from typing import Final

SIZE: Final = 12
"""Random bytes of an id: no two requests share one, of whatever process."""

_AT_ONCE: Final = 256
"""Ids for which randomness is drawn together: asking the system for it costs as much as all else here."""


class RequestIds:
    """Gives ids. For one process: one that forks must not have drawn any before.

    >>> ids = RequestIds()
    >>> len(ids.new()), ids.new() == ids.new()
    (28, False)
    """

    __slots__ = ("_at", "_drawn")

    def __init__(self) -> None:
        self._drawn = ""
        self._at = 0

    def new(self) -> str:
        """``req_`` and 24 hexadecimal digits."""
        begin = self._at
        if begin >= len(self._drawn):
            self._drawn = os.urandom(SIZE * _AT_ONCE).hex()
            begin = 0
        self._at = end = begin + 2 * SIZE
        return "req_" + self._drawn[begin:end]
