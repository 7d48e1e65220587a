"""Candidates in, one stream out: attempts are made one after another until one commits; after that none is made again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from reactivex import Observable
from reactivex.abc import ObservableBase, ObserverBase, SchedulerBase

from operators.commit import Trial, retryable
from operators.errors import Exhausted, StepError
from operators.stream import Link, Operator, Stream
from operators.tap import quietly

T = TypeVar("T")

OnFailover = Callable[[Any, Any, Exception], None]


def failover(
    *, when: Callable[[Exception], bool] = retryable, on_failover: OnFailover | None = None
) -> Operator[Observable[T], T]:
    """Subscribe to the next attempt when the one before failed before its commit.

        attempts    A--B|
        A           -s#             s does not commit
        B              -s-x-y|      x commits
        failover()  ------(sx)-y|   (s shown with x; A's s never)

    Args:
        when: whether an error is worth another attempt; by default the error's own ``retryable``, True where it has none.
        on_failover: probe, called with (attempt that failed, attempt that follows, error). It cannot hurt.

    Uncommitted items of an attempt are held back until it commits or completes; what is held is bounded by other guards only
    (``buffer_limit``, ``first_event_timeout``). The stream of attempts may be lazy: it is let go at the commit.

    Raises (as ``on_error``):
        Exhausted: there was no attempt at all.
        Exception: the error of the last attempt, when all failed, or ``when`` said no, or it came after the commit. An error
            of the stream of attempts passes only where no attempt was made.

    After dispose: the attempt under way and the stream of attempts are let go.

    >>> import reactivex
    >>> attempts = reactivex.of(reactivex.throw(OSError("down")), reactivex.of("from B"))
    >>> attempts.pipe(failover()).run()
    'from B'
    """

    def operator(source: Observable[Observable[T]]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Callable[[], None]:
            run = _Run(observer, scheduler, when, on_failover)
            run.attempts.connect(source, scheduler)
            return run.dispose

        return Stream(subscribe)

    return operator


class _Run(Generic[T]):
    """One subscription: the attempts that wait, and the one under way."""

    __slots__ = (
        "_active",
        "_advancing",
        "_error",
        "_failed",
        "_observer",
        "_on_failover",
        "_scheduler",
        "_waiting",
        "_when",
        "attempts",
    )

    def __init__(
        self,
        observer: ObserverBase[T],
        scheduler: SchedulerBase | None,
        when: Callable[[Exception], bool],
        on_failover: OnFailover | None,
    ) -> None:
        self._observer = observer
        self._scheduler = scheduler
        self._when = when
        self._on_failover = on_failover
        self._waiting: deque[ObservableBase[T]] = deque()
        self._advancing = False
        self._active: Trial[T] | None = None
        self._failed: ObservableBase[T] | None = None
        self._error: Exception | None = None
        self.attempts: Link[Observable[T]] = Link(self._attempt, self._no_more, self._no_more)

    def dispose(self) -> None:
        self.attempts.dispose()
        self._waiting.clear()
        if self._active is not None:
            self._active.dispose()

    def _attempt(self, attempt: ObservableBase[T]) -> None:
        self._waiting.append(attempt)
        self._advance()

    def _no_more(self, error: Exception | None = None) -> None:
        self._error = self._error or error
        if self._active is None and not self._waiting:
            self._observer.on_error(self._error or Exhausted("failover", "failover: there was nothing to try"))

    def _advance(self) -> None:
        # Attempts that fail while they are subscribed to come back here: a loop, so that their number costs no stack.
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._active is None and self._waiting:
                self._start(self._waiting.popleft())
        finally:
            self._advancing = False

    def _start(self, attempt: ObservableBase[T]) -> None:
        if self._failed is not None:
            quietly(self._on_failover, self._failed, attempt, self._error)
        self._active = Trial(self._observer, lambda error: self._fail(attempt, error), self._commit)
        self._active.start(attempt, self._scheduler)

    def _fail(self, attempt: ObservableBase[T], error: Exception) -> None:
        self._active = None
        self._failed = attempt
        self._error = error
        last = self.attempts.stopped and not self._waiting
        try:
            final = last or not self._when(error)
        except Exception as fault:
            final, error = True, StepError("failover", fault)
        if final:
            self._commit()
            self._observer.on_error(error)
        else:
            self._advance()

    def _commit(self) -> None:
        self._waiting.clear()
        self.attempts.dispose()
