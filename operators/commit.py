"""The commit: the moment when an attempt's first committing item is handed on. Before it, nothing of the attempt is seen.

It is a property of the item: an item commits unless its own attribute ``commits`` says otherwise.
"""

from __future__ import annotations

from typing import Any, TypeVar

from reactivex.abc import ObservableBase, SchedulerBase

from operators.stream import Left, Link

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


class Trials(Link[T, T]):
    """Tries sources, one after another, until one commits: what retry, failover and a continuation of resume have in common.

    Uncommitted items of a source are held back; the first committing item releases them in order and then passes itself, and
    from there on everything passes straight through. A failure before the commit takes the held items with it and goes to
    ``failed``; one after it is the observer's. Completion without a commit releases what was held. What is held is bounded by
    the guards of the source only.
    """

    __slots__ = ("_held", "committed", "scheduler", "trying")

    scheduler: SchedulerBase | None
    committed: bool
    """Whether the source under way is the answer."""
    trying: bool
    """Whether a source is under way."""

    def attempt(self, source: ObservableBase[T]) -> None:
        """Try a source; the one before has failed."""
        self._held: list[T] | None = None
        self.committed = False
        self.trying = True
        self.follow(source, self.scheduler)

    def commit(self) -> None:
        """The source under way is the answer: what was held is released."""
        self.committed = True
        if self._held is not None:
            held, self._held = self._held, None
            for item in held:
                self.receiver.on_next(item)

    def failed(self, error: Exception) -> None:
        """The source under way failed before its commit, and has been let go. Overwritten by whoever tries again."""
        self.fail(error)

    def on_next(self, item: T) -> None:
        if self.committed:
            self.receiver.on_next(item)
        elif getattr(item, "commits", True):
            self.commit()
            self.receiver.on_next(item)
            self.step_aside_behind(item)
        elif self._held is None:
            self._held = [item]
        else:
            self._held.append(item)

    def on_error(self, error: Exception) -> None:
        if self.committed:
            self.fail(error)
        elif not self.stopped:
            self._held = None
            self.trying = False
            if not self.upstream.stopped:
                self.upstream.dispose()
            # Whoever failed may have stood between it and a queue.
            self.on_queued(False)
            self.failed(error)

    def on_completed(self) -> None:
        if not self.committed and not self.stopped:
            self.commit()
        self.complete()

    def ended(self, how: Exception | Left | None) -> None:
        self._held = None
