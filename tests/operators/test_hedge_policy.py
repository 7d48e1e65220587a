"""When an attempt is hedged, how often that may be, and who is told."""

from __future__ import annotations

from typing import Any

import pytest
from reactivex import Observable
from reactivex import operators as stock

from operators import Hedges, hedge
from operators.testing import Marbles
from tests.operators.attempts import Probes, Seen, at_once, broken, lazily
from tests.operators.items import ITEMS

# The budget.


def hedged_requests(t: Marbles, requests: int, **options: Any) -> list[int]:
    """The numbers of those that were hedged, of so many requests whose first attempt is slow."""
    probes: list[int] = []
    result = at_once(t.cold("---------a|"), t.cold("-b|")).pipe(
        hedge(delay=3, on_hedge=lambda *_: probes.append(number), **options)
    )
    for number in range(requests):  # noqa: B007
        result.subscribe(scheduler=t.scheduler)
        t.scheduler.advance_by(20)
    return probes


def test_so_many_requests_in_a_hundred_are_hedged_after_the_first_burst(t: Marbles) -> None:
    assert hedged_requests(t, 45, budget=10, hedges=Hedges(burst=2)) == [0, 1, 10, 20, 30, 40]


def test_without_a_budget_nothing_is_hedged(t: Marbles) -> None:
    assert hedged_requests(t, 5, budget=0) == []


def test_all_operators_with_the_same_hedges_share_the_budget(t: Marbles) -> None:
    shared = Hedges(burst=1)
    assert hedged_requests(t, 1, budget=10, hedges=shared) == [0]
    assert hedged_requests(t, 1, budget=10, hedges=shared) == []


def test_each_operator_has_a_budget_of_its_own_where_nobody_says_otherwise(t: Marbles) -> None:
    assert hedged_requests(t, 8, budget=1) == hedged_requests(t, 8, budget=1) == [0, 1, 2, 3, 4]


def test_failover_goes_on_when_the_budget_is_used_up_and_costs_nothing_of_it(t: Marbles) -> None:
    shared = Hedges(burst=1)
    shared.take()
    a, b, c = t.cold("----#"), t.cold("----#"), t.cold("-c|")
    t.check(lazily(t, "(ABC|)", A=a, B=b, C=c).pipe(hedge(delay=3, budget=50, hedges=shared)), "---------c|")
    t.check(lazily(t, "(ABC|)", A=t.cold("-#"), B=t.cold("-#"), C=c).pipe(hedge(delay=3, budget=50, hedges=shared)), "---c|")
    assert shared.left == 1


# The delay.


def started(t: Marbles, hedges: Hedges, **options: Any) -> float | None:
    """The second in which a hedge started beside a silent attempt."""
    a, b = t.cold("----------a|"), t.cold("--------------------b|")
    t.check(lazily(t, "(AB|)", A=a, B=b).pipe(hedge(hedges=hedges, **options)), "----------a|")
    return b.subscriptions[0][0] if b.subscriptions else None


def test_the_delay_is_a_percentile_of_first_events_as_soon_as_enough_were_seen(t: Marbles) -> None:
    hedges = Hedges()
    for seconds in range(1, 20):
        hedges.first_events.add(seconds / 4)
    assert started(t, hedges, initial=1) == 1
    assert len(hedges.first_events) == 20
    # Twenty by now: 0.25 to 4.75, and the ten seconds of the one above; it adds another ten.
    assert started(t, hedges, initial=1, percentile=50) == 2.5
    assert started(t, hedges, initial=1, percentile=90) == 4.75


def test_a_fixed_delay_goes_before_what_was_seen(t: Marbles) -> None:
    hedges = Hedges()
    for _ in range(30):
        hedges.first_events.add(1.0)
    assert started(t, hedges, delay=4) == 4


def test_the_delay_is_never_less_and_hardly_more_than_what_was_seen_and_of_few_different_lengths(t: Marbles) -> None:
    spans: set[float] = set()
    for hundredth in range(100, 200):
        hedges = Hedges()
        for _ in range(20):
            hedges.first_events.add(hundredth / 100)
        span = started(t, hedges)
        assert span is not None
        assert hundredth / 100 - 0.01 <= span <= hundredth / 100 * 1.04
        spans.add(span)
    assert len(spans) <= 34


