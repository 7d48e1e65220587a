"""Every alert fires when it should and is silent when it should be, as Prometheus's own tool finds."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from pipeline.dashboards.rules import Alert, alerts, rule_files
from pipeline.dashboards.slo import good_share
from tests.dashboards.prometheus import PROMTOOL

RULES: Final = Path(__file__).resolve().parents[2] / "dashboards" / "prometheus"

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool here (Debian: apt-get install prometheus)")


@dataclass(frozen=True)
class Case:
    """What was scraped (in Prometheus's notation of series), when it is looked at, and what fires then.

    ``fires``: the labels of the alert beside its severity; None: it is silent. ``pace``: how often is scraped and looked.
    """

    alert: str
    series: Mapping[str, str]
    at: str
    fires: Mapping[str, str] | None
    pace: str = "1m"


def ended(outcome: str, values: str) -> dict[str, str]:
    return {f'penstock_requests_total{{dialect="chat",model="m",outcome="{outcome}"}}': values}


def first_tokens(quick: int, all_: int, minutes: int) -> dict[str, str]:
    name = "gen_ai_server_time_to_first_token_seconds"
    return {f'{name}_bucket{{le="5.0"}}': f"0+{quick}x{minutes}", f"{name}_count": f"0+{all_}x{minutes}"}


def attempts(**a_minute: int) -> dict[str, str]:
    """Each minute, by outcome."""
    reasons = {"ok": "", "error": "timeout", "other": "cut"}
    return {
        f'penstock_attempts_total{{candidate="a/x",outcome="{"error" if name == "other" else name}",reason="{reasons[name]}"}}': (
            f"0+{count}x60"
        )
        for name, count in a_minute.items()
    }


A: Final = {"candidate": "a/x"}
HERE: Final = {"instance": "g:1"}
UP: Final = {"instance": "g:1", "job": "penstock"}
IN_JOB: Final = '{instance="g:1",job="penstock"}'
DAY: Final = 160
SLOW: Final = "10m"
"""A day and more, minute by minute, takes the tool a minute."""

CASES: Final = (
    # A tenth fails: more than 14.4 times what is allowed.
    Case("PenstockSuccessBurnsFast", {**ended("ok", "0+90x120"), **ended("cut", "0+10x120")}, "70m", {}),
    # What clients do wrong breaks no promise.
    Case("PenstockSuccessBurnsFast", {**ended("ok", "0+90x120"), **ended("bad_request", "0+90x120")}, "70m", None),
    # It was bad, and is over: the short windows know.
    Case("PenstockSuccessBurnsFast", {**ended("ok", "0+90x120"), **ended("cut", "0+10x60 600x60")}, "100m", None),
    # Two in a hundred: not fast, but more than three times what is allowed all day.
    Case("PenstockSuccessBurnsSlowly", {**ended("ok", f"0+98x{DAY}"), **ended("timeout", f"0+2x{DAY}")}, "27h", {}, SLOW),
    Case("PenstockSuccessBurnsFast", {**ended("ok", f"0+98x{DAY}"), **ended("timeout", f"0+2x{DAY}")}, "27h", None, SLOW),
    Case("PenstockSuccessBurnsSlowly", {**ended("ok", f"0+998x{DAY}"), **ended("timeout", f"0+2x{DAY}")}, "27h", None, SLOW),
    Case("PenstockFirstTokenBurnsFast", first_tokens(2, 10, 120), "70m", {}),
    Case("PenstockFirstTokenBurnsFast", first_tokens(9, 10, 120), "70m", None),
    Case("PenstockFirstTokenBurnsSlowly", first_tokens(80, 100, DAY), "27h", {}, SLOW),
    Case("PenstockFirstTokenBurnsSlowly", first_tokens(97, 100, DAY), "27h", None, SLOW),
    Case("PenstockDown", {f"up{IN_JOB}": "1 1 0 0 0 0 0"}, "5m", UP),
    Case("PenstockDown", {f"up{IN_JOB}": "1 0 1 0 1 0 1"}, "5m", None),
    Case("PenstockCandidateStalls", attempts(ok=80, error=20), "20m", A),
    Case("PenstockCandidateStalls", attempts(ok=80, other=20), "20m", None),
    Case("PenstockCandidateStalls", attempts(ok=98, error=2), "20m", None),
    Case("PenstockBreakerOpen", {'penstock_breaker_state{candidate="a/x"}': "0 2 2 1 2 2 2 1 2 2"}, "8m", A),
    Case("PenstockBreakerOpen", {'penstock_breaker_state{candidate="a/x"}': "0 2 2 1 0 2 2 1 0 2"}, "8m", None),
    Case("PenstockSheds", {'penstock_sheds_total{reason="queue"}': "0+1x20"}, "8m", {"reason": "queue"}),
    Case("PenstockSheds", {'penstock_sheds_total{reason="queue"}': "7x20"}, "8m", None),
    Case("PenstockLoopLags", {f"penstock_loop_lag_seconds{IN_JOB}": "0.2x20"}, "15m", UP),
    Case("PenstockLoopLags", {f"penstock_loop_lag_seconds{IN_JOB}": "0.01x9 0.3 0.01x10"}, "15m", None),
    Case("PenstockReloadFailed", {f"penstock_config_last_reload_successful{IN_JOB}": "1 0 0 0 0"}, "4m", HERE),
    Case("PenstockReloadFailed", {f"penstock_config_last_reload_successful{IN_JOB}": "0 1 1 1 1"}, "4m", None),
    Case(
        "PenstockDescriptorsRunOut",
        {f"process_open_fds{IN_JOB}": "900x20", f"process_max_fds{IN_JOB}": "1024x20"},
        "10m",
        UP,
    ),
    Case(
        "PenstockDescriptorsRunOut",
        {f"process_open_fds{IN_JOB}": "90x20", f"process_max_fds{IN_JOB}": "1024x20"},
        "10m",
        None,
    ),
)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    names = {alert.name for alert in alerts()}
    assert {case.alert for case in CASES if case.fires is not None} == names
    assert {case.alert for case in CASES if case.fires is None} == names


def as_promtool(case: Case, alert: Alert) -> dict[str, Any]:
    expected = []
    if case.fires is not None:
        labels = dict(case.fires)
        summary = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels[found[1]], alert.summary)
        told = {"summary": summary, "description": alert.advice, "dashboard": f"/d/penstock-{alert.board}"}
        expected = [{"exp_labels": {"severity": alert.severity, **labels}, "exp_annotations": told}]
    return {
        "interval": case.pace,
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "alert_rule_test": [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": expected}],
    }


@needs_promtool
@pytest.mark.parametrize("pace", ["1m", SLOW])
def test_the_tool_agrees_with_every_case(tmp_path: Path, pace: str) -> None:
    known = {alert.name: alert for alert in alerts()}
    groups: list[str] = []
    for name in ("recording.yml", "alerts.yml"):
        rules = yaml.safe_load((RULES / "rules" / name).read_text())
        for group in rules["groups"]:
            group["interval"] = pace
            groups.append(group["name"])
        (tmp_path / name).write_text(yaml.safe_dump(rules))
    tests = [as_promtool(case, known[case.alert]) for case in CASES if case.pace == pace]
    file = tmp_path / "cases.yml"
    # Else the tool takes groups in any order, and alerts may look at what was recorded one step before.
    order = {"group_eval_order": groups}
    assert sorted(rule_files()) == ["alerts.yml", "recording.yml"]
    file.write_text(yaml.safe_dump({"rule_files": list(rule_files()), "evaluation_interval": pace, **order, "tests": tests}))
    assert PROMTOOL is not None
    ran = subprocess.run([PROMTOOL, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@needs_promtool
@pytest.mark.parametrize(("outcome", "share"), [("ok", 1), ("cut", 0)])
def test_the_share_that_succeeds_is_known_where_all_fail_from_the_beginning(tmp_path: Path, outcome: str, share: float) -> None:
    expected = {"expr": good_share("5m"), "eval_time": "20m", "exp_samples": [{"labels": "{}", "value": share}]}
    series = [{"series": name, "values": values} for name, values in ended(outcome, "0+10x30").items()]
    case = {"interval": "1m", "input_series": series, "promql_expr_test": [expected]}
    file = tmp_path / "case.yml"
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "1m", "tests": [case]}))
    assert PROMTOOL is not None
    ran = subprocess.run([PROMTOOL, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@needs_promtool
def test_the_tool_finds_the_rules_and_the_configuration_good() -> None:
    assert PROMTOOL is not None
    command = [PROMTOOL, "check", "config", "--lint-fatal", "prometheus.yml"]
    ran = subprocess.run(command, cwd=RULES, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"rules/alerts\.yml\s+SUCCESS: \d+ rules found", ran.stdout)
