"""The questions and what to do about their answers, for people who look for the right panel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.dashboards.model import Board
from pipeline.dashboards.rules import WINDOWS, alerts
from pipeline.dashboards.slo import FIRST_TOKEN, FIRST_TOKENS, SUCCESS

TITLE = """# Dashboards

Written by `penstock dashboards [DIR]`"""
"""What this file begins with, and no other."""

HEAD = f"""{TITLE} for the chains of a configuration. In Penstock's own repository that is
`penstock.example.yaml`, which uses every standard guard. Others may have fewer panels: none asks what its gateway cannot answer.

    penstock dashboards --config penstock.yaml my-dashboards       # needs the extra: pip install "penstock[dashboards]"

| folder | what it is for |
| --- | --- |
| `grafana/provisioning/`, `grafana/dashboards/` | mount them as `/etc/grafana/provisioning` and `/etc/grafana/dashboards` |
| `prometheus/prometheus.yml`, `prometheus/rules/` | who is scraped (put each gateway's address there), and the rules |

`docker compose up` in the folder above starts all of it.
"""


def readme(boards: Iterable[Board]) -> str:
    """The text of README.md."""
    return "\n".join([HEAD, *_panels(boards), *_alerts()]) + "\n"


def _panels(boards: Iterable[Board]) -> Iterator[str]:
    for board in boards:
        yield f"## {board.title.partition(': ')[2].capitalize()}\n"
        yield f"{board.about} (`grafana/dashboards/penstock-{board.name}.json`)\n"
        yield "| question | what to do |"
        yield "| --- | --- |"
        for panel in board.panels():
            yield f"| {panel.question} | {panel.advice} |"
        yield ""


def _alerts() -> Iterator[str]:
    yield "## Alerts\n"
    yield (
        f"Two promises are watched by burn rates over several windows ({', '.join(WINDOWS)}): {SUCCESS:.1%} of the requests\n"
        f"that were asked right and waited for succeed, and {FIRST_TOKENS:.0%} of the streams begin within {FIRST_TOKEN:g} s. "
        "The other\nalerts are causes.\n"
    )
    yield "| alert | severity | what to do |"
    yield "| --- | --- | --- |"
    for alert in alerts():
        yield f"| {alert.name} | {alert.severity} | {alert.advice} |"
