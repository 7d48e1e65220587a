"""What all metrics stand at, as plain data: to be written as JSON, handed to another process, and added to others of its kind.

Numbers of several processes add up as their kinds and rules say: counters and histograms are summed, a gauge says itself how.

The client library's multiprocess mode does not do: it writes each number into a mapped file as it changes (4.8 us to count once
and 6.4 for a histogram, where ``series`` takes 0.1 and 0.7), reads all files at each scrape (2.4 s of CPU for 2,000 histograms of
one process, where ``exposition`` takes 35 ms), needs a folder and its clean-up, and knows neither exemplars nor gauges that are
read when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import add
from typing import Any, Final, Literal, TypedDict

import orjson
from prometheus_client.core import Metric

from pipeline.series import Count, Mark, Series, Spread

Rule = Literal["sum", "max", "min"]
"""How a gauge of several processes becomes one."""

_RULES: Final[Mapping[Rule, Callable[[float, float], float]]] = {"sum": add, "max": max, "min": min}

_FOREIGN: Final[Mapping[str, Rule]] = {"process_start_time_seconds": "min"}
"""Gauges that the library declares."""


class Family(TypedDict):
    """One metric with all its members, each the values of its labels and its number.

    The number of a histogram is as ``Spread.told`` tells it.
    """

    name: str
    """Without the suffixes that the formats add (``_total``, ``_bucket``)."""
    help: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: Sequence[str]
    rule: Rule
    """Of a gauge."""
    bounds: Sequence[float]
    """Of a histogram's buckets, but for the last one."""
    members: list[tuple[Sequence[str], Any]]


Snapshot = list[Family]


def of_counts(series: Series[Count]) -> Family:
    """A counter."""
    return _family(series, "counter", (), [(labels, count.value) for labels, count in series.members.items()])


def of_spreads(series: Series[Any], bounds: Sequence[float]) -> Family:
    """A histogram. Its members go on counting: what is told here is a copy."""
    members: dict[tuple[str, ...], Spread] = series.members
    return _family(series, "histogram", bounds, [(labels, spread.told()) for labels, spread in members.items()])


def _family(series: Series[Any], kind: Literal["counter", "histogram"], bounds: Sequence[float], members: list[Any]) -> Family:
    return Family(name=series.name, help=series.help, kind=kind, labels=series.names, rule="sum", bounds=bounds, members=members)


def of_collected(metric: Metric) -> Family:
    """What a collector of the library tells: a gauge (its ``rule`` is an attribute, see :func:`ruled`) or a counter.

    Raises:
        TypeError: it is of another kind.
    """
    kind = metric.type
    if kind not in ("counter", "gauge"):
        raise TypeError(f"{metric.name}: a {kind} is counted by Series")
    # A gauge without members knows its labels all the same, but says so to friends only.
    names = tuple(metric.samples[0].labels) if metric.samples else tuple(getattr(metric, "_labelnames", ()))
    return Family(
        name=metric.name,
        help=metric.documentation,
        kind=kind,  # type: ignore[typeddict-item]  # one of the two
        labels=names,
        rule=getattr(metric, "rule", _FOREIGN.get(metric.name, "sum")),
        bounds=(),
        members=[(tuple(sample.labels.values()), float(sample.value)) for sample in metric.samples],
    )


def ruled(metric: Metric, rule: Rule) -> Metric:
    """Say of a gauge how those of several processes become one; without this they are summed."""
    metric.rule = rule  # type: ignore[attr-defined]
    return metric


def written(snapshot: Iterable[Family]) -> bytes:
    """As JSON, a line for each metric, so that nobody has to read all of it in one piece."""
    return b"\n".join(map(orjson.dumps, snapshot))


def read(text: bytes) -> Iterator[Family]:
    """What was ``written``."""
    return map(orjson.loads, text.splitlines())


def total(living: Iterable[Iterable[Family]], departed: Iterable[Iterable[Family]] = ()) -> Snapshot:
    """All of them in one: of processes that live, and of those that are no more, whose gauges say nothing now.

    >>> def one(value: float, kind: str, rule: str = "sum") -> Snapshot:
    ...     return [Family(name="n", help="", kind=kind, labels=[], rule=rule, bounds=[], members=[([], value)])]
    >>> total([one(1, "counter"), one(2, "counter")], [one(4, "counter")])[0]["members"]
    [([], 7)]
    >>> total([one(1, "gauge", "max"), one(2, "gauge", "max")], [one(4, "gauge", "max")])[0]["members"]
    [([], 2)]
    """
    sums: dict[str, _Sum] = {}
    for snapshot in living:
        for family in snapshot:
            _sum_of(sums, family).take(family)
    for snapshot in departed:
        for family in snapshot:
            if family["kind"] != "gauge":
                _sum_of(sums, family).take(family)
    return [each.family() for each in sums.values()]


def _sum_of(sums: dict[str, _Sum], family: Family) -> _Sum:
    found = sums.get(family["name"])
    if found is None:
        found = sums[family["name"]] = _Sum(family)
    return found


class _Sum:
    """One metric of several processes."""

    def __init__(self, like: Family) -> None:
        self._like = like
        self._add: Callable[[Any, Any], Any] = _added if like["kind"] == "histogram" else _RULES[like["rule"]]
        self._members: dict[tuple[str, ...], Any] = {}

    def take(self, family: Family) -> None:
        if not self._like["labels"]:
            # A gauge that has no member yet does not know the names of its labels.
            self._like = family
        members, plus = self._members, self._add
        for labels, value in family["members"]:
            key = tuple(labels)
            known = members.get(key)
            members[key] = value if known is None else plus(known, value)

    def family(self) -> Family:
        return {**self._like, "members": [(list(labels), value) for labels, value in self._members.items()]}


def _added(one: list[Any], other: list[Any]) -> list[Any]:
    """Two histograms' numbers."""
    counts, sum_, marks = one
    more, further, others = other
    if marks and others:
        marks = list(map(_later, marks, others))
    return [list(map(add, counts, more)), sum_ + further, marks or others]


def _later(one: Mark | None, other: Mark | None) -> Mark | None:
    if one is None or other is None:
        return one or other
    return one if one[2] >= other[2] else other
