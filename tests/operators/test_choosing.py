"""Thousands of requests in virtual time: who is asked by ``ewma``, and what hedging does to the slowest."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from reactivex import Observable
from reactivex import operators as stock
from reactivex.abc import DisposableBase
from reactivex.testing import TestScheduler

from operators import Hedges, Loads, Operator, Stream, balance, failover, hedge, measure
from operators.clock import after

# Long enough for every request to end.
REST = 100.0


class World:
    """Candidates that take their time, requests that come at random, and what became of them."""

    def __init__(self, seed: int = 7) -> None:
        self.scheduler = TestScheduler()
        self.random = random.Random(seed)
        self.loads = Loads(now=lambda: self.now)
        self.takes: dict[str, Callable[[], float]] = {}
        """Seconds to the first event by candidate; below 0: it fails after so many."""
        self.began: list[tuple[float, str]] = []
        self.waited: list[float] = []

    @property
    def now(self) -> float:
        return float(self.scheduler.clock)

    def attempt(self, name: str) -> Observable[Any]:
        def subscribe(observer: Any, scheduler: Any) -> DisposableBase:
            self.began.append((self.now, name))
            seconds = self.takes[name]()

            def answer() -> None:
                if seconds < 0:
                    observer.on_error(OSError("down"))
                    return
                observer.on_next(name)
                observer.on_completed()

            return after(scheduler, abs(seconds), answer)

        return Stream(subscribe).pipe(measure(self.loads.of(name)))

    def chain(self, order: Operator[Any, Any], answer: Operator[Any, Any]) -> Observable[Any]:
        def names(observer: Any, scheduler: Any) -> None:
            for name in list(self.takes):
                observer.on_next(name)
            observer.on_completed()

        return Stream(names).pipe(order, stock.map(self.attempt), answer)

    def run(self, chain: Observable[Any], seconds: float, a_second: float) -> None:
        """Let requests come for so long, so many a second on average."""
        until = self.now + seconds

        def come() -> None:
            began = self.now
            chain.subscribe(lambda _: self.waited.append(self.now - began), scheduler=self.scheduler)
            wait = self.random.expovariate(a_second)
            if self.now + wait < until:
                after(self.scheduler, wait, come)

        come()
        self.scheduler.advance_to(until)

    def shares(self, since: float) -> dict[str, float]:
        """Of the attempts that began since then, by candidate."""
        counted = Counter(name for began, name in self.began if began >= since)
        return {name: counted[name] / counted.total() for name in self.takes}


def by_ewma(world: World) -> Observable[Any]:
    return world.chain(balance("ewma", key=str, loads=world.loads, random=world.random.random), failover())


def test_ewma_asks_the_faster_one_and_comes_back_to_the_other_when_that_is_fast_again() -> None:
    world = World()
    world.takes = {"slow": lambda: 2.0, "fast": lambda: 0.2}
    chain = by_ewma(world)
    world.run(chain, 600, a_second=2)
    assert world.shares(since=0)["fast"] > 0.95
    world.takes["slow"] = lambda: 0.2
    world.run(chain, 600, a_second=2)
    assert 0.4 < world.shares(since=900)["slow"] < 0.6


def test_ewma_leaves_out_one_that_fails_and_comes_back_to_it() -> None:
    world = World()
    world.takes = {"down": lambda: -0.01, "well": lambda: 0.5}
    chain = by_ewma(world)
    world.run(chain, 600, a_second=2)
    assert world.shares(since=0)["down"] < 0.02
    world.takes["down"] = lambda: 0.5
    world.run(chain, 900, a_second=2)
    assert 0.4 < world.shares(since=1200)["down"] < 0.6
    assert all(load.in_flight <= 10 for load in world.loads)


def test_ewma_spreads_by_what_is_under_way_where_both_are_as_fast() -> None:
    world = World()
    world.takes = {"a": lambda: 1.0, "b": lambda: 1.0}
    world.run(by_ewma(world), 50, a_second=20)
    assert 0.45 < world.shares(since=0)["a"] < 0.55


def test_one_that_is_new_is_asked_once_until_it_answers() -> None:
    world = World()
    world.takes = {"known": lambda: 0.5}
    chain = by_ewma(world)
    world.run(chain, 60, a_second=10)
    world.takes["new"] = lambda: 5.0
    world.run(chain, 5, a_second=10)
    assert Counter(name for began, name in world.began if began >= 60)["new"] == 1


def test_a_hundred_at_once_before_anything_is_known_are_spread() -> None:
    world = World()
    world.takes = {"a": lambda: 1.0, "b": lambda: 1.0}
    chain = by_ewma(world)
    for _ in range(100):
        chain.subscribe(scheduler=world.scheduler)
    assert Counter(name for _, name in world.began) == {"a": 50, "b": 50}
    world.scheduler.advance_by(REST)


def sometimes_slow(world: World) -> Callable[[], float]:
    """A fifth of a second, but five seconds for three in a hundred."""
    return lambda: 5.0 if world.random.random() < 0.03 else world.random.uniform(0.1, 0.3)


def percentile(values: list[float], percent: int) -> float:
    return sorted(values)[len(values) * percent // 100]


def test_hedging_spares_the_slowest_most_of_their_waiting_within_its_budget() -> None:
    waited: dict[str, list[float]] = {}
    attempts: dict[str, int] = {}
    answers: dict[str, Operator[Any, Any]] = {"failover": failover(), "hedge": hedge(initial=1.0, hedges=Hedges(burst=5))}
    for name, answer in answers.items():
        world = World()
        world.takes = dict.fromkeys("ab", sometimes_slow(world))
        world.run(world.chain(balance(key=str), answer), 300, a_second=5)
        world.scheduler.advance_by(REST)
        waited[name], attempts[name] = world.waited, len(world.began)
    assert percentile(waited["failover"], 99) == 5.0
    assert percentile(waited["hedge"], 99) < 0.7
    assert percentile(waited["hedge"], 50) < 0.25
    requests = len(waited["hedge"])
    assert requests > 1300
    assert attempts["failover"] == len(waited["failover"])
    assert 0.02 < attempts["hedge"] / requests - 1 < 0.1


def test_where_all_are_slow_hedging_adds_no_more_than_its_budget() -> None:
    world = World()
    world.takes = dict.fromkeys("ab", lambda: 0.2)
    chain = world.chain(balance(key=str), hedge(budget=10, hedges=Hedges(burst=5)))
    world.run(chain, 30, a_second=10)
    before = len(world.began)
    assert before == len(world.waited) + sum(load.in_flight for load in world.loads)
    world.takes = dict.fromkeys("ab", lambda: 10.0)
    world.run(chain, 30, a_second=10)
    world.scheduler.advance_by(REST)
    requests = len(world.waited)
    assert len(world.began) - requests <= 5 + requests * 0.1
    assert len(world.began) - requests > 15, "it was tried"
