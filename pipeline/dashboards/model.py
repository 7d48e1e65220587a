"""What a dashboard is before any tool's format: questions, the queries that answer them, and what to do about the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Look = Literal["lines", "stacked", "stat", "heatmap", "states", "table"]

GREEN: Final = "green"
YELLOW: Final = "yellow"
RED: Final = "red"

Steps = tuple[tuple[float, str], ...]
"""(value from which on, colour), after the colour below the first."""

WINDOW: Final = "$__rate_interval"
"""Grafana's: as long as a rate needs, given the zoom and the scrape interval."""


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and what its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A question, answered by queries.

    ``advice`` says what to do when the answer is bad; ``unit`` is Grafana's word; ``colours`` are the thresholds, ``base`` the
    colour below them. ``words`` are names for values. ``needs``: it is there only where the configuration uses one of these.
    """

    question: str
    advice: str
    queries: tuple[Query, ...]
    unit: str
    look: Look = "lines"
    base: str = GREEN
    colours: Steps = ()
    words: Mapping[int, tuple[str, str]] | None = None
    needs: frozenset[str] = frozenset()
    width: int = 12


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """What a reader may choose from: the values that ``label`` has in the series ``of``."""

    name: str
    label: str
    of: str

    @property
    def query(self) -> str:
        return f"label_values({self.of}, {self.label})"


DIALECT: Final = Variable("dialect", "dialect", "penstock_in_flight")
MODEL: Final = Variable("model", "model", "penstock_requests_total")
CANDIDATE: Final = Variable("candidate", "candidate", "penstock_attempts_total")


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard. ``name`` is stable: files, ids and links are made of it."""

    name: str
    title: str
    about: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    def panels(self) -> Iterator[Panel]:
        """All of them, in their order."""
        for row in self.rows:
            yield from row.panels


@dataclass(frozen=True, slots=True)
class Scope:
    """What of the configuration decides which panels there are, and where they turn red.

    ``uses``: names of steps in the chains in use, and ``queue``, ``price``, ``limit`` where they are configured.
    """

    uses: frozenset[str]
    buffered_limit: int
    queue: int
    """Places in all queues together."""
    workers: int
    """How many processes the configuration asks for."""
    console: str
    """Where the gateway's own page is."""

    def of(self, board: Board) -> Board:
        """The board without the panels whose queries nothing here could ever answer."""
        rows = (Row(row.title, tuple(panel for panel in row.panels if self.has(panel.needs))) for row in board.rows)
        return Board(board.name, board.title, board.about, board.variables, tuple(row for row in rows if row.panels))

    def has(self, needs: frozenset[str]) -> bool:
        """Whether one of ``needs`` is in use; nothing is needed: yes."""
        return not needs or not needs.isdisjoint(self.uses)


BoardOf = Callable[[Scope], Board]


def quantiles(metric: str, matchers: str = "", *, window: str = WINDOW) -> tuple[Query, ...]:
    """The middle, nearly all, and the worst of a histogram."""
    rate = f"sum by (le) (rate({metric}_bucket{matchers}[{window}]))"
    return tuple(Query(f"histogram_quantile(0.{part}, {rate})", f"p{part}") for part in ("50", "95", "99"))


def per(labels: str, metric: str, matchers: str = "", *, window: str = WINDOW) -> str:
    """The rate of a counter by some of its labels."""
    return f"sum by ({labels}) (rate({metric}{matchers}[{window}]))"


def share(part: str, whole: str) -> str:
    """PromQL: which part of the whole. Nothing of it so far is 0, not a gap: a counter is there from its first event on."""
    return f"({part} or {whole} * 0) / {whole}"
