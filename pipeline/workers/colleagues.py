"""What a worker asks of all workers, so that whichever of them a client meets answers for all.

Workers do not know each other: each has one socket, to the supervisor, which hands questions on (``hub``). Payloads are JSON.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import socket
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any, Final, cast

import orjson

from pipeline.config import Config, ConfigError
from pipeline.metrics import Metrics
from pipeline.snapshot import Family, read, written
from pipeline.workers.frames import Frame, Frames, Kind, frame

log = logging.getLogger("penstock.workers")

PATIENCE: Final = 1.0
"""Seconds for all answers together."""
SUM_PATIENCE: Final = 5.0
"""Seconds for the sum of all metrics. The supervisor waits no longer for the silent, but adding up very many takes its time."""
TELL_EVERY: Final = 0.5
"""Seconds between two times at which the supervisor hears what was counted here, as long as anything is."""
FAREWELL: Final = 2.0
"""Seconds that the last numbers may take to the supervisor."""

Answer = Callable[..., Any]
"""Called with the arguments of the question, by name; returns what JSON can say. It must not block."""


class Unanswered(Exception):
    """The supervisor says nothing: what all workers have counted is not known."""


class Colleagues:
    """All workers, from the view of one. This one is alone: it asks itself, and there is no other process and no socket.

    Args:
        metrics: what it counts.
        number: which worker this is, from 0.
    """

    def __init__(self, metrics: Metrics, number: int = 0) -> None:
        self.number = number
        self.answers: dict[str, Answer] = {}
        """Question -> who answers it in this process."""
        self._metrics = metrics

    async def gather(self, question: str, **arguments: Any) -> list[Any]:
        """The answers of all living workers, this one's first. A worker that is silent for a second, or whose answer failed, is
        left out.

        Args:
            question: a name in ``answers``; every worker has the same ones.
            arguments: what JSON can say.

        Raises:
            KeyError: nobody answers such a question. What the answer of this very worker raises is raised.
        """
        return [self.answers[question](**arguments)]

    async def families(self) -> AsyncIterator[Family]:
        """What all workers have counted, those that are no more included. Streams go on between any two of them.

        Raises:
            Unanswered: it cannot be known now.
        """
        for family in self._metrics.families():
            yield family
            await asyncio.sleep(0)


class _Waiting:
    """Answers to one question, as they come."""

    __slots__ = ("answers", "whole")

    def __init__(self, whole: asyncio.Future[bytes]) -> None:
        self.answers: list[bytes] = []
        self.whole = whole


class Linked(Colleagues, asyncio.Protocol):
    """One of several workers, on its socket to the supervisor.

    Args:
        metrics: what it counts.
        orphaned: called when the supervisor is gone.
        number: which worker this is, from 0.
    """

    def __init__(self, metrics: Metrics, orphaned: Callable[[], None], number: int = 0) -> None:
        super().__init__(metrics, number)
        self._orphaned = orphaned
        self._frames = Frames()
        self._waiting: dict[int, _Waiting] = {}
        self._serials = count(1)
        self._told = -1
        """Requests that had ended when it told last."""
        self._telling: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._gone = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None

    async def connect(self, link: socket.socket, apply: Callable[[Config], None]) -> None:
        """Begin to listen to the supervisor, and to tell it what is counted here.

        Args:
            link: the socket to it.
            apply: takes a configuration into use; raises ConfigError or ValueError when it cannot, and then has changed nothing.
        """
        self._apply = apply
        await self._loop.create_unix_connection(lambda: self, sock=link)
        self._tell_often()

    def ready(self) -> None:
        """Say that this worker takes connections."""
        self._say(Kind.READY)

    async def gather(self, question: str, **arguments: Any) -> list[Any]:
        own = self.answers[question](**arguments)
        said, _ = await self._ask(Kind.ASK, orjson.dumps([question, arguments]), PATIENCE)
        return [own, *(orjson.loads(answer) for answer in said)]

    async def families(self) -> AsyncIterator[Family]:
        _, counted = await self._ask(Kind.COUNT, b"", SUM_PATIENCE)
        if counted is None:
            raise Unanswered
        for family in read(counted):
            yield family
            await asyncio.sleep(0)

    async def farewell(self) -> None:
        """Tell what was counted here at last, and hang up: the last thing that a worker does."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._gone.done():
            await self._tell(0)
            self._transport.close()
            await asyncio.wait([self._gone], timeout=FAREWELL)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._gone.set_result(None)
        for waiting in self._waiting.values():
            if not waiting.whole.done():
                waiting.whole.cancel()
        self._orphaned()

    def data_received(self, data: bytes) -> None:
        for said in self._frames.feed(data):
            self._received(said)

    def _received(self, said: Frame) -> None:
        match said.kind:
            case Kind.ASK:
                self._answer(said)
            case Kind.ANSWER if said.serial in self._waiting:
                self._waiting[said.serial].answers.append(said.payload)
            case Kind.ANSWERED | Kind.COUNTED if said.serial in self._waiting:
                whole = self._waiting[said.serial].whole
                if not whole.done():
                    whole.set_result(said.payload)
            case Kind.COUNT:
                self._begin_to_tell(said.serial)
            case Kind.CONFIG:
                self._use(said)

    async def _ask(self, kind: Kind, payload: bytes, patience: float) -> tuple[list[bytes], bytes | None]:
        """The answers that came in time; and what came at last, None if nothing did."""
        serial = next(self._serials) % 2**32
        waiting = self._waiting[serial] = _Waiting(self._loop.create_future())
        try:
            self._say(kind, serial, payload)
            await asyncio.wait([waiting.whole], timeout=patience)
        finally:
            del self._waiting[serial]
        whole = waiting.whole
        return waiting.answers, whole.result() if whole.done() and not whole.cancelled() else None

    def _answer(self, said: Frame) -> None:
        try:
            question, arguments = orjson.loads(said.payload)
            self._say(Kind.ANSWER, said.serial, orjson.dumps(self.answers[question](**arguments)))
        except Exception:
            # Whoever asked is answered by the others, and in the time that it waits.
            log.exception("a question of another worker could not be answered")

    def _use(self, said: Frame) -> None:
        """The supervisor is who started this process: what it pickled is as good as our own."""
        wrong = ""
        try:
            self._apply(pickle.loads(said.payload))
        except Exception as error:
            # The text of a foreign exception may hold anything.
            wrong = str(error) if isinstance(error, ConfigError | ValueError) else f"a fault of ours ({type(error).__name__})"
        self._say(Kind.APPLIED, said.serial, wrong.encode())

    async def _tell(self, serial: int) -> None:
        """Streams go on while it is written."""
        self._told = self._metrics.ends
        lines: list[bytes] = []
        for family in self._metrics.families():
            lines.append(written([family]))
            await asyncio.sleep(0)
        self._say(Kind.COUNTED, serial, b"\n".join(lines))

    def _begin_to_tell(self, serial: int) -> None:
        task = self._loop.create_task(self._tell(serial))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def _tell_often(self) -> None:
        if self._metrics.ends != self._told or self._metrics.in_flight.total():
            self._begin_to_tell(0)
        self._timer = self._loop.call_later(TELL_EVERY, self._tell_often)

    def _say(self, kind: Kind, serial: int = 0, payload: bytes = b"") -> None:
        if not self._gone.done():
            self._transport.write(frame(kind, serial, payload))
