"""Marble cases of a configuration's chains: the guards that would serve, in virtual time, over drawn candidates.

What is run is the chain from the attempts to the client's stream (everything but ``wire``), built and supplied as for serving.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, Final, TypeVar, cast

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators import clock
from operators.catalog import CATALOG
from operators.chain import Chain
from operators.circuit import Circuits
from operators.options import nearest
from operators.stream import Stream
from operators.virtual import VirtualClock
from pipeline import chain as sentence
from pipeline.config import CaseConfig, Problem
from pipeline.dialects import DIALECTS
from pipeline.drawings import Seen, Sign, draw, draw_try, read, said
from pipeline.errors import Kind, classify
from pipeline.events import Batch, BlockEnd, BlockStart, End, Event, Finish, Opened, Started, Text
from pipeline.exchange import Exchange
from pipeline.guards import for_answers, for_attempts
from pipeline.metrics import Metrics
from pipeline.played import Play, Played, almost_one
from pipeline.policies import drilled
from pipeline.request import Losses, Sent, Target
from pipeline.resolve import Candidate
from pipeline.shared import Shared
from pipeline.supply import Supplier

T = TypeVar("T")

LATER: Final = 1000.0
"""For how many columns a stream is watched behind its end: it has to stay silent."""

COMMENT: Final = b": a sign of life\n\n"
"""The bytes of ``s``: what a provider sends to keep a line open."""

ERRORS: Final = frozenset({*CATALOG, *(kind.reason for kind in Kind)})
"""What a case may call an error; a step of your own may have further ones."""


def faults(chains: Mapping[str, Chain], tests: Mapping[str, Sequence[CaseConfig]]) -> Iterator[Problem]:
    """Run every case; a problem for each that came out otherwise. Raises ChainError where a chain cannot be built."""
    metrics = Metrics("cases")
    for name, cases in tests.items():
        for case in cases:
            title = f'"{case.name}" ' if case.name else ""
            yield from (Problem(case.where, f"{title}{fault}") for fault in _Case(case, metrics).faults(name, chains[name]))


@dataclass(frozen=True)
class Came:
    """What came of a case."""

    expect: str
    """What the client saw, drawn; where that needs more than characters, words in brackets stand behind it."""
    errors: Sequence[str]
    """What ``#`` may be called."""
    subscriptions: Mapping[str, tuple[str, ...]]
    """Each try at each candidate, drawn; in numbers where it lies between two columns."""


def came(name: str, chain: Chain, case: CaseConfig) -> Came:
    """What comes of a case of the chain ``name``, whatever it expects. Raises ChainError where the chain cannot be built."""
    return _Case(case, Metrics("cases")).came(name, chain)


@dataclass
class _Case:
    case: CaseConfig
    metrics: Metrics

    def faults(self, name: str, chain: Chain) -> Iterator[str]:
        """What came out otherwise, a sentence each."""
        try:
            fault = self._misdrawn()
        except ValueError as error:
            fault = f"has a drawing that cannot be read: {error}"
        yield from (fault,) if fault else self._run(name, chain)

    def _misdrawn(self) -> str:
        """What no run can make true, as a sentence; "" for nothing. Raises ValueError for a drawing that is none."""
        expected = read(self.case.expect, self.case.values)
        for label, drawings in self.case.source.items():
            if not drawings:
                return f"draws nothing for the source {label}; a candidate that says nothing is drawn as -"
            if any(what is Sign.BEAT for drawing in drawings for _, what in read(drawing, self.case.values)):
                return f"draws an h in the source {label}, but heartbeats are the gateway's own; give the text another letter"
        error = self.case.error
        if error and not any(what is Sign.ERROR for _, what in expected):
            return f"names the error {error}, but its expect draws no #{_meant(error)}"
        return ""

    def _run(self, name: str, chain: Chain) -> Iterator[str]:
        case = self.case
        ran = _Ran(self, name, chain)
        expected = read(case.expect, case.values)
        ends = bool(expected) and expected[-1][1] in (Sign.END, Sign.ERROR)
        ran.time.advance((expected[-1][0] if ends else len(case.expect.replace(" ", ""))) * case.column)
        if not ends:
            ran.subscription.dispose()
        left = ran.time.timers
        ran.time.advance(LATER * case.column)
        ran.subscription.dispose()
        yield from self._differences(expected, ran.seen, ran.errors, ran.sources, left)

    def came(self, name: str, chain: Chain) -> Came:
        """See ``came``."""
        ran = _Ran(self, name, chain)
        ran.time.advance(LATER * self.case.column)
        ran.subscription.dispose()
        return Came(
            draw(ran.seen, self.case.values),
            _names(ran.errors[0]) if ran.errors else [],
            {label: tuple(draw_try(*record) for record in source.tries) for label, source in ran.sources.items()},
        )

    def _differences(
        self, expected: list[Seen], seen: list[Seen], errors: list[Exception], sources: Mapping[str, Played[Batch]], left: int
    ) -> Iterator[str]:
        if seen != expected:
            wanted, came = (draw(each, self.case.values) for each in (expected, seen))
            yield f"came out otherwise:\n    expected  {wanted}\n    came      {came}{_told(errors)}"
        elif errors and self.case.error and self.case.error not in _names(errors[0]):
            came = " / ".join(_names(errors[0]))
            yield f"ended by another error: expected {self.case.error}, came {came}{_meant(self.case.error)}"
        elif left:
            yield f"left {left} timers behind when the stream had ended"
        for name in dict.fromkeys((*self.case.subscriptions, *self.case.continues, *self.case.failures)):
            if name not in sources:
                yield f'names "{name}", which is no candidate of its source'
        for name, drawings in self.case.subscriptions.items():
            if name not in sources:
                continue
            tried = [draw_try(*record) for record in sources[name].tries]
            if tried != [drawing.strip() for drawing in drawings]:
                yield f"tried {name} otherwise: expected {list(drawings)}, came {tried}"

    def plays(self, label: str, drawings: Sequence[str]) -> list[Play]:
        """The tries at a candidate: what is said of one, a drawing or a status, holds for those behind it."""
        statuses = self.case.failures.get(label) or (self.case.failure,)
        tries = range(max(len(drawings), len(statuses)))
        return [self._play(label, _at(drawings, number), _at(statuses, number)) for number in tries]

    def _play(self, label: str, drawing: str, failure: int) -> Play:
        """One try as it is drawn."""
        frames = read(drawing, self.case.values)

        def play(scheduler: SchedulerBase, observer: ObserverBase[Batch]) -> list[Any]:
            try_ = _Try(label, failure, observer)
            return [clock.after(scheduler, column * self.case.column, partial(try_.tell, what)) for column, what in frames]

        return play


