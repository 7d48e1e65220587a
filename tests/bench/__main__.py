"""``python -m tests.bench``: measures, prints, keeps the result in .bench/latest.json, and fails when a budget is broken."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from tests.bench.figures import Plan
from tests.bench.measure import measure
from tests.bench.peers import measure_peers
from tests.bench.processes import BenchError, Stand, raise_file_limit
from tests.bench.profiling import profile
from tests.bench.report import LATEST, save, table

Only = Annotated[
    list[str] | None,
    typer.Option(help="json, burst-100, burst-1000, paced, first-event, idle, taps; or 'burst-*:chat<messages'. Several times."),
]
Quick = Annotated[bool, typer.Option("--quick", help="Fewer answers, rounds and pairs of dialects.")]
NoFail = Annotated[bool, typer.Option("--no-fail", help="Exit with 0 also when a budget is broken.")]
Profile = Annotated[bool, typer.Option("--profile", help="Measure nothing; show where the gateway spends its time.")]


def bench(only: Only = None, quick: Quick = False, no_fail: NoFail = False, profiled: Profile = False) -> None:
    """What the gateway costs: CPU, time to first event and memory, beside a pass-through in the same run."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    plan = Plan(rounds=3 if quick else 6, quick=quick, only=tuple(only or ()))
    raise_file_limit()
    try:
        with Stand() as stand:
            if profiled:
                profile(stand, plan, console.print)
                return
            with console.status("starting") as status:
                figures = measure(stand, plan, status.update) + measure_peers(stand, plan, console.print)
    except BenchError as error:
        console.print(f"[bold red]The benchmark failed:[/] {error}", highlight=False)
        raise typer.Exit(2) from None
    if not figures:
        console.print(f"[bold red]Nothing is called {' or '.join(plan.only)}:[/] see --help for the names.", highlight=False)
        raise typer.Exit(2)
    console.print(table(figures))
    save(figures)
    console.print(f"kept in {LATEST}")
    broken = [figure for figure in figures if not figure.ok]
    if broken:
        console.print(f"[bold red]{len(broken)} of {len(figures)} figures are over their budget.")
        if not no_fail:
            raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(bench)
