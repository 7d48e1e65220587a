"""Is there room?"""

from __future__ import annotations

from pipeline.dashboards.model import DIALECT, RED, WINDOW, YELLOW, Board, Panel, Query, Row, Scope, per, quantiles, share

QUEUE = frozenset({"queue"})
CACHE = frozenset({"cache"})
PAUSES = "penstock_backpressure_seconds"


def flow(scope: Scope) -> Board:
    """Queues, buffers, connections, back-pressure, what was refused."""
    about = "Is there room: in the queues, at the providers, for slow clients?"
    rows = (Row("Room", _room(scope)), Row("Refused", _refused()), Row("Slow clients", _slow(scope)), Row("Cache", _cache()))
    return Board("flow", "Penstock: flow", about, (DIALECT,), rows)


def _room(scope: Scope) -> tuple[Panel, ...]:
    full = scope.queue or 1
    return (
        Panel(
            "How many requests are in flight?",
            "For each dialect of clients.",
            (Query('sum by (dialect) (penstock_in_flight{dialect=~"$dialect"})', "{{dialect}}"),),
            "short",
            "stacked",
        ),
        Panel(
            "How many attempts are open at providers?",
            "More than in flight: retries, hedges or mirrors; fewer: requests wait in a queue, or answers come from the cache.",
            (Query("sum(penstock_upstream_open)", "open"),),
            "short",
        ),
        Panel(
            "How many attempts wait for a slot?",
            "Raise `max_in_flight` of the provider (or `limit` of `admit`) if it can take more; else add a candidate.",
            (Query("sum(penstock_queue_depth)", "waiting"),),
            "short",
            colours=((max(1, full // 2), YELLOW), (full, RED)),
            needs=QUEUE,
        ),
        Panel(
            "How long do they wait?",
            "No timeout of an answer counts this time, but people do.",
            quantiles("penstock_queue_wait_seconds"),
            "s",
            colours=((1, YELLOW), (10, RED)),
            needs=QUEUE,
        ),
    )


def _refused() -> tuple[Panel, ...]:
    return (
        Panel(
            "What is refused for want of room?",
            "`queue`, `queue_timeout`: a provider's slots; `buffered_limit`: slow clients; `draining`: this process is stopping.",
            (Query(per("reason", "penstock_sheds_total"), "{{reason}}"),),
            "reqps",
            "stacked",
        ),
        Panel(
            "Which limits of the gateway itself act?",
            "Numbers under `server`: `body_limit`, `header_limit`, `buffered_limit`, `send_timeout`, `wrong_keys`, `drain`.",
            (Query(per("operator", "penstock_guard_trips_total", '{chain="server"}'), "{{operator}}"),),
            "cps",
            "stacked",
        ),
    )


def _slow(scope: Scope) -> tuple[Panel, ...]:
    return (
        Panel(
            "How many bytes wait for slow clients?",
            "At `server.buffered_limit` new requests are refused. A single client holds little: many of them are slow at once.",
            (Query("sum(penstock_buffered_bytes)", "waiting"),),
            "bytes",
            colours=((scope.buffered_limit * 0.5, YELLOW), (scope.buffered_limit * 0.9, RED)),
        ),
        Panel(
            "How often do slow clients make providers pause?",
            "It is how memory stays small, and harms nobody else. Many pauses for one model: its clients read at their own pace.",
            (Query(f"sum(rate({PAUSES}_count[{WINDOW}]))", "pauses"),),
            "cps",
        ),
        Panel(
            "How long are such pauses?",
            "A pause longer than the provider's own patience ends the stream on its side: it shows up as `cut`.",
            quantiles(PAUSES),
            "s",
            colours=((10, YELLOW), (30, RED)),
        ),
    )


def _cache() -> tuple[Panel, ...]:
    hit = per("chain", "penstock_cache_lookups_total", '{outcome="hit"}')
    return (
        Panel(
            "How often does the cache answer?",
            "In each chain that has one. Near nothing: requests are never identical, and the cache only takes memory.",
            (Query(share(hit, per("chain", "penstock_cache_lookups_total")), "{{chain}}"),),
            "percentunit",
            needs=CACHE,
        ),
    )
