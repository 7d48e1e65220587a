"""Observers that write everything down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators import Link, Stream


class Heard(ObserverBase[Any]):
    """An observer that writes everything down."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def on_next(self, item: Any) -> None:
        self.all.append(item)

    def on_error(self, error: Exception) -> None:
        self.all.append(error)

    def on_completed(self) -> None:
        self.all.append("|")


class Reacts(Heard):
    """Does something from inside each item, after it was written down."""

    def __init__(self, react: Callable[[Any], object]) -> None:
        super().__init__()
        self.react = react

    def on_next(self, item: Any) -> None:
        super().on_next(item)
        self.react(item)


class Duck:
    """Not an ObserverBase, but it has the methods."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self.on_next = self.on_error = self.all.append

    def on_completed(self) -> None:
        self.all.append("|")


class FirstOnly(Link[Any, Any]):
    """Is disposed from inside the very first item."""

    def on_next(self, value: Any) -> None:
        self.receiver.on_next(value)
        self.dispose()


class Waits:
    """An operator that notes when its source joins a queue, and when it stands there no longer."""

    def __init__(self) -> None:
        self.told: list[bool] = []

    def __call__(self, source: Observable[Any]) -> Stream[Any]:
        def subscribe(observer: ObserverBase[Any], scheduler: SchedulerBase | None) -> Link[Any, Any]:
            return _Told(self.told).connect(source, observer, scheduler)

        return Stream(subscribe)


class _Told(Link[Any, Any]):
    def __init__(self, told: list[bool]) -> None:
        self._told = told

    def on_queued(self, waiting: bool) -> None:
        self._told.append(waiting)
