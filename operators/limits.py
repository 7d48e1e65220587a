"""How many requests and tokens each key may use, and what it has used: shared by all streams that are counted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, fields
from math import floor
from types import MappingProxyType
from typing import Final, NamedTuple

from operators.errors import RateLimited
from operators.gcra import EARLY, Gcra
from operators.options import Count, Seconds, positive

PER: Final = 60.0

_LOOKED_AT: Final = 2
"""Accounts that each request looks at, whether they can be forgotten: more than the one that it may add."""


@dataclass(frozen=True)
class Quota:
    """What a key may use.

    Args:
        requests: how many in ``per`` seconds; None: any number.
        tokens: how many in ``per`` seconds; None: any number.
        per: seconds.
        burst: how many requests at once, after a pause; None: as many as in ``per`` seconds.
        burst_tokens: how many tokens at once, after a pause; None: as many as in ``per`` seconds.

    Raises:
        ValueError: a number is not positive, or nothing is limited of what a burst is given.
    """

    requests: Count | None = None
    tokens: Count | None = None
    per: Seconds = PER
    burst: Count | None = None
    burst_tokens: Count | None = None

    def __post_init__(self) -> None:
        given = {field.name: getattr(self, field.name) for field in fields(self) if getattr(self, field.name) is not None}
        positive("rate_limit", **given)
        for burst, limited in (("burst", "requests"), ("burst_tokens", "tokens")):
            if burst in given and limited not in given:
                raise ValueError(f"rate_limit: {burst} needs {limited}, whose burst it is")


class Allowance(NamedTuple):
    """What is left of one limit: the numbers of ``x-ratelimit-*`` headers."""

    limit: int
    """The most at once."""
    remaining: int
    """How many may be used now."""
    reset: float
    """Seconds until all of ``limit`` may be used again, if nothing else is."""


class Standing(NamedTuple):
    """What is left for a key; None: not limited."""

    requests: Allowance | None
    tokens: Allowance | None


Meter = Callable[[Hashable, float, float], Gcra]
"""(what is metered, units a second, units at once) -> its meter. It may be one that others fill, too."""


def own_meter(what: Hashable, rate: float, burst: float) -> Gcra:
    """A meter that nobody else knows."""
    return Gcra(rate, burst)


class Account:
    """What one key has used of one quota. Made by :class:`Limits`."""

    __slots__ = ("open", "quota", "requests", "tokens")

    def __init__(self, quota: Quota, key: Hashable = None, meter: Meter = own_meter) -> None:
        self.quota = quota

        def metered(unit: str, amount: int | None, burst: int | None) -> Gcra | None:
            if amount is None:
                return None
            return meter((key, quota, unit), amount / quota.per, amount if burst is None else burst)

        self.requests = metered("requests", quota.requests, quota.burst)
        self.tokens = metered("tokens", quota.tokens, quota.burst_tokens)
        self.open = 0
        """Streams under way."""

    def take(self, now: float, reserve: int) -> RateLimited | None:
        """Count one request and ``reserve`` tokens; or say why not, and count nothing."""
        requests, tokens, quota = self.requests, self.tokens, self.quota
        wait = 0.0 if requests is None else requests.wait(now)
        # A stream uses one token at least, whatever it says beforehand: with none left it waits.
        longer = 0.0 if tokens is None else tokens.wait(now, max(reserve, 1))
        if wait or longer:
            unit, limit = ("requests", quota.requests) if wait >= longer else ("tokens", quota.tokens)
            return RateLimited("rate_limit", limit or 0, unit, quota.per, max(wait, longer))
        if requests is not None:
            requests.charge(now, 1)
        if tokens is not None:
            tokens.charge(now, reserve)
        self.open += 1
        return None

    def standing(self, now: float) -> Standing:
        """What is left of it."""
        return Standing(_allowance(self.requests, now), _allowance(self.tokens, now))

    def blank(self, now: float) -> bool:
        """Whether it says nothing that a new one would not say."""
        return not self.open and _full(self.requests, now) and _full(self.tokens, now)


class Limits:
    """What keys have used, of each quota by which they are counted. For one event loop.

    Nothing is kept of a key that has all of its quota again: each request looks at two others whether they can be forgotten.

    Args:
        own: the quotas of keys that have one of their own; the others have that of the operator that counts them. It may be
            replaced at any time.
        meter: makes the meter of ``(key, quota, unit)``; the unit is "requests" or "tokens".

    Times are monotonic seconds, always of the same clock.

    >>> limits = Limits()
    >>> account = limits.take("alice", Quota(requests=600), now=5.0)
    >>> limits.state("alice", now=5.0).requests
    Allowance(limit=600, remaining=599, reset=0.1)
    """

    __slots__ = ("_accounts", "_latest", "_meter", "own")

    def __init__(self, own: Mapping[Hashable, Quota] = MappingProxyType({}), meter: Meter = own_meter) -> None:
        self.own = own
        self._meter = meter
        self._accounts: OrderedDict[tuple[Hashable, Quota], Account] = OrderedDict()
        self._latest: dict[Hashable, Account] = {}

    def __len__(self) -> int:
        """Keys of which something is kept."""
        return len(self._latest)

    def take(self, key: Hashable, quota: Quota, now: float, reserve: int = 0) -> Account | RateLimited:
        """Count one request of ``key``, and ``reserve`` tokens; or the reason why it may not be made, and nothing is counted.

        Whoever got the account takes one from its ``open`` when the stream ends.
        """
        place = (key, quota)
        account = self._accounts.get(place)
        if account is None:
            account = self._accounts[place] = Account(quota, key, self._meter)
        else:
            self._accounts.move_to_end(place)
        self._latest[key] = account
        self._forget(now, account)
        return account.take(now, reserve) or account

    def state(self, key: Hashable, now: float) -> Standing | None:
        """What is left for ``key`` of the quota by which it was counted last; None: nothing is kept, so that all of it is.

        It is there at least as long as a stream of the key is under way.
        """
        account = self._latest.get(key)
        return None if account is None else account.standing(now)

    def _forget(self, now: float, used: Account) -> None:
        """Look at the next few, in a circle; ``used`` is the last of it."""
        for _ in range(_LOOKED_AT):
            place, account = next(iter(self._accounts.items()))
            if account is used:
                return
            if not account.blank(now):
                self._accounts.move_to_end(place)
                continue
            del self._accounts[place]
            if self._latest.get(place[0]) is account:
                del self._latest[place[0]]


def _full(meter: Gcra | None, now: float) -> bool:
    return meter is None or meter.reset(now) <= EARLY


def _allowance(meter: Gcra | None, now: float) -> Allowance | None:
    if meter is None:
        return None
    return Allowance(int(meter.burst), max(0, floor(meter.remaining(now) + EARLY)), meter.reset(now))
