"""Tries the same source again, as long as nothing of it was shown."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from operators import clock
from operators.budget import Budget
from operators.commit import Trials, retryable
from operators.errors import StepError
from operators.options import CountOrNone, Seconds, Wait
from operators.signature import checked
from operators.stream import Left, Link, Operator, Stream
from operators.tap import quietly

T = TypeVar("T")

OnRetry = Callable[[int, Exception, float], None]


@checked
def retry(
    times: CountOrNone = 1,
    *,
    wait: Wait = 0.5,
    longest_wait: Wait = 2.0,
    jitter: bool = True,
    within: Seconds | None = None,
    when: Callable[[Exception], bool] = retryable,
    budget: Budget | None = None,
    random: Callable[[], float] = random.random,
    on_retry: OnRetry | None = None,
) -> Operator[T, T]:
    """Subscribe to the source again when it failed before its commit.

        source, 1st try                   -s#              s does not commit
        source, 2nd try                      -s-x-|
        retry(1, wait=1, jitter=False)    ------(sx)-|     the first s is never shown

    Args:
        times: further tries after the first one.
        wait: seconds before the second try; doubled before each later one, up to ``longest_wait``. An error's own
            ``retry_after`` (seconds) goes before it.
        longest_wait: seconds; an error whose ``retry_after`` asks for more is not waited for: it passes at once.
        jitter: wait for any time between none and the wait, so that those who failed together do not come back together. It
            does not touch what an error asks for.
        within: no further try begins later than so many seconds after the subscription: an error that would have to wait
            longer passes at once; None: any time.
        when: whether an error is worth a further try; by default the error's own ``retryable``, True where it has none. An
            error whose ``again`` is False is never retried (who was silent once is not asked twice).
        budget: of all who try this source: each subscription puts in, each further try takes out. Where nothing is left, the
            error passes at once. None: no bound beside ``times``.
        random: a number from 0 up to, but not including, 1.
        on_retry: probe, called with (number of the try that follows, error, seconds until then). It cannot hurt.

    Raises:
        ValueError: a number is out of its range, or ``wait`` more than ``longest_wait``.
        Exception (as ``on_error``): the error of the last try, or one that is not retried, or any after the commit.
        StepError (as ``on_error``): ``when`` or ``random`` raised.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose: the try under way, or the timer of the next one, is gone. What that took from the budget stays taken.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> t.check(t.cold("-#").pipe(retry(1, wait=2, jitter=False)), "----#", error=t.boom)
    """
    if wait > longest_wait:
        raise ValueError(f"retry: wait must be at most longest_wait ({longest_wait:g}), not {wait!r}")
    policy = _Policy(times, wait, longest_wait, random if jitter else None, within, when, budget, on_retry)

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
    random: Callable[[], float] | None
    within: float | None
    when: Callable[[Exception], bool]
    budget: Budget | None
    on_retry: OnRetry | None

    def pause(self, error: Exception, failed: int) -> float | None:
        """Seconds until the next try, after ``failed`` that failed; None: there is none."""
        if failed > self.times or not getattr(error, "again", True) or not self.when(error):
            return None
        asked: float | None = getattr(error, "retry_after", None)
        if asked is not None:
            return max(0.0, asked) if asked <= self.longest else None
        # Doubled sixty times, any wait is long enough.
        wait = min(self.wait * 2.0 ** min(failed - 1, 60), self.longest)
        return wait if self.random is None else wait * self.random()


class _Retry(Trials[T]):
    """One subscription: the try under way, or the timer of the next one."""

    __slots__ = ("_began", "_failures", "_policy", "_source", "_timer")

    scheduler: SchedulerBase

    def __init__(self, source: Observable[T], scheduler: SchedulerBase, policy: _Policy) -> None:
        self.scheduler = scheduler
        self._source = source
        self._policy = policy
        self._failures = 0
        self._timer: DisposableBase | None = None
        if policy.within is not None or policy.budget is not None:
            self._began = clock.seconds(scheduler)()
            if policy.budget is not None:
                policy.budget.deposit(self._began)

    def failed(self, error: Exception) -> None:
        self._failures += 1
        try:
            pause = self._policy.pause(error, self._failures)
        except Exception as fault:
            pause, error = None, StepError("retry", fault)
        if pause is None or not self._allowed(pause):
            self.fail(error)
            return
        quietly(self._policy.on_retry, self._failures + 1, error, pause)
        if not self.stopped:
            self._timer = clock.after(self.scheduler, pause, self._again)

    def _allowed(self, pause: float) -> bool:
        """Whether a try may begin ``pause`` seconds from now; what it takes from the budget is taken."""
        within, budget = self._policy.within, self._policy.budget
        if within is None and budget is None:
            return True
        now = clock.seconds(self.scheduler)()
        if within is not None and now + pause - self._began > within:
            return False
        return budget is None or budget.withdraw(now)

    def ended(self, how: Exception | Left | None) -> None:
        self._held = None
        if self._timer is not None:
            self._timer.dispose()

    def _again(self) -> None:
        self.attempt(self._source)
