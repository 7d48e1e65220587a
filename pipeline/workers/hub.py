"""Who is asked what, and whose numbers count: the supervisor's part of what workers tell each other.

Sans-IO: workers are numbers, each given once, and ``send`` takes a frame for one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Final

from pipeline.snapshot import Snapshot, read, total, written
from pipeline.workers.frames import Frame, Kind, frame

PATIENCE: Final = 0.8
"""Seconds that a worker may take for its answer; who asked waits a little longer."""


@dataclass(slots=True)
class _Question:
    """What one worker wants to know from others."""

    kind: Kind
    asker: int
    serial: int
    """The asker's own."""
    awaited: set[int]
    due: float


class Hub:
    """Hands questions on to all workers that are ready, answers back, and adds up what they have counted.

    What a worker told of its metrics last is kept: while it lives, for a scrape that it does not answer in time; when it is
    gone, its counters for ever. A worker's numbers are told to nobody before they are known here, so no counter that a scraper
    has seen ever goes back; what a worker that was killed counted since it last told is lost.

    Args:
        send: (worker, bytes); it must not block.
        own: what the supervisor itself has counted.
        now: monotonic seconds.
    """

    def __init__(self, send: Callable[[int, bytes], None], own: Callable[[], Snapshot], now: Callable[[], float]) -> None:
        self._send = send
        self._own = own
        self._now = now
        self._told: dict[int, bytes] = {}
        """What each worker that is ready told of its metrics last."""
        self._departed: Snapshot = []
        self._questions: dict[int, _Question] = {}
        self._serials = count(1)

    @property
    def ready(self) -> Iterable[int]:
        """The workers that are ready."""
        return self._told.keys()

    @property
    def due(self) -> float | None:
        """When ``expire`` has something to do, on the clock of ``now``."""
        return min((question.due for question in self._questions.values()), default=None)

    def joined(self, worker: int) -> None:
        """It is ready: it can be asked."""
        self._told.setdefault(worker, b"")

    def left(self, worker: int) -> None:
        """It is gone. Who waits for it waits no more; its counters stay, its gauges do not."""
        told = self._told.pop(worker, None)
        if told is not None:
            self._departed = total([], [self._departed, read(told)])
        for serial, question in list(self._questions.items()):
            if question.asker == worker:
                del self._questions[serial]
            else:
                self._heard(serial, worker)

    def received(self, worker: int, said: Frame) -> None:
        """A frame of a worker. What is none of the hub's business is left alone."""
        match said.kind:
            case Kind.ASK:
                self._ask(Kind.ASK, worker, said, self._told.keys() - {worker})
            case Kind.COUNT:
                # The asker, too: what it tells a scraper must be known here, should it be killed a moment later.
                self._ask(Kind.COUNT, worker, said, set(self._told))
            case Kind.ANSWER:
                question = self._questions.get(said.serial)
                if question is not None and worker in question.awaited:
                    self._send(question.asker, frame(Kind.ANSWER, question.serial, said.payload))
                    self._heard(said.serial, worker)
            case Kind.COUNTED if worker in self._told:
                self._told[worker] = said.payload
                self._heard(said.serial, worker)

    def expire(self) -> None:
        """Go on without those who were asked too long ago."""
        now = self._now()
        for serial, question in list(self._questions.items()):
            if question.due <= now:
                self._finish(serial)

    def _ask(self, kind: Kind, asker: int, said: Frame, asked: set[int]) -> None:
        serial = next(self._serials) % 2**32
        self._questions[serial] = _Question(kind, asker, said.serial, asked, self._now() + PATIENCE)
        for each in sorted(asked):
            self._send(each, frame(kind, serial, said.payload))
        if not asked:
            self._finish(serial)

    def _heard(self, serial: int, worker: int) -> None:
        question = self._questions.get(serial)
        if question is not None and worker in question.awaited:
            question.awaited.discard(worker)
            if not question.awaited:
                self._finish(serial)

    def _finish(self, serial: int) -> None:
        question = self._questions.pop(serial)
        if question.kind is Kind.ASK:
            self._send(question.asker, frame(Kind.ANSWERED, question.serial))
        else:
            # One sum for all that are asked for at the same moment would be cheaper; scrapes are seconds apart.
            known = [*map(read, self._told.values()), self._own()]
            self._send(question.asker, frame(Kind.COUNTED, question.serial, written(total(known, [self._departed]))))
