"""The result for people (a table) and for programs (one JSON file)."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson
from rich.table import Table

from tests.bench.figures import Figure, group
from tests.bench.processes import ROOT

LATEST: Final = ROOT / ".bench" / "latest.json"


def table(figures: Sequence[Figure]) -> Table:
    """One line a figure."""
    result = Table(title="What the gateway costs, beside a pass-through in the same run")
    for name in ("figure", "client < provider", "unit"):
        result.add_column(name)
    for name in ("floor", "gateway", "±", "ratio", "budget", ""):
        result.add_column(name, justify="right")
    for rows in group(figures).values():
        for place, figure in enumerate(rows):
            spread = "" if figure.spread is None else f"{figure.spread:.0%}"
            result.add_row(
                figure.name if not place else "",
                figure.pair,
                figure.unit,
                number(figure.floor),
                number(figure.gateway),
                spread,
                f"{figure.ratio:.2f} x",
                budget(figure),
                verdict(figure),
                end_section=place == len(rows) - 1,
            )
    return result


def number(value: float) -> str:
    """Three digits or so.

    >>> number(1234.5), number(56.78), number(1.234)
    ('1,234', '56.8', '1.23')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def budget(figure: Figure) -> str:
    if figure.budget is None:
        return "-"
    return f"{figure.budget:g} x" if figure.relative else f"{figure.budget:g} {figure.unit}"


def verdict(figure: Figure) -> str:
    if figure.budget is None:
        return ""
    return "[green]ok" if figure.ok else "[bold red]over"


def save(figures: Sequence[Figure], path: Path = LATEST) -> None:
    """Write everything that the table shows, with the machine and the commit it was measured on."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "figures": [{**asdict(figure), "ok": figure.ok} for figure in figures],
    }
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))
