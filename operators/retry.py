"""Tries the same source again, as long as nothing of it was shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from operators import clock
from operators.commit import Trial, retryable
from operators.errors import StepError
from operators.options import CountOrNone, Wait, not_negative
from operators.stream import Operator, Stream
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

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Callable[[], None]:
            plan = _Plan(times, wait, longest_wait, when)
            run = _Run(source, observer, clock.require(scheduler, "retry"), plan, on_retry)
            run.start()
            return run.dispose

        return Stream(subscribe)

    return operator


class _Plan:
    """Which error is worth a further try, and after how many seconds. One for each subscription: it counts."""

    __slots__ = ("_longest", "_times", "_wait", "_when", "tries")

    def __init__(self, times: int, wait: float, longest: float, when: Callable[[Exception], bool]) -> None:
        self._times = times
        self._wait = wait
        self._longest = longest
        self._when = when
        self.tries = 1

    def pause(self, error: Exception) -> float | None:
        """Seconds until the next try; None: there is none."""
        if self.tries > self._times or not getattr(error, "again", True) or not self._when(error):
            return None
        asked: float | None = getattr(error, "retry_after", None)
        if asked is not None and asked > self._longest:
            return None
        self.tries += 1
        pause = self._wait if asked is None else max(0.0, asked)
        self._wait = min(self._wait * 2, self._longest)
        return pause


class _Run(Generic[T]):
    """One subscription: the try under way, or the timer of the next one."""

    __slots__ = ("_current", "_observer", "_on_retry", "_plan", "_scheduler", "_source")

    def __init__(
        self,
        source: Observable[T],
        observer: ObserverBase[T],
        scheduler: SchedulerBase,
        plan: _Plan,
        on_retry: OnRetry | None,
    ) -> None:
        self._source = source
        self._observer = observer
        self._scheduler = scheduler
        self._plan = plan
        self._on_retry = on_retry
        self._current: DisposableBase | None = None

    def start(self) -> None:
        trial = self._current = Trial(self._observer, self._fail)
        trial.start(self._source, self._scheduler)

    def dispose(self) -> None:
        if self._current is not None:
            self._current.dispose()

    def _fail(self, error: Exception) -> None:
        try:
            pause = self._plan.pause(error)
        except Exception as fault:
            pause, error = None, StepError("retry", fault)
        if pause is None:
            self._observer.on_error(error)
            return
        quietly(self._on_retry, self._plan.tries, error, pause)
        self._current = clock.after(self._scheduler, pause, self.start)
