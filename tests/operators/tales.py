"""What tests of ``resume`` share: drawn streams that are cut, and a memory that does as it is told and writes everything down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from reactivex import Observable

from operators import Stream
from operators.testing import Marble, Marbles
from tests.operators.items import ITEMS, Fault, Item

CUT = Fault("cut")
LATER = Fault("later")
VALUES = {**ITEMS, "e": Item("e", ends=True)}


def cold(t: Marbles, drawing: str, error: Exception | None = None) -> Marble:
    return t.cold(drawing, values=VALUES, error=error)


def check(t: Marbles, result: Observable[Any], drawing: str, **more: Any) -> None:
    t.check(result, drawing, values=VALUES, **more)


class Tale:
    """Hands out its continuations one after another, then None. It is its own ``remember``."""

    def __init__(self, *continuations: Observable[Any], splice: Callable[[Any], Iterable[Any]] | None = None) -> None:
        self.schedulers: list[Any] = []
        self.noted: list[Any] = []
        self.errors: list[Exception] = []
        self._left = list(continuations)
        self._splice = splice

    def __call__(self, scheduler: Any) -> Tale:
        self.schedulers.append(scheduler)
        return self

    @property
    def names(self) -> str:
        """What was noted, a letter an item."""
        return "".join(getattr(item, "name", item) for item in self.noted)

    def note(self, item: Any) -> None:
        self.noted.append(item)

    def continuation(self, error: Exception) -> Observable[Any] | None:
        self.errors.append(error)
        return self._left.pop(0) if self._left else None

    def splice(self, item: Any) -> Iterable[Any]:
        return [item] if self._splice is None else self._splice(item)


def pushing(*items: Any, error: Exception | None = None) -> Stream[Any]:
    """A source that says everything while it is subscribed to."""

    def subscribe(observer: Any, scheduler: Any) -> None:
        for item in items:
            observer.on_next(item)
        observer.on_completed() if error is None else observer.on_error(error)

    return Stream(subscribe)
