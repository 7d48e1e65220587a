"""Where the gateway spends its time: one round of each case and pair under cProfile, the dearest functions first."""

from __future__ import annotations

import pstats
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from tests.bench.cases import CASES, Case, Pair
from tests.bench.measure import US, Leg, Plan
from tests.bench.processes import ROOT, Stand
from tests.bench.report import number

SHOWN: Final = 40


def profile(stand: Stand, plan: Plan, show: Callable[[Any], None]) -> None:
    """Print one table for each case and pair of the plan."""
    for case in CASES:
        for pair in plan.pairs_of(case.name):
            show(profile_one(stand, case, pair, quick=plan.quick))


def profile_one(stand: Stand, case: Case, pair: Pair, *, quick: bool) -> Table:
    """The profile of a gateway of its own that does nothing but this. Shares are worth more than times: profiling costs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "profile")
        with stand.gateway(path) as gateway:
            leg = Leg(stand, gateway, case, pair, quick=quick, through_gateway=True)
            leg.round(keep=True)
        stats: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]
    order = case.order("", pair, quick=quick, through_gateway=True)
    units = order.count * (order.number or 1)
    result = Table(title=f"{case.title}, {pair}: {number(leg.cpu[0])} us a {case.unit} under the profiler")
    for name in ("own us", "with callees", f"calls a {case.unit}"):
        result.add_column(name, justify="right")
    result.add_column("function")
    rows = sorted(stats.items(), key=lambda row: -row[1][2])[:SHOWN]
    for (file, line, name), (_, calls, own, whole, _) in rows:
        result.add_row(
            f"{own * US / units:.3f}", f"{whole * US / units:.3f}", f"{calls / units:.2f}", f"{short(file)}:{line} {name}"
        )
    return result


def short(file: str) -> str:
    """A path without the part that is the same everywhere."""
    return file.replace(f"{ROOT}/", "").partition("site-packages/")[2] or file.replace(f"{ROOT}/", "")
