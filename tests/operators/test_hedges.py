"""What hedging knows of other requests: a percentile of the latest first events, and a budget."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from operators import FirstEvents, Hedges

spans = some.integers(0, 9).map(float)


@given(some.lists(spans, min_size=20, max_size=70), some.sampled_from([0.0, 1.0, 50.0, 95.0, 99.9, 100.0]))
def test_the_percentile_is_that_of_the_latest(seen: list[float], percent: float) -> None:
    first_events = FirstEvents(window=30)
    for seconds in seen:
        first_events.add(seconds)
    latest = sorted(seen[-30:])
    within = [seconds for seconds in latest if sum(other <= seconds for other in latest) >= len(latest) * percent / 100]
    assert first_events.percentile(percent) == within[0]
    assert len(first_events) == len(latest)


def test_too_few_say_nothing() -> None:
    first_events = FirstEvents()
    for _ in range(19):
        first_events.add(1.0)
    assert first_events.percentile(50) is None
    first_events.add(1.0)
    assert first_events.percentile(50) == 1.0


def test_a_window_in_which_nothing_could_be_known_is_refused() -> None:
    with pytest.raises(ValueError, match="FirstEvents: window must be at least 20, not 19"):
        FirstEvents(19)


def test_no_more_is_saved_up_than_a_burst() -> None:
    hedges = Hedges(burst=3)
    for _ in range(1000):
        hedges.pay_in(10)
    assert hedges.left == 3
    assert [hedges.take() for _ in range(4)] == [True, True, True, False]
    assert hedges.left == 0


def test_a_hedge_is_never_taken_in_part() -> None:
    hedges = Hedges(burst=1)
    assert hedges.take()
    for _ in range(9):
        hedges.pay_in(10)
        assert not hedges.take()
    hedges.pay_in(10)
    assert hedges.take()


@given(some.lists(some.booleans(), max_size=300), some.sampled_from([1, 5, 10, 33, 100]), some.integers(1, 6))
def test_no_more_than_that_part_of_any_number_of_requests_is_hedged_and_a_burst(
    slow: list[bool], percent: int, burst: int
) -> None:
    hedges = Hedges(burst=burst)
    hedged = 0
    for number, wants in enumerate(slow, start=1):
        hedges.pay_in(percent)
        hedged += wants and hedges.take()
        assert hedged <= burst + number * percent / 100
    if all(slow):
        assert hedged >= math.floor(len(slow) * percent / 100)


def test_a_burst_is_checked() -> None:
    with pytest.raises(ValueError, match="Hedges: burst must be more than 0, not 0"):
        Hedges(0)
