"""The cell rate: a bucket of tokens that is filled drop by drop decides the same."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from operators import Gcra


class Bucket:
    """A token bucket in exact numbers, filled in steps of a 64th of a second."""

    STEP = Fraction(1, 64)

    def __init__(self, rate: int, burst: int) -> None:
        self.rate = Fraction(rate)
        self.burst = Fraction(burst)
        self.level = self.burst
        self.now: Fraction | None = None

    def advance(self, now: Fraction) -> None:
        if self.now is None:
            self.now = now
        while self.now < now:
            self.now += self.STEP
            self.level = min(self.burst, self.level + self.rate * self.STEP)

    def take(self, cost: int) -> bool:
        if self.level < min(Fraction(cost), self.burst):
            return False
        self.level -= cost
        return True

    def give_back(self, cost: int) -> None:
        self.level = min(self.burst, self.level + cost)


STEPS = some.lists(
    some.tuples(
        some.integers(0, 200),  # 64ths of a second until then
        some.sampled_from(["take", "take", "charge", "give back"]),
        some.integers(0, 12),
    ),
    max_size=40,
)
# Powers of two: no digit is lost in a division, so that the two have to agree to the last one.
RATES = some.sampled_from([1, 2, 4, 8, 64])


@given(RATES, some.integers(1, 10), STEPS)
def test_it_decides_as_a_bucket_does_that_is_filled_drop_by_drop(rate: int, burst: int, steps: list[Any]) -> None:
    limit, bucket = Gcra(rate, burst), Bucket(rate, burst)
    now = Fraction(1000)
    for pause, what, cost in steps:
        now += Fraction(pause, 64)
        bucket.advance(now)
        assert limit.remaining(float(now)) == bucket.level
        if what == "take":
            missing = min(Fraction(cost), bucket.burst) - bucket.level
            expected = max(Fraction(0), missing / bucket.rate)
            assert limit.take(float(now), cost) == expected
            assert bucket.take(cost) == (expected == 0)
        elif what == "charge":
            limit.charge(float(now), cost)
            bucket.level -= cost
        else:
            limit.charge(float(now), -cost)
            bucket.give_back(cost)
        assert limit.reset(float(now)) == (bucket.burst - bucket.level) / bucket.rate


@given(
    some.floats(0.01, 1e5),
    some.integers(1, 1000),
    some.lists(some.tuples(some.floats(0, 100), some.integers(1, 2000)), min_size=1, max_size=40),
    some.floats(0, 1e6),
)
def test_who_comes_when_told_to_is_let_in(rate: float, burst: int, steps: list[tuple[float, int]], now: float) -> None:
    """With numbers as they come, whose sums are not exact."""
    limit = Gcra(rate, burst)
    for pause, cost in steps:
        now += pause
        wait = limit.take(now, cost)
        if wait:
            assert limit.wait(now + wait * 0.99 - 1e-5, cost) > 0 or wait < 1e-3
            now += wait
            assert limit.take(now, cost) == 0


@given(some.integers(1, 1000), some.integers(1, 50), some.lists(some.floats(0, 3), min_size=1, max_size=100))
def test_over_any_time_no_more_passes_than_the_burst_and_the_rate_allow(rate: int, burst: int, pauses: list[float]) -> None:
    limit = Gcra(rate / 60, burst)
    now, passed = 5e5, [(5e5, 0)]
    for pause in pauses:
        now += pause
        if not limit.take(now):
            passed.append((now, 1))
    for start, _ in passed:
        counted = 0
        for at, one in passed:
            counted += one if at >= start else 0
            assert at < start or counted <= burst + (at - start) * rate / 60 + 1e-3


@pytest.mark.parametrize("amount", [1, 3, 7, 60, 100, 600, 10_000])
def test_a_whole_burst_passes_at_once_to_the_last_unit(amount: int) -> None:
    """Six hundred times a tenth is not sixty, in fractions of seconds."""
    limit = Gcra(amount / 60, amount)
    assert all(limit.take(123456.789) == 0 for _ in range(amount))
    assert limit.remaining(123456.789) == 0
    assert limit.take(123456.789) == pytest.approx(60 / amount)


def test_a_refusal_changes_nothing() -> None:
    limit = Gcra(1, 2)
    assert limit.take(0, 2) == 0
    assert [limit.take(0, 2) for _ in range(3)] == [2, 2, 2]
    assert limit.take(2, 2) == 0


def test_more_than_the_burst_passes_when_nothing_is_used_and_leaves_a_debt() -> None:
    limit = Gcra(1, 5)
    assert limit.take(0, 1) == 0
    assert limit.take(0, 12) == 1
    assert limit.take(1, 12) == 0
    assert limit.remaining(1) == -7
    assert limit.take(1, 1) == 8
    assert limit.reset(1) == 12


def test_what_is_given_back_is_never_more_than_was_used() -> None:
    limit = Gcra(1, 5)
    limit.charge(0, 3)
    limit.charge(2, -3)
    assert limit.remaining(2) == 5
    limit.charge(2, 1)
    assert limit.remaining(2) == 4


def test_a_time_before_an_earlier_one_counts_as_that() -> None:
    limit = Gcra(1, 5)
    limit.charge(10, 5)
    assert limit.take(3) == 1
    assert limit.take(11) == 0


@pytest.mark.parametrize("numbers", [{"rate": 0, "burst": 1}, {"rate": 1, "burst": 0}, {"rate": float("nan"), "burst": 1}])
def test_numbers_are_checked(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"Gcra: (rate|burst) must be more than 0"):
        Gcra(**numbers)
