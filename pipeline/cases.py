"""Marble cases of a configuration's chains: the guards that would serve, in virtual time, over drawn candidates.

What is run is the chain from the attempts to the client's stream (everything but ``wire``), built and supplied as for serving.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase
from reactivex.notification import OnError, OnNext

from operators import clock
from operators.chain import Chain
from operators.circuit import Circuits
from operators.testing import parse
from operators.virtual import VirtualClock
from pipeline import chain as sentence
from pipeline.config import CaseConfig, Problem
from pipeline.dialects import DIALECTS
from pipeline.encode import BEAT
from pipeline.errors import classify
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

LATER: Final = 1000.0
"""For how many columns a stream is watched behind its end: it has to stay silent."""

Seen = tuple[float, str]
"""In which column, and what: a text, or the marks h, s, # and |."""


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
        drawings = [self.case.expect, *(drawing for drawn in self.case.source.values() for drawing in drawn)]
        for drawing in drawings:
            try:
                parse(drawing, self.case.values, Exception())
            except ValueError as error:
                yield f"has a drawing that cannot be read: {error}"
                return
        yield from self._run(name, chain)

    def _run(self, name: str, chain: Chain) -> Iterator[str]:
        case = self.case
        ran = _Ran(self, name, chain)
        expected = [_mark(column, event) for column, event in parse(case.expect, case.values, Exception())]
        ends = bool(expected) and expected[-1][1] in "|#"
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
            self.draw(ran.seen),
            _names(ran.errors[0]) if ran.errors else [],
            {label: tuple(_drawn_try(*record) for record in source.tries) for label, source in ran.sources.items()},
        )

    def _differences(
        self, expected: list[Seen], seen: list[Seen], errors: list[Exception], sources: Mapping[str, Played[Batch]], left: int
    ) -> Iterator[str]:
        if seen != expected:
            yield f"came out otherwise:\n    expected  {self.draw(expected)}\n    came      {self.draw(seen)}{_told(errors)}"
        elif errors and self.case.error and self.case.error not in _names(errors[0]):
            yield f"ended by another error: expected {self.case.error}, came {' / '.join(_names(errors[0]))}"
        elif left:
            yield f"left {left} timers behind when the stream had ended"
        for name in dict.fromkeys((*self.case.subscriptions, *self.case.continues)):
            if name not in sources:
                yield f'names "{name}", which is no candidate of its source'
        for name, drawings in self.case.subscriptions.items():
            if name not in sources:
                continue
            tried = [_drawn_try(*record) for record in sources[name].tries]
            if tried != [drawing.strip() for drawing in drawings]:
                yield f"tried {name} otherwise: expected {list(drawings)}, came {tried}"

    def play(self, label: str, drawing: str) -> Play:
        """One try as it is drawn."""
        frames = parse(drawing, self.case.values, Exception())

        def play(scheduler: SchedulerBase, observer: ObserverBase[Batch]) -> list[Any]:
            try_ = _Try(label, self.case.failure, observer)
            return [
                clock.after(scheduler, column * self.case.column, partial(try_.tell, _mark(column, event)[1]))
                for column, event in frames
            ]

        return play

    def draw(self, seen: list[Seen]) -> str:
        """As a drawing; what stands between two columns, or has no character of its own, is written behind it."""
        names = {text: mark for mark, text in self.case.values.items()}
        line, notes = "", list[str]()
        columns: dict[int, str] = {}
        for column, text in seen:
            mark = names.get(text, text)
            if len(mark) != 1:
                notes.append(f"? is {text!r}")
                mark = "?"
            if column != int(column):
                notes.append(f"{mark} came at {column:g}, between two columns")
            columns[int(column)] = columns.get(int(column), "") + mark
        for column, marks in sorted(columns.items()):
            if column < len(line):
                notes.append(f"{marks} came at {column}, under the bracket before it")
            line += "-" * (column - len(line)) + (marks if len(marks) == 1 else f"({marks})")
        return line + (f"   ({'; '.join(dict.fromkeys(notes))})" if notes else "")


