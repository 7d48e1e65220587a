"""Is the process itself well?"""

from __future__ import annotations

from pipeline.dashboards.model import GREEN, RED, WINDOW, YELLOW, Board, Panel, Query, Row, Scope, per

JOB = '{job="penstock"}'
"""The name of the scrape configuration's job."""


def process(scope: Scope) -> Board:
    """CPU, memory, descriptors, workers, configuration."""
    about = "Is the process well, and with which configuration does it run?"
    rows = (Row("Alive", _alive(scope)), Row("What it uses", _uses()), Row("Configuration", _configuration()))
    return Board("process", "Penstock: process", about, (), rows)


def _alive(scope: Scope) -> tuple[Panel, ...]:
    return (
        Panel(
            "Is the gateway scraped?",
            "Down here and up for clients: the address in prometheus.yml is wrong, or something stands between.",
            (Query(f"min(up{JOB})"),),
            "short",
            "stat",
            RED,
            ((1, GREEN),),
            {0: ("down", RED), 1: ("up", GREEN)},
            width=6,
        ),
        Panel(
            "How many workers serve?",
            "Fewer than `server.workers`: one died and is not back yet; its last words are in the log.",
            (Query("sum(penstock_workers)"),),
            "short",
            "stat",
            RED,
            ((1, YELLOW), (scope.workers, GREEN)) if scope.workers > 1 else ((1, GREEN),),
            width=6,
        ),
        Panel(
            "How long has it been running?",
            "Short again and again: it is killed. Look at memory, then at what the supervisor or the container logged.",
            (Query("time() - max(process_start_time_seconds)"),),
            "s",
            "stat",
            YELLOW,
            ((60, GREEN),),
            width=6,
        ),
        Panel(
            "Is the configuration file in force?",
            "`bad`: the last change was refused and the old one stays. `penstock check` says what is wrong, with its line.",
            (Query("min(penstock_config_last_reload_successful)"),),
            "short",
            "stat",
            RED,
            ((1, GREEN),),
            {0: ("bad", RED), 1: ("in force", GREEN)},
            width=6,
        ),
        Panel(
            "How often does a worker end unasked?",
            "Another one takes its place, but its streams were cut. The log says how it ended; SIGKILL mostly means memory.",
            (Query(f"sum(rate(penstock_worker_restarts_total[{WINDOW}]))", "restarts"),),
            "cps",
            colours=((0.001, YELLOW), (0.1, RED)),
        ),
        Panel(
            "How long does a scrape take?",
            "Above a second there are too many models, candidates and keys for one process to tell each time.",
            (Query(f"max(scrape_duration_seconds{JOB})", "scrape"),),
            "s",
            colours=((0.5, YELLOW), (1, RED)),
        ),
    )


def _uses() -> tuple[Panel, ...]:
    return (
        Panel(
            "How much CPU does it use?",
            "In cores. A worker uses one at most: near it, add workers.",
            (Query(f"sum(rate(process_cpu_seconds_total{JOB}[{WINDOW}]))", "cores"),),
            "short",
            width=8,
        ),
        Panel(
            "How much memory does it hold?",
            "It grows with streams in flight and falls slowly. Growing for days without them: tell us.",
            (Query(f"sum(process_resident_memory_bytes{JOB})", "resident"),),
            "bytes",
            width=8,
        ),
        Panel(
            "What share of its file descriptors is open?",
            "Each client and each provider connection is one. Raise `ulimit -n` before it is full.",
            (Query(f"max(process_open_fds{JOB} / process_max_fds{JOB})", "open"),),
            "percentunit",
            colours=((0.6, YELLOW), (0.8, RED)),
            width=8,
        ),
    )


def _configuration() -> tuple[Panel, ...]:
    return (
        Panel(
            "Which version and configuration serve?",
            "The digest is what `x-penstock-config` says in each answer. Two of them: a reload that one process refused.",
            (Query("count by (version, config) (penstock_build_info)", "{{version}} {{config}}"),),
            "short",
            "table",
        ),
        Panel(
            "How often was the configuration read anew, and how did it go?",
            "Each `failure` is in the log, with the line at fault.",
            (Query(per("result", "penstock_config_reloads_total"), "{{result}}"),),
            "cps",
        ),
        Panel(
            "How old is the configuration in force?",
            "Older than your last change: the gateway did not see it, or refused it.",
            (Query("time() - max(penstock_config_last_reload_success_timestamp_seconds)"),),
            "s",
            "stat",
        ),
    )
