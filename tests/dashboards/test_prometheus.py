"""A real Prometheus scrapes a gateway under a mixed load with faults: every query of every panel and rule returns series."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from pipeline.config import load
from pipeline.dashboards import boards, files
from pipeline.dashboards.rules import alerts, recordings
from pipeline.dashboards.scope import scope_of
from tests.dashboards.prometheus import PROMETHEUS, Prometheus
from tests.dashboards.traffic import busy

ROOT: Final = Path(__file__).resolve().parents[2]
ENOUGH: Final = 60.0
"""Seconds within which all must have been answered."""

needs_prometheus = pytest.mark.skipif(PROMETHEUS is None, reason="no Prometheus here (Debian: apt-get install prometheus)")


def ask_for(expr: str) -> str:
    """A panel's query with its variables filled in as Grafana does: all values, and spans that fit a test."""
    expr = expr.replace("$__rate_interval", "10s").replace("$__range", "1m")
    return re.sub(r"\$(dialect|model|candidate)\b", ".*", expr)


def questions() -> Iterator[tuple[str, Callable[[Prometheus], bool]]]:
    """Everything that has to have an answer, by what it is called in the test's output."""

    def query(expr: str) -> Callable[[Prometheus], bool]:
        return lambda prometheus: bool(prometheus.values(ask_for(expr)))

    for board in boards(scope_of(load(ROOT / "penstock.example.yaml", {}))):
        for panel in board.panels():
            for each in panel.queries:
                yield f"{board.name}: {panel.question} {each.expr}", query(each.expr)
        for variable in board.variables:
            yield (
                f"{board.name}: ${variable.name}",
                lambda prometheus, v=variable: bool(prometheus.label_values(v.of, v.label)),  # type: ignore[misc]
            )
    for name in recordings():
        yield name, query(name)
    for alert in alerts():
        for case in alert.cases:
            for condition in case:
                yield f"{alert.name}: {condition.expr}", query(condition.expr)


@needs_prometheus
def test_every_query_of_every_panel_and_rule_returns_series(tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    written = files(load(ROOT / "penstock.example.yaml", {}))
    waiting = dict(questions())
    assert len(waiting) > 80
    with busy(tmp_path / "gateway") as (bench, traffic):
        target = bench.gateway.url.removeprefix("http://")
        with Prometheus(tmp_path / "prometheus", written, target) as prometheus:
            until = time.monotonic() + ENOUGH
            while waiting and time.monotonic() < until:
                waiting = {name: answered for name, answered in waiting.items() if not answered(prometheus)}
                assert not traffic.errors, traffic.errors
            broken = [
                rule["name"]
                for group in prometheus.get("rules")["groups"]
                for rule in group["rules"]
                if rule["health"] == "err" or rule.get("lastError")
            ]
    assert not waiting, f"after {traffic.rounds} rounds nothing answers:\n" + "\n".join(waiting)
    assert not broken