class _Ran:
    """A case under way: its chain is subscribed to, and no time has passed yet."""

    def __init__(self, case: _Case, name: str, chain: Chain) -> None:
        drawn = case.case
        self.time = time = VirtualClock()
        shared = Shared(cast(Any, None), case.metrics, Circuits(now=lambda: time.second))
        self.sources: dict[str, Played[Batch]] = {
            label: Played(case.plays(label, drawings), self._now) for label, drawings in drawn.source.items()
        }
        self.seen: list[Seen] = []
        self.errors: list[Exception] = []
        self._column = drawn.column
        self.subscription = _joined(name, chain, shared, self.sources, drawn.continues).subscribe(
            lambda batch: self.seen.extend((self._now(), text) for text in said(batch)),
            self._failed,
            lambda: self.seen.append((self._now(), Sign.END)),
            scheduler=_exchange(time),
        )

    def _now(self) -> float:
        return round(self.time.second / self._column, 6)

    def _failed(self, error: Exception) -> None:
        self.seen.append((self._now(), Sign.ERROR))
        self.errors.append(error)


class _Try:
    """What a candidate says in one try, as events: it accepts the request with its first word, and begins its one text."""

    def __init__(self, label: str, failure: int, observer: ObserverBase[Batch]) -> None:
        self._opened: Opened | None = Opened(label, Sent(1, Losses()), "", label=label)
        self._begun = False
        self._failure = failure
        self._observer = observer

    def tell(self, what: Sign | str) -> None:
        """What a mark of a drawing stands for."""
        if what is Sign.ERROR:
            self._observer.on_error(drilled(self._failure))
        elif what is Sign.END:
            self._say(*([BlockEnd(0)] if self._begun else []), Finish("stop"), End())
            self._observer.on_completed()
        elif isinstance(what, Sign):
            self._say(Started())
        else:
            begin = [] if self._begun else [BlockStart(0, "text")]
            self._begun = True
            self._say(*begin, Text(0, what))

    def _say(self, *events: Event) -> None:
        opened, self._opened = self._opened, None
        self._observer.on_next(_batch(*([] if opened is None else [opened]), *events))


def _joined(
    name: str, chain: Chain, shared: Shared, sources: Mapping[str, Played[Batch]], continues: Collection[str]
) -> Observable[Batch]:
    """The chain over drawn candidates, as ``pipeline.chain`` joins it over real ones."""
    around = for_answers(name, chain, Supplier(shared, name, candidate=_nothing, random=almost_one))
    attempts = []
    for label, source in sources.items():
        # Its provider is drawn: nobody asks it for anything but its name.
        drawn = cast(Any, SimpleNamespace(name=label))
        candidate = Candidate(drawn, label, Target("chat", label), label, continues=label in continues)
        guards = for_attempts(name, chain, Supplier(shared, name, label, candidate=_nothing, random=almost_one))
        attempts.append(sentence.Attempt(candidate, guards.attempt(source)))
    return cast(Observable[Batch], around.request(around.answer(around.candidates(sentence.each(attempts)))))


def _at(said: Sequence[T], number: int) -> T:
    return said[min(number, len(said) - 1)]


def _nothing(use: str) -> Stream[Batch]:
    """Whom a mirror asks: it is done at once, so that a case waits for nobody whom it does not draw."""
    return Stream(lambda observer, scheduler: observer.on_completed())


def _exchange(time: VirtualClock) -> Exchange:
    body = {"model": "case", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    return Exchange(time, "case", DIALECTS["chat"], body, b"{}", {})


def _batch(*events: Event) -> Batch:
    texts = "".join(event.text for event in events if isinstance(event, Text)).encode()
    return Batch(list(events), COMMENT if any(isinstance(event, Started) for event in events) else texts)


def _meant(error: str) -> str:
    """What was probably meant by the name of an error that nobody has; "" for one that is known."""
    return "" if error in ERRORS else nearest(error, ERRORS)


def _names(error: Exception) -> list[str]:
    """What a case may call an error: the guard, or the reason that metrics show."""
    return list(dict.fromkeys(filter(None, [getattr(error, "operator", ""), classify(error).reason])))


def _told(errors: list[Exception]) -> str:
    return f"\n    # is      {' / '.join(_names(errors[0]))}: {errors[0]}" if errors else ""
