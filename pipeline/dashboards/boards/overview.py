"""Is all well? The one to open first."""

from __future__ import annotations

from pipeline.dashboards.model import DIALECT, GREEN, MODEL, RED, WINDOW, YELLOW, Board, Panel, Query, Row, Scope, per
from pipeline.dashboards.slo import SUCCESS, good_share

ASKED = '{dialect=~"$dialect",model=~"$model"}'
REQUESTS = "penstock_requests_total"


def overview(scope: Scope) -> Board:
    """Requests, success, errors, tokens, cost."""
    about = "Is all well? Start here; the other dashboards say why not."
    return Board(
        "overview", "Penstock: overview", about, (DIALECT, MODEL), (Row("Now", _now()), Row("Over time", _in_time()), _spent())
    )


def _now() -> tuple[Panel, ...]:
    success = good_share(WINDOW, ',dialect=~"$dialect",model=~"$model"')
    return (
        Panel(
            "How many requests a second end?",
            "None at all while clients work: look at whether the gateway is scraped (process) and whether clients reach it.",
            (Query(f"sum(rate({REQUESTS}{ASKED}[{WINDOW}]))"),),
            "reqps",
            "stat",
            width=6,
        ),
        Panel(
            "What share of the requests succeeds?",
            "Of those asked right and waited for. Below the line: open resilience, see which candidate fails and whether "
            "another one takes over.",
            (Query(success),),
            "percentunit",
            "stat",
            RED,
            ((0.99, YELLOW), (SUCCESS, GREEN)),
            width=6,
        ),
        Panel(
            "How many requests are in flight?",
            "Growing while the rate does not: answers take longer; open speed.",
            (Query('sum(penstock_in_flight{dialect=~"$dialect"})'),),
            "short",
            "stat",
            width=6,
        ),
        Panel(
            "How long does nearly everybody wait for the first token?",
            "Above five seconds the promise is broken: open speed to see whether the provider or the gateway is slow.",
            (
                Query(
                    "histogram_quantile(0.95, sum by (le) (rate(gen_ai_server_time_to_first_token_seconds_bucket"
                    f'{{gen_ai_request_model=~"$model"}}[{WINDOW}])))'
                ),
            ),
            "s",
            "stat",
            colours=((2.5, YELLOW), (5, RED)),
            width=6,
        ),
    )


def _in_time() -> tuple[Panel, ...]:
    return (
        Panel(
            "How do requests end?",
            "`client_left` that rises means that people give up waiting: compare with the time to the first token.",
            (Query(per("outcome", REQUESTS, ASKED), "{{outcome}}"),),
            "reqps",
            "stacked",
        ),
        Panel(
            "Which errors do clients get?",
            "`overloaded` is ours (flow says which limit) or all candidates'; `bad_request` and `not_found` are the clients'.",
            (Query(per("outcome", REQUESTS, '{dialect=~"$dialect",model=~"$model",outcome!~"ok|client_left"}'), "{{outcome}}"),),
            "reqps",
            "stacked",
        ),
        Panel(
            "Which models are asked?",
            "`other` is what was refused before it was known: wrong keys, broken bodies, names that do not exist.",
            (Query(per("model", REQUESTS, ASKED), "{{model}}"),),
            "reqps",
            "stacked",
        ),
        Panel(
            "Who answers?",
            "A first candidate that vanished here is out of service: open resilience.",
            (Query(per("candidate", "penstock_stream_ends_total"), "{{candidate}}"),),
            "reqps",
            "stacked",
        ),
        Panel(
            "In which dialects is asked?",
            "For planning: what no client speaks any more needs no care.",
            (Query(per("dialect", REQUESTS, ASKED), "{{dialect}}"),),
            "reqps",
            "stacked",
        ),
        Panel(
            "How many tokens a second flow, of which type?",
            "`cached_input` that falls to nothing means prompts that changed at their beginning, or candidates that take turns.",
            (
                Query(
                    per("gen_ai_token_type", "gen_ai_client_token_usage_sum", '{gen_ai_request_model=~"$model"}'),
                    "{{gen_ai_token_type}}",
                ),
            ),
            "short",
            "stacked",
        ),
    )


def _spent() -> Row:
    return Row(
        "Who spends what",
        (
            Panel(
                "What does it cost an hour?",
                "In the currency of the prices in the configuration; candidates without a price are not in it.",
                (Query(f"3600 * {per('model, candidate', 'penstock_cost_total')}", "{{model}} by {{candidate}}"),),
                "short",
                "stacked",
                needs=frozenset({"price"}),
            ),
            Panel(
                "Whose limit is used up?",
                "Raise the key's limit in `server.keys`, or talk to whoever holds it.",
                (Query(per("key, unit", "penstock_rate_limited_total"), "{{key}}: {{unit}}"),),
                "reqps",
                needs=frozenset({"limit"}),
            ),
        ),
    )
