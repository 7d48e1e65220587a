"""At the end of a run: a table of what was shown for each pair of dialects, gathered from the tests' own properties."""

from __future__ import annotations

from collections import defaultdict

from _pytest.terminal import TerminalReporter

SHORT = {"responses": "resp", "messages": "msgs"}
PROPERTY = "nine-pairs"
"""A test of the nine pairs records [pair, case] under this name (see tests/pairs/conftest.py)."""


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Case x pair: how many of its tests passed. Reports come from all xdist workers."""
    cells: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            if report.when == "call" or outcome == "failed":
                for name, value in report.user_properties:
                    if name == PROPERTY:
                        pair, case = value
                        cells[case][pair].append(outcome == "passed")
    if not cells:
        return
    pairs = sorted({pair for row in cells.values() for pair in row})
    width = max(len(case) for case in cells) + 2
    terminalreporter.section("client dialect : provider dialect, tests passed (streamed and whole)")
    heads = [":".join(SHORT.get(dialect, dialect) for dialect in pair.split(":")) for pair in pairs]
    terminalreporter.line("".ljust(width) + "  ".join(heads))
    for case, row in sorted(cells.items()):
        shown = [_cell(row.get(pair, [])).center(len(head)) for pair, head in zip(pairs, heads, strict=True)]
        terminalreporter.line(case.ljust(width) + "  ".join(shown), red=any(False in results for results in row.values()))


def _cell(results: list[bool]) -> str:
    if not results:
        return "-"
    return str(len(results)) if all(results) else f"{sum(results)}/{len(results)} !"
