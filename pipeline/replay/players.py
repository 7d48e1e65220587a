"""The provider side of a recording: each attempt says again what it said, when it said it, in texts that mean nothing.

Bodies are not recorded, so every text is dots of the recorded size. What an attempt would have said behind the moment in which
it was let go is unknown: it stays silent, and whoever still listened then is told so (``Player.unknown``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from operators import clock
from pipeline.errors import GatewayError, Kind
from pipeline.exchange import Exchange
from pipeline.played import Play, Played
from pipeline.providers.frame import Frame, Head, Read
from pipeline.replay.recording import Attempt, Mark, Recording, Row
from pipeline.replay.voice import MOST, Voice, share
from pipeline.request import Losses
from pipeline.resolve import Candidate

_ENDS: Final = ("error", "completed", "dispose")
_TURNS: Final = ("subscribe", "head", "opened", *_ENDS)

# What the gateway itself says of a provider; anything else is the provider's own word.
_OWN_WORDS: Final = frozenset({"unreachable", "timeout", "cut", "bad_reply", "internal", "client_left"})

_TOO_LONG: Final = re.compile(r"buffer_limit: more than (\d+) bytes")

_FIRST_WORD, _LAST_WORD = 1.0, 2.0
"""Seconds of an answer that nothing is known of."""


class Line(NamedTuple):
    """One thing that is played: seconds after the asking, and a frame, an error, or None for the close."""

    after: float
    said: Frame | Kind | GatewayError | None


class Script(NamedTuple):
    """One attempt. ``known`` is until when it is known what it does, in seconds after the asking; None: to its end."""

    lines: Sequence[Line]
    known: float | None


def script(recording: Recording, attempt: Attempt, *, waits: bool = False) -> Script:
    """What an attempt did, as it can be done again. ``waits``: an error asks for the very wait that followed on it."""
    decoded = recording.row("decoded", attempt.number)
    wire = recording.row("wire", attempt.number)
    marks = [*_content(decoded), *_unread(recording, attempt, wire, decoded)]
    end, failed = _end(recording, attempt, wire, decoded)
    began = _began(attempt, wire, decoded)
    whole = failed is None and attempt.outcome == "ok"
    voice = Voice(recording.usage if _answers(recording, attempt) else {}, marks, whole=whole)
    # The head comes with the first frame.
    lines = [] if attempt.opened is None else [Line(attempt.opened - began, Read(b"", ()))]
    lines += [Line(mark.at - began, frame) for mark in marks for frame in voice.say(mark)]
    if voice.waits:
        # Its end was read as a part of something else, or told by the close.
        at = end.at if end is not None and end.kind == "completed" else (marks[-1].at if marks else attempt.began)
        lines.append(Line(at - began, voice.end()))
    if failed is not None:
        assert end is not None
        if waits:
            failed.retry_after = _waited(recording, attempt, failed.retry_after)
        return Script([*lines, Line(end.at - began, failed)], None)
    if end is not None and end.kind == "completed":
        return Script([*lines, Line(end.at - began, None)], None)
    until = end.at if end is not None else max((mark.at for mark in marks), default=attempt.began)
    return Script(lines, None if whole else until - began)


def assumed(recording: Recording, others: str) -> Script:
    """A candidate that was never asked: ``healthy`` as whoever answered, ``silent``, or ``failing`` at once."""
    if others == "silent":
        return Script((), None)
    if others == "failing":
        return Script([Line(0.0, GatewayError(Kind.OVERLOADED, from_provider=True))], None)
    model = healthy(recording)
    if model is not None:
        return script(recording, model)
    voice = Voice({}, [], whole=True)
    words = Mark(_FIRST_WORD, "text", 1, 1)
    return Script(
        [*(Line(words.at, frame) for frame in voice.say(words)), Line(_LAST_WORD, voice.end()), Line(_LAST_WORD, None)], None
    )


def healthy(recording: Recording) -> Attempt | None:
    """The attempt that gave a whole answer, where one did."""
    return next((each for each in recording.attempts if each.outcome == "ok"), None)


class Player:
    """A provider of a replay: its candidates are on ``stage``."""

    dialect = ""

    def __init__(self, name: str, stage: Stage) -> None:
        self.name = name
        self._stage = stage

    def open(self, candidate: Candidate) -> Observable[Frame]:
        """One attempt a subscription (see ``providers.Provider``)."""
        return self._stage.of(candidate.label)


class Stage:
    """Everybody who plays in one replay, by label.

    Args:
        recording: what they did.
        others: what those do who were never asked.
        now: seconds of the replay.
        waits: a candidate that was tried once more is waited for as long as it was.
    """

    def __init__(self, recording: Recording, others: str, now: Callable[[], float], *, waits: bool) -> None:
        self._waits = waits
        self._recording = recording
        self._others = others
        self._now = now
        self._played: dict[str, Played[Frame]] = {}
        self._scripts: dict[str, list[Script]] = {}

    def of(self, label: str) -> Played[Frame]:
        """What the candidate plays."""
        if label not in self._played:
            recorded = self._recording.of(label)
            scripts = [script(self._recording, each, waits=self._waits) for each in recorded] or [
                assumed(self._recording, self._others)
            ]
            self._scripts[label] = scripts
            self._played[label] = Played([_play(each) for each in scripts], self._now)
        return self._played[label]

    def tries(self, label: str) -> int:
        """How often it was asked."""
        return len(self._played[label].tries) if label in self._played else 0

    @property
    def asked(self) -> list[str]:
        """Who was asked at all, in their order."""
        return sorted((label for label in self._played if self.tries(label)), key=lambda label: self._played[label].tries[0][0])

    def unknown(self, until: float) -> Iterator[tuple[str, float, int]]:
        """(label, seconds after the asking, number of its try) of attempts that were listened to for longer than is known."""
        for label, played in self._played.items():
            scripts = self._scripts[label]
            for number, (began, *over) in enumerate(played.tries):
                known = scripts[min(number, len(scripts) - 1)].known
                if known is not None and (over[0] if over else until) - began > known + clock.EARLY:
                    yield label, known, number + 1


def _play(script: Script) -> Play:
    def play(scheduler: SchedulerBase, observer: ObserverBase[Frame]) -> list[DisposableBase]:
        assert isinstance(scheduler, Exchange)
        sent = scheduler.send(Losses())
        head: list[Head] = [Head(sent, content_type="text/event-stream" if scheduler.stream else "application/json")]

        def tell(said: Any) -> None:
            if said is None:
                observer.on_completed()
            elif isinstance(said, GatewayError):
                observer.on_error(_anew(said))
            else:
                while head:
                    observer.on_next(head.pop())
                if said or said.batches:
                    observer.on_next(said)

        return [clock.after(scheduler, max(line.after, 0.0), partial(tell, line.said)) for line in script.lines]

    return play


def _anew(error: GatewayError) -> GatewayError:
    """An error is told once: guards note on it that it was counted."""
    return GatewayError(
        error.kind, error.message, status=error.status, retry_after=error.retry_after, from_provider=error.from_provider
    )


def _content(row: Row | None) -> list[Mark]:
    """What was said, with marks that stand for several spread evenly up to the next one."""
    if row is None:
        return []
    found: list[Mark] = []
    # A row without marks has no last one either.
    for mark, following in zip(row.marks, [*row.marks[1:], None], strict=False):
        if mark.kind in _TURNS:
            continue
        parts = min(mark.events, MOST) if row.merged and mark.events > 1 and following is not None else 1
        span = (following.at - mark.at) / parts if following is not None else 0.0
        for part in range(parts):
            size, count = share(mark.bytes, part, parts), share(mark.events, part, parts)
            found.append(Mark(mark.at + span * part, mark.kind, size, count))
    return found


def _unread(recording: Recording, attempt: Attempt, wire: Row | None, decoded: Row | None) -> list[Mark]:
    """Bytes of an event that never came to its end: what the wire brought behind the last thing that could be read."""
    if wire is None:
        return []
    last = max((mark.at for mark in decoded.marks if mark.kind not in _ENDS), default=0.0) if decoded is not None else 0.0
    unread = [Mark(mark.at, "bytes", mark.bytes, 0) for mark in wire.marks if mark.kind == "bytes" and mark.at > last]
    for trip in recording.trips:
        limit = _TOO_LONG.fullmatch(trip.message) if trip.attempt == attempt.number else None
        if limit is not None:
            # The read that was too much is not in the row; it was at least so long.
            unread.append(Mark(trip.at, "bytes", max(int(limit[1]) + 1 - sum(mark.bytes for mark in unread), 1), 0))
    return unread


def _end(
    recording: Recording, attempt: Attempt, wire: Row | None, decoded: Row | None
) -> tuple[Mark | None, GatewayError | None]:
    """How the provider's side ended: its last mark, and its error where it failed by itself."""
    ends = [mark for row in (wire, decoded) if row is not None for mark in row.marks if mark.kind in _ENDS]
    end = ends[-1] if ends else None
    if end is None or end.kind != "error":
        return end, None
    if any(trip.attempt == attempt.number for trip in recording.trips):
        # A guard of ours on the wire spoke: whether it would in another chain is what a replay is to find out.
        return Mark(end.at, "dispose", 0, 0), None
    return end, _error(attempt)


def _error(attempt: Attempt) -> GatewayError:
    name = attempt.reason.upper()
    kind = Kind[name] if name in Kind.__members__ else Kind.PROVIDER
    return GatewayError(
        kind,
        attempt.message or None,
        status=attempt.status,
        retry_after=attempt.retry_after,
        from_provider=attempt.reason not in _OWN_WORDS,
    )


def _waited(recording: Recording, attempt: Attempt, asked: float | None) -> float | None:
    """How long its candidate was waited for before it was tried once more: retry chose that by chance, and it is recorded."""
    following = next((each for each in recording.of(attempt.candidate) if each.number > attempt.number), None)
    if following is None or attempt.ended is None:
        return asked
    return max(following.began - attempt.ended, 0.0)


def _began(attempt: Attempt, *rows: Row | None) -> float:
    begins = (mark.at for row in rows if row is not None for mark in row.marks if mark.kind == "subscribe")
    return next(begins, attempt.began)


def _answers(recording: Recording, attempt: Attempt) -> bool:
    """Whether it gave the answer that the client got to its end."""
    return recording.outcome == "ok" and attempt.outcome == "ok"
