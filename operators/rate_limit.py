"""So many requests and tokens a minute for each key, checked before the source is subscribed to."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators import clock
from operators.errors import RateLimited, StepError
from operators.limits import PER, Account, Limits, Quota
from operators.options import Count, Seconds
from operators.signature import checked
from operators.stream import Left, Link, Operator, Stream

T = TypeVar("T")

EVERYBODY: Final = "everybody"
"""The key of all streams, where nobody says for whom they are."""

UNLIMITED: Final = Quota()

Key = Callable[[SchedulerBase | None], Hashable | None]
Cost = Callable[[T], int | None]
Estimate = Callable[[SchedulerBase | None], int]


def _everybody(scheduler: SchedulerBase | None) -> Hashable | None:
    return EVERYBODY


@checked
def rate_limit(
    requests: Count | None = None,
    tokens: Count | None = None,
    per: Seconds = PER,
    burst: Count | None = None,
    burst_tokens: Count | None = None,
    *,
    limits: Limits | None = None,
    key: Key = _everybody,
    cost: Cost[T] | None = None,
    estimate: Estimate | None = None,
) -> Operator[T, T]:
    """Refuse a stream whose key has used up its requests or tokens; the source is then not subscribed to.

        source             -a-b|
        rate_limit(1)      -a-b|    and once more within a minute: #

    Args:
        requests: how many in ``per`` seconds; None: any number. They come back evenly, not all at once.
        tokens: how many in ``per`` seconds; None: any number.
        per: seconds.
        burst, burst_tokens: how many requests and tokens at once, after a pause; None: as many as in ``per`` seconds.
        limits: what the keys have used, shared with others; None: this operator's own. A key that has a quota of its own there
            is counted by that one. Each quota of a key is counted for itself.
        key: called with the scheduler: for whom the stream is; by default all have one key. None: not limited.
        cost: how many tokens the stream has used so far in total, as an item says; None: this one says nothing.
        estimate: called with the scheduler: tokens to reserve beforehand. By default none are.

    A request counts once it is let in, however it ends. Tokens count when an item tells them, the reserve beforehand. In the end

    - a stream that is complete (or whose last item ``ends``) has used what was said last; the reserve, where nothing was said;
    - one that failed before its commit has used what was said; nothing, where nothing was said;
    - one that failed later or was let go has used what was said, at least the reserve: nobody told the whole.

    More than was left is a debt: the key's next streams wait until it is paid. A reserve over the burst passes when nothing is
    used at all.

    Raises:
        ValueError: a number is not positive; nothing is limited; tokens are, but there is neither ``cost`` nor ``estimate``.
        RateLimited (as ``on_error``): used up. ``retry_after`` is when it may pass, if nothing else does until then. Another
            source may have a key of its own, and the same one may do better later: ``retryable`` and ``again`` are True.
        StepError (as ``on_error``): ``key``, ``cost`` or ``estimate`` raised.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose: the source is let go, and the tokens are counted.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> stream = t.cold("-a|").pipe(rate_limit(requests=1, per=2000))
    >>> t.check(stream, "-a|")
    >>> t.check(stream, "#", error=RateLimited)
    """
    quota = Quota(requests, tokens, per, burst, burst_tokens)
    limits = Limits() if limits is None else limits
    if requests is None and tokens is None and not limits.own:
        raise ValueError("rate_limit: needs requests or tokens, how many there may be")
    if tokens is not None and cost is None and estimate is None:
        raise ValueError("rate_limit: tokens needs the resource cost or estimate, which say how many a stream uses")

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _Metered[T] = _Metered(clock.require(scheduler, "rate_limit"), cost).begin(observer)
            if link.enter(limits, quota, key, estimate):
                link.connect(source, observer, scheduler)
                if not link.counts:
                    link.step_aside()
            return link

        return Stream(subscribe)

    return operator


class _Metered(Link[T, T]):
    """One subscription, and what it has used."""

    __slots__ = ("_account", "_charged", "_committed", "_complete", "_cost", "_known", "_now", "_reserve", "_scheduler", "counts")

    def __init__(self, scheduler: SchedulerBase, cost: Cost[T] | None) -> None:
        self._scheduler = scheduler
        self._now = clock.seconds(scheduler)
        self._cost = cost
        self._account: Account | None = None
        self._known: int | None = None
        self._reserve = 0
        self._charged = 0
        self._committed = False
        self._complete = False
        self.counts = False
        """Whether it looks at items: its tokens are limited."""

    def enter(self, limits: Limits, quota: Quota, key: Key, estimate: Estimate | None) -> bool:
        """Count the request. False: it may not be made, and the stream has failed."""
        try:
            who = key(self._scheduler)
            quota = UNLIMITED if who is None else limits.own.get(who, quota)
            if quota.tokens is not None and estimate is not None:
                self._reserve = self._charged = max(0, int(estimate(self._scheduler)))
        except Exception as error:
            self.fail(StepError("rate_limit", error))
            return False
        if quota.requests is None and quota.tokens is None:
            return True
        account = limits.take(who, quota, self._now(), self._reserve)
        if isinstance(account, RateLimited):
            self.fail(account)
            return False
        self._account = account
        self.counts = account.tokens is not None
        return True

    def on_next(self, item: T) -> None:
        if self.counts:
            if self._cost is not None:
                try:
                    known = self._cost(item)
                    if known is not None:
                        self._known = int(known)
                        self._charge(max(self._known, self._charged))
                except Exception as error:
                    self.fail(StepError("rate_limit", error))
                    return
            if not self._committed and getattr(item, "commits", True):
                self._committed = True
                if self._cost is None:
                    # The reserve is all that is ever known, and it stays.
                    self.counts = False
                    self.step_aside()
            if getattr(item, "ends", False):
                self._complete = True
        self.receiver.on_next(item)

    def ended(self, how: Exception | Left | None) -> None:
        account, known = self._account, self._known
        if account is None:
            return
        if self.counts:
            if how is None or self._complete:
                self._charge(self._reserve if known is None else known)
            elif isinstance(how, Exception) and not self._committed:
                self._charge(known or 0)
            else:
                self._charge(max(known or 0, self._reserve))
        self._account = None
        account.open -= 1

    def _charge(self, total: int) -> None:
        """Have ``total`` tokens counted for this stream."""
        if self._account is not None and self._account.tokens is not None and total != self._charged:
            self._account.tokens.charge(self._now(), total - self._charged)
            self._charged = total
