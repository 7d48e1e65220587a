"""A trace of a real gateway, fetched from it and replayed by the command: its clocks jitter, and the same comes of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import ROOT, Gateway

CONFIG = {
    "server": {"keys": [{"name": "root", "key": "the admin key", "admin": True}]},
    "models": [{"name": "safe", "chain": "impatient", "candidates": ["demo/silent", "demo/fail", "demo/demo"]}],
    "chains": {
        "impatient": {"attempt": [{"first_event_timeout": {"seconds": 0.5}}, {"idle_timeout": {"seconds": 10}}]},
        "patient": {"attempt": [{"first_event_timeout": {"seconds": 60}}]},
    },
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(CONFIG, tmp_path_factory.mktemp("served")) as gateway:
        yield gateway


def penstock(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PENSTOCK_KEY": "the admin key", "COLUMNS": "80"}
    command = [sys.executable, "-m", "pipeline", *arguments]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert max(map(len, ran.stdout.splitlines())) <= 80
    return ran.stdout


def test_from_the_request_to_the_saved_case(gateway: Gateway, tmp_path: Path) -> None:
    body = {"model": "safe", "stream": True, "messages": [{"role": "user", "content": "Are you there?"}]}
    headers = {"content-type": "application/json", "authorization": "Bearer the admin key", "x-request-id": "req_safe"}
    request = urllib.request.Request(f"{gateway.url}/v1/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert b"[DONE]" in answer.read()
    trace = f"{gateway.url}/debug/traces/req_safe"
    config = ["--config", str(gateway.config_path)]
    said = penstock(tmp_path, "replay", trace, *config, "--save", "case.yaml")
    assert "The replay is faithful: the same happened as was recorded." in said
    assert "demo/silent (timeout)" in said
    assert "Are you there" not in said
    other = penstock(tmp_path, "replay", trace, *config, "--chain", "patient")
    assert "first_event_timeout would have acted after 60 s instead of 0.5 s." in other
    # It was let go half a second after it was asked, or a little later on a busy machine.
    assert re.search(r"Unknown after 0\.\d+ s of try 1 at demo/silent", " ".join(other.split()))
    assert penstock(tmp_path, "check", "case.yaml").startswith("case.yaml: good.")
