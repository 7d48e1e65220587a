"""Candidates in, one stream out: when an attempt is slow to begin, a second one runs beside it; the first to commit wins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators import clock
from operators.commit import retryable
from operators.failover import OnFailover
from operators.hedges import FirstEvents, Hedges
from operators.options import Count, Percent, PercentOrNone, Seconds
from operators.race import OnHedge, OnLose, OnWin, Policy, Race
from operators.signature import checked
from operators.stream import SILENT, Link, Operator, Stream

T = TypeVar("T")

__all__ = ["FirstEvents", "Hedges", "hedge"]


@checked
def hedge(
    *,
    delay: Seconds | None = None,
    percentile: Percent = 95.0,
    initial: Seconds = 2.0,
    most: Count = 2,
    budget: PercentOrNone = 10.0,
    hedges: Hedges | None = None,
    when: Callable[[Exception], bool] = retryable,
    on_failover: OnFailover | None = None,
    on_hedge: OnHedge | None = None,
    on_win: OnWin | None = None,
    on_lose: OnLose | None = None,
) -> Operator[Observable[T], T]:
    """Subscribe to the next attempt beside one that has not committed after a while, or in place of one that failed before that.

        attempts        (AB|)
        A               -s------x-|          s does not commit
        B                  -r--y-|           A is let go at y
        hedge(delay=3)  -------(ry)-|

    Args:
        delay: seconds without a commit after which a second attempt starts; None: as long as ``percentile`` of the latest first
            events took. It runs anew from the start of each attempt.
        percentile: of first events, in percent, that come without a hedge.
        initial: seconds; the delay until enough first events were seen.
        most: attempts at the same time.
        budget: percent of requests that may be hedged; 0: none. When it is used up there is only failover.
        hedges: the latest first events and the budget, shared by all subscriptions; by default the operator's own.
        when: whether an error is worth another attempt; by default the error's own ``retryable``, True where it has none.
        on_failover: probe, called with (attempt that failed, attempt that follows, error). It cannot hurt.
        on_hedge: probe, called with (attempt that is slow, attempt that starts beside it). It cannot hurt.
        on_win: probe, called when an attempt commits in a request that was hedged, with (attempt that won, whether it is a
            hedge). It cannot hurt.
        on_lose: probe, called for each attempt that is let go because another one commits, with (attempt, whether it is a hedge,
            what it has said so far). It cannot hurt.

    The first to commit, or to complete, wins: in that very moment, before anything of it is handed on, all others are let go,
    and nothing is subscribed to any more. Uncommitted items are held apart for each attempt, and only the winner's are seen. An
    attempt that fails before that is followed by the next one at once; others that run beside it go on.

    Where attempts stand in queues (of ``admit``), clocks below stand still only as long as every attempt under way does.

    All attempts of a subscription get the same scheduler, two of them at the same time: a source that keeps something in its
    scope (``clock.Scope``) has to keep it for each subscription by itself.

    Raises:
        ValueError: a number is out of its range.
        Exhausted (as ``on_error``): there was no attempt at all.
        Exception (as ``on_error``): the error of the attempt that failed last, when all failed, or none was left that ``when``
            allows; or any after the commit. An error of the stream of attempts passes only where no attempt was made.
        StepError (as ``on_error``): ``when`` raised; it says no.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose: all attempts under way, the stream of attempts and the timer are let go.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> attempts = {"A": t.cold("-------a|"), "B": t.cold("-b|")}
    >>> t.check(t.cold("(AB|)", values=attempts).pipe(hedge(delay=3)), "----b|")
    """
    shared = Hedges() if hedges is None else hedges
    policy = Policy(delay, percentile, initial, most, budget, shared, when, on_failover, on_hedge, on_win, on_lose)

    def operator(source: Observable[Observable[T]]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            race: Race[T] = Race(policy, clock.require(scheduler, "hedge"))
            race.begin(observer)
            shared.pay_in(budget)
            race.attempts.connect(source, SILENT, scheduler)
            return race

        return Stream(subscribe)

    return operator
