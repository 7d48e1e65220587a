"""What came since somebody looked: for each viewer of the live feed, the marks and facts of requests that it has not seen.

Each process keeps its own share of this, found by the viewer's name, so that a viewer who is connected to one worker sees all.

The bounds are constants, not settings: they say what a look may cost the streams, refuse nobody, and who is not told of something
is told so (``left_out``) or finds it under /debug/traces.
"""

from __future__ import annotations

import gc
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from pipeline.exchange import Exchange
from pipeline.server.runtime import Runtime
from pipeline.summary import Summary
from pipeline.traces import Cursor, Trace

HISTORY: Final = 100
"""Requests that ended before somebody looked, and are told at first; whoever falls behind misses what is older."""
MOST_FOLLOWED: Final = 1000
"""Requests in flight of one worker that a viewer is told of; of more only the number."""
ROOM: Final = 5000
"""What one look tells at most, in marks: a look takes few milliseconds, whatever is going on, and the streams do not wait for it.
What is left is told at the next one."""
LOOKING: Final = 5
"""What looking at a request in flight costs beside its marks, in marks."""
TELLING: Final = 30
"""What telling all facts of a request costs, in marks."""
FORGOTTEN: Final = 10.0
"""Seconds after which a viewer that does not ask any more is forgotten."""

Answer = dict[str, Any]


