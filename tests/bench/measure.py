"""The measuring: rounds of all targets in turn, the first one of each process thrown away, medians of the rest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from tests.bench.cases import (
    CASES,
    IDLE_STREAMS,
    OF_EACH,
    RSS_AT_START,
    RSS_PER_IDLE,
    Case,
    Pair,
    wanted,
)
from tests.bench.figures import Figure, Plan, Say
from tests.bench.first_event import measure_first_event
from tests.bench.leg import Leg
from tests.bench.load import Order
from tests.bench.processes import Process, Stand
from tests.bench.taps import measure_taps

IDLE_PAIRS: Final = (Pair("chat", "chat"), Pair("messages", "chat"))


def measure_case(
    stand: Stand, floors: Sequence[Process], gateways: Sequence[Process], case: Case, plan: Plan, say: Say
) -> list[Figure]:
    """All pairs of a case: floor, gateway, floor, gateway ... in every round, so that a noisy minute meets all of them.

    Each round takes the next process of each: how the memory of one happens to lie makes up to a tenth of its cost.
    """
    # Next to each other in time: a floor, and the pairs that are compared with it.
    chosen = sorted(plan.pairs_of(case.name), key=lambda pair: pair.provider)
    legs: dict[tuple[str, Pair], Leg] = {}
    for pair in chosen:
        own = Pair(pair.provider, pair.provider)
        legs.setdefault(("floor", own), Leg(stand, floors, case, own, quick=plan.quick, through_gateway=False))
        legs["gateway", pair] = Leg(stand, gateways, case, pair, quick=plan.quick, through_gateway=True)
    rounds = plan.rounds * case.rounds
    for number in range(1 - len(gateways), rounds + 1):
        say(f"{case.title}: " + (f"round {number} of {rounds}" if number > 0 else "warm-up"))
        for leg in legs.values():
            leg.round(keep=number > 0)
    figures = []
    for pair in chosen:
        own = Pair(pair.provider, pair.provider)
        floor_leg, leg = legs["floor", own], legs["gateway", pair]
        figures.append(_cost(case, pair, floor_leg.cpu, leg.cpu))
    return figures


def _cost(case: Case, pair: Pair, floor: Sequence[float], gateway: Sequence[float]) -> Figure:
    cost = median(gateway)
    # Round by round, since what disturbs a round disturbs both.
    ratio = median(mine / its for mine, its in zip(gateway, floor, strict=True))
    spread = (max(gateway) - min(gateway)) / 2 / cost
    unit = f"us CPU / {case.unit}"
    return Figure(case.title, str(pair), unit, median(floor), cost, ratio, case.budget(pair), spread=spread)


def measure_memory(stand: Stand, plan: Plan, say: Say) -> list[Figure]:
    """RSS of fresh processes after their first answer, and what each of many idle streams adds."""
    chosen = [pair for pair in IDLE_PAIRS if wanted("idle", pair, plan.only)]
    if not chosen:
        return []
    say("memory: floor")
    with stand.floor() as floor:
        floor_start, floor_idle = _memory(stand, floor, Pair("chat", "chat"), "")
    figures: list[Figure] = []
    for pair in chosen:
        say(f"memory: {IDLE_STREAMS} idle streams, {pair}")
        with stand.gateway() as gateway:
            start, idle = _memory(stand, gateway, pair, f"{pair.provider}/")
        if not figures:
            figures.append(_held("RSS at start", pair, "MB", floor_start / 1e6, start / 1e6, RSS_AT_START / 1e6))
        figures.append(_held("RSS of an idle stream", pair, "kB", floor_idle / 1e3, idle / 1e3, RSS_PER_IDLE / 1e3))
    return figures


def _held(name: str, pair: Pair, unit: str, floor: float, gateway: float, budget: float) -> Figure:
    return Figure(name, str(pair), unit, floor, gateway, gateway / floor, budget, relative=False)


def _memory(stand: Stand, target: Process, pair: Pair, prefix: str) -> tuple[float, float]:
    def order(scenario: str, count: int) -> Order:
        return Order(target.url, pair.client, pair.provider, scenario, count, prefix=prefix)

    stand.order("run", target, order("json", 1))
    start = target.rss()
    stand.order("hold", target, order("idle", IDLE_STREAMS))
    held = target.rss()
    stand.order("release", target, order("idle", 0))
    return start, (held - start) / IDLE_STREAMS


def measure(stand: Stand, plan: Plan, say: Say) -> list[Figure]:
    """Everything that the plan asks for."""
    figures = measure_memory(stand, plan, say) + measure_taps(stand, plan, say)
    cases: Iterable[Case] = [case for case in CASES if plan.pairs_of(case.name)]
    if cases:
        with contextlib.ExitStack() as stack:
            seeds = range(1, OF_EACH + 1)
            floors = [stack.enter_context(stand.floor()) for _ in seeds]
            gateways = [stack.enter_context(stand.gateway(seed=seed)) for seed in seeds]
            for case in cases:
                how = measure_first_event if case.latency else measure_case
                figures += how(stand, floors, gateways, case, plan, say)
    return figures
