"""Where does the time go?"""

from __future__ import annotations

from pipeline.dashboards.model import GREEN, MODEL, RED, WINDOW, YELLOW, Board, Panel, Query, Row, Scope, per, quantiles
from pipeline.dashboards.slo import FIRST, FIRST_TOKEN, FIRST_TOKENS, quick_share

ASKED = '{gen_ai_request_model=~"$model"}'
PER_TOKEN = "gen_ai_server_time_per_output_token_seconds"
DURATION = "gen_ai_client_operation_duration_seconds"
STAGE = "penstock_stage_seconds"


def speed(scope: Scope) -> Board:
    """Time to first token, per token, whole operations, our own share."""
    about = "Where does the time go, and how much of it is the gateway's own?"
    return Board(
        "speed", "Penstock: speed", about, (MODEL,), (Row("What clients wait for", _waits()), Row("What is ours", _ours()))
    )


def _by_candidate(metric: str) -> Query:
    by = "gen_ai_provider_name, gen_ai_response_model"
    rate = f"sum by (le, {by}) (rate({metric}_bucket{ASKED}[{WINDOW}]))"
    return Query(f"histogram_quantile(0.95, {rate})", "{{gen_ai_provider_name}}/{{gen_ai_response_model}}")


def _waits() -> tuple[Panel, ...]:
    return (
        Panel(
            "How long until the first token?",
            "p99 alone high: one candidate or long prompts; all of them: the provider, or a queue (flow).",
            quantiles(FIRST, ASKED),
            "s",
            colours=((2.5, YELLOW), (5, RED)),
        ),
        Panel(
            "Whose first token is late?",
            "Give the slow one fewer requests: `balance: ewma` for the model, or `hedge` in its chain.",
            (_by_candidate(FIRST),),
            "s",
            colours=((2.5, YELLOW), (5, RED)),
        ),
        Panel(
            "What share of the first tokens comes in time?",
            f"Within {FIRST_TOKEN:g} s. Below the line the promise is broken, and the burn-rate alert follows.",
            (Query(quick_share(WINDOW, ',gen_ai_request_model=~"$model"')),),
            "percentunit",
            base=RED,
            colours=((FIRST_TOKENS, GREEN),),
        ),
        Panel(
            "How long is a token in the making?",
            "Above a tenth of a second people read faster than it comes. `pace` in the chain ends what is slower than you allow.",
            quantiles(PER_TOKEN, ASKED),
            "s",
            colours=((0.1, YELLOW), (0.3, RED)),
        ),
        Panel(
            "Whose tokens are slow?",
            "A candidate that got slow of late is overloaded: look whether its attempts fail, too (resilience).",
            (_by_candidate(PER_TOKEN),),
            "s",
            colours=((0.1, YELLOW), (0.3, RED)),
        ),
        Panel(
            "How long do whole operations take?",
            "A band that appears at a round number is a timeout: resilience says which guard fired.",
            (Query(f"sum by (le) (increase({DURATION}_bucket{ASKED}[{WINDOW}]))", "{{le}}"),),
            "s",
            "heatmap",
        ),
    )


def _ours() -> tuple[Panel, ...]:
    return (
        Panel(
            "How much time does the gateway add?",
            "Before the dispatch and behind the first event. More than some milliseconds: look at the loop's lag and at CPU.",
            quantiles("penstock_overhead_seconds"),
            "s",
            colours=((0.01, YELLOW), (0.05, RED)),
        ),
        Panel(
            "Which stage takes how long, on average?",
            "`parse` and `write` are ours, `dispatch` and `first_event` the provider's, `answer` is the stream itself.",
            (Query(f"{per('stage', f'{STAGE}_sum')} / {per('stage', f'{STAGE}_count')}", "{{stage}}"),),
            "s",
        ),
        Panel(
            "How long do our own stages take for nearly everybody?",
            "`parse` grows with the size of requests; `write` with the loop's lag.",
            (
                Query(
                    f'histogram_quantile(0.95, sum by (le, stage) (rate({STAGE}_bucket{{stage=~"parse|write"}}[{WINDOW}])))',
                    "{{stage}}",
                ),
            ),
            "s",
            colours=((0.01, YELLOW), (0.05, RED)),
        ),
        Panel(
            "How late is the event loop?",
            "Every stream waits that long. Something computes too long in one go (a step of your own?), or CPU is short: "
            "more workers.",
            (Query("max(penstock_loop_lag_seconds)", "worst"),),
            "s",
            colours=((0.05, YELLOW), (0.25, RED)),
        ),
    )
