"""What a query asks for: names of series with the labels it wants of them. Enough of PromQL for what we write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.metrics import Metrics

_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"(?<![\w:$])([a-zA-Z_:][\w:]*+)\s*(?:\{([^}]*)\})?(?!\s*\()")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "by"})

FROM_SCRAPING = frozenset({"job", "instance"})
"""Labels that Prometheus adds to whatever it scrapes."""
OF_PROMETHEUS = {"up": FROM_SCRAPING, "scrape_duration_seconds": FROM_SCRAPING}


class Asked(NamedTuple):
    """Names with the labels that matchers want of them, and labels by which is grouped."""

    names: dict[str, set[str]]
    groups: set[str]


def asked(expr: str) -> Asked:
    """What a query asks for.

    >>> asked('sum by (a) (rate(b_bucket{c=~"x|y"}[5m])) / time()')
    Asked(names={'b_bucket': {'c'}}, groups={'a'})
    """
    groups = {label.strip() for found in _GROUPING.findall(expr) for label in found.split(",") if label.strip()}
    rest = re.sub(r"\[[^\]]*\]", "", _GROUPING.sub("", expr))
    names: dict[str, set[str]] = {}
    for name, inside in _SELECTOR.findall(rest):
        if name not in _WORDS:
            names.setdefault(name, set()).update(_MATCHER.findall(inside))
    return Asked(names, groups)


def emitted(metrics: Metrics | None = None) -> dict[str, frozenset[str]]:
    """Every series that a gateway can emit, by its name as scraped, with its labels."""
    return dict(_series(metrics or Metrics("probe")))


def _series(metrics: Metrics) -> Iterator[tuple[str, frozenset[str]]]:
    for family in metrics.families():
        name, labels = family["name"], frozenset(family["labels"]) | FROM_SCRAPING
        if family["kind"] == "counter":
            yield f"{name}_total", labels
        elif family["kind"] == "histogram":
            yield f"{name}_bucket", labels | {"le"}
            yield f"{name}_sum", labels
            yield f"{name}_count", labels
        else:
            yield name, labels


def faults(expr: str, known: dict[str, frozenset[str]], legend: str = "") -> list[str]:
    """What of a query nothing can answer; empty for a good one."""
    wanted = asked(expr)
    found = [f"nothing emits {name}" for name in wanted.names if name not in known]
    for name, labels in wanted.names.items():
        found += [f"{name} has no label {label}" for label in sorted(labels - known.get(name, frozenset(labels)))]
    there = frozenset[str]().union(*(known.get(name, frozenset()) for name in wanted.names))
    found += [f"nothing in it has the label {label}" for label in sorted(wanted.groups - there)]
    shown = set(re.findall(r"\{\{(\w+)\}\}", legend))
    found += [f"its legend shows {label}, which is gone" for label in sorted(shown - (wanted.groups or there))]
    return found
