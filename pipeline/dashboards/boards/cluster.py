"""Do the nodes share the work? A node is one gateway that Prometheus scrapes: its address is its name.

They stand behind one balancer and know nothing of each other: what passes between nodes is none of this.
"""

from __future__ import annotations

from pipeline.dashboards.boards.process import JOB
from pipeline.dashboards.model import GREEN, RED, WINDOW, YELLOW, Board, Panel, Query, Row, Scope, per
from pipeline.dashboards.slo import SUCCESS, good_share


def cluster(scope: Scope) -> Board:
    """Which nodes there are, which of them can be reached, and what each carries."""
    about = "Do the nodes behind one balancer share the work? Each gateway that is scraped is one, however many workers it has."
    rows = (Row("Nodes", _nodes()), Row("Load of each", _load()), Row("Lag of each", _lag()))
    return Board("cluster", "Penstock: cluster", about, (), rows)


def _nodes() -> tuple[Panel, ...]:
    return (
        Panel(
            "How many nodes are there?",
            "Fewer than you have: the missing one is not in prometheus.yml.",
            (Query(f"count(up{JOB})"),),
            "short",
            "stat",
            width=8,
        ),
        Panel(
            "How many of them do not answer?",
            "Prometheus cannot reach them, and clients perhaps neither. A panel below says which; its own log says why.",
            (Query(f"sum(1 - up{JOB})"),),
            "short",
            "stat",
            colours=((1, RED),),
            width=8,
        ),
        Panel(
            "How many configurations are in force?",
            "More than one for longer than a roll-out takes: a node did not get the new one, or refused it.",
            (Query("count(count by (config) (penstock_build_info))"),),
            "short",
            "stat",
            colours=((2, YELLOW),),
            width=8,
        ),
        Panel(
            "Which node could be reached when?",
            "Down at one only: look at its machine. At all at once: at what is between. A gap: Prometheus itself was away.",
            (Query(f"max by (instance) (up{JOB})", "{{instance}}"),),
            "short",
            "states",
            RED,
            ((1, GREEN),),
            {0: ("down", RED), 1: ("up", GREEN)},
        ),
        Panel(
            "Which version and configuration does each node run?",
            "The digest is what `x-penstock-config` says in each answer of that node.",
            (Query("count by (instance, version, config) (penstock_build_info)", "{{instance}} {{version}} {{config}}"),),
            "short",
            "table",
        ),
    )


def _load() -> tuple[Panel, ...]:
    return (
        Panel(
            "How many requests does each node carry?",
            "Far apart: the balancer in front counts connections, not streams, or keeps clients at one node.",
            (Query("sum by (instance) (penstock_in_flight)", "{{instance}}"),),
            "short",
            "stacked",
        ),
        Panel(
            "How many requests a second end at each node?",
            "Even here and uneven beside it: one node gets the long answers.",
            (Query(per("instance", "penstock_requests_total"), "{{instance}}"),),
            "reqps",
            "stacked",
        ),
        Panel(
            "What share of its requests does each node serve?",
            "Of those that clients asked right. One below the others at the same models: its network, its keys, its clock.",
            (Query(good_share(WINDOW, by="instance"), "{{instance}}"),),
            "percentunit",
            "lines",
            RED,
            ((0.99, YELLOW), (SUCCESS, GREEN)),
        ),
        Panel(
            "How much CPU does each node use?",
            "In cores. Uneven at the same load: slower cores, or other work (another dialect, long answers).",
            (Query(f"sum by (instance) (rate(process_cpu_seconds_total{JOB}[{WINDOW}]))", "{{instance}}"),),
            "short",
        ),
    )


def _lag() -> tuple[Panel, ...]:
    return (
        Panel(
            "How late is each node's event loop?",
            "Late at one node only: it has too much work, or its machine has. Give it less, or more workers.",
            (Query("max by (instance) (penstock_loop_lag_seconds)", "{{instance}}"),),
            "s",
            colours=((0.05, YELLOW), (0.25, RED)),
        ),
        Panel(
            "How long does a scrape of each node take?",
            "Long at one node only: its network, or its load.",
            (Query(f"max by (instance) (scrape_duration_seconds{JOB})", "{{instance}}"),),
            "s",
            colours=((0.5, YELLOW), (1, RED)),
        ),
    )
