"""Candidates in, one stream out: attempts are made one after another until one commits; after that none is made again."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, Protocol, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.commit import Trials, retryable
from operators.errors import Exhausted, StepError
from operators.listed import Listed
from operators.options import Count, nearest
from operators.signature import checked
from operators.stream import SILENT, Left, Link, Operator, Stream
from operators.tap import quietly

T = TypeVar("T")

OnFailover = Callable[[Any, Any, Exception], None]

# Before a capital that begins a word: OSError is os_error, ConnectionResetError is connection_reset_error.
_BORDER: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


NONE: Final[list[str]] = []
"""No words. Never written to."""


def words_of(error: Exception) -> Iterable[str]:
    """The words that an error answers to where nobody says otherwise: its class, in small letters, and the guard it came from.

    >>> from operators.errors import Elapsed
    >>> list(words_of(Elapsed("first_event_timeout", 3))), list(words_of(ConnectionResetError()))
    (['elapsed', 'first_event_timeout'], ['connection_reset_error'])
    """
    yield _BORDER.sub("_", type(error).__name__).lower()
    operator = getattr(error, "operator", None)
    if isinstance(operator, str):
        yield operator


@checked
def failover(
    *,
    also: list[str] = NONE,
    never: list[str] = NONE,
    most: Count | None = None,
    when: Callable[[Exception], bool] = retryable,
    words: Callable[[Exception], Iterable[str]] = words_of,
    known_words: Collection[str] | None = None,
    on_failover: OnFailover | None = None,
) -> Operator[Observable[T], T]:
    """Subscribe to the next attempt when the one before failed before its commit.

        attempts    A--B|
        A           -s#             s does not commit
        B              -s-x-y|      x commits
        failover()  ------(sx)-y|   (s shown with x; A's s never)

    Args:
        also: words for errors that are worth another attempt although ``when`` says no.
        never: words for errors that are not, whatever ``when`` and ``also`` say.
        most: attempts in all, at most; None: as many as there are.
        when: whether an error is worth another attempt; by default the error's own ``retryable``, True where it has none.
        words: the words that an error answers to: reasons, phases, whatever a person calls it. By default its class and the
            guard it came from (``elapsed``, ``first_event_timeout``).
        known_words: all words that there are, so that a misspelt one is found at once; None: any word may be right.
        on_failover: probe, called with (attempt that failed, attempt that follows, error). It cannot hurt.

    Uncommitted items of an attempt are held back until it commits or completes; what is held is bounded by other guards only
    (``buffer_limit``, ``first_event_timeout``). The stream of attempts may be lazy: it is let go at the commit, and with the
    last attempt that ``most`` allows.

    Raises:
        ValueError: ``most`` is not positive, or a word is not known.
        Exhausted (as ``on_error``): there was no attempt at all.
        StepError (as ``on_error``): ``when`` or ``words`` raised.
        Exception (as ``on_error``): the error of the last attempt, when all failed, or it is not worth another one, or it came
            after the commit. An error of the stream of attempts passes only where no attempt was made.

    After dispose: the attempt under way and the stream of attempts are let go.

    >>> import reactivex
    >>> attempts = reactivex.of(reactivex.throw(OSError("down")), reactivex.of("from B"))
    >>> attempts.pipe(failover()).run()
    'from B'
    """
    if known_words is not None:
        _check("also", also, known_words)
        _check("never", never, known_words)
    elsewhere = _policy(when, words, frozenset(also), frozenset(never)) if also or never else when

    def operator(source: Observable[Observable[T]]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            # Where attempts are a list, what is wrong with it is told before there is anything to let go of.
            listed = source.items(scheduler) if isinstance(source, Listed) else None
            link: _Failover[T] = _Failover(scheduler, elsewhere, most, on_failover)
            link.begin(observer)
            if listed is None:
                link.try_each(source)
            else:
                link.try_all(listed)
            return link

        return Stream(subscribe)

    return operator


def _check(option: str, words: Iterable[str], known: Collection[str]) -> None:
    for word in words:
        if word not in known:
            raise ValueError(f"failover: {option} has the unknown word {word!r}{nearest(word, known)}")


def _policy(
    when: Callable[[Exception], bool],
    words: Callable[[Exception], Iterable[str]],
    also: frozenset[str],
    never: frozenset[str],
) -> Callable[[Exception], bool]:
    def elsewhere(error: Exception) -> bool:
        said = set(words(error))
        return never.isdisjoint(said) and (not also.isdisjoint(said) or when(error))

    return elsewhere


class _Failover(Trials[T]):
    """One subscription: the attempts that wait, and the one under way."""

    __slots__ = ("_advancing", "_error", "_last", "_left", "_on_failover", "_waiting", "_when", "attempts")

    def __init__(
        self,
        scheduler: SchedulerBase | None,
        when: Callable[[Exception], bool],
        most: int | None,
        on_failover: OnFailover | None,
    ) -> None:
        self.scheduler = scheduler
        self.trying = self.committed = self._advancing = False
        self.attempts: Attempts[T] = NO_MORE
        self._when = when
        self._left = most or -1
        """How many attempts may still be made; less than none: any number."""
        self._on_failover = on_failover
        self._waiting: list[Observable[T]] = []
        self._last: Observable[T] | None = None
        """The attempt under way, or the one that failed last."""
        self._error: Exception | None = None

    def try_all(self, attempts: Iterable[Observable[T]]) -> None:
        """These, one after another; there are no more."""
        self._waiting.extend(attempts)
        self._advance()
        self.no_more(None)

    def try_each(self, attempts: Observable[Observable[T]]) -> None:
        """Those that come, one after another."""
        self.attempts = Attempts(self)
        self.attempts.connect(attempts, SILENT, self.scheduler)

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

    def attempts_queued(self, waiting: bool) -> None:
        if not self.trying:
            self.on_queued(waiting)

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
                self._left -= 1
                if not self._left:
                    # There is none to wait for behind this one.
                    self._waiting.clear()
                    self.attempts.dispose()
                self.attempt(attempt)
        finally:
            self._advancing = False


class Taker(Protocol):
    """Who takes attempts from a stream of them."""

    def add(self, attempt: Observable[Any]) -> None:
        """One more."""

    def no_more(self, error: Exception | None) -> None:
        """There are no more; the stream of attempts failed with ``error``, or completed."""

    def attempts_queued(self, waiting: bool) -> None:
        """The stream of attempts stands in a queue from now on, or no longer."""


class Attempts(Link[Observable[T], T]):
    """The subscription to a stream of attempts; ``stopped`` when no more of them will come."""

    __slots__ = ("_taker",)

    def __init__(self, taker: Taker | None = None) -> None:
        self._taker = taker

    def on_next(self, attempt: Observable[T]) -> None:
        if self._taker is not None:
            self._taker.add(attempt)

    def on_queued(self, waiting: bool) -> None:
        if self._taker is not None:
            self._taker.attempts_queued(waiting)

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


NO_MORE: Final[Attempts[Any]] = Attempts()
"""No stream of attempts: there is nothing to come."""
NO_MORE.stopped = True
