"""What passed one place of a chain, as marks: when, what kind, how many bytes, how many events. Bounded, 17 bytes a mark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import add, sub
from struct import Struct
from typing import Any, Final

MOST: Final = 256
"""Marks of one row. When they are reached, neighbours are merged: a long stream keeps its shape."""

FINE: Final = 0.001
"""Seconds within which marks of one kind are one: nobody sees them apart, and a fast stream costs a fraction."""

# What is left after merging: merging is done for many marks at once, never for one.
_ROOM: Final = MOST * 3 // 4

KINDS: Final = (
    *("tool", "refusal", "text", "reasoning", "usage", "other", "beat", "bytes"),
    *("subscribe", "head", "opened", "end", "error", "completed", "dispose"),
)
"""The kinds of marks. Of two that are merged although they differ, the one that stands first here gives the name."""

CODES: Final[Mapping[str, int]] = {name: code for code, name in enumerate(KINDS)}

_FIRST_TURN: Final = CODES["subscribe"]
"""From here on they are turns of the stream's life, not its content."""
_LAST_TURN: Final = CODES["error"]
"""And from here on its end."""

_MARK: Final = Struct("<dIIB")
_pack: Final = _MARK.pack
_MOST_BYTES: Final = MOST * _MARK.size
_LARGEST: Final = 2**32 - 1
_MOST_EPOCHS: Final = 30

# Which kinds may be joined: each with itself; contents with each other, turns with themselves; everything.
_ITSELF: Final = tuple(range(len(KINDS)))
_CONTENT: Final = tuple(max(code, _FIRST_TURN - 1) for code in _ITSELF)
_ANYTHING: Final = (0,) * len(KINDS)

_Mark = tuple[float, int, int, int]
"""Seconds (of whatever clock the trace has), bytes, events, code of the kind."""

Columns = tuple[Sequence[float], Sequence[int], Sequence[int], Sequence[int]]
"""Seconds, kinds (codes, or ``unless_ended``), bytes and events of several marks: what is done by columns costs a fraction."""


def unless_ended(kind: str) -> int:
    """The code of an end that counts only where the row has a beginning and no end."""
    return ~CODES[kind]


