"""What lies in dashboards/ is what the command writes, whole and well-formed; no panel asks what nobody can answer."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from pipeline.config import Config, load, parse
from pipeline.dashboards import Foreign, boards, files, write
from pipeline.dashboards.model import Board, Panel, Query
from pipeline.dashboards.rules import alerts, recordings
from pipeline.dashboards.scope import scope_of
from tests.dashboards.promql import FROM_SCRAPING, OF_PROMETHEUS, asked, emitted, faults

ROOT: Final = Path(__file__).resolve().parents[2]
COMMITTED: Final = ROOT / "dashboards"


@pytest.fixture(scope="module")
def example() -> Config:
    return load(ROOT / "penstock.example.yaml", {})


@pytest.fixture(scope="module")
def written(example: Config) -> dict[str, str]:
    return files(example)


def test_the_files_that_lie_here_are_those_that_the_command_writes(written: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "dashboards", str(tmp_path), "--config", "penstock.example.yaml"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    made = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    lying = {str(path.relative_to(COMMITTED)): path.read_text() for path in COMMITTED.rglob("*") if path.is_file()}
    # The gateway's own configuration in docker-compose.yml: what is watched, not what watches.
    del lying["penstock.yaml"]
    assert made == written
    assert sorted(lying) == sorted(made)
    wrong = [name for name in made if made[name] != lying[name]]
    assert not wrong, "write them anew: penstock dashboards --config penstock.example.yaml"


def test_a_readme_of_somebody_else_is_not_written_over(tmp_path: Path) -> None:
    config = load(None, {})
    write(config, tmp_path / "new")
    write(config, tmp_path / "new")
    readme = tmp_path / "README.md"
    readme.write_text("# My project\n")
    with pytest.raises(Foreign, match=r"README\.md is not of `penstock dashboards`"):
        write(config, tmp_path)
    assert readme.read_text() == "# My project\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "new"]


def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['grafana_foundation_sdk'] = None; sys.argv[1:] = ['dashboards', sys.argv[1]]\n"
        "from pipeline.cli import main; main()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "made")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert 'pip install "penstock[dashboards]"' in ran.stderr
    assert not (tmp_path / "made").exists()


def dashboards_of(written: dict[str, str]) -> list[dict[str, Any]]:
    return [json.loads(text) for name, text in written.items() if name.endswith(".json")]


def test_grafanas_own_types_read_and_write_the_same(written: dict[str, str]) -> None:
    for found in dashboards_of(written):
        assert json.loads(json.dumps(Dashboard.from_json(found), cls=JSONEncoder)) == found


def test_dashboards_are_told_apart_and_lead_to_each_other(written: dict[str, str]) -> None:
    found = dashboards_of(written)
    assert len({board["uid"] for board in found}) == len(found) == 7
    for board in found:
        assert board["tags"] == ["penstock"]
        others, console = board["links"]
        assert (others["type"], others["tags"]) == ("dashboards", ["penstock"])
        assert console["url"] == "http://127.0.0.1:8787/"


def test_panels_have_all_that_a_reader_needs_and_do_not_overlap(written: dict[str, str]) -> None:
    for board in dashboards_of(written):
        panels = board["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        for panel in panels:
            if panel["type"] == "row":
                continue
            assert panel["title"].endswith("?"), panel["title"]
            assert panel["description"], panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None
            assert panel["targets"], panel["title"]
        for one, other in combinations([panel["gridPos"] for panel in panels], 2):
            apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            assert one["x"] + one["w"] <= 24


def test_every_variable_of_a_query_is_one_of_its_dashboard(example: Config) -> None:
    for board in boards(scope_of(example)):
        known = {variable.name for variable in board.variables}
        for panel in board.panels():
            used = {word for word in ("dialect", "model", "candidate") if any(f"${word}" in q.expr for q in panel.queries)}
            assert used <= known, panel.question


def test_readme_has_every_question(written: dict[str, str], example: Config) -> None:
    for board in boards(scope_of(example)):
        for panel in board.panels():
            assert f"| {panel.question} | {panel.advice} |" in written["README.md"]
    for alert in alerts():
        assert f"| {alert.name} | {alert.severity} |" in written["README.md"]


def all_of(example: Config) -> list[tuple[Board, Panel, Query]]:
    return [(board, panel, query) for board in boards(scope_of(example)) for panel in board.panels() for query in panel.queries]


def test_no_panel_asks_what_the_gateway_cannot_emit(example: Config) -> None:
    known = {**emitted(), **OF_PROMETHEUS}
    for _, panel, query in all_of(example):
        assert faults(query.expr, known, query.legend) == [], f"{panel.question} {query.expr}"
    for board in boards(scope_of(example)):
        for variable in board.variables:
            assert variable.label in known[variable.of], variable.name


def test_everything_that_is_counted_is_asked_for_somewhere(example: Config) -> None:
    wanted = {_metric(name) for _, _, query in all_of(example) for name in asked(query.expr).names}
    wanted |= {_metric(name) for expr in recordings().values() for name in asked(expr).names}
    # The address space of a process says nothing.
    assert {_metric(name) for name in emitted()} - wanted == {"process_virtual_memory_bytes"}


def _metric(series: str) -> str:
    return re.sub("_(bucket|sum|count)$", "", series)


def test_no_rule_asks_what_the_gateway_cannot_emit() -> None:
    known = {**emitted(), **OF_PROMETHEUS}
    for name, expr in recordings().items():
        assert faults(expr, known) == [], name
    known |= dict.fromkeys(recordings(), FROM_SCRAPING)
    for alert in alerts():
        assert faults(alert.expr, known) == [], alert.name


@pytest.mark.parametrize(
    ("expr", "legend", "fault"),
    [
        ("sum(penstock_requets_total)", "", "nothing emits penstock_requets_total"),
        ('rate(penstock_requests_total{modle="x"}[5m])', "", "penstock_requests_total has no label modle"),
        ("sum by (chain) (penstock_in_flight)", "", "nothing in it has the label chain"),
        ("sum by (dialect) (penstock_in_flight)", "{{model}}", "its legend shows model, which is gone"),
    ],
)
def test_a_query_that_asks_for_nothing_is_found(expr: str, legend: str, fault: str) -> None:
    assert faults(expr, emitted(), legend) == [fault]


def test_what_a_query_asks_for_is_all_found() -> None:
    found = asked('sum by (a, le) (rate(b_bucket{c=~"x|y",d="e"}[5m])) / count(f:g) and h > 3 or time() - max(i)')
    assert found == ({"b_bucket": {"c", "d"}, "f:g": set(), "h": set(), "i": set()}, {"a", "le"})


LEAN = """
models: [{name: m, candidates: [demo/demo]}]
chains: {default: {candidates: [], attempt: [], request: []}}
"""


def test_panels_follow_the_chains_in_use(example: Config) -> None:
    lean = {panel.question for board in boards(scope_of(parse(LEAN, "lean.yaml", {}))) for panel in board.panels()}
    rich = {panel.question for _, panel, _ in all_of(example)}
    gone = rich - lean
    assert lean < rich
    for question in (
        "How many hedges start, win and lose?",
        "How do mirrored answers differ?",
        "How often does the cache answer?",
        "How long do they wait?",
        "What does it cost an hour?",
        "Whose limit is used up?",
        "How often is the same candidate tried again, and why?",
        "How many answers were continued by another candidate?",
    ):
        assert question in gone, question


def test_thresholds_follow_the_limits_of_the_configuration() -> None:
    text = LEAN + "server: {buffered_limit: 1000000, host: 0.0.0.0, port: 9000}\n"
    found = {name: json.loads(text) for name, text in files(parse(text, "x.yaml", {})).items() if name.endswith(".json")}
    flow = found["grafana/dashboards/penstock-flow.json"]
    panel = next(each for each in flow["panels"] if each["title"] == "How many bytes wait for slow clients?")
    assert [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]] == [None, 500_000, 900_000]
    assert flow["links"][1]["url"] == "http://127.0.0.1:9000/"


@pytest.mark.parametrize(("workers", "green"), [(1, 1), (4, 4)])
def test_as_many_workers_as_are_configured_are_well_and_fewer_are_not(workers: int, green: int) -> None:
    config = parse(LEAN + f"server: {{workers: {workers}}}\n", "x.yaml", {})
    panels = {panel.question: panel for board in boards(scope_of(config)) for panel in board.panels()}
    assert panels["How many workers serve?"].colours[-1] == (green, "green")


def test_the_dot_of_a_request_leads_to_the_console(written: dict[str, str]) -> None:
    source = yaml.safe_load(written["grafana/provisioning/datasources/prometheus.yml"])["datasources"][0]
    (request,) = source["jsonData"]["exemplarTraceIdDestinations"]
    assert request["name"] == "request_id"
    assert request["url"] == "http://127.0.0.1:8787/#/request/$${__value.raw}"


def test_provisioning_is_where_compose_mounts_it(written: dict[str, str]) -> None:
    source = yaml.safe_load(written["grafana/provisioning/datasources/prometheus.yml"])["datasources"][0]
    assert source["type"] == "prometheus"
    path = yaml.safe_load(written["grafana/provisioning/dashboards/penstock.yml"])["providers"][0]["options"]["path"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert any(volume.partition(":")[2] == f"{path}:ro" for volume in compose["services"]["grafana"]["volumes"])
