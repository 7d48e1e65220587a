"""A recorded request as a marble case: what is written passes `penstock check`, and a chain that does otherwise fails it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline import cli
from pipeline.cases import faults
from pipeline.config import parse
from pipeline.effective import chains
from pipeline.replay.recording import ReplayError, recording
from pipeline.replay.run import replay
from pipeline.replay.save import save
from tests.replay.recorded import TracedGateway
from tests.replay.test_replay import CHAINS, A, B, config, given_up, rows, told, tried
from tests.test_faults_virtual import FAULTS


def problems(path: Path) -> list[str]:
    """What `penstock check` finds in the cases of a file."""
    found = parse(path.read_text(), str(path), {})
    tests = {name: chain.tests for name, chain in found.chains.items()}
    assert any(tests.values())
    return [str(problem) for problem in faults(chains(found), tests)]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_each_fault_becomes_a_case_that_holds(fault: Any, tmp_path: Path) -> None:
    chain = fault.chains[0]
    gateway = TracedGateway(chain, "chat", "messages", fault.a, fault.b)
    request = recording(gateway.trace("chat", stream=fault.streamed[0]))
    path = tmp_path / "case.yaml"
    result = replay(request, gateway.config, None, "healthy")
    if chain == "elsewhere":
        # Of an error a drawing knows the status, and not that it speaks of the context.
        with pytest.raises(ReplayError, match=r"it ends with bad_request, and not as here \(well\)"):
            save(result, gateway.config, path)
        return
    said = save(result, gateway.config, path)
    assert said.startswith(f"saved: {path}, a case of the chain {chain}; a character is ")
    assert problems(path) == []


def test_the_case_shows_the_request(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    save(replay(given_up(), config(), "hasty", "healthy"), config(), path)
    case = parse(path.read_text(), "case.yaml", {}).chains["hasty"].tests[0]
    assert case.source == {"a/x": ("-",), "b/y": ("-----a----|",)}
    assert case.column == 0.2
    assert case.expect == "-" * 15 + "a----|"
    assert case.subscriptions == {"a/x": ("^---------!",), "b/y": ("----------^---------!",)}
    assert "bodies" not in path.read_text()
    # Another limit, and the case does not hold any more.
    path.write_text(path.read_text().replace('"seconds": 2', '"seconds": 3', 1))
    assert "came out otherwise" in problems(path)[0]


def failed(*tries: tuple[str, str, int]) -> Any:
    """A request of whose tries (candidate, reason, status) each fails after a second, and the next one follows a second later."""
    attempts = [
        tried(number, candidate, 2.0 * number - 2, 2.0 * number - 1, "error", reason=reason, status=status)
        for number, (candidate, reason, status) in enumerate(tries, 1)
    ]
    ends = (each["ended"] for each in attempts)
    stages = [
        each for number, end in enumerate(ends, 1) for each in rows(number, [[end - 1, "subscribe", 0, 0], [end, "error", 0, 0]])
    ]
    last = attempts[-1]
    return told(
        outcome=last["reason"],
        status=last["status"],
        candidate="",
        seconds=last["ended"],
        first_event=None,
        attempts=attempts,
        stages=stages,
    )


@pytest.mark.parametrize(
    ("chain", "tries", "failure", "failures", "error"),
    [
        ("hasty", [(A, "overloaded", 503), (B, "overloaded", 503)], 503, {}, "overloaded"),
        ("hasty", [(A, "overloaded", 503), (B, "bad_request", 400)], 503, {B: (400,)}, "bad_request"),
        ("again", [(A, "overloaded", 503), (A, "bad_request", 400)], 503, {A: (503, 400)}, "bad_request"),
    ],
)
def test_each_error_of_a_case_has_its_own_status(
    chain: str, tries: list[tuple[str, str, int]], failure: int, failures: dict[str, Any], error: str, tmp_path: Path
) -> None:
    path = tmp_path / "case.yaml"
    assert "a drawing knows only" not in save(replay(recording(failed(*tries)), config(), chain, "healthy"), config(), path)
    (case,) = parse(path.read_text(), "case.yaml", {}).chains[chain].tests
    assert (case.failure, case.failures, case.error) == (failure, failures, error)
    assert problems(path) == []


def test_an_error_that_no_status_says_is_told(tmp_path: Path) -> None:
    cut = recording(failed((A, "overloaded", 503), (B, "cut", 502)))
    said = save(replay(cut, config(), "hasty", "healthy"), config(), tmp_path / "case.yaml")
    assert "In the case the error is bad_reply and not cut: of an error a drawing knows only the status." in said


def test_steps_that_may_hold_secrets_are_not_written(tmp_path: Path) -> None:
    secret = {"request": [{"inject": {"headers": {"x-token": "s3cret"}}}]}
    providers = {"a": {"dialect": "chat", "base_url": "http://127.0.0.1:9/v1"}}
    text = {"providers": providers, "models": [{"name": "served", "candidates": ["a/x"]}], "chains": {**CHAINS, "closed": secret}}
    found = parse(json.dumps(text), "penstock.yaml", {})
    path = tmp_path / "case.yaml"
    save(replay(recording(told()), found, "closed", "healthy"), found, path)
    assert "s3cret" not in path.read_text()
    assert "whose steps are left out here: they may hold secrets" in path.read_text()


def test_what_cannot_be_drawn_is_told(tmp_path: Path) -> None:
    marks = [[0.0, "subscribe", 0, 0], [1.0, "text", 20, 1], [2.0, "dispose", 0, 0]]
    stages = [{"stage": "decoded", "attempt": 1, "marks": marks}]
    left = told(outcome="client_left", seconds=2.0, attempts=[tried(1, "a/x", 0.0, 2.0, "let_go")], stages=stages)
    with pytest.raises(ReplayError, match="cannot be saved as a marble case"):
        save(replay(recording(left), config(), None, "healthy"), config(), tmp_path / "case.yaml")
    assert not (tmp_path / "case.yaml").exists()


def test_by_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("trace.json").write_text(json.dumps(told(attempts=[tried(1, "demo/demo", 0.0, 5.0)], candidate="demo/demo")))

    def penstock(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["penstock", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    status, out, _ = penstock("replay", "trace.json", "--save", "case.yaml")
    assert status == 0
    assert "The replay is faithful" in out
    assert out.endswith("saved: case.yaml, a case of the chain default; a character is 50ms\n")
    assert "\x1b" not in out
    status, out, _ = penstock("check", "case.yaml")
    assert (status, out[:17]) == (0, "case.yaml: good. ")
    status, out, err = penstock("replay", "trace.json", "--chain", "defualt")
    assert (status, out) == (1, "")
    assert err == 'there is no chain "defualt": embedded default has default. Did you mean "default"?\n'
    status, _, err = penstock("replay", "nothing.json")
    assert (status, err) == (1, "nothing.json: cannot be read: no such file or directory.\n")
