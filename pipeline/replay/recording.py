"""A recorded request as it is read: the JSON form of a trace (version 1), checked, so that whoever replays it need not ask."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

VERSION: Final = 1

MERGED: Final = 97
"""A row that was ever full has at least so many marks: neighbours are merged in pairs, and once more where over 192 are left."""

LONGEST: Final = 30 * 86400.0
"""Seconds: no request lasts longer, and no replay would come to an end of what is said to."""
_LATEST: Final = 253402300799.0
"""The end of the year 9999, in Unix seconds: dates end there."""

STAGES: Final = ("wire", "decoded", "attempt", "answer", "client")
DIALECTS: Final = ("chat", "responses", "messages")

_SAID: Final = ("text", "reasoning", "tool", "refusal", "end")

T = TypeVar("T")


class ReplayError(Exception):
    """What was given cannot be replayed; the message says why, and what was expected."""


class Mark(NamedTuple):
    """One thing that passed: ``at`` in seconds since the request was taken, ``events`` events of ``bytes`` bytes."""

    at: float
    kind: str
    bytes: int
    events: int


@dataclass(frozen=True, slots=True)
class Row:
    """What passed one stage. ``attempt`` is 0 for the stages that belong to the whole request."""

    stage: str
    attempt: int
    marks: tuple[Mark, ...]

    @property
    def merged(self) -> bool:
        """Whether a mark may stand for several, spread up to the next one."""
        return len(self.marks) >= MERGED


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to one candidate. Times are seconds since the request was taken; None: unknown."""

    number: int
    candidate: str
    began: float
    opened: float | None
    ended: float | None
    outcome: str
    reason: str
    status: int | None
    message: str
    retry_after: float | None


class Trip(NamedTuple):
    """A guard that acted; ``attempt`` is 0 where it stands around all of them."""

    at: float
    operator: str
    stage: str
    attempt: int
    message: str


@dataclass(frozen=True, slots=True)
class Recording:
    """One request. Texts are "" and times None where they are unknown; ``outcome`` is "" while it is under way."""

    id: str
    at: float
    config: str
    dialect: str
    model: str
    asked: str
    chain: str
    stream: bool
    outcome: str
    status: int | None
    message: str
    candidate: str
    seconds: float | None
    parsed: float
    queued: float
    first_event: float | None
    usage: Mapping[str, int]
    attempts: tuple[Attempt, ...]
    trips: tuple[Trip, ...]
    rows: tuple[Row, ...]

    def row(self, stage: str, attempt: int = 0) -> Row | None:
        """The row of a stage, where anything passed there."""
        return next((row for row in self.rows if (row.stage, row.attempt) == (stage, attempt)), None)

    def of(self, candidate: str) -> list[Attempt]:
        """The attempts at a candidate, in their order."""
        return [attempt for attempt in self.attempts if attempt.candidate == candidate]

    @property
    def ended(self) -> float:
        """When the answer ended, in seconds; where that is unknown, when something was last seen."""
        if self.seconds is not None:
            return self.seconds
        return max((mark.at for row in self.rows for mark in row.marks), default=0.0)


def recording(said: Any) -> Recording:
    """The recording that a JSON value holds.

    Raises:
        ReplayError: it is no trace, one of another version, or not whole; the message names the place.
    """
    if not isinstance(said, dict):
        raise ReplayError(f"a trace is a JSON object, and this is {_kind(said)}")
    fields = _Fields(said, "")
    version = said.get("version")
    if version is None or not ({"attempts", "id"} <= said.keys()):
        raise ReplayError(
            "this is no trace: it has no `version`, `id` and `attempts`. A trace is what GET /debug/traces/{id} answers, "
            "and a line of the file that `traces.file` names"
        )
    if version != VERSION or isinstance(version, bool):
        raise ReplayError(f"this trace has version {version!r}; what can be read is version {VERSION}")
    if "stages" not in said:
        raise ReplayError("this trace has no `stages`: a list of traces leaves them out, GET /debug/traces/{id} does not")
    dialect = fields.text("dialect")
    if dialect not in DIALECTS:
        raise ReplayError(f"dialect is {dialect!r}; expected chat, responses or messages")
    rows = fields.all("stages", _row)
    return Recording(
        id=fields.text("id"),
        at=fields.number("at", _LATEST) or 0.0,
        config=fields.text("config"),
        dialect=dialect,
        model=fields.text("model"),
        asked=fields.text("asked") or fields.text("model"),
        chain=fields.text("chain"),
        stream=bool(said.get("stream")),
        outcome=fields.text("outcome"),
        status=fields.whole("status"),
        message=_Fields(said.get("error") or {}, "error.").text("message"),
        candidate=fields.text("candidate"),
        seconds=fields.number("seconds"),
        parsed=fields.number("parsed") or 0.0,
        queued=fields.number("queued") or 0.0,
        first_event=_first_event(fields.number("first_event"), rows),
        usage={name: value for name, value in fields.object("usage").items() if isinstance(value, int)},
        attempts=fields.all("attempts", _attempt),
        trips=fields.all("trips", _trip),
        rows=rows,
    )


