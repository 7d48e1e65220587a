"""The commit: the moment when an attempt's first committing item is handed on. Before it, nothing of the attempt is seen.

It is a property of the item: an item commits unless its own attribute ``commits`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from reactivex.abc import DisposableBase, ObservableBase, ObserverBase, SchedulerBase

from operators.stream import Link

T = TypeVar("T")


def commits(item: Any) -> bool:
    """Whether handing ``item`` on ties the stream to its source.

    >>> commits("text")
    True
    """
    return bool(getattr(item, "commits", True))


def retryable(error: Exception) -> bool:
    """Whether another attempt may do better: the error's own word, True where it says nothing."""
    return bool(getattr(error, "retryable", True))


class Trial(DisposableBase, Generic[T]):
    """One try of a source that stays invisible until it commits.

    Uncommitted items are held back; the first committing item releases them in order and then passes itself, and from there
    on everything passes straight through. A failure before the commit takes the held items with it and goes to ``on_failed``;
    one after it is the observer's. Completion without a commit releases what was held. What is held is bounded by the guards
    of the source only.

    Args:
        observer: who gets what is released.
        on_failed: gets the error of an uncommitted failure. The source has ended by then.
        on_commit: called just before the first item is released by a commit or by completion.
    """

    __slots__ = ("_held", "_link", "_observer", "_on_commit")

    def __init__(
        self, observer: ObserverBase[T], on_failed: Callable[[Exception], None], on_commit: Callable[[], None] | None = None
    ) -> None:
        self._observer = observer
        self._on_commit = on_commit
        self._held: list[T] = []
        self._link: Link[T] = Link(self._next, on_failed, self._completed)

    def start(self, source: ObservableBase[T], scheduler: SchedulerBase | None) -> None:
        """Subscribe to the source. Called once."""
        self._link.connect(source, scheduler)

    def dispose(self) -> None:
        """Let go of the source; what is held is forgotten."""
        self._held.clear()
        self._link.dispose()

    def _next(self, item: T) -> None:
        if not getattr(item, "commits", True):
            self._held.append(item)
            return
        observer = self._observer
        self._link.redirect(observer.on_next, observer.on_error)
        self._release()
        observer.on_next(item)

    def _completed(self) -> None:
        self._release()
        self._observer.on_completed()

    def _release(self) -> None:
        on_commit, self._on_commit = self._on_commit, None
        if on_commit is not None:
            on_commit()
        held, self._held = self._held, []
        for item in held:
            self._observer.on_next(item)
