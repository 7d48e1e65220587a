"""What seeing costs: gateways as they are, such as do not log, and such as neither log nor trace, in turn.

The counters of the metrics cannot be switched off: they are in all of them (in process 7 us a stream of 100).
Many of each, and few rounds: how the memory of a process happens to lie makes a tenth, which is all that may be seen here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import chain
from statistics import median
from typing import Any, Final

from tests.bench.cases import CASES, TAPPED, TAPPED_OF_EACH, TAPPED_PAIRS, TAPS, Case, Pair, wanted
from tests.bench.figures import Figure, Plan, Say
from tests.bench.leg import Leg
from tests.bench.processes import Process, Stand

_UNSEEN: Final[dict[str, Any]] = {"traces": {"keep": 0}, "logs": {"level": "error"}}
_UNTOLD: Final[dict[str, Any]] = {"logs": {"level": "error"}}
_AS_IT_IS: Final[dict[str, Any]] = {}


def measure_taps(stand: Stand, plan: Plan, say: Say) -> list[Figure]:
    """Taps and traces, which have a budget; and the same with the line in the log, which has none."""
    chosen = [pair for pair in TAPPED_PAIRS if wanted("taps", pair, plan.only)]
    if not chosen:
        return []
    figures = []
    with contextlib.ExitStack() as stack:
        trios = [
            [stack.enter_context(stand.gateway(seed=seed, **sections)) for sections in (_UNSEEN, _UNTOLD, _AS_IT_IS)]
            for seed in range(1, (2 if plan.quick else TAPPED_OF_EACH) + 1)
        ]
        for case in (case for case in CASES if case.name in TAPPED):
            for pair in chosen:
                figures += _measure(stand, trios, case, pair, plan, say)
    return figures


def _measure(stand: Stand, trios: Sequence[Sequence[Process]], case: Case, pair: Pair, plan: Plan, say: Say) -> list[Figure]:
    legs = [[Leg(stand, [each], case, pair, quick=plan.quick, through_gateway=True) for each in trio] for trio in trios]
    rounds = TAPPED[case.name]
    for number in range(rounds + 1):
        say(f"taps, {case.title}, {pair}: " + (f"round {number} of {rounds}" if number else "warm-up"))
        for trio in legs:
            for leg in trio if number % 2 else reversed(trio):
                leg.round(keep=number > 0)
    unseen, untold, as_it_is = (list(chain.from_iterable(leg.cpu for leg in kind)) for kind in zip(*legs, strict=True))
    return [
        _figure(f"taps, {case.title}", case, pair, unseen, untold, TAPS),
        _figure(f"taps and log, {case.title}", case, pair, unseen, as_it_is, None),
    ]


def _figure(name: str, case: Case, pair: Pair, without: Sequence[float], having: Sequence[float], budget: float | None) -> Figure:
    cost = median(having)
    # Round by round, of two of the same seed: what disturbs a round disturbs both.
    ratio = median(mine / its for mine, its in zip(having, without, strict=True))
    spread = (max(having) - min(having)) / 2 / cost
    return Figure(name, str(pair), f"us CPU / {case.unit}", median(without), cost, ratio, budget, spread=spread)
