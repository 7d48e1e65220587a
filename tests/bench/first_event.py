"""The time to the first event, on top of the provider's own: a floor and a gateway are asked at the same time.

One after the other, in rounds of some seconds, they met a machine of another mood each time: the floor's median moved by a
factor of two within one run, and so did their ratio. At the same time, what disturbs one disturbs the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from statistics import median
from typing import Final

from tests.bench.cases import FIRST_EVENT_P50, FIRST_EVENT_P99, Case, Pair
from tests.bench.figures import US, Figure, Plan, Say
from tests.bench.load import Result
from tests.bench.processes import LOADS, Process, Stand

BARE: Final = 3
"""Rounds of the provider alone, behind one that warms up."""

Times = Sequence[float]
"""Microseconds until each answer's first event, of one round."""


def measure_first_event(
    stand: Stand, floors: Sequence[Process], gateways: Sequence[Process], case: Case, plan: Plan, say: Say
) -> list[Figure]:
    """All pairs of a case. Each round takes the next floor and the next gateway; the first of each process does not count."""
    figures: list[Figure] = []
    rounds = plan.rounds * case.rounds
    chosen = plan.pairs_of(case.name)
    bares = {provider: _bare(stand, case, provider, say) for provider in sorted({pair.provider for pair in chosen})}
    for pair in chosen:
        bare = bares[pair.provider]
        floor: list[Times] = []
        gateway: list[Times] = []
        for number in range(1 - len(gateways), rounds + 1):
            say(f"{case.title}, {pair}: " + (f"round {number} of {rounds}" if number > 0 else "warm-up"))
            theirs, ours = _round(stand, floors[number % len(floors)], gateways[number % len(gateways)], case, pair, plan, number)
            if number > 0:
                floor.append(theirs)
                gateway.append(ours)
        figures.append(_added("added to first event, p50", pair, bare, _part(floor, 0.5), _part(gateway, 0.5), FIRST_EVENT_P50))
        figures.append(_added("added to first event, p99", pair, bare, _part(floor, 0.99), _part(gateway, 0.99), FIRST_EVENT_P99))
    return figures


def _bare(stand: Stand, case: Case, provider: str, say: Say) -> float:
    """The provider's own median under the load of both, that of the middle round: what no target can be blamed for."""
    order = case.order(stand.provider.url, Pair(provider, provider), quick=True, through_gateway=False)
    stand.leave_to_the_kernel()
    medians = []
    for number in range(BARE + 1):
        say(f"{case.title}, {provider}: the provider itself")
        results = stand.run_together([(stand.provider, order)] * LOADS)
        if number:
            medians.append(median(time for result in results for time in _microseconds(result)))
    return median(medians)


def _round(
    stand: Stand, floor: Process, gateway: Process, case: Case, pair: Pair, plan: Plan, number: int
) -> tuple[Times, Times]:
    """Both at the same time. From round to round the clients' processes change sides, since one of them is told first."""
    stand.leave_to_the_kernel(floor, gateway)
    through_floor = case.order(floor.url, Pair(pair.provider, pair.provider), quick=plan.quick, through_gateway=False)
    through_gateway = case.order(gateway.url, pair, quick=plan.quick, through_gateway=True)
    turn = 1 if number % 2 else -1
    results = stand.run_together([(floor, through_floor), (gateway, through_gateway)][::turn])[::turn]
    theirs, ours = map(_microseconds, results)
    return theirs, ours


def _microseconds(result: Result) -> Times:
    return [seconds * US for seconds in result.first_event]


def _part(rounds: Sequence[Times], part: float) -> list[float]:
    return [percentile(times, part) for times in rounds]


def _added(name: str, pair: Pair, bare: float, floor: Sequence[float], gateway: Sequence[float], budget: float) -> Figure:
    least, added = ([time - bare for time in times] for times in (floor, gateway))
    # A floor that is no slower than the provider itself excuses nobody.
    ratio = median(mine / its if its > 0 else inf for mine, its in zip(added, least, strict=True))
    spread = (max(added) - min(added)) / 2 / median(added)
    return Figure(name, str(pair), "us", median(least), median(added), ratio, budget, spread=spread)


def percentile(values: Sequence[float], part: float) -> float:
    """The value that ``part`` of all are not above.

    >>> percentile([3, 1, 2, 4], 0.5)
    2
    """
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(part * len(ordered)) - 1))]
