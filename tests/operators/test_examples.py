"""The examples run as their README says: programs print what stands there, configurations are good and their cases hold."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import operators

FOLDER = Path(operators.__file__).parent / "examples"
ROOT = FOLDER.parents[1]
README = (FOLDER / "README.md").read_text()
SHOWN = dict(re.findall(r"^```\n\$ python operators/examples/(\w+\.py)\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
PROGRAMS = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "__init__.py")
CONFIGURATIONS = sorted(path.name for path in FOLDER.glob("*.yaml"))
MOST_LINES = 60


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_prints_what_the_readme_shows(name: str) -> None:
    ran = run(f"operators/examples/{name}")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == SHOWN[name]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_penstock_check_finds_a_configuration_good(name: str) -> None:
    ran = run("-m", "pipeline", "check", f"operators/examples/{name}")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"operators/examples/{name}: good. ")


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_chain_that_a_configuration_writes_is_proved_by_cases_that_can_fail(name: str, tmp_path: Path) -> None:
    text = (FOLDER / name).read_text()
    chains = {chain: steps for chain, steps in yaml.safe_load(text)["chains"].items() if isinstance(steps, dict)}
    wrong = tmp_path / name
    wrong.write_text(re.sub(r'expect: "', 'expect: "w', text))
    said = run("-m", "pipeline", "check", str(wrong)).stderr
    for chain, steps in chains.items():
        cases = len(steps.get("tests", ())) if chain != "drilled" else 0
        assert cases or chain == "drilled", f"{chain} has no case"
        assert said.count(f"chains.{chain}.tests[") == cases


def test_the_table_names_every_file_and_no_other() -> None:
    files = {path.name for path in FOLDER.iterdir() if path.is_file()} - {"README.md", "__init__.py"}
    assert set(re.findall(r"\]\((\w+\.\w+)\)", README)) == files
    assert set(SHOWN) == set(PROGRAMS)


@pytest.mark.parametrize("name", [*PROGRAMS, *CONFIGURATIONS])
def test_an_example_fits_a_screen(name: str) -> None:
    assert len((FOLDER / name).read_text().splitlines()) < MOST_LINES
