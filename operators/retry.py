"""Tries the same source again, as long as nothing of it was shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from operators import clock
from operators.commit import Trials, retryable
from operators.errors import StepError
from operators.options import CountOrNone, Wait, not_negative
from operators.stream import Left, Link, Operator, Stream
from operators.tap import quietly

T = TypeVar("T")

OnRetry = Callable[[int, Exception, float], None]


def retry(
    times: CountOrNone = 1,
    *,
    wait: Wait = 0.5,
    longest_wait: Wait = 2.0,
    when: Callable[[Exception], bool] = retryable,
    on_retry: OnRetry | None = None,
) -> Operator[T, T]:
    """Subscribe to the source again when it failed before its commit.

        source, 1st try     -s#              s does not commit
        source, 2nd try        -s-x-|
        retry(1, wait=1)    ------(sx)-|     the first s is never shown

    Args:
        times: further tries after the first one.
        wait: seconds before the second try; doubled before each later one, up to ``longest_wait``. An error's own
            ``retry_after`` (seconds) goes before it.
        longest_wait: seconds; an error whose ``retry_after`` asks for more is not waited for: it passes at once.
        when: whether an error is worth a further try; by default the error's own ``retryable``, True where it has none. An
            error whose ``again`` is False is never retried (who was silent once is not asked twice).
        on_retry: probe, called with (number of the try that follows, error, seconds until then). It cannot hurt.

    Raises:
        ValueError: a number is negative, or ``wait`` more than ``longest_wait``.
        Exception (as ``on_error``): the error of the last try, or one that is not retried, or any after the commit.
        StepError (as ``on_error``): ``when`` raised.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose: the try under way, or the timer of the next one, is gone.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> t.check(t.cold("-#").pipe(retry(1, wait=2)), "----#", error=t.boom)
    """
    not_negative("retry", times=times, wait=wait, longest_wait=longest_wait)
    if wait > longest_wait:
        raise ValueError(f"retry: wait must be at most longest_wait ({longest_wait:g}), not {wait!r}")
    policy = _Policy(times, wait, longest_wait, when, on_retry)

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _Retry[T] = _Retry(source, clock.require(scheduler, "retry"), policy)
            link.begin(observer)
            link.attempt(source)
            return link

        return Stream(subscribe)

    return operator


class _Policy(NamedTuple):
    """Which error is worth a further try, and after how many seconds."""

    times: int
    wait: float
    longest: float
    when: Callable[[Exception], bool]
    on_retry: OnRetry | None

    def pause(self, error: Exception, failed: int) -> float | None:
        """Seconds until the next try, after ``failed`` that failed; None: there is none."""
        if failed > self.times or not getattr(error, "again", True) or not self.when(error):
            return None
        asked: float | None = getattr(error, "retry_after", None)
        if asked is None:
            # Doubled sixty times, any wait is long enough.
            return min(self.wait * 2.0 ** min(failed - 1, 60), self.longest)
        return max(0.0, asked) if asked <= self.longest else None


class _Retry(Trials[T]):
    """One subscription: the try under way, or the timer of the next one."""

    __slots__ = ("_failures", "_policy", "_source", "_timer")

    scheduler: SchedulerBase

    def __init__(self, source: Observable[T], scheduler: SchedulerBase, policy: _Policy) -> None:
        self.scheduler = scheduler
        self._source = source
        self._policy = policy
        self._failures = 0
        self._timer: DisposableBase | None = None

    def failed(self, error: Exception) -> None:
        self._failures += 1
        try:
            pause = self._policy.pause(error, self._failures)
        except Exception as fault:
            pause, error = None, StepError("retry", fault)
        if pause is None:
            self.fail(error)
            return
        quietly(self._policy.on_retry, self._failures + 1, error, pause)
        if not self.stopped:
            self._timer = clock.after(self.scheduler, pause, self._again)

    def ended(self, how: Exception | Left | None) -> None:
        self._held = None
        if self._timer is not None:
            self._timer.dispose()

    def _again(self) -> None:
        self.attempt(self._source)
