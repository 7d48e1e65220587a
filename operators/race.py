"""Attempts that run beside each other until one of them commits: when each starts, and what becomes of the others."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, SchedulerBase

from operators import clock
from operators.errors import Exhausted, StepError
from operators.failover import Attempts, OnFailover
from operators.hedges import Hedges
from operators.stream import Left, Link
from operators.tap import quietly

T = TypeVar("T")

OnHedge = Callable[[Any, Any], None]
OnWin = Callable[[Any, bool], None]
OnLose = Callable[[Any, bool, list[Any]], None]


class Policy(NamedTuple):
    """When an attempt may start, and who is told."""

    delay: float | None
    percentile: float
    initial: float
    most: int
    budget: float
    hedges: Hedges
    when: Callable[[Exception], bool]
    on_failover: OnFailover | None
    on_hedge: OnHedge | None
    on_win: OnWin | None
    on_lose: OnLose | None = None

    def pause(self) -> float:
        """Seconds that an attempt gets before it is hedged."""
        if self.delay is not None:
            return self.delay
        usual = self.hedges.first_events.percentile(self.percentile)
        return self.initial if usual is None else _coarse(usual)


class Race(Link[T, T]):
    """One subscription: the attempts that wait, and those that run until one of them commits."""

    __slots__ = (
        "_advancing",
        "_due",
        "_error",
        "_failed",
        "_hedged",
        "_now",
        "_policy",
        "_queued",
        "_running",
        "_scheduler",
        "_timer",
        "_waiting",
        "attempts",
    )

    def __init__(self, policy: Policy, scheduler: SchedulerBase) -> None:
        self.attempts: Attempts[T] = Attempts(self)
        self._policy = policy
        self._scheduler = scheduler
        self._now = clock.seconds(scheduler)
        self._waiting: deque[Observable[T]] = deque()
        self._running: list[Runner[T]] = []
        self._failed: deque[tuple[Runner[T], Exception]] = deque()
        """Those that another one has to follow as soon as there is one."""
        self._error: Exception | None = None
        self._timer: DisposableBase | None = None
        self._due = self._hedged = self._advancing = self._queued = False

    def add(self, attempt: Observable[T]) -> None:
        """One more to try, after those that wait."""
        self._waiting.append(attempt)
        self._advance()

    def no_more(self, error: Exception | None) -> None:
        """There are no more; the stream of attempts failed with ``error``, or completed."""
        if self._waiting:
            return
        self._disarm()
        if not self._running:
            self.fail(self._error or error or Exhausted("hedge", "hedge: there was nothing to try"))

    def failed(self, runner: Runner[T], error: Exception) -> None:
        """An attempt failed before anyone committed, and has been let go."""
        if runner not in self._running:
            return
        self._running.remove(runner)
        self.look()
        self._error = error
        if self._waiting or not self.attempts.stopped:
            try:
                worth = self._policy.when(error)
            except Exception as fault:
                worth, self._error = False, StepError("hedge", fault)
            if worth:
                self._failed.append((runner, error))
            else:
                self._close()
        if self._running or self._waiting or not self.attempts.stopped:
            self._advance()
        else:
            self.fail(self._error)

    def attempts_queued(self, waiting: bool) -> None:
        if not self._running:
            self._queued = waiting
            self.on_queued(waiting)

    def look(self) -> None:
        """An attempt joined a queue or left one, began or ended: all of it waits only as long as nothing under way does not."""
        waiting = bool(self._running) and all(runner.queued for runner in self._running)
        if waiting != self._queued:
            self._queued = waiting
            self.on_queued(waiting)

    def commit(self, winner: Runner[T]) -> bool:
        """An attempt is the answer; of the others nothing is left when this returns. False: the race is over already."""
        if winner not in self._running:
            return False
        runners, self._running = self._running, []
        self.upstream = winner
        self._close()
        losers: list[tuple[Runner[T], list[T]]] = []
        for runner in runners:
            if runner.primary:
                # A hedge that won says of the first attempt that it takes longer: to be above the delay is all that counts.
                self._policy.hedges.first_events.add(self._now() - runner.began)
            if runner is not winner:
                losers.append((runner, runner.held))
                runner.dispose()
        self.step_aside()
        for runner, held in losers:
            quietly(self._policy.on_lose, runner.attempt, runner.hedge, held)
        if self._hedged:
            quietly(self._policy.on_win, winner.attempt, winner.hedge)
        return True

    def ended(self, how: Exception | Left | None) -> None:
        self._close()
        self._error = None
        runners, self._running = self._running, []
        for runner in runners:
            runner.dispose()

    def _advance(self) -> None:
        # Attempts that fail while they are subscribed to come back here: a loop, so that their number costs no stack.
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._waiting:
                if self._failed:
                    failed, error = self._failed.popleft()
                    runner = self._line_up(failed.hedge)
                    quietly(self._policy.on_failover, failed.attempt, runner.attempt, error)
                elif not self._running:
                    runner = self._line_up(False)
                elif self._due and self._policy.hedges.take():
                    slow = self._running[0]
                    self._hedged = True
                    runner = self._line_up(True)
                    quietly(self._policy.on_hedge, slow.attempt, runner.attempt)
                else:
                    return
                if not runner.stopped:
                    self._arm()
                    runner.connect(runner.attempt, self, self._scheduler)
        finally:
            self._advancing = False

    def _line_up(self, hedge: bool) -> Runner[T]:
        """The next attempt, not yet subscribed to: whoever commits or disposes meanwhile finds it and stops it."""
        runner = Runner(self, self._waiting.popleft(), hedge, primary=not self._running, began=self._now())
        self._running.append(runner)
        self.look()
        return runner.begin(self)

    def _arm(self) -> None:
        """The delay begins anew, where a hedge could follow."""
        self._disarm()
        policy = self._policy
        more = self._waiting or not self.attempts.stopped
        if more and policy.budget and len(self._running) < policy.most:
            self._timer = clock.after(self._scheduler, policy.pause(), self._overdue)

    def _overdue(self) -> None:
        self._timer = None
        self._due = True
        self._advance()

    def _disarm(self) -> None:
        self._due = False
        if self._timer is not None:
            self._timer.dispose()
            self._timer = None

    def _close(self) -> None:
        """Nothing is subscribed to any more."""
        self._disarm()
        self._waiting.clear()
        self._failed.clear()
        self.attempts.dispose()


class Runner(Link[T, T]):
    """One attempt: what it says is held back until it commits."""

    __slots__ = ("_race", "attempt", "began", "hedge", "held", "primary", "queued")

    def __init__(self, race: Race[T], attempt: Observable[T], hedge: bool, *, primary: bool, began: float) -> None:
        self._race: Race[T] | None = race
        """None: it is the answer, or it is over."""
        self.held: list[T] = []
        self.attempt = attempt
        self.began = began
        self.hedge = hedge
        """Whether it began beside another one, or in place of one that did."""
        self.primary = primary
        """Whether none ran beside it when it began."""
        self.queued = False

    def on_queued(self, waiting: bool) -> None:
        race = self._race
        if race is None:
            super().on_queued(waiting)
        else:
            self.queued = waiting
            race.look()

    def on_next(self, item: T) -> None:
        race = self._race
        if race is None:
            self.receiver.on_next(item)
        elif not getattr(item, "commits", True):
            self.held.append(item)
        elif self._commit(race):
            self.receiver.on_next(item)
            self.step_aside()

    def on_error(self, error: Exception) -> None:
        race = self._race
        if race is None:
            self.fail(error)
        else:
            self.dispose()
            race.failed(self, error)

    def on_completed(self) -> None:
        if self._race is None or self._commit(self._race):
            self.complete()

    def ended(self, how: Exception | Left | None) -> None:
        self._race = None
        self.held = []

    def _commit(self, race: Race[T]) -> bool:
        if not race.commit(self):
            return False
        self._race = None
        held, self.held = self.held, []
        for item in held:
            self.receiver.on_next(item)
        return True


def _coarse(seconds: float) -> float:
    """A little more, up to a thirtieth: timers of the same span share one of the loop's, so there must not be too many spans."""
    mantissa, exponent = math.frexp(seconds)
    return math.ldexp(math.ceil(mantissa * 64) / 64, exponent)
