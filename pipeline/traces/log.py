"""The log of a trace: what taps put down while a request is under way, one tuple a moment, because it is done for every token.

A note may stand for several marks that belong together; ``spread`` makes them when somebody reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Final

from pipeline.traces.row import CODES, Noted

ANSWER: Final = 0
CLIENT: Final = 1
"""The places of the whole request; those of an attempt follow (``place``)."""
OF_ATTEMPT: Final = ("wire", "decoded", "attempt")

Put = tuple[int, float, int, int, int]
"""Place, seconds, code of the kind (perhaps with flags), bytes, events."""

OPENS: Final = 16
"""Flag: the first of its events opened the answer."""
ENDS: Final = 32
"""Flag: the last of its events said that the answer is complete."""
BOTH: Final = 64
"""Flag: it stands for the next place, too."""

_PUT: Final = Struct("<IdBQI")
_pack: Final = _PUT.pack

_KIND: Final = OPENS - 1
_HEAD: Final = CODES["head"]
_BYTES: Final = CODES["bytes"]
_OPENED: Final = CODES["opened"]
_END: Final = CODES["end"]


def place(stage: str, attempt: int) -> int:
    """The number under which a stage of an attempt is noted; the stages follow each other: ``wire``, ``decoded``, ``attempt``."""
    return 3 * attempt - 1 + OF_ATTEMPT.index(stage)


def of_place(number: int) -> tuple[str, int]:
    """The stage and the attempt of a place that is an attempt's.

    >>> of_place(place("decoded", 2))
    ('decoded', 2)
    """
    attempt, stage = divmod(number + 1, 3)
    return OF_ATTEMPT[stage], attempt


def packed(log: Iterable[Put]) -> bytes:
    """The notes in a quarter of their room: a thousand traces are kept, and what lies cold in memory is slow to be let go."""
    return b"".join([_pack(*noted) for noted in log])


def unpacked(data: bytes) -> list[Put]:
    """The notes again.

    >>> unpacked(packed([(2, 0.5, 9, 17, 0)]))
    [(2, 0.5, 9, 17, 0)]
    """
    return list(_PUT.iter_unpack(data))


def spread(log: Iterable[Put]) -> dict[int, list[Noted]]:
    """The marks that were put down, by their places.

    >>> spread([(place("wire", 1), 0.5, CODES["head"], 17, 0)])
    {2: [(0.5, 9, 0, 0), (0.5, 7, 17, 0)]}
    """
    apart: dict[int, list[Noted]] = {}
    for number, at, code, size, count in log:
        marks = apart.setdefault(number, [])
        if code <= _KIND and code != _HEAD:
            marks.append((at, code, size, count))
        else:
            marks.extend(_marks(at, code, size, count))
            if code & BOTH:
                apart.setdefault(number + 1, []).extend(_marks(at, code, size, count))
    return apart


def _marks(at: float, code: int, size: int, count: int) -> list[Noted]:
    """The opening, the end, and a head are marks of their own, whatever came with them."""
    kind = code & _KIND
    if kind == _HEAD:
        head = (at, kind, 0, 0)
        return [head, (at, _BYTES, size, 0)] if size else [head]
    opens, ends = bool(code & OPENS), bool(code & ENDS) and kind != _END
    marks: list[Noted] = [(at, _OPENED, 0, 1)] if opens else []
    marks.append((at, kind, size, count - opens - ends))
    if ends:
        marks.append((at, _END, 0, 1))
    return marks
