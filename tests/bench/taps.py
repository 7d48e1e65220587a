"""What seeing costs: gateways as they are, such as do not log, and such as neither log nor trace nor have taps, in turn.

The cost is that of a streamed event, and each load has to keep its budget. A short stream shares out what is done once a request
among few events, a long one among many; what all loads come to together stands beside.

Many of each, and few rounds: how the memory of a process happens to lie makes a tenth, which is all that may be seen here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import chain
from statistics import geometric_mean, median
from typing import Any, Final

from tests.bench.cases import CASES, TAPPED, TAPPED_OF_EACH, TAPPED_PAIRS, TAPS, Case, Pair, wanted
from tests.bench.figures import Figure, Plan, Say
from tests.bench.leg import Leg
from tests.bench.processes import Process, Stand

_UNTOLD: Final = {"logs": {"level": "error"}}
_KINDS: Final[Sequence[tuple[Sequence[str], dict[str, Any]]]] = (
    (("tests.bench.unseen",), {"traces": {"keep": 0}, **_UNTOLD}),
    ((), _UNTOLD),
    ((), {}),
)


def measure_taps(stand: Stand, plan: Plan, say: Say) -> list[Figure]:
    """Taps and traces, and the same with the line in the log: under each load, and what all of them come to together."""
    chosen = [pair for pair in TAPPED_PAIRS if wanted("taps", pair, plan.only)]
    if not chosen:
        return []
    seen, logged = [], []
    with contextlib.ExitStack() as stack:
        trios = [
            [stack.enter_context(stand.gateway(*run, seed=seed, **sections)) for run, sections in _KINDS]
            for seed in range(1, (2 if plan.quick else TAPPED_OF_EACH) + 1)
        ]
        for case in (case for case in CASES if case.name in TAPPED):
            for pair in chosen:
                without, untold, as_it_is = _measure(stand, trios, case, pair, plan, say)
                seen.append(_figure(f"taps, {case.title}", case, pair, without, untold, TAPS))
                logged.append(_figure(f"taps and log, {case.title}", case, pair, without, as_it_is, None))
    return [*seen, _together("taps, all of these", seen), *logged, _together("taps and log, all of these", logged)]


def _measure(stand: Stand, trios: Sequence[Sequence[Process]], case: Case, pair: Pair, plan: Plan, say: Say) -> list[list[float]]:
    """Microseconds of CPU an event, round by round, of each kind of gateways."""
    legs = [[Leg(stand, [each], case, pair, quick=plan.quick, through_gateway=True) for each in trio] for trio in trios]
    rounds = TAPPED[case.name]
    for number in range(rounds + 1):
        say(f"taps, {case.title}, {pair}: " + (f"round {number} of {rounds}" if number else "warm-up"))
        for trio in legs:
            for leg in trio if number % 2 else reversed(trio):
                leg.round(keep=number > 0)
    return [list(chain.from_iterable(leg.cpu for leg in kind)) for kind in zip(*legs, strict=True)]


def _figure(name: str, case: Case, pair: Pair, without: Sequence[float], having: Sequence[float], budget: float | None) -> Figure:
    cost = median(having)
    # Round by round, of two of the same seed: what disturbs a round disturbs both.
    ratio = median(mine / its for mine, its in zip(having, without, strict=True))
    spread = (max(having) - min(having)) / 2 / cost
    return Figure(name, str(pair), f"us CPU / {case.unit}", median(without), cost, ratio, budget, spread=spread)


def _together(name: str, figures: Sequence[Figure]) -> Figure:
    """What an event costs more on the whole: each load counts the same, be its events cheap or dear."""
    without, having = (geometric_mean(values) for values in zip(*((each.floor, each.gateway) for each in figures), strict=True))
    ratio = geometric_mean(each.ratio for each in figures)
    return Figure(name, "", figures[0].unit, without, having, ratio, None)
