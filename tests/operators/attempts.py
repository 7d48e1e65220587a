"""Attempts for tests: as a stream, pushed by hand, and written down."""

from __future__ import annotations

from typing import Any

from reactivex import Observable

from operators import FirstEvents, Stream
from operators.testing import Marble, Marbles


def lazily(t: Marbles, drawing: str, **attempts: Observable[Any]) -> Marble:
    """A stream of attempts."""
    return t.cold(drawing, values=attempts)


def at_once(*attempts: Any) -> Stream[Any]:
    """A stream of attempts, or of whatever it is, that come while it is subscribed to."""

    def subscribe(observer: Any, scheduler: Any) -> None:
        for attempt in attempts:
            observer.on_next(attempt)
        observer.on_completed()

    return Stream(subscribe)


def broken(*_: Any) -> Any:
    """A person's function that raises."""
    raise ZeroDivisionError


class Probes:
    """All probes of ``hedge``; they write down what they are called with."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def all(self) -> dict[str, Any]:
        return {name: self._named(name) for name in ("on_failover", "on_hedge", "on_win", "on_lose")}

    def _named(self, name: str) -> Any:
        return lambda *args: self.heard.append((name, *args))


class Late:
    """A source pushed by hand, also after it was let go."""

    def __init__(self) -> None:
        self.observer: Any = None
        self.left = 0
        self.on_leave: Any = lambda: None
        self.stream: Stream[Any] = Stream(self._subscribe)

    def _subscribe(self, observer: Any, scheduler: Any) -> Any:
        self.observer = observer
        return self._leave

    def _leave(self) -> None:
        self.left += 1
        self.on_leave()


class Seen(FirstEvents):
    """Shows what was added."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[float] = []

    def add(self, seconds: float) -> None:
        super().add(seconds)
        self.all.append(round(seconds, 2))
