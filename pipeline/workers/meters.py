"""Meters of rate limits that all workers fill and drain: what a key may use is the same whichever worker its requests reach.

(Dividing a limit by the workers would not do: a client that keeps one connection meets one worker only, and would be refused at a
part of what it was promised.)

A meter is two numbers in memory that the workers share since they were forked. They are read and written without a lock: two
workers that count at the very same microsecond may count as one, and nobody who is killed leaves a lock behind.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
import weakref
from collections.abc import Hashable
from hashlib import blake2b
from typing import Final

from operators.gcra import Gcra

PLACES: Final = 1 << 14
"""Meters at most. A place is never given back: there are as many as the configurations in use had limits."""
_PROBES: Final = 64
_NUMBERS: Final = 3
"""Of a place: whose it is (0: nobody's), what is used, when that was."""


class Meters:
    """A table of meters, made before the workers are forked.

    Args:
        places: how many there may be.

    >>> meters = Meters()
    >>> one, same, other = (meters.of(name, rate=1, burst=2) for name in ("alice", "alice", "bob"))
    >>> one.take(now=5), same.take(now=5), one.take(now=5), other.take(now=5)
    (0.0, 0.0, 1.0, 0.0)
    """

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        memory = mmap.mmap(-1, places * _NUMBERS * 8)
        self._owners = memoryview(memory).cast("Q")
        self._numbers = memoryview(memory).cast("d")
        # Only for taking a place; the kernel gives it back when its holder is killed.
        self._lock = _nameless_file()
        weakref.finalize(self, os.close, self._lock)

    def of(self, what: Hashable, rate: float, burst: float) -> Gcra:
        """The meter of ``what``, whose ``repr`` is the same in all workers. One of this worker alone, where the table is full."""
        place = self._place(int.from_bytes(blake2b(repr(what).encode(), digest_size=8).digest()) or 1)
        return Gcra(rate, burst) if place is None else Shared(self._numbers, place, rate, burst)

    def _place(self, owner: int) -> int | None:
        first = self._find(owner, owner)
        if first is not None:
            return first
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            # Another worker may have been quicker.
            place = self._find(owner, owner)
            if place is None:
                place = self._find(owner, 0)
                if place is not None:
                    self._owners[place] = owner
            return place
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def _find(self, start: int, owner: int) -> int | None:
        """The first place of ``owner`` from ``start`` on."""
        for probe in range(_PROBES):
            place = (start + probe) % self._places * _NUMBERS
            if self._owners[place] == owner:
                return place
        return None


def _nameless_file() -> int:
    """Its descriptor; in memory where that can be, so that no folder has to be writable."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("penstock")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Shared(Gcra):
    """A meter whose numbers lie in shared memory."""

    __slots__ = ("_numbers", "_place")

    def __init__(self, numbers: memoryview[float], place: int, rate: float, burst: float) -> None:
        # Before there is a place the base sets what a new meter begins with; this one may have begun elsewhere.
        self._place = 0
        self._numbers = memoryview(bytearray(_NUMBERS * 8)).cast("d")
        super().__init__(rate, burst)
        self._numbers, self._place = numbers, place

    @property
    def _used(self) -> float:
        return float(self._numbers[self._place + 1])

    @_used.setter
    def _used(self, value: float) -> None:
        self._numbers[self._place + 1] = value

    @property
    def _at(self) -> float:
        return float(self._numbers[self._place + 2])

    @_at.setter
    def _at(self, value: float) -> None:
        self._numbers[self._place + 2] = value
