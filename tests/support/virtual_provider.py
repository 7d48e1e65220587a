"""Candidates in virtual time: each does, at its second, what a script says, and keeps a record of every try.

They stand where a provider's HTTP client stands: the request is really built, and what they say is the provider's own wire.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from operators import clock
from operators.stream import Left, Link, Stream
from pipeline.dialects import DIALECTS
from pipeline.dispatch import payload
from pipeline.errors import GatewayError, Kind
from pipeline.exchange import Exchange
from pipeline.providers.frame import Frame, Head, Whole
from pipeline.request import Losses, Sent
from pipeline.resolve import Candidate
from tests.support.heard import heard
from tests.support.neutral import Answer
from tests.support.wire import BODIES, EVENTS, MODEL, error_body

PACE: Final = 0.05
"""Seconds between two events of a stream, and before whatever comes first."""


@dataclass(frozen=True)
class Body:
    """All of an answer that is no stream."""

    data: bytes


Failing = Callable[[], Exception]
Step = bytes | Body | Failing | None
"""A read of a stream, a body, an error (made anew for each try) or, None, the close of the wire."""


@dataclass(frozen=True)
class Script:
    """What one try gets: steps with the seconds that pass before each. Where no end is among them, silence follows.

    ``stubborn``: it goes on to push when nobody listens any more.
    """

    steps: Sequence[tuple[float, Step]] = ()
    stubborn: bool = False


@dataclass
class Try:
    """One try at a candidate."""

    number: int
    """1 for the candidate's first."""
    began: float
    """Seconds of virtual time."""
    streamed: bool
    """Whether the client asked for a stream."""
    dialect: str
    body: Any
    """The request as the provider would receive it."""
    let_go: float | None = None

    @property
    def prefix(self) -> str:
        """The beginning of the answer that it is asked to go on with; "" where it is asked for all of it."""
        role, *_, text = heard(self.dialect, self.body).turns[-1]
        return str(text) if role == "assistant" else ""


Answerer = Callable[[Try], Script]


class Actor:
    """One candidate: who answers its tries, and all tries so far."""

    def __init__(self, name: str, dialect: str, answers: Answerer, now: Callable[[], float]) -> None:
        self.name = name
        self.tries: list[Try] = []
        self._dialect = dialect
        self._answers = answers
        self._now = now

    def open(self, candidate: Candidate) -> Stream[Frame]:
        """As a provider's ``open``: one try a subscription."""

        def subscribe(observer: ObserverBase[Frame], scheduler: SchedulerBase | None) -> Link[Frame, Frame]:
            assert isinstance(scheduler, Exchange)
            sent = scheduler.send(Losses(candidate.target.allow))
            body = json.loads(payload(scheduler, candidate, sent))
            tried = Try(len(self.tries) + 1, self._now(), scheduler.stream, self._dialect, body)
            self.tries.append(tried)
            playing = _Playing(self._answers(tried), tried, sent, scheduler, self._now).begin(observer)
            playing.start()
            return playing

        return Stream(subscribe)

    @property
    def all_let_go(self) -> bool:
        """Whether no try of it holds a connection any more."""
        return all(tried.let_go is not None for tried in self.tries)


class _Playing(Link[Frame, Frame]):
    """One try under way."""

    __slots__ = ("_head", "_listener", "_now", "_place", "_scheduler", "_script", "_timer", "_tried")

    def __init__(self, script: Script, tried: Try, sent: Sent, scheduler: SchedulerBase, now: Callable[[], float]) -> None:
        self._script = script
        self._tried = tried
        self._head: Head | None = Head(sent)
        self._scheduler = scheduler
        self._now = now
        self._place = 0
        self._timer: DisposableBase | None = None

    def start(self) -> None:
        self._listener = self.observer
        self._wait()

    def ended(self, how: Exception | Left | None) -> None:
        self._tried.let_go = self._now()
        if self._timer is not None and not self._script.stubborn:
            self._timer.dispose()

    def _wait(self) -> None:
        self._timer = None
        if self._place < len(self._script.steps) and (not self.stopped or self._script.stubborn):
            self._timer = clock.after(self._scheduler, self._script.steps[self._place][0], self._play)

    def _play(self) -> None:
        step = self._script.steps[self._place][1]
        self._place += 1
        if isinstance(step, bytes):
            if self._head is not None:
                head, self._head = self._head, None
                head.content_type = "text/event-stream"
                self._push(head)
            self._push(step)
        elif isinstance(step, Body):
            assert self._head is not None
            self._head.content_type = "application/json"
            self._push(Whole(self._head, step.data))
        elif step is None:
            self.complete()
        else:
            self.fail(step())
        self._wait()

    def _push(self, frame: Frame) -> None:
        (self._listener if self._script.stubborn else self.receiver).on_next(frame)


# ------------------------------------------------------------------------------------------------------------- scripts


def stream(events: Iterable[bytes], *then: tuple[float, Step], after: float = PACE, stubborn: bool = False) -> Script:
    """A read for each event, the first one ``after`` so many seconds; then these steps."""
    said = [(PACE, event) for event in events]
    said[0] = (after, said[0][1])
    return Script([*said, *then], stubborn)


CLOSE: Final[tuple[float, Step]] = (PACE, None)


def events_of(dialect: str, model: str, answer: Answer) -> list[bytes]:
    """A streamed answer, event by event, with the model that gave it."""
    return [event.replace(MODEL.encode(), model.encode()) for event in EVENTS[dialect](answer)]


def body_of(dialect: str, model: str, answer: Answer) -> bytes:
    """A whole answer, with the model that gave it."""
    return BODIES[dialect](answer).replace(MODEL.encode(), model.encode())


def answered(tried: Try, model: str, answer: Answer) -> Script:
    """A healthy answer: streamed or whole, as the request asks."""
    if tried.streamed:
        return stream(events_of(tried.dialect, model, answer), CLOSE)
    return Script([(PACE, Body(body_of(tried.dialect, model, answer)))])


def refused(
    dialect: str, status: int, message: str = "no", kind: str = "server_error", code: str | None = None, **headers: str
) -> Script:
    """An HTTP error in the provider's own shape, read as the provider's client reads it."""
    raw = json.dumps(error_body(dialect, kind, message, code)).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Script([(PACE, lambda: DIALECTS[dialect].read_error(status, named, raw))])


def failed(kind: Kind) -> tuple[float, Step]:
    """The connection breaks as the provider's client tells it."""
    return PACE, lambda: GatewayError(kind)