class Desk:
    """All viewers of one process.

    Args:
        runtime: whose requests they see.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._viewers: dict[str, _Viewer] = {}
        self._process = f"{os.getpid()}-{time.monotonic_ns()}"
        runtime.colleagues.answers["live"] = self.look
        runtime.colleagues.answers["unlook"] = self.forget

    def __len__(self) -> int:
        return len(self._viewers)

    def look(
        self,
        viewer: str,
        stages: Collection[str] | None = None,
        id: str | None = None,
        heard: Mapping[str, int] | None = None,
    ) -> Answer:
        """What this viewer has not seen yet. Whoever looks for the first time sees what is in flight, and what ended last.

        Args:
            viewer: a name of its own.
            stages: whose marks it wants; None: all.
            id: the only request that it looks at; None: all.
            heard: by process, the ``number`` of the last answer that reached it. Where one of this process did not, which happens
                when it comes late, all is told as at the first look. None: all of them did.
        """
        began = time.thread_time()
        now = time.monotonic()
        for name in [name for name, each in self._viewers.items() if now - each.looked_at > FORGOTTEN]:
            del self._viewers[name]
        found = self._viewers.get(viewer)
        if found is None or (heard is not None and heard.get(self._process) != found.looks):
            wanted = None if stages is None else frozenset(stages)
            found = _All(self._runtime, wanted) if id is None else _One(self._runtime, wanted, id)
            self._viewers[viewer] = found
        found.looked_at = now
        found.looks += 1
        with _no_collection():
            news = found.news()
        candidates = self._candidates() if id is None else {}
        return {
            "process": self._process,
            "number": found.looks,
            "candidates": candidates,
            "requests": news.requests,
            "gone": news.gone,
            "left_out": news.left_out,
            "viewers": len(self),
            "spent": time.thread_time() - began,
        }

    def forget(self, viewer: str) -> None:
        """This viewer looks no more."""
        self._viewers.pop(viewer, None)

    def _candidates(self) -> dict[str, Any]:
        circuits = self._runtime.assembly.circuits
        told = {}
        for label, state in circuits.states().items():
            circuit = circuits.of(label)
            told[label] = {"state": state, "remaining": ceil(circuit.remaining), "failures": circuit.in_a_row}
        return told


@dataclass(slots=True)
class News:
    """What a viewer is told at one look."""

    requests: list[dict[str, Any]]
    """All facts of a request, or only its ``id`` and ``at``; and under ``stages`` its new marks."""
    gone: list[str]
    """Ids of requests that are in flight no more and of whose end nothing is known."""
    left_out: int
    """How many in flight it is not told of."""


class _Followed:
    """A request in flight: what the viewer knows of it."""

    __slots__ = ("cursor", "facts")

    def __init__(self) -> None:
        self.cursor: Cursor = {}
        self.facts: tuple[Any, ...] | None = None


class _Viewer(ABC):
    """What one viewer has seen."""

    def __init__(self, runtime: Runtime, stages: frozenset[str] | None) -> None:
        self._runtime = runtime
        self._stages = stages
        self.looked_at = 0.0
        self.looks = 0

    @abstractmethod
    def news(self) -> News:
        """What is new now."""

    def _flying(self) -> dict[Trace, Exchange]:
        """What is under way: an exchange knows more than its trace, until it ends."""
        return {each.trace: each for each in self._runtime.exchanges if each.trace is not None}


class _One(_Viewer):
    """Looks at one request, with all that is kept of it."""

    def __init__(self, runtime: Runtime, stages: frozenset[str] | None, id: str) -> None:
        super().__init__(runtime, stages)
        self._id = id
        self._trace: Trace | None = None
        self._cursor: Cursor = {}
        self._done = False

    def news(self) -> News:
        trace = self._trace = self._trace or self._runtime.recorder.ring.find(self._id)
        if trace is None or self._done:
            return News([], [], 0)
        exchange = self._flying().get(trace)
        if exchange is not None:
            trace.summary = Summary(exchange)
        self._done = bool(trace.outcome)
        # Bodies come with the stages, and at the end only: they do not travel again and again.
        told = self._runtime.recorder.told(trace, stages=self._done)
        return News([{**told, "stages": trace.news(self._cursor, self._stages)}], [], 0)


class _All(_Viewer):
    """Looks at all requests."""

    def __init__(self, runtime: Runtime, stages: frozenset[str] | None) -> None:
        super().__init__(runtime, stages)
        self._followed: dict[Trace, _Followed] = {}
        self._seen = 0
        """How many had ended when it looked."""
        self._waiting: list[Trace] = []
        """Those that ended and were not told yet, the newest last."""
        self._room = 0

    def news(self) -> News:
        news = News([], [], 0)
        flying = self._flying()
        self._room = ROOM
        self._ended(news, flying)
        self._recent(news)
        self._under_way(news, flying)
        return news

    def _ended(self, news: News, flying: Mapping[Trace, Exchange]) -> None:
        """The ends of those that were followed: none is left out, or it would look as if it were in flight for ever."""
        ring = self._runtime.recorder.ring
        recent, self._seen = ring.since(self._seen, HISTORY), ring.ends
        # Those that are kept are not always the very ones that were followed.
        known = {(each.id, each.began) for each in self._followed} if recent else set()
        self._waiting += [each for each in recent if (each.id, each.began) not in known]
        del self._waiting[:-HISTORY]
        for trace in [each for each in self._followed if each not in flying]:
            followed = self._followed.pop(trace)
            if trace.outcome:
                self._tell(news, trace, followed, whole=True)
            else:
                news.gone.append(trace.id)

    def _recent(self, news: News) -> None:
        """What began and ended between two looks, and what ended before the first: the newest first, these are looked at."""
        while self._waiting and self._room > ROOM // 2:
            self._tell(news, self._waiting.pop(), _Followed(), whole=True)

    def _under_way(self, news: News, flying: Mapping[Trace, Exchange]) -> None:
        new = [trace for trace in flying if trace not in self._followed]
        for trace in sorted(new, key=_began, reverse=True)[: MOST_FOLLOWED - len(self._followed)]:
            self._followed[trace] = _Followed()
        news.left_out = len(flying) - len(self._followed)
        for trace in list(self._followed):
            if self._room <= 0:
                break
            # Whoever was told stands behind those that wait.
            followed = self._followed[trace] = self._followed.pop(trace)
            facts = _facts(trace, flying[trace])
            changed, followed.facts = facts != followed.facts, facts
            if changed:
                trace.summary = Summary(flying[trace])
            self._tell(news, trace, followed, whole=changed)

    def _tell(self, news: News, trace: Trace, followed: _Followed, *, whole: bool) -> None:
        """One request: all facts where any changed, else only its new marks."""
        stages = trace.news(followed.cursor, self._stages)
        self._room -= LOOKING + sum(len(row["marks"]) for row in stages)
        if whole:
            self._room -= TELLING
            news.requests.append({**self._runtime.recorder.told(trace, stages=False), "stages": stages})
        elif stages:
            news.requests.append({"id": trace.id, "at": trace.at, "stages": stages})


@contextmanager
def _no_collection() -> Iterator[None]:
    """A look makes thousands of small lists that are gone a moment later. They are no reason to look through the whole heap: with
    hundreds of streams in flight that would hold them all up for a tenth of a second."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _began(trace: Trace) -> float:
    return trace.at


def _facts(trace: Trace, exchange: Exchange) -> tuple[Any, ...]:
    """What tells that something else than marks is new; cheap, since it is looked at for each request in flight."""
    return (
        [(each.opened, each.outcome) for each in trace.attempts],
        len(trace.trips),
        len(trace.notes),
        exchange.first_event_at,
        exchange.first_write_at,
        exchange.opened is None,
        exchange.usage,
    )
