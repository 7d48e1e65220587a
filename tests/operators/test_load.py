"""What is known of a candidate: how soon it answers, at what pace, and what one more attempt would cost."""

from __future__ import annotations

import math

import pytest

from operators import Load, Loads


class Bench:
    """Loads with a clock moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.loads = Loads(decay=60, penalty=30, now=lambda: self.now)
        self.load = self.loads.of("a")

    def attempt(self, first_event: float, pace: float | None = None) -> None:
        """One that begins now and has ended afterwards."""
        attempt = object()
        self.load.begin(attempt)
        self.now += first_event
        self.load.first(attempt)
        if pace is not None:
            self.load.follow(10, pace * 10)
        self.load.end(attempt, failed=False)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_nothing_is_known_at_first(bench: Bench) -> None:
    load = bench.load
    assert (load.in_flight, load.first_event, load.pace, load.cost) == (0, None, None, 0)


def test_the_first_is_believed_and_later_ones_count_for_three_tenths(bench: Bench) -> None:
    bench.attempt(2, pace=0.1)
    assert bench.load.first_event == 2
    assert bench.load.pace == pytest.approx(0.1)
    bench.load.follow(1, 0.2)
    assert bench.load.pace == pytest.approx(0.1 * 0.7 + 0.2 * 0.3)


def test_the_older_what_was_known_the_less_it_counts(bench: Bench) -> None:
    bench.attempt(2)
    bench.now += 60 - 4
    bench.attempt(4)
    kept = 0.7 * math.exp(-1)
    assert bench.load.first_event == pytest.approx(2 * kept + 4 * (1 - kept))
    bench.now += 10_000
    bench.attempt(1)
    assert bench.load.first_event == pytest.approx(1)


def test_a_failure_counts_as_a_long_time(bench: Bench) -> None:
    bench.load.begin("x")
    bench.now += 1
    bench.load.end("x", failed=True)
    assert bench.load.first_event == 30


def test_a_failure_that_took_longer_counts_as_long_as_it_took(bench: Bench) -> None:
    bench.load.begin("x")
    bench.now += 120
    bench.load.end("x", failed=True)
    assert bench.load.first_event == 120


def test_an_attempt_let_go_counts_only_where_it_took_longer_than_was_known(bench: Bench) -> None:
    bench.load.begin("x")
    bench.now += 5
    bench.load.end("x", failed=False)
    assert bench.load.first_event == 5
    bench.load.begin("x")
    bench.now += 4
    bench.load.end("x", failed=False)
    assert bench.load.first_event == 5


def test_an_attempt_costs_a_first_event_and_the_pace_of_a_hundred_items_times_those_under_way(bench: Bench) -> None:
    bench.attempt(2, pace=0.05)
    assert bench.load.cost == pytest.approx(2 + 5)
    for attempt in ("x", "y"):
        bench.load.begin(attempt)
        bench.load.first(attempt)
    bench.load.follow(100, 0)
    seconds = (bench.load.first_event or 0) + 100 * (bench.load.pace or 0)
    assert bench.load.cost == pytest.approx(seconds * 3)


def test_what_was_slow_long_ago_is_forgotten_while_nobody_waits(bench: Bench) -> None:
    bench.attempt(20)
    bench.now += 60
    assert bench.load.cost == pytest.approx(20 * math.exp(-1))
    bench.now += 600
    assert bench.load.cost < 0.001


def test_one_attempt_finds_out_whether_it_is_better_now(bench: Bench) -> None:
    bench.attempt(20)
    bench.now += 600
    bench.load.begin("x")
    assert bench.load.cost == 20 * 2
    bench.now += 1
    bench.load.first("x")
    assert bench.load.cost == pytest.approx(2, rel=0.01)


def test_of_one_never_seen_one_attempt_finds_out(bench: Bench) -> None:
    bench.load.begin("x")
    assert bench.load.cost == 30 * 2
    bench.load.begin("y")
    assert bench.load.cost == 30 * 3


def test_an_attempt_that_waits_longer_than_was_known_counts_as_long_as_it_waits(bench: Bench) -> None:
    bench.attempt(1)
    bench.load.begin("x")
    bench.now += 50
    bench.load.begin("y")
    assert bench.load.cost == 50 * 3
    bench.load.end("x", failed=False)
    assert bench.load.cost == pytest.approx((bench.load.first_event or 0) * 2)


def test_a_stream_under_way_does_not_keep_what_was_slow_from_being_forgotten(bench: Bench) -> None:
    bench.load.begin("x")
    bench.now += 20
    bench.load.first("x")
    bench.now += 600
    assert bench.load.cost < 0.01


def test_a_key_has_one_load_and_all_can_be_shown() -> None:
    loads = Loads()
    a, b = loads.of("a"), loads.of("b")
    assert loads.of("a") is a
    assert list(loads) == [a, b]
    assert [load.key for load in loads] == ["a", "b"]


def test_the_loads_of_a_gateway_under_way_may_be_shown_while_a_new_one_is_made() -> None:
    loads = Loads()
    loads.of("a")
    shown: list[Load] = []
    for load in loads:
        shown.append(load)
        loads.of("b")
    assert [load.key for load in shown] == ["a"]


def test_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match="Loads: decay must be more than 0, not 0"):
        Loads(decay=0)
    with pytest.raises(ValueError, match="Loads: penalty must be more than 0, not -1"):
        Loads(penalty=-1)
