"""Candidates in, one stream out: attempts are made one after another until one commits; after that none is made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.commit import Trials, retryable
from operators.errors import Exhausted, StepError
from operators.stream import SILENT, Left, Link, Operator, Stream
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
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _Failover[T] = _Failover(scheduler, when, on_failover)
            link.begin(observer)
            link.attempts.connect(source, SILENT, scheduler)
            return link

        return Stream(subscribe)

    return operator


class _Failover(Trials[T]):
    """One subscription: the attempts that wait, and the one under way."""

    __slots__ = ("_advancing", "_error", "_last", "_on_failover", "_waiting", "_when", "attempts")

    def __init__(
        self, scheduler: SchedulerBase | None, when: Callable[[Exception], bool], on_failover: OnFailover | None
    ) -> None:
        self.scheduler = scheduler
        self.trying = self.committed = self._advancing = False
        self.attempts: Attempts[T] = Attempts(self)
        self._when = when
        self._on_failover = on_failover
        self._waiting: list[Observable[T]] = []
        self._last: Observable[T] | None = None
        """The attempt under way, or the one that failed last."""
        self._error: Exception | None = None

    def add(self, attempt: Observable[T]) -> None:
        """One more to try, after those that wait."""
        self._waiting.append(attempt)
        if not self.trying:
            self._advance()

    def no_more(self, error: Exception | None) -> None:
        """There are no more; the stream of attempts failed with ``error``, or completed."""
        self._error = self._error or error
        if not self.trying and not self._waiting:
            self.fail(self._error or Exhausted("failover", "failover: there was nothing to try"))

    def commit(self) -> None:
        self._waiting.clear()
        self.attempts.dispose()
        super().commit()

    def failed(self, error: Exception) -> None:
        self._error = error
        last = self.attempts.stopped and not self._waiting
        try:
            final = last or not self._when(error)
        except Exception as fault:
            final, error = True, StepError("failover", fault)
        if final:
            self.fail(error)
        else:
            self._advance()

    def ended(self, how: Exception | Left | None) -> None:
        self._held = None
        self._waiting.clear()
        self._last = None
        self.attempts.dispose()

    def _advance(self) -> None:
        # Attempts that fail while they are subscribed to come back here: a loop, so that their number costs no stack.
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._waiting and not self.trying:
                failed, attempt = self._last, self._waiting.pop(0)
                self._last = attempt
                if failed is not None:
                    quietly(self._on_failover, failed, attempt, self._error)
                if self.stopped:
                    return
                self.attempt(attempt)
        finally:
            self._advancing = False


class Taker(Protocol):
    """Who takes attempts from a stream of them."""

    def add(self, attempt: Observable[Any]) -> None:
        """One more."""

    def no_more(self, error: Exception | None) -> None:
        """There are no more; the stream of attempts failed with ``error``, or completed."""


class Attempts(Link[Observable[T], T]):
    """The subscription to a stream of attempts; ``stopped`` when no more of them will come."""

    __slots__ = ("_taker",)

    def __init__(self, taker: Taker) -> None:
        self._taker: Taker | None = taker

    def on_next(self, attempt: Observable[T]) -> None:
        if self._taker is not None:
            self._taker.add(attempt)

    def on_error(self, error: Exception) -> None:
        self._end(error)

    def on_completed(self) -> None:
        self._end(None)

    def _end(self, error: Exception | None) -> None:
        taker = self._taker
        self.dispose()
        if taker is not None:
            taker.no_more(error)

    def ended(self, how: Exception | Left | None) -> None:
        self._taker = None
