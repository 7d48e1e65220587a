"""Counts of the last seconds: nothing older than the span, everything younger than nine tenths of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from operators.window import BUCKETS, Window

STEPS = st.lists(st.tuples(st.floats(0, 25, allow_nan=False), st.booleans()), max_size=60)


@given(STEPS, st.sampled_from([1.0, 10.0, 30.0, 0.7]))
def test_counts_what_is_young_and_forgets_what_is_old_whatever_the_times(steps: list[tuple[float, bool]], span: float) -> None:
    window = Window(span)
    now = 5.0
    came: list[tuple[float, bool]] = []
    for pause, marked in steps:
        now += pause
        window.count(now, marked=marked)
        came.append((now, marked))
        young = [mark for second, mark in came if now - second < span * (BUCKETS - 1) / BUCKETS - 1e-6]
        possible = [mark for second, mark in came if now - second < span + 1e-6]
        assert len(young) <= window.total <= len(possible)
        assert sum(young) <= window.marked <= sum(possible)


def test_steady_traffic_is_counted_the_same_for_ever() -> None:
    window = Window(10)
    for second in range(100):
        window.count(second, marked=second % 2 == 0)
        assert (window.total, window.marked) == (min(second + 1, 10), min(second // 2 + 1, 5))


def test_an_event_is_forgotten_by_looking_although_nothing_else_comes() -> None:
    window = Window(10)
    window.count(3, marked=True)
    window.forget(12.9)
    assert (window.total, window.marked) == (1, 1)
    window.forget(13)
    assert (window.total, window.marked) == (0, 0)


def test_is_cleared_at_once_and_counts_on() -> None:
    window = Window(10)
    for second in range(5):
        window.count(second, marked=True)
    window.clear()
    assert (window.total, window.marked) == (0, 0)
    window.count(5, marked=False)
    window.forget(14)
    assert (window.total, window.marked) == (1, 0)


def test_another_span_keeps_what_was_counted() -> None:
    window = Window(10)
    for second in range(5):
        window.count(second, marked=True)
    window.span = 100
    window.forget(30)
    assert window.total == 5
    window.span = 1
    window.forget(31)
    assert window.total == 0


def test_time_that_goes_back_hurts_nobody() -> None:
    window = Window(10)
    window.count(50, marked=False)
    window.count(20, marked=True)
    assert (window.total, window.marked) == (2, 1)
    window.forget(51)
    assert (window.total, window.marked) == (2, 1)
    window.forget(60)
    assert window.total == 0