class _Ran:
    """A case under way: its chain is subscribed to, and no time has passed yet."""

    def __init__(self, case: _Case, name: str, chain: Chain) -> None:
        drawn = case.case
        self.time = time = VirtualClock()
        shared = Shared(cast(Any, None), case.metrics, Circuits(now=lambda: time.second))
        self.sources: dict[str, Played[Batch]] = {
            label: Played([case.play(label, drawing) for drawing in drawings], self._now)
            for label, drawings in drawn.source.items()
        }
        self.seen: list[Seen] = []
        self.errors: list[Exception] = []
        self._column = drawn.column
        self.subscription = _joined(name, chain, shared, self.sources, drawn.continues).subscribe(
            lambda batch: self.seen.extend((self._now(), text) for text in _said(batch)),
            self._failed,
            lambda: self.seen.append((self._now(), "|")),
            scheduler=_exchange(time),
        )

    def _now(self) -> float:
        return round(self.time.second / self._column, 6)

    def _failed(self, error: Exception) -> None:
        self.seen.append((self._now(), "#"))
        self.errors.append(error)


class _Try:
    """What a candidate says in one try, as events: it accepts the request with its first word, and begins its one text."""

    def __init__(self, label: str, failure: int, observer: ObserverBase[Batch]) -> None:
        self._opened: Opened | None = Opened(label, Sent(1, Losses()), "", label=label)
        self._begun = False
        self._failure = failure
        self._observer = observer

    def tell(self, mark: str) -> None:
        """What a mark of a drawing stands for."""
        if mark == "#":
            self._observer.on_error(drilled(self._failure))
        elif mark == "|":
            self._say(*([BlockEnd(0)] if self._begun else []), Finish("stop"), End())
            self._observer.on_completed()
        elif mark == "s":
            self._say(Started())
        else:
            begin = [] if self._begun else [BlockStart(0, "text")]
            self._begun = True
            self._say(*begin, Text(0, mark))

    def _say(self, *events: Event) -> None:
        opened, self._opened = self._opened, None
        self._observer.on_next(_batch(*([] if opened is None else [opened]), *events))


def _joined(
    name: str, chain: Chain, shared: Shared, sources: Mapping[str, Played[Batch]], continues: Collection[str]
) -> Observable[Batch]:
    """The chain over drawn candidates, as ``pipeline.chain`` joins it over real ones."""
    around = for_answers(name, chain, Supplier(shared, name, random=almost_one))
    attempts = []
    for label, source in sources.items():
        candidate = Candidate(cast(Any, None), label, Target("chat", label), label, continues=label in continues)
        guards = for_attempts(name, chain, Supplier(shared, name, label, random=almost_one))
        attempts.append(sentence.Attempt(candidate, guards.attempt(source)))
    return cast(Observable[Batch], around.request(around.answer(around.candidates(sentence.each(attempts)))))


def _exchange(time: VirtualClock) -> Exchange:
    body = {"model": "case", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    return Exchange(time, "case", DIALECTS["chat"], body, b"{}", {})


def _batch(*events: Event) -> Batch:
    texts = "".join(event.text for event in events if isinstance(event, Text))
    return Batch(list(events), texts.encode())


def _said(batch: Batch) -> Iterator[str]:
    """What of a batch a drawing shows."""
    if batch is BEAT:
        yield "h"
    text = "".join(event.text for event in batch.events if isinstance(event, Text))
    if text:
        yield text
    elif any(isinstance(event, Started) for event in batch.events):
        yield "s"


def _mark(column: float, event: Any) -> Seen:
    if isinstance(event, OnNext):
        return column, str(event.value)
    return column, "#" if isinstance(event, OnError) else "|"


def _names(error: Exception) -> list[str]:
    """What a case may call an error: the guard, or the reason that metrics show."""
    return list(dict.fromkeys(filter(None, [getattr(error, "operator", ""), classify(error).reason])))


def _told(errors: list[Exception]) -> str:
    return f"\n    # is      {' / '.join(_names(errors[0]))}: {errors[0]}" if errors else ""


def _drawn_try(began: float, let_go: float | None = None) -> str:
    """One try as a drawing, with what lies between two columns said in numbers."""
    if began != int(began) or (let_go is not None and let_go != int(let_go)):
        return f"{began:g} to {let_go:g}" if let_go is not None else f"{began:g} on"
    end = "" if let_go is None else "-" * (int(let_go) - int(began) - 1) + "!"
    return "-" * int(began) + "^" + end
