"""What keys have used: exact, by quota, told to whoever writes headers, and forgotten when it says nothing any more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from operators import Limits, Quota, RateLimited
from operators.limits import Account, Allowance, Standing


def take(limits: Limits, key: str, quota: Quota, now: float, reserve: int = 0) -> Account:
    """One request that is let in and over at once."""
    account = limits.take(key, quota, now, reserve)
    assert isinstance(account, Account)
    account.open -= 1
    return account


def refusal(limits: Limits, key: str, quota: Quota, now: float, reserve: int = 0) -> RateLimited:
    refused = limits.take(key, quota, now, reserve)
    assert isinstance(refused, RateLimited)
    return refused


def test_requests_come_back_evenly() -> None:
    limits, quota = Limits(), Quota(requests=3, per=6)
    for _ in range(3):
        take(limits, "a", quota, 100)
    assert refusal(limits, "a", quota, 100).retry_after == 2
    take(limits, "a", quota, 102)
    assert refusal(limits, "a", quota, 103).retry_after == 1


def test_a_burst_bounds_how_many_come_at_once() -> None:
    limits, quota = Limits(), Quota(requests=60, burst=2, tokens=600, burst_tokens=30)
    take(limits, "a", quota, 0, 10)
    take(limits, "a", quota, 0, 10)
    error = refusal(limits, "a", quota, 0, 10)
    assert (error.unit, error.limit, error.per, error.retry_after) == ("requests", 60, 60, 1)
    assert limits.state("a", 0) == Standing(Allowance(2, 0, 2), Allowance(30, 10, 2))


def test_the_longer_wait_is_the_one_that_is_told() -> None:
    limits, quota = Limits(), Quota(requests=1, tokens=60, per=60)
    take(limits, "a", quota, 0, 120)
    error = refusal(limits, "a", quota, 0)
    assert (error.unit, error.limit, error.retry_after) == ("tokens", 60, 61)
    assert str(error) == "rate_limit: 60 tokens in 60 s are used up; again in 61 s"
    assert (error.operator, error.retryable, error.again) == ("rate_limit", True, True)
    other = Quota(requests=1, tokens=60, per=60)
    take(limits, "b", other, 0, 60)
    assert refusal(limits, "b", other, 0, 60).unit == "requests"


def test_who_is_refused_for_one_reason_is_not_counted_for_the_other() -> None:
    limits, quota = Limits(), Quota(requests=2, tokens=10)
    take(limits, "a", quota, 0, 8)
    for _ in range(5):
        refusal(limits, "a", quota, 0, 3)
    assert limits.state("a", 0) == Standing(Allowance(2, 1, 30), Allowance(10, 2, 48))


def test_with_no_token_left_a_stream_that_reserves_none_waits_as_well() -> None:
    limits, quota = Limits(), Quota(tokens=60)
    take(limits, "a", quota, 0, 60)
    assert refusal(limits, "a", quota, 0).retry_after == 1
    take(limits, "a", quota, 1)


def test_a_debt_shows_as_nothing_left() -> None:
    limits, quota = Limits(), Quota(tokens=60)
    take(limits, "a", quota, 0, 90)
    standing = limits.state("a", 0)
    assert standing == Standing(None, Allowance(60, 0, 90))


def test_what_has_come_back_is_shown_whole() -> None:
    """Two of seven come back in two sevenths of a minute, and a little less in the digits of a clock that runs for long."""
    limits, quota, now = Limits(), Quota(requests=7), 123456.789
    for _ in range(5):
        take(limits, "a", quota, now)
    standing = limits.state("a", now + 2 * 60 / 7)
    assert standing is not None
    assert standing.requests is not None
    assert standing.requests.remaining == 4


def test_each_quota_of_a_key_is_counted_for_itself_and_the_last_one_is_shown() -> None:
    limits = Limits()
    small, large = Quota(requests=1, per=1), Quota(requests=10)
    take(limits, "a", small, 0)
    take(limits, "a", large, 0)
    assert refusal(limits, "a", small, 0).limit == 1
    assert take(limits, "a", Quota(requests=10), 0) is take(limits, "a", large, 0)
    assert limits.state("a", 0) == Standing(Allowance(10, 7, 18), None)
    assert len(limits) == 1


def test_keys_do_not_share() -> None:
    limits, quota = Limits(), Quota(requests=1)
    take(limits, "a", quota, 0)
    take(limits, "b", quota, 0)
    refusal(limits, "a", quota, 0)


def test_what_says_nothing_any_more_is_forgotten() -> None:
    limits, quota = Limits(), Quota(requests=60, tokens=60)
    for number in range(100):
        take(limits, f"key {number}", quota, 0, 1)
    assert len(limits) == 100
    assert limits.state("key 5", 0.5) is not None
    for second in range(1, 52):
        take(limits, "a", quota, second, 1)
    assert len(limits) == 1
    assert limits.state("key 5", 60) is None


def test_a_key_in_debt_is_kept_until_it_is_paid() -> None:
    limits, quota = Limits(), Quota(tokens=60)
    take(limits, "debtor", quota, 0, 60 * 30)
    for second in range(1, 1800, 7):
        take(limits, f"key {second}", quota, second)
        assert limits.state("debtor", second) is not None
        assert len(limits) <= 4
    for second in range(1800, 1803):
        take(limits, "a", quota, second)
    assert limits.state("debtor", 1803) is None


def test_a_key_with_a_stream_under_way_is_kept() -> None:
    limits, quota = Limits(), Quota(requests=60)
    account = limits.take("a", quota, 0)
    assert isinstance(account, Account)
    for second in range(10, 20):
        take(limits, "b", quota, second)
    assert limits.state("a", 30) == Standing(Allowance(60, 60, 0), None)
    account.open -= 1
    for second in range(20, 23):
        take(limits, "b", quota, second)
    assert limits.state("a", 30) is None


def test_a_key_that_goes_on_under_another_quota_is_shown_when_the_old_one_is_forgotten() -> None:
    limits = Limits()
    take(limits, "a", Quota(requests=60), 0)
    take(limits, "a", Quota(requests=1, per=600), 0)
    for second in range(2, 5):
        take(limits, "b", Quota(requests=60), second)
    standing = limits.state("a", 5)
    assert standing is not None
    assert standing.requests is not None
    assert (standing.requests.limit, round(standing.requests.reset)) == (1, 595)
    assert len(limits._accounts) == 2


@given(
    some.lists(
        some.tuples(some.integers(0, 64), some.sampled_from("abcdefgh"), some.integers(0, 5), some.booleans()), max_size=80
    )
)
def test_to_forget_changes_nothing(steps: list[Any]) -> None:
    """Limits that forget decide as limits that keep everything."""
    quota = Quota(requests=8, tokens=16, per=8, burst=2)
    forgetful, faithful = Limits(), Faithful()
    now = 0.0
    for pause, key, reserve, stays in steps:
        now += pause / 16
        ours, theirs = forgetful.take(key, quota, now, reserve), faithful.take(key, quota, now, reserve)
        assert type(ours) is type(theirs)
        if isinstance(ours, RateLimited) and isinstance(theirs, RateLimited):
            assert (ours.unit, ours.retry_after) == (theirs.unit, theirs.retry_after)
        elif isinstance(ours, Account) and not stays:
            ours.open -= 1
        for each in "abcdefgh":
            shown = forgetful.state(each, now)
            assert shown is None or shown == faithful.state(each, now)
    assert len(forgetful._latest) == len(forgetful._accounts) <= 8


class Faithful(Limits):
    """Never forgets."""

    __slots__ = ()

    def _forget(self, now: float, used: Account) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"requests": 0}, "rate_limit: requests must be more than 0, not 0"),
        ({"tokens": -5}, "rate_limit: tokens must be more than 0, not -5"),
        ({"requests": 1, "per": 0}, "rate_limit: per must be more than 0, not 0"),
        ({"requests": 1, "burst": 0}, "rate_limit: burst must be more than 0, not 0"),
        ({"tokens": 1, "burst": 5}, "rate_limit: burst needs requests, whose burst it is"),
        ({"requests": 1, "burst_tokens": 5}, "rate_limit: burst_tokens needs tokens, whose burst it is"),
    ],
)
def test_numbers_are_checked(numbers: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Quota(**numbers)
