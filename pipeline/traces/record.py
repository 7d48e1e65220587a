"""The record of one request: who asked, which attempts were made, which guards acted, and what passed each stage when."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NamedTuple

from pipeline.events import Usage
from pipeline.summary import Summary
from pipeline.traces.attempt import Attempt, elapsed, micros, present
from pipeline.traces.log import ANSWER, CLIENT, OF_ATTEMPT, place
from pipeline.traces.row import Row
from pipeline.traces.rows import MOST_ATTEMPTS, Rows

VERSION: Final = 1
"""Of the JSON form."""

LONGEST_NAME: Final = 200
MOST_NOTES: Final = 64

_OF_REQUEST: Final = frozenset({"answer", "client"})
"""Stages that are not an attempt's."""

MANY: Final = 512
"""Notes that are looked at, whoever reads: marks are bounded, notes are not."""

Cursor = dict[int, tuple[int, ...]]
"""How much somebody has seen of each row of one trace: ``Row.state`` by the row's identity. Not to outlive the trace."""


_NOTHING: Final = Summary.of()
"""What is known of a request before anybody told."""


class _Nowhere(list[bytes]):
    """The log of every trace that ended: what is put down after that is dropped."""

    def append(self, noted: bytes, /) -> None:
        pass


_TOO_LATE: Final = _Nowhere()


class Note(NamedTuple):
    """Something that a step did: a guard that stopped a stream, a hit of a cache, a continuation."""

    at: float
    operator: str
    stage: str
    """``attempt`` or ``request``: which part of the chain it stands in."""
    message: str
    attempt: int | None = None


