"""What tests of shared and of cached streams have in common: scopes with a gate, sources, and who listens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reactivex import Observable

from operators import Clock, FlowGate, Scope, Store, Stream, cache
from tests.operators.observers import Heard


class Still:
    """A loop's time that stands still."""

    def time(self) -> float:
        return 0.0


CLOCK = Clock(Still())  # type: ignore[arg-type]


def gated() -> Scope:
    """A subscription's scope with a gate."""
    return Scope(CLOCK, FlowGate())


@dataclass(eq=False)
class Run:
    """One subscription to the producer."""

    observer: Any
    scope: Any
    items: list[Any] = field(default_factory=list)
    over: bool = False
    released: int = 0

    def push(self, item: Any) -> bool:
        """Unless its gate is shut."""
        gate = getattr(self.scope, "gate", None)
        if self.over or self.released or (gate is not None and not gate.is_open):
            return False
        self.items.append(item)
        self.observer.on_next(item)
        return True

    def complete(self) -> None:
        self.over = True
        self.observer.on_completed()

    def fail(self, error: Exception) -> None:
        self.over = True
        self.observer.on_error(error)


class Producer:
    """A source that is played by hand; ``at_once`` is pushed from inside the subscribing."""

    def __init__(self, *at_once: Any) -> None:
        self.runs: list[Run] = []
        self.at_once = at_once
        self.stream: Stream[Any] = Stream(self._subscribe)

    def _subscribe(self, observer: Any, scope: Any) -> Any:
        run = Run(observer, scope)
        self.runs.append(run)
        for item in self.at_once:
            run.push(item)

        def release() -> None:
            run.released += 1

        return release


def finished(*items: Any) -> Stream[Any]:
    """A stream that is over at once."""

    def subscribe(observer: Any, scheduler: Any) -> None:
        for item in items:
            observer.on_next(item)
        observer.on_completed()

    return Stream(subscribe)


def play(stream: Observable[Any], scheduler: Any = CLOCK) -> list[Any]:
    """What a subscriber has heard when it has subscribed."""
    heard = Heard()
    stream.subscribe(heard, scheduler=scheduler)
    return heard.all


def remember(store: Store, key: Any, *items: Any, **options: Any) -> list[Any]:
    """Ask for ``key``; a source that would give ``items`` stands behind."""
    return play(finished(*items).pipe(cache(store=store, key=lambda _: key, **options)))