class _Fields:
    """The fields of one object, by their types; what is absent is unknown."""

    def __init__(self, said: Any, path: str) -> None:
        if not isinstance(said, dict):
            raise ReplayError(f"{path.rstrip('.')} is {_kind(said)}; expected an object")
        self._said = said
        self._path = path

    def text(self, name: str) -> str:
        value: str = self._typed(name, str, "a text") or ""
        if not _whole(value):
            raise ReplayError(f"{self._path}{name} holds half a character, {value!r:.80}; expected a text")
        return value

    def object(self, name: str) -> Mapping[str, Any]:
        value: dict[str, Any] = self._typed(name, dict, "an object") or {}
        return value

    def number(self, name: str, most: float = LONGEST) -> float | None:
        value: float | None = self._typed(name, (int, float), "a number")
        if value is not None and not (math.isfinite(value) and abs(value) <= most):
            raise ReplayError(f"{self._path}{name} is {value!r:.40}; expected at most {most:.0f} (seconds)")
        return value

    def whole(self, name: str) -> int | None:
        value: int | None = self._typed(name, int, "a whole number")
        return value

    def all(self, name: str, read: Callable[[_Fields], T]) -> tuple[T, ...]:
        items = self._typed(name, list, "a list") or []
        return tuple(read(_Fields(item, f"{self._path}{name}[{index}].")) for index, item in enumerate(items))

    def marks(self) -> tuple[Mark, ...]:
        return tuple(self._mark(index, mark) for index, mark in enumerate(self._typed("marks", list, "a list") or []))

    def _mark(self, index: int, mark: Any) -> Mark:
        fits = (
            isinstance(mark, list)
            and len(mark) == 4
            and isinstance(mark[1], str)
            and _whole(mark[1])
            and all(isinstance(mark[place], int | float) and 0 <= mark[place] < math.inf for place in (0, 2, 3))
            and mark[0] <= LONGEST
        )
        if not fits:
            raise ReplayError(f"{self._path}marks[{index}] is {mark!r:.80}; expected [seconds, kind, bytes, count]")
        return Mark(float(mark[0]), mark[1], int(mark[2]), int(mark[3]))

    def _typed(self, name: str, kind: Any, words: str) -> Any:
        value = self._said.get(name)
        if value is None or (isinstance(value, kind) and not isinstance(value, bool)):
            return value
        raise ReplayError(f"{self._path}{name} is {_kind(value)}; expected {words}")


def _whole(text: str) -> bool:
    """Whether it can be printed: JSON may hold one half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _attempt(fields: _Fields) -> Attempt:
    return Attempt(
        number=fields.whole("number") or 0,
        candidate=fields.text("candidate"),
        began=fields.number("began") or 0.0,
        opened=fields.number("opened"),
        ended=fields.number("ended"),
        outcome=fields.text("outcome"),
        reason=fields.text("reason"),
        status=fields.whole("status"),
        message=fields.text("message"),
        retry_after=fields.number("retry_after", _LATEST),
    )


def _trip(fields: _Fields) -> Trip:
    return Trip(
        at=fields.number("at") or 0.0,
        operator=fields.text("operator"),
        stage=fields.text("stage"),
        attempt=fields.whole("attempt") or 0,
        message=fields.text("message"),
    )


def _row(fields: _Fields) -> Row:
    return Row(fields.text("stage"), fields.whole("attempt") or 0, fields.marks())


def _first_event(said: float | None, rows: Iterable[Row]) -> float | None:
    """When the first word of an answer came through all guards."""
    if said is not None:
        return said
    marks = (mark for row in rows if row.stage == "answer" for mark in row.marks)
    return next((mark.at for mark in marks if mark.kind in _SAID), None)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "nothing")
