"""The log of a trace: what taps put down while a request is under way, 25 bytes a note, because it is done for every token.

A note may stand for several marks that belong together; ``spread`` makes them when somebody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from struct import Struct
from typing import Final

from pipeline.traces.row import CODES, Columns

ANSWER: Final = 0
CLIENT: Final = ANSWER + 1
"""The places of the whole request; those of an attempt follow (``place``)."""
OF_ATTEMPT: Final = ("wire", "decoded", "attempt")
_OFFSETS: Final = {stage: offset for offset, stage in enumerate(OF_ATTEMPT)}

OPENS: Final = 16
"""Flag: the first of its events opened the answer."""
ENDS: Final = 32
"""Flag: the last of its events said that the answer is complete."""
BOTH: Final = 64
"""Flag: it stands for the next place, too. On a head: the next place has what it was decoded as, the opening of the answer."""
AT_ONCE: Final = 128
"""Flag, on the wire: these bytes held one event and nothing else, and it went on to the answer and to the client in one go. What
was written for it stands in place of the number of events; 0: it waits to be written."""
RUN: Final = AT_ONCE | BOTH
"""Flags, on what was decoded: these events went on to the answer in one go."""
WHOLE: Final = AT_ONCE | OPENS
"""Flags, on the wire: a head and a whole body, all of which went on to the answer in one go."""

_NOTE: Final = Struct("<IdBQI")

pack: Final[Callable[[int, float, int, int, int], bytes]] = _NOTE.pack
"""A note: place, seconds, code of the kind (perhaps with flags), bytes, events. As a tuple it would be four times as large."""

_Mark = tuple[int, float, int, int, int]
"""Place, seconds, code of the kind, bytes, events."""

_place_of: Final = itemgetter(0)

_KIND: Final = OPENS - 1
_HEAD: Final = CODES["head"]
_BYTES: Final = CODES["bytes"]
_OPENED: Final = CODES["opened"]
_END: Final = CODES["end"]
_ERROR: Final = CODES["error"]
"""From here on they are the ends of a subscription."""


def place(stage: str, attempt: int) -> int:
    """The number under which a stage of an attempt is noted; the stages follow each other: ``wire``, ``decoded``, ``attempt``."""
    return 3 * attempt - 1 + _OFFSETS[stage]


def of_place(number: int) -> tuple[str, int]:
    """The stage and the attempt of a place that is an attempt's.

    >>> of_place(place("decoded", 2))
    ('decoded', 2)
    """
    attempt, stage = divmod(number + 1, 3)
    return OF_ATTEMPT[stage], attempt


def spread(notes: bytes) -> list[tuple[int, Columns]]:
    """The marks that were put down, by their places.

    >>> spread(pack(place("wire", 1), 0.5, CODES["head"], 17, 0))
    [(2, ((0.5, 0.5), (9, 7), (0, 17), (0, 0)))]
    """
    # Who notes what it handed on when that has come back may be late: an end was noted meanwhile.
    marks = sorted(_marks(_NOTE.iter_unpack(notes)), key=_in_time)
    return [(number, _columns(run)) for number, run in groupby(marks, _place_of)]


def _in_time(mark: _Mark) -> tuple[int, float, bool]:
    """On a clock that stands still meanwhile (a replay's) an end still comes last."""
    return mark[0], mark[1], mark[2] >= _ERROR


def _columns(run: Iterator[_Mark]) -> Columns:
    _, at, codes, sizes, counts = zip(*run, strict=True)
    return at, codes, sizes, counts


def _marks(notes: Iterator[_Mark]) -> Iterator[_Mark]:
    for note in notes:
        code = note[2]
        if code <= _KIND and code != _HEAD:
            yield note
            continue
        number, at, _, size, count = note
        kind = code & _KIND
        if kind == _HEAD:
            yield number, at, kind, 0, 0
            if size:
                yield number, at, _BYTES, size, 0
            if code & BOTH:
                yield number + 1, at, _OPENED, 0, 1
        elif code & RUN == RUN:
            yield from _apart(number, at, code, size, count)
            yield from _apart(ANSWER, at, code, size, count)
        elif code & WHOLE == WHOLE:
            yield number, at, _HEAD, 0, 0
            yield number, at, _BYTES, size, 0
            yield from _apart(number + 1, at, code, size, count)
            yield from _apart(ANSWER, at, code, size, count)
        elif code & AT_ONCE:
            yield number, at, _BYTES, size, 0
            yield number + 1, at, kind, size, 1
            yield ANSWER, at, kind, size, 1
            if count:
                yield CLIENT, at, _BYTES, count, 0
        else:
            yield from _apart(number, at, code, size, count)
            if code & BOTH:
                yield from _apart(number + 1, at, code, size, count)


def _apart(number: int, at: float, code: int, size: int, count: int) -> Iterator[_Mark]:
    """The opening and the end are marks of their own, whatever came with them."""
    kind = code & _KIND
    opens, ends = bool(code & OPENS), bool(code & ENDS) and kind != _END
    if opens:
        yield number, at, _OPENED, 0, 1
    yield number, at, kind, size, count - opens - ends
    if ends:
        yield number, at, _END, 0, 1
