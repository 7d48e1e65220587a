"""Where the gateway spends its time: a warm round of each case and pair under cProfile, by function and by file."""

from __future__ import annotations

import pstats
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from tests.bench import profiled
from tests.bench.cases import CASES, Case, Pair
from tests.bench.figures import Plan
from tests.bench.leg import Leg
from tests.bench.processes import ROOT, Stand
from tests.bench.report import number

SHOWN: Final = 45
Function = tuple[str, int, str]
"""File, line, name."""
Stats = Mapping[Function, tuple[int, int, float, float, Any]]
"""For each function: primitive calls, calls, own seconds, seconds with callees, callers."""


def profile(stand: Stand, plan: Plan, show: Callable[[Any], None]) -> None:
    """Print two tables for each case and pair of the plan. Shares are worth more than times: profiling itself costs."""
    for case in CASES:
        if case.latency:
            continue
        for pair in plan.pairs_of(case.name):
            stats, cost, units = _measure(stand, case, pair, quick=plan.quick)
            title = f"{case.title}, {pair}: {number(cost)} us a {case.unit} under the profiler"
            show(by_function(title, stats, units, case.unit))
            show(by_file(title, stats, units))


def _measure(stand: Stand, case: Case, pair: Pair, *, quick: bool) -> tuple[Stats, float, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "profile")
        with stand.gateway("tests.bench.profiled", str(path)) as gateway:
            leg = Leg(stand, [gateway], case, pair, quick=quick, through_gateway=True)
            leg.round(keep=False)
            gateway.signal(profiled.START)
            leg.round(keep=True)
            gateway.signal(profiled.STOP)
        stats: Stats = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]
    return stats, leg.cpu[0], leg.units


def by_function(title: str, stats: Stats, units: int, unit: str) -> Table:
    """The functions with the most time of their own."""
    table = _table(title, "own us", "with callees", f"calls a {unit}")
    for (file, line, name), (_, calls, own, whole, _) in sorted(stats.items(), key=lambda row: -row[1][2])[:SHOWN]:
        where = name if file == "~" else f"{short(file)}:{line} {name}"
        table.add_row(*(f"{value / units:.2f}" for value in (own * 1e6, whole * 1e6, calls)), where)
    return table


def by_file(title: str, stats: Stats, units: int) -> Table:
    """Own time of all functions of a file; what is built in counts where it was called."""
    files: dict[str, float] = defaultdict(float)
    for (file, _, _), (_, _, own, _, callers) in stats.items():
        for where, seconds in _blamed(file, own, callers):
            files[short(where)] += seconds
    table = _table(title, "own us")
    for file, seconds in sorted(files.items(), key=lambda row: -row[1])[:SHOWN]:
        table.add_row(f"{seconds * 1e6 / units:.2f}", file)
    return table


def _blamed(file: str, own: float, callers: Mapping[Function, tuple[int, int, float, float]]) -> Iterable[tuple[str, float]]:
    if file != "~" or not callers:
        return [(file, own)]
    return [(caller[0], seconds) for caller, (_, _, seconds, _) in callers.items()]


def _table(title: str, *numbers: str) -> Table:
    table = Table(title=title)
    for name in numbers:
        table.add_column(name, justify="right")
    table.add_column("where")
    return table


def short(file: str) -> str:
    """A path without the part that is the same everywhere."""
    for known in ("site-packages/", "lib/python3.11/", f"{ROOT}/"):
        _, found, after = file.partition(known)
        if found:
            return after
    return file