class Trace:
    """One request, from the moment it was taken.

    The taps put down what they see while it is under way (``log``), each with the number of its place; who ends the request ends
    it (``end``). Rows of marks are made of that when somebody reads, or when it is much: most requests are read by nobody.

    Args:
        id: of the request.
        at: Unix seconds when it was taken.
        began: the same moment on the clock of all other times here (monotonic seconds).
        dialect: of the client.
        worker: number of the process.
        config: digest of the configuration in force.
        now: the clock: monotonic seconds.
        chain: name of the one that answers it.
    """

    __slots__ = (
        "_rows",
        "at",
        "attempts",
        "began",
        "bodies",
        "came",
        "chain",
        "config",
        "dialect",
        "ended",
        "guards",
        "id",
        "log",
        "notes",
        "now",
        "packed",
        "passing",
        "spoilt",
        "subscribed",
        "summary",
        "trips",
        "worker",
        "written",
    )

    def __init__(
        self,
        id: str,
        at: float,
        began: float,
        dialect: str,
        worker: int = 0,
        config: str = "",
        now: Callable[[], float] = time.monotonic,
        chain: str = "",
    ) -> None:
        self.id = id
        self.at = at
        self.began = began
        self.dialect = dialect
        self.worker = worker
        self.config = config
        self.now = now
        self.chain = chain
        self.summary: Summary | None = None
        """What is known of it beside what its taps see: told by who ends it, and by who reads it before."""
        self.attempts: tuple[Attempt, ...] = ()
        self.guards: tuple[Any, ...] = ()
        """Who takes notes above the guards of the attempts that are under way."""
        self.log: list[bytes] = []
        """What was put down and not looked at yet: append to it what passed a place (``log.pack``). Who puts down more and more
        calls ``settle`` when it is ``MANY``. At the end another list takes its place: ask for it anew behind whatever may end
        the request.
        """
        self.packed = b""
        """What was put down and not looked at when it ended."""
        self.subscribed: float | None = None
        """When its chain was subscribed to: the beginning of the rows of the whole request."""
        self.ended: float | None = None
        self.trips: tuple[Note, ...] = ()
        """Guards that stopped a stream."""
        self.notes: tuple[Note, ...] = ()
        """What other steps did."""
        self.spoilt = False
        """Whether something could not be noted."""
        self.bodies: Any = None
        """The texts of request and answer, where they are kept; whoever shows them hides what is secret."""
        self.passing: object = None
        """What is on its way through the chain in this moment, of which one note tells all; None: each tap notes what it sees."""
        self.came = began
        """When it came; without meaning where nothing is on its way."""
        self.written: int | None = None
        """Bytes that went to the client for it; None: it did not come to the answer."""
        self._rows: Rows | None = None

    @property
    def outcome(self) -> str:
        """``ok``, ``client_left``, or the reason of the error; "" while it is under way."""
        return "" if self.summary is None else self.summary.outcome

    @property
    def failed(self) -> bool:
        """Whether it ended with an error. A client that left is none."""
        return self.outcome not in ("", "ok", "client_left")

    def moment(self) -> float:
        """The time of a note for now. What was held back until something came, and goes out before it, counts from that."""
        if self.passing is not None and self.written is None:
            return self.came
        now = self.now  # Taken out first: see ARCHITECTURE.md, "Costs to know".
        return now()

    def attempt(self, candidate: str, began: float) -> Attempt:
        """Another attempt. Two may be under way at the same time; beyond ``MOST_ATTEMPTS`` they are not kept."""
        attempt = Attempt(len(self.attempts) + 1, candidate, began)
        if attempt.number <= MOST_ATTEMPTS:
            self.attempts += (attempt,)
        return attempt

    def sent(self, candidate: str, number: int) -> None:
        """The request of the last attempt at a candidate went out, under this number."""
        for attempt in reversed(self.attempts):
            if attempt.candidate == candidate:
                attempt.sent = number
                return

    def trip(self, note: Note) -> None:
        """A guard stopped a stream. What one does behind the request's end is not told (``end``)."""
        if self.ended is None and len(self.trips) < MOST_NOTES:
            self.trips += (note,)

    def note(self, note: Note) -> None:
        """A step did something worth telling, while the request was under way."""
        if self.ended is None and len(self.notes) < MOST_NOTES:
            self.notes += (note,)

    def end(self, summary: Summary) -> None:
        """The request ended; what attempts do after that (a connection that goes back to its pool) is not told any more."""
        self.summary = summary
        self.ended = at = summary.over
        self.guards = ()
        for attempt in self.attempts:
            if attempt.outcome is None:
                attempt.end(at, "ok" if attempt.whole else "let_go")
        self.packed, self.log = b"".join(self.log), _TOO_LATE
        if self._rows is not None:
            self.settle()

    @property
    def looked_at(self) -> bool:
        """Whether rows were made of what was put down."""
        return self._rows is not None

    def settle(self) -> dict[int, Row]:
        """The rows by their places, after a look at what was put down. Once that was done after the end, any thread may read."""
        if self._rows is None:
            self._rows = Rows()
        return self._rows.settle(self)

    @property
    def answer(self) -> Row:
        """What went to the encoder."""
        return self.settle()[ANSWER]

    @property
    def client(self) -> Row:
        """What was written to the client."""
        return self.settle()[CLIENT]

    @property
    def rows(self) -> list[Row]:
        """All its rows: those of each attempt, then those of the whole request."""
        rows = self.settle()
        found = []
        for attempt in self.attempts:
            for stage in OF_ATTEMPT[: 2 if attempt.superseded else 3]:
                row = rows.get(place(stage, attempt.number))
                if row is not None:
                    found.append(row)
        return [*found, rows[ANSWER], rows[CLIENT]]

    def _of(self, stages: Collection[str] | None) -> list[Row]:
        """Those of these stages. Who wants the whole request's only does not pay for its attempts'."""
        if stages is None or not _OF_REQUEST.issuperset(stages):
            return [row for row in self.rows if stages is None or row.stage in stages]
        rows = self.settle()
        return [row for row in (rows[ANSWER], rows[CLIENT]) if row.stage in stages]

    def news(self, seen: Cursor, stages: Collection[str] | None = None) -> list[dict[str, Any]]:
        """What came to each row since somebody looked, and note in ``seen`` that it is seen. ``stages``: of which; None: all.

        The marks replace whatever was told from number ``from`` on: the last one may have grown. A row whose marks were merged
        meanwhile is told from its first mark on, with another ``epoch``.
        """
        news = []
        for row in self._of(stages):
            key = id(row)
            before, now = seen.get(key, (0, 0)), row.state
            if now == before or not len(row):
                continue
            # The last mark that was told may have grown.
            since = max(0, before[1] - 1) if before[0] == row.epoch else 0
            news.append({**row.head(), "epoch": row.epoch, "from": since, "marks": row.marks(self.began, since)})
            seen[key] = now
        return news

    def to_json(self, *, stages: bool = True) -> dict[str, Any]:
        """The JSON form, version 1: seconds since ``at``, bytes as numbers; what is not known is left out.

        ``stages``: whether the marks are told. Of a request that is under way ``seconds`` is what it has taken so far.
        """
        began, known = self.began, self.summary or _NOTHING
        _, model, _, _, _, stream = known.kind
        ended = self.ended if self.ended is not None else self.now()
        told = present(
            version=VERSION,
            id=self.id,
            at=self.at,
            worker=self.worker,
            config=self.config or None,
            dialect=self.dialect,
            model=model,
            asked=known.asked[:LONGEST_NAME] or None,
            chain=self.chain or None,
            caller=known.caller or None,
            stream=stream,
            outcome=known.outcome or None,
            status=known.status if known.outcome else None,
            error=None if known.error is None else {"reason": known.error[0], "message": known.error[1]},
            candidate=known.answered_by or None,
            seconds=elapsed(ended, began),
            parsed=elapsed(known.parsed, began),
            first_event=elapsed(known.first_event, began),
            first_write=elapsed(known.first_write, began),
            queued=micros(known.queued),
            usage=counted(known.usage) or None,
            bytes_in=known.bytes_in,
            bytes_out=self.client.bytes,
            attempts=[attempt.to_json(began) for attempt in self.attempts],
            trips=[_note(note, began) for note in self.trips],
            notes=[_note(note, began) for note in self.notes] or None,
        )
        if stages:
            told["stages"] = [row.to_json(began) for row in self.rows if len(row)]
        return told


def counted(usage: Usage) -> Mapping[str, int]:
    """What is known of a usage."""
    known = {
        "input": usage.input,
        "output": usage.output,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
        "reasoning": usage.reasoning,
    }
    return {name: number for name, number in known.items() if number is not None}


def _note(note: Note, began: float) -> dict[str, Any]:
    return present(
        at=elapsed(note.at, began), operator=note.operator, stage=note.stage, attempt=note.attempt, message=note.message
    )
