"""What Prometheus works out beforehand, and when it wakes somebody: the promise by burn rates, the rest by its cause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from pipeline.dashboards.slo import FIRST_TOKENS, SUCCESS, broken_share, quick_share

Severity = Literal["page", "ticket"]

WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
BROKEN: Final = "penstock:requests:broken_ratio_rate{}"
LATE: Final = "penstock:first_token:late_ratio_rate{}"

FAST: Final = ((14.4, "1h", "5m"), (6.0, "6h", "30m"))
"""(how many times faster than allowed, over the long window, and still over the short one). At 14.4 a month's budget lasts two
days, at 6 five days."""
SLOW: Final = ((3.0, "1d", "2h"), (1.0, "3d", "6h"))


@dataclass(frozen=True, slots=True)
class Condition:
    """PromQL that is compared with a number."""

    expr: str
    than: str
    value: float

    def __str__(self) -> str:
        return f"{self.expr} {self.than} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Alert:
    """Fires when all conditions of one of the ``cases`` have held for ``lasting``."""

    name: str
    cases: tuple[tuple[Condition, ...], ...]
    lasting: str
    severity: Severity
    summary: str
    advice: str
    board: str

    @property
    def expr(self) -> str:
        """As Prometheus takes it."""
        cases = [" and ".join(map(str, case)) for case in self.cases]
        return cases[0] if len(cases) == 1 else " or ".join(f"({case})" for case in cases)


def recordings() -> dict[str, str]:
    """Expressions by the names of their series."""
    found = {}
    for window in WINDOWS:
        found[BROKEN.format(window)] = broken_share(window)
        found[LATE.format(window)] = f"1 - {quick_share(window)}"
    return found


def _burns(ratio: str, promise: float, rates: tuple[tuple[float, str, str], ...]) -> tuple[tuple[Condition, ...], ...]:
    allowed = 1 - promise
    return tuple(
        tuple(Condition(ratio.format(window), ">", round(rate * allowed, 6)) for window in (long, short))
        for rate, long, short in rates
    )


def alerts() -> Iterator[Alert]:
    """All of them, the promise first."""
    yield from _promise()
    yield from _causes()


def _promise() -> Iterator[Alert]:
    requests = "Open resilience: which candidate fails, and does another one take over?"
    tokens = "Open speed: is one candidate late, or all, or the gateway itself? Then flow: do requests wait in a queue?"
    for name, cases, severity, pace in (
        ("PenstockSuccessBurnsFast", _burns(BROKEN, SUCCESS, FAST), "page", "fast"),
        ("PenstockSuccessBurnsSlowly", _burns(BROKEN, SUCCESS, SLOW), "ticket", "slowly, but steadily"),
    ):
        text = f"Requests fail {pace}: the promise of {SUCCESS:.1%} will not be kept."
        yield Alert(name, cases, "2m", _severity(severity), text, requests, "resilience")
    for name, cases, severity, pace in (
        ("PenstockFirstTokenBurnsFast", _burns(LATE, FIRST_TOKENS, FAST), "page", "many"),
        ("PenstockFirstTokenBurnsSlowly", _burns(LATE, FIRST_TOKENS, SLOW), "ticket", "steadily too many"),
    ):
        text = f"First tokens are late for {pace}: the promise of {FIRST_TOKENS:.0%} in time will not be kept."
        yield Alert(name, cases, "2m", _severity(severity), text, tokens, "speed")


def _severity(word: str) -> Severity:
    return "page" if word == "page" else "ticket"


def _when(expr: str, than: str, value: float) -> tuple[tuple[Condition, ...], ...]:
    return ((Condition(expr, than, value),),)


def _causes() -> Iterator[Alert]:
    yield Alert(
        "PenstockDown",
        _when('up{job="penstock"}', "==", 0),
        "1m",
        "page",
        "The gateway at {{ $labels.instance }} cannot be scraped.",
        "Is the process there, does it answer /healthz, is the address in prometheus.yml right?",
        "process",
    )
    timeouts = 'sum by (candidate) (rate(penstock_attempts_total{outcome="error",reason="timeout"}[5m]))'
    yield Alert(
        "PenstockCandidateStalls",
        (
            (
                Condition(f"{timeouts} / sum by (candidate) (rate(penstock_attempts_total[5m]))", ">", 0.1),
                Condition(timeouts, ">", 0.01),
            ),
        ),
        "5m",
        "ticket",
        "More than a tenth of the attempts at {{ $labels.candidate }} fall silent or come too late.",
        "Its provider's status page first. If it goes on: put it last in the model's candidates, or give the chain a `hedge`.",
        "resilience",
    )
    yield Alert(
        "PenstockBreakerOpen",
        _when("max by (candidate) (penstock_breaker_state)", ">=", 1),
        "5m",
        "ticket",
        "{{ $labels.candidate }} has been out of service for five minutes.",
        "Others answer in its place. Look why its attempts fail: address, key, quota, or the provider itself.",
        "resilience",
    )
    yield Alert(
        "PenstockSheds",
        _when("sum by (reason) (rate(penstock_sheds_total[5m]))", ">", 0),
        "2m",
        "ticket",
        "Requests are refused for want of room: {{ $labels.reason }}.",
        "queue, queue_timeout: a provider's `max_in_flight` is full; buffered_limit: slow clients hold too much; "
        "draining: something sends to a process that is stopping.",
        "flow",
    )
    yield Alert(
        "PenstockLoopLags",
        _when("avg_over_time(penstock_loop_lag_seconds[5m])", ">", 0.1),
        "5m",
        "ticket",
        "The event loop of {{ $labels.instance }} is late: every stream waits.",
        "CPU is short (more workers), or a step of your own computes too long in one go.",
        "speed",
    )
    yield Alert(
        "PenstockReloadFailed",
        _when("min by (instance) (penstock_config_last_reload_successful)", "==", 0),
        "1m",
        "ticket",
        "The configuration file of {{ $labels.instance }} is bad; the old one stays in force, until a restart fails.",
        "Run `penstock check`: it names the line. The log says the same.",
        "process",
    )
    yield Alert(
        "PenstockDescriptorsRunOut",
        _when('process_open_fds{job="penstock"} / process_max_fds{job="penstock"}', ">", 0.8),
        "5m",
        "ticket",
        "{{ $labels.instance }} has four fifths of its file descriptors open.",
        "Raise the limit (`ulimit -n`), then find out who keeps so many connections.",
        "process",
    )


def rule_files() -> dict[str, dict[str, Any]]:
    """What stands in each file, by its name."""
    recorded = [{"record": name, "expr": expr} for name, expr in recordings().items()]
    told = [
        {
            "alert": alert.name,
            "expr": alert.expr,
            "for": alert.lasting,
            "labels": {"severity": alert.severity},
            "annotations": {"summary": alert.summary, "description": alert.advice, "dashboard": f"/d/penstock-{alert.board}"},
        }
        for alert in alerts()
    ]
    return {
        "recording.yml": {"groups": [{"name": "penstock-recorded", "interval": "30s", "rules": recorded}]},
        "alerts.yml": {"groups": [{"name": "penstock-alerts", "rules": told}]},
    }
