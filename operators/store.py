"""Finished streams by their keys: bounded in memory and age. What :func:`operators.cache.cache` keeps."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any, Final, NamedTuple

ENTRY: Final = 512
"""Bytes that an entry takes beside its key and its items."""
OBJECT: Final = 512
"""Bytes that an object with a ``size`` takes beside that: itself, and what it holds around its bytes."""


class _Entry(NamedTuple):
    items: tuple[Any, ...]
    size: int
    until: float


class Store:
    """Finished streams, the least recently used first. For one event loop, and schedulers whose clock is the same."""

    __slots__ = ("_entries", "bytes", "hits", "misses")

    def __init__(self) -> None:
        self.bytes = 0
        """What all entries take in memory."""
        self.hits = 0
        """How many subscribers so far found what they wanted."""
        self.misses = 0
        """How many did not."""
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    @property
    def entries(self) -> int:
        """How many there are."""
        return len(self._entries)

    def find(self, key: Hashable, now: float) -> tuple[Any, ...] | None:
        """The items kept under ``key``, where they are young enough. Counts a hit or a miss.

        Args:
            key: as they were put.
            now: seconds, on the clock of ``put``.

        Raises:
            TypeError: ``key`` cannot be a key.
        """
        entry = self._entries.get(key)
        if entry is not None and now < entry.until:
            self.hits += 1
            self._entries.move_to_end(key)
            return entry.items
        self.misses += 1
        self._drop(key)
        return None

    def put(self, key: Hashable, items: Sequence[Any], size: int, until: float, bound: int) -> None:
        """Keep ``items``, in place of what was there; whatever was not used for longest goes, until the bound is kept.

        Args:
            key: what to ask for.
            items: what to keep.
            size: the bytes they take (:func:`footprint`).
            until: seconds, on the clock of ``find``.
            bound: the bytes that all entries may take.
        """
        self._drop(key)
        size += ENTRY + sys.getsizeof(key)
        self._entries[key] = _Entry(tuple(items), size, until)
        self.bytes += size
        while self.bytes > bound:
            _, oldest = self._entries.popitem(last=False)
            self.bytes -= oldest.size

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry.size


def footprint(item: Any) -> int:
    """The bytes of memory that an item takes while it is kept.

    An object with a ``size`` takes that and a flat share for what is around it, any other what the interpreter says.

    >>> footprint(b"x" * 1000) > 1000
    True
    """
    try:
        return item.size + OBJECT  # type: ignore[no-any-return]
    except AttributeError:
        # Eight: its place in the list.
        return sys.getsizeof(item) + 8
