"""What fails, and what takes over?"""

from __future__ import annotations

from pipeline.dashboards.model import CANDIDATE, GREEN, RED, WINDOW, YELLOW, Board, Panel, Query, Row, Scope, per, share

OF = '{candidate=~"$candidate"}'
ATTEMPTS = "penstock_attempts_total"
STATES = {0: ("closed", GREEN), 1: ("half open", YELLOW), 2: ("open", RED)}
HEDGE = frozenset({"hedge"})


def resilience(scope: Scope) -> Board:
    """Failovers, guards, ends of streams, breakers, retries, hedges."""
    about = "What fails, what takes over, and which guard spoke?"
    rows = (
        Row("What clients notice", _ends()),
        Row("Candidates", _candidates()),
        Row("Second tries", _tries()),
        Row("Hedges and mirrors", _beside()),
    )
    return Board("resilience", "Penstock: resilience", about, (CANDIDATE,), rows)


def _ends() -> tuple[Panel, ...]:
    return (
        Panel(
            "How do streams end?",
            "`cut` and `stall` reached clients as errors after the first word: with `resume` another candidate goes on.",
            (Query(per("reason", "penstock_stream_ends_total", OF), "{{reason}}"),),
            "reqps",
            "stacked",
        ),
        Panel(
            "Which guard fired?",
            "A guard that fires all day has the wrong number, or says that something is wrong with a candidate.",
            (Query(per("chain, operator", "penstock_guard_trips_total", '{chain!="server"}'), "{{operator}} in {{chain}}"),),
            "cps",
        ),
        Panel(
            "Who took over from whom, and why?",
            "In the time shown. `stream` is an answer that was continued by another candidate; the other phases are before the "
            "first word, where clients notice nothing but time.",
            (
                Query(
                    'sum by (from, to, reason, phase) (increase(penstock_failovers_total{from=~"$candidate"}[$__range]))',
                    "{{from}} -> {{to}}",
                ),
            ),
            "short",
            "table",
        ),
        Panel(
            "How many failovers a second, from whom to whom?",
            "A steady flow costs time in each request: move the failing candidate back, or let a `breaker` leave it out.",
            (Query(per("from, to", "penstock_failovers_total", '{from=~"$candidate"}'), "{{from}} -> {{to}}"),),
            "cps",
            "stacked",
        ),
    )


def _candidates() -> tuple[Panel, ...]:
    failed = per("candidate", ATTEMPTS, '{candidate=~"$candidate",outcome="error"}')
    return (
        Panel(
            "Which candidates are in service?",
            "`open` is left out, `half open` is being tried. Open for minutes: the provider is down, or its key is no good.",
            (Query(f"max by (candidate) (penstock_breaker_state{OF})", "{{candidate}}"),),
            "short",
            "states",
            colours=((1, YELLOW), (2, RED)),
            words=STATES,
        ),
        Panel(
            "How long until a candidate is tried again?",
            "A rate limit's pause is the provider's own wish; else it is `cool_down` of the breaker.",
            (Query(f"max by (candidate) (penstock_cool_down_seconds{OF})", "{{candidate}}"),),
            "s",
        ),
        Panel(
            "Why are candidates taken out of service?",
            "`rate_limit`: ask the provider for more, or share the load (`balance`). Anything else: its status page.",
            (Query(per("candidate, reason", "penstock_cool_downs_total", OF), "{{candidate}}: {{reason}}"),),
            "cps",
            "stacked",
        ),
        Panel(
            "What share of a candidate's attempts fails?",
            "Whatever clients saw of it. A candidate at 100 % is not there; one that fails now and then wants a retry.",
            (Query(share(failed, per("candidate", ATTEMPTS, OF)), "{{candidate}}"),),
            "percentunit",
            colours=((0.05, YELLOW), (0.25, RED)),
        ),
        Panel(
            "Why do attempts fail?",
            "`unreachable`: network or address; `timeout`: silent or slow; `unauthenticated`: the gateway's key at the provider.",
            (
                Query(
                    per("candidate, reason", ATTEMPTS, '{candidate=~"$candidate",outcome="error"}'), "{{candidate}}: {{reason}}"
                ),
            ),
            "cps",
            "stacked",
            width=24,
        ),
    )


def _tries() -> tuple[Panel, ...]:
    retry = frozenset({"retry"})
    return (
        Panel(
            "How often is the same candidate tried again, and why?",
            "Many that help nothing only add load: lower `times`, or let `failover` do its work.",
            (
                Query(
                    per("candidate, reason", ATTEMPTS, '{candidate=~"$candidate",outcome="retried"}'), "{{candidate}}: {{reason}}"
                ),
            ),
            "cps",
            "stacked",
            needs=retry,
        ),
        Panel(
            "How many retries did the budget not allow?",
            "The budget keeps a candidate in trouble from a storm. Above nothing: it is in trouble.",
            (Query(per("candidate", "penstock_retries_refused_total", OF), "{{candidate}}"),),
            "cps",
            colours=((0.001, YELLOW),),
            needs=retry,
        ),
        Panel(
            "How many answers were continued by another candidate?",
            "Each one would have been an error without `resume`.",
            (Query(per("from, to", "penstock_failovers_total", '{phase="stream"}'), "{{from}} -> {{to}}"),),
            "cps",
            needs=frozenset({"resume"}),
        ),
    )


def _beside() -> tuple[Panel, ...]:
    launched = f'sum(rate(penstock_hedges_total{{outcome="launched"}}[{WINDOW}]))'
    return (
        Panel(
            "How many hedges start, win and lose?",
            "Hedges that seldom win start too early: a larger `delay` or `percentile`.",
            (Query(per("outcome", "penstock_hedges_total", OF), "{{outcome}}"),),
            "cps",
            needs=HEDGE,
        ),
        Panel(
            "What share of the requests is hedged?",
            "At the budget of the step there is no more hedging: the first candidate is slow, not now and then but always.",
            (Query(share(launched, f"sum(rate(penstock_requests_total[{WINDOW}]))"), "hedged"),),
            "percentunit",
            needs=HEDGE,
        ),
        Panel(
            "Which tokens were spent on attempts that lost?",
            "As far as the loser told them before it was let go; what it had not told is not in it.",
            (Query(per("candidate", "penstock_hedge_lost_tokens_total", OF), "{{candidate}}"),),
            "short",
            needs=HEDGE,
        ),
        Panel(
            "How do mirrored answers differ?",
            "`same` all day: the other model can take over. Failures there never reach a client.",
            (Query(per("candidate, outcome", "penstock_mirrored_total"), "{{candidate}}: {{outcome}}"),),
            "cps",
            "stacked",
            needs=frozenset({"mirror"}),
        ),
    )