def test_a_request_adds_how_long_its_first_attempt_took_or_at_least_took(t: Marbles) -> None:
    seen = Seen()
    slow, quick, down = t.cold("------a|"), t.cold("-b|"), t.cold("--#")

    def run(result: str, *attempts: Observable[Any]) -> list[float]:
        seen.all.clear()
        t.check(at_once(*attempts).pipe(hedge(delay=3, hedges=Hedges(first_events=seen))), result)
        return seen.all

    assert run("-b|", quick, slow) == [1]
    assert run("------a|", slow, slow) == [6]
    # The second one took one second only, but says so of nobody else.
    assert run("----b|", slow, quick) == [4]
    # It is the attempt that counts, from its own start.
    assert run("---b|", down, quick) == [1]


def test_an_attempt_that_failed_adds_nothing_nor_does_the_one_that_ran_beside_it(t: Marbles) -> None:
    seen = Seen()
    a, b = t.cold("----#"), t.cold("---b|")
    t.check(at_once(a, b).pipe(hedge(delay=3, hedges=Hedges(first_events=seen))), "------b|")
    t.check(at_once(a).pipe(hedge(delay=3, hedges=Hedges(first_events=seen))), "----#")
    assert seen.all == []


def test_who_leaves_adds_nothing(t: Marbles) -> None:
    seen = Seen()
    t.check(at_once(t.cold("----a|")).pipe(hedge(hedges=Hedges(first_events=seen))), "--", until="^ !")
    assert seen.all == []


# Probes.


def test_the_probes_hear_who_started_beside_whom_and_who_won(t: Marbles) -> None:
    a, b, c, d = t.cold("------a|"), t.cold("-b|"), t.cold("-#"), t.cold("----------d|")

    def run(*attempts: Observable[Any]) -> list[tuple[Any, ...]]:
        probes = Probes()
        done: list[Any] = []
        subscription = at_once(*attempts).pipe(hedge(delay=3, **probes.all())).subscribe(done.append, scheduler=t.scheduler)
        t.scheduler.advance_by(30)
        subscription.dispose()
        assert done
        return probes.heard

    assert run(b, a) == []
    assert run(c, b) == [("on_failover", c, b, t.boom)]
    assert run(a, b) == [("on_hedge", a, b), ("on_lose", a, False, []), ("on_win", b, True)]
    assert run(a, d) == [("on_hedge", a, d), ("on_lose", d, True, []), ("on_win", a, False)]
    # Who follows a hedge is one.
    told: list[Any] = [("on_hedge", a, c), ("on_failover", c, b, t.boom), ("on_lose", a, False, []), ("on_win", b, True)]
    assert run(a, c, b) == told


def test_the_winner_is_told_before_it_is_heard(t: Marbles) -> None:
    order: list[Any] = []
    a, b = t.cold("------a|"), t.cold("-b|")
    attempts: Observable[Any] = at_once(a, b)
    t.check(attempts.pipe(hedge(delay=3, on_win=lambda *_: order.append("won")), stock.do_action(order.append)), "----b|")
    assert order == ["won", "b"]


def test_what_a_loser_had_said_is_told(t: Marbles) -> None:
    lost: list[Any] = []
    a, b = t.cold("-s-----a|", values=ITEMS), t.cold("-b|", values=ITEMS)
    t.check(at_once(a, b).pipe(hedge(delay=3, on_lose=lambda *told: lost.append(told))), "----b|", values=ITEMS)
    assert lost == [(a, False, [ITEMS["s"]])]


def test_probes_cannot_hurt(t: Marbles) -> None:
    attempts = {"A": t.cold("------a|"), "B": t.cold("-#"), "C": t.cold("-b|")}
    probes: dict[str, Any] = dict.fromkeys(("on_failover", "on_hedge", "on_lose", "on_win"), broken)
    t.check(lazily(t, "(ABC|)", **attempts).pipe(hedge(delay=3, **probes)), "-----b|")


@pytest.mark.parametrize("probe", ["on_failover", "on_hedge", "on_lose", "on_win"])
def test_who_leaves_while_a_probe_is_told_is_served_no_more(t: Marbles, probe: str) -> None:
    attempts = [t.cold("-------a|"), t.cold("-#"), t.cold("-c|")]
    heard: list[Any] = []

    def leave(*_: Any) -> None:
        subscription.dispose()

    probes: dict[str, Any] = {probe: leave}
    subscription = at_once(*attempts).pipe(hedge(delay=3, **probes)).subscribe(heard.append, scheduler=t.scheduler)
    t.scheduler.advance_by(30)
    assert heard == []
    begun = {"on_hedge": 1, "on_failover": 2, "on_lose": 3, "on_win": 3}[probe]
    assert [len(attempt.subscriptions) for attempt in attempts] == [1] * begun + [0] * (3 - begun)
    assert all(end is not None for attempt in attempts for _, end in attempt.subscriptions)
    assert t.timers == 0