class Row:
    """The marks of one place.

    Whenever it is full, neighbours are merged two and two, and from then on so many of one kind that come one after another are
    one mark from the beginning: a long stream is as finely drawn at its beginning as at its end, and merging is rare.

    Args:
        stage: ``wire``, ``decoded``, ``attempt``, ``answer`` or ``client``.
        attempt: the number of the attempt that it belongs to; None for what is the whole request's.
    """

    __slots__ = ("_at", "_code", "_count", "_data", "_room", "_size", "attempt", "epoch", "stage")

    def __init__(self, stage: str, attempt: int | None = None) -> None:
        self.stage = stage
        self.attempt = attempt
        self.epoch = 0
        """How often marks were merged: what was read of an earlier epoch is out of date."""
        self._data = bytearray()
        self._room = 0
        """How many more may join the last mark whenever they come; none before marks were merged."""
        self._at = 0.0
        self._size = self._count = 0
        self._code = -1
        """These four are the last mark, which may still grow; -1: there is none."""

    def __len__(self) -> int:
        return len(self._data) // _MARK.size + (self._code >= 0)

    def add(self, at: float, code: int, size: int = 0, count: int = 0) -> None:
        """One more mark.

        Args:
            at: seconds, on the trace's clock, never before the last mark.
            code: of the kind (``CODES``).
            size: bytes, below 4 GiB.
            count: events.
        """
        self.take((at,), (code,), (size,), (count,))

    def take(self, at: Sequence[float], codes: Sequence[int], sizes: Sequence[int], counts: Sequence[int]) -> None:
        """Several marks, in their order; the last one may be an end that counts only where none was noted (``unless_ended``)."""
        taken = 0 if self.epoch or len(at) == 1 else self._at_once(at, codes, sizes, counts)
        if taken:
            at, codes, sizes, counts = at[taken:], codes[taken:], sizes[taken:], counts[taken:]
        last, code, total, number, room = self._at, self._code, self._size, self._count, self._room
        for when, kind, size, count in zip(at, codes, sizes, counts, strict=True):
            if kind == code and (room or when - last < FINE):
                if room:
                    room -= 1
                total += size
                number += count
                continue
            self._at, self._code, self._size, self._count, self._room = last, code, total, number, room
            if kind >= 0:
                self._open(when, kind, size, count)
            else:
                self._end(when, ~kind)
            last, code, total, number, room = self._at, self._code, self._size, self._count, self._room
        self._at, self._code, self._size, self._count, self._room = last, code, total, number, room

    def _at_once(self, at: Sequence[float], codes: Sequence[int], sizes: Sequence[int], counts: Sequence[int]) -> int:
        """Take those that cannot be one with any other: a slow stream, before anything is merged. Tells how many it took."""
        taken = min(len(at), MOST - 1 - len(self))
        if taken < 2 or at[0] - self._at < FINE or min(map(sub, at[1:], at)) < FINE:
            return 0
        if min(codes) < 0 or max(sizes) > _LARGEST or max(counts) > _LARGEST:
            return 0
        self._close()
        last = taken - 1
        self._data += b"".join(map(_pack, at[:last], sizes, counts, codes))
        self._at, self._code, self._size, self._count = at[last], codes[last], sizes[last], counts[last]
        return taken

    def _end(self, at: float, code: int) -> None:
        """Where nobody subscribed nothing ends."""
        # The kind is the last byte of a mark.
        last = self._code if self._code >= 0 else self._data[-1] if self._data else _LAST_TURN
        if last < _LAST_TURN:
            self._open(at, code, 0, 0)

    def _open(self, at: float, code: int, size: int, count: int) -> None:
        self._close()
        self._at, self._code, self._size, self._count = at, code, size, count
        if self.epoch:
            self._room = (1 << min(self.epoch, _MOST_EPOCHS)) - 1
        if len(self._data) >= _MOST_BYTES - _MARK.size:
            self._close()
            self._merge()

    def _close(self) -> None:
        if self._code >= 0:
            self._data += _pack(self._at, min(self._size, _LARGEST), min(self._count, _LARGEST), self._code)
            self._code, self._room = -1, 0

    def _merge(self) -> None:
        columns: tuple[Sequence[Any], ...] = tuple(zip(*_MARK.iter_unpack(self._data), strict=True))
        for group in (_ITSELF, _CONTENT, _ANYTHING):
            columns = _paired(*columns, group=group)
            if len(columns[0]) <= _ROOM:
                break
        at, sizes, counts, codes = columns
        if max(sizes) > _LARGEST or max(counts) > _LARGEST:
            sizes, counts = ([min(value, _LARGEST) for value in values] for values in (sizes, counts))
        self._data = bytearray().join(map(_pack, at, sizes, counts, codes))
        self.epoch += 1

    def _all(self) -> Iterator[_Mark]:
        # A copy: it may be read in another thread while more comes.
        yield from _MARK.iter_unpack(bytes(self._data))
        if self._code >= 0:
            yield self._at, self._size, self._count, self._code

    @property
    def bytes(self) -> int:
        """All bytes that passed: merging loses none."""
        return sum(size for _, size, _, _ in self._all())

    @property
    def count(self) -> int:
        """All events that passed."""
        return sum(count for _, _, count, _ in self._all())

    @property
    def last(self) -> tuple[float, str] | None:
        """The last mark that is content: when, and of which kind."""
        content = [(at, KINDS[code]) for at, _, _, code in self._all() if code < _FIRST_TURN]
        return content[-1] if content else None

    @property
    def state(self) -> tuple[int, ...]:
        """Changes with every mark."""
        return self.epoch, len(self), self._size, self._count

    def marks(self, began: float, since: int = 0) -> list[list[Any]]:
        """The marks from number ``since`` on, as ``[seconds since began, kind, bytes, events]``."""
        marks = islice(self._all(), since, None)
        return [[round(at - began, 6), KINDS[code], size, count] for at, size, count, code in marks]

    def to_json(self, began: float) -> dict[str, Any]:
        """As in a trace's ``stages``."""
        return {**self.head(), "marks": self.marks(began)}

    def head(self) -> dict[str, Any]:
        """What it is a row of."""
        return {"stage": self.stage} if self.attempt is None else {"stage": self.stage, "attempt": self.attempt}


def _paired(
    at: Sequence[float], sizes: Sequence[int], counts: Sequence[int], codes: Sequence[int], *, group: Sequence[int]
) -> tuple[Sequence[Any], ...]:
    """The marks, with neighbours of one group joined two and two: sums, and the time of the first. By columns, for speed."""
    joined: tuple[list[float], list[int], list[int], list[int]] = ([], [], [], [])
    start = 0
    for _, run in groupby(map(group.__getitem__, codes)):
        stop = start + sum(1 for _ in run)
        even = stop - (stop - start) % 2
        joined[0].extend(at[start:stop:2])
        for column, values, join in ((joined[1], sizes, add), (joined[2], counts, add), (joined[3], codes, min)):
            column.extend(map(join, values[start:even:2], values[start + 1 : even : 2]))
            column.extend(values[even:stop])
        start = stop
    return joined
