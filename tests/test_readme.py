"""What the front door shows is true: its configurations are good ones, its models and links are there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import load
from pipeline.providers.demo import MODELS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
ENVIRONMENT = {"ALICE_KEY": "a", "OPENAI_API_KEY": "o", "ANTHROPIC_API_KEY": "c", "PENSTOCK_KEY": "p"}
SAID = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_each_configuration_of_the_readme_is_good(block: str, tmp_path: Path) -> None:
    path = tmp_path / "penstock.yaml"
    path.write_text(block)
    assert load(path, ENVIRONMENT).models


def test_every_demo_model_is_in_the_readme_and_the_other_way_round() -> None:
    assert set(re.findall(r"`demo/([\w-]+)`", README)) == set(MODELS)


def test_its_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def told(command: str, config: str, folder: Path) -> str:
    """What the command says of a configuration, on whichever channel."""
    (folder / "penstock.yaml").write_text(config)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-m", "pipeline", command]
    ran = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return ran.stdout + ran.stderr


def test_what_the_commands_say_of_the_first_chain_is_what_they_say(tmp_path: Path) -> None:
    chain = next(block for block in BLOCKS if "tests:" in block)
    good, fault, shown = SAID
    assert good == "$ penstock check\n" + told("check", chain, tmp_path)
    assert fault in told("check", chain.replace("seconds: 2s", "seconds: 3s"), tmp_path)
    assert shown.removeprefix("$ penstock show\n") in told("show", chain, tmp_path)
