"""The verdicts as people read them: a row for each pair, refusals by rule, failures by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from rich.table import Table

from tests.corpus.checks import State, Verdict, What

_COLUMNS: tuple[tuple[What, State], ...] = (
    ("answer", "passed"),
    ("answer", "failed"),
    ("request", "passed"),
    ("request", "refused"),
    ("request", "failed"),
)


def table(verdicts: Iterable[Verdict]) -> Table:
    """Pair x passed x refused by name x failed, answers and requests apart."""
    counts = Counter((verdict.pair, verdict.what, verdict.state) for verdict in verdicts)
    shown = Table(title="Recorded traffic through the gateway")
    shown.add_column("client : provider", no_wrap=True)
    for what, state in _COLUMNS:
        shown.add_column(f"{what}s\n" + ("refused\nby name" if state == "refused" else state), justify="right")
    for pair in sorted({pair for pair, _, _ in counts}):
        shown.add_row(pair, *(_cell(counts[pair, what, state], state) for what, state in _COLUMNS))
    sums = [sum(n for (_, what, state), n in counts.items() if (what, state) == column) for column in _COLUMNS]
    shown.add_section()
    shown.add_row("all", *(_cell(n, state) for n, (_, state) in zip(sums, _COLUMNS, strict=True)))
    return shown


def _cell(number: int, state: str) -> str:
    return f"[bold red]{number}[/]" if number and state == "failed" else str(number)


def refusals(verdicts: Iterable[Verdict]) -> Table:
    """How often each rule was the reason, by pair."""
    counts = Counter((verdict.pair, verdict.reason) for verdict in verdicts if verdict.state == "refused")
    shown = Table(title="Refused by name")
    for name in ("client : provider", "rule (param)", "requests"):
        shown.add_column(name)
    for (pair, reason), number in sorted(counts.items()):
        shown.add_row(pair, reason, str(number))
    return shown


def failures(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """One line each, in the order of the pairs."""
    for verdict in sorted(verdicts, key=lambda each: (each.pair, each.what, each.recording)):
        if verdict.state == "failed":
            yield f"{verdict.pair} {verdict.what} {verdict.recording}: {verdict.reason}"
