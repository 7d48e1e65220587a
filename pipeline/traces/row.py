"""What passed one place of a chain, as marks: when, what kind, how many bytes, how many events. Bounded, 17 bytes a mark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from struct import Struct
from typing import Any, Final

MOST: Final = 256
"""Marks of one row. When they are reached, neighbours are merged: a long stream keeps its shape."""

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

_MARK: Final = Struct("<dIIB")
_pack: Final = _MARK.pack
_MOST_BYTES: Final = MOST * _MARK.size
_LARGEST: Final = 2**32 - 1

_Mark = tuple[float, int, int, int]
"""Seconds (of whatever clock the trace has), bytes, events, code of the kind."""


class Row:
    """The marks of one place.

    Args:
        stage: ``wire``, ``decoded``, ``attempt``, ``answer`` or ``client``.
        attempt: the number of the attempt that it belongs to; None for what is the whole request's.
    """

    __slots__ = ("_data", "attempt", "epoch", "stage")

    def __init__(self, stage: str, attempt: int | None = None) -> None:
        self.stage = stage
        self.attempt = attempt
        self.epoch = 0
        """How often marks were merged: what was read of an earlier epoch is out of date."""
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data) // _MARK.size

    def add(self, at: float, code: int, size: int = 0, count: int = 0) -> None:
        """One more mark.

        Args:
            at: seconds, on the trace's clock, never before the last mark.
            code: of the kind (``CODES``).
            size: bytes, below 4 GiB.
            count: events.
        """
        data = self._data
        data += _pack(at, size, count, code)
        if len(data) >= _MOST_BYTES:
            self._merge()

    def _merge(self) -> None:
        marks = list(_MARK.iter_unpack(self._data))
        for alike in (_same, _both_content, _any):
            marks = list(_paired(marks, alike))
            if len(marks) <= _ROOM:
                break
        self._data = bytearray().join(_pack(*mark) for mark in marks)
        self.epoch += 1

    @property
    def bytes(self) -> int:
        """All bytes that passed: merging loses none."""
        return sum(size for _, size, _, _ in _MARK.iter_unpack(self._data))

    def marks(self, began: float, since: int = 0) -> list[list[Any]]:
        """The marks from number ``since`` on, as ``[seconds since began, kind, bytes, events]``."""
        data = memoryview(self._data)[since * _MARK.size :]
        return [[round(at - began, 6), KINDS[code], size, count] for at, size, count, code in _MARK.iter_unpack(data)]

    def to_json(self, began: float) -> dict[str, Any]:
        """As in a trace's ``stages``."""
        return {**self.head(), "marks": self.marks(began)}

    def head(self) -> dict[str, Any]:
        """What it is a row of."""
        return {"stage": self.stage} if self.attempt is None else {"stage": self.stage, "attempt": self.attempt}


def _paired(marks: list[_Mark], alike: Callable[[int, int], bool]) -> Iterator[_Mark]:
    """The marks, with neighbours that are alike joined two and two: sums, and the time of the first."""
    waiting: _Mark | None = None
    for mark in marks:
        if waiting is None:
            waiting = mark
        elif alike(waiting[3], mark[3]):
            at, size, count, code = waiting
            yield at, min(size + mark[1], _LARGEST), min(count + mark[2], _LARGEST), min(code, mark[3])
            waiting = None
        else:
            yield waiting
            waiting = mark
    if waiting is not None:
        yield waiting


def _same(one: int, other: int) -> bool:
    return one == other


def _both_content(one: int, other: int) -> bool:
    return one < _FIRST_TURN and other < _FIRST_TURN


def _any(one: int, other: int) -> bool:
    return True
