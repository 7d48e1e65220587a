"""Start, reload, stop: requests in flight keep what they began with, and nothing hangs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.clients import DIALECTS, Outcome, ask, hello
from tests.support.gateway import ROOT, Gateway
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import Gate, Hang, ScriptedProvider, Send, Wait, sse
from tests.support.wire import EVENTS

WHOLE = Answer([Block("text", "The whole answer.")], "stop", Usage(input=1, output=4, total=5))


def configuration(provider: ScriptedProvider, **server: Any) -> dict[str, Any]:
    providers = {d: {"dialect": d, "base_url": provider.base_url(d), "api_key": "k"} for d in DIALECTS}
    return {"server": server, "providers": providers, "models": [{"name": "known", "candidates": ["demo/fast"]}]}


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as server:
        yield server


def in_the_background(dialect: str, gateway: Gateway, model: str) -> tuple[threading.Thread, list[Outcome]]:
    outcomes: list[Outcome] = []

    def run() -> None:
        outcomes.append(ask(dialect, gateway.base_url(dialect), hello(dialect, model), stream=True))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcomes


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stop_lets_the_answers_in_flight_end(dialect: str, provider: ScriptedProvider, tmp_path: Path) -> None:
    gate = Gate()
    events = list(EVENTS[dialect](WHOLE))
    lane = provider.lane(sse(b"".join(events[:4]), Wait(gate), Send(b"".join(events[4:]))))
    with Gateway(configuration(provider, drain="20s"), tmp_path) as gateway:
        thread, outcomes = in_the_background(dialect, gateway, f"{dialect}/{lane.model}")
        lane.arrived()
        gateway.terminate()
        gateway.wait_until_refused()
        gate.open()
        thread.join(20)
        assert outcomes[0].ok.said() == "The whole answer."
        assert gateway.stop() == 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_left_after_the_drain_ends_with_an_error_in_band(
    dialect: str, provider: ScriptedProvider, tmp_path: Path
) -> None:
    events = list(EVENTS[dialect](WHOLE))
    shown = {"chat": 3, "responses": 5, "messages": 5}[dialect]
    lane = provider.lane(sse(b"".join(events[:shown]), Hang()))
    with Gateway(configuration(provider, drain="200ms"), tmp_path) as gateway:
        thread, outcomes = in_the_background(dialect, gateway, f"{dialect}/{lane.model}")
        received = lane.arrived()
        gateway.terminate()
        thread.join(20)
        assert outcomes[0].failure is not None
        assert outcomes[0].failed.kind != "broken"
        received.left()
        assert gateway.stop() == 0


def test_a_reload_takes_the_new_models_and_a_bad_file_keeps_the_old_ones(provider: ScriptedProvider, tmp_path: Path) -> None:
    config = configuration(provider)
    with Gateway(config, tmp_path) as gateway:
        config["models"].append({"name": "later", "candidates": ["demo/fast"]})
        gateway.config_path.write_text(yaml.safe_dump(config))
        gateway.reload()
        gateway.wait_for_log("reloaded")
        assert ask("chat", gateway.base_url("chat"), hello("chat", "later"), stream=False).ok.said()
        gateway.config_path.write_text("models: [{name: broken")
        gateway.reload()
        gateway.wait_for_log("stays in force")
        assert ask("chat", gateway.base_url("chat"), hello("chat", "later"), stream=False).ok.said()


def test_a_reload_with_chains_that_cannot_be_built_tells_each_with_its_line_and_keeps_the_old_ones(tmp_path: Path) -> None:
    with Gateway({"models": [{"name": "known", "candidates": ["demo/fast"]}]}, tmp_path) as gateway:
        gateway.config_path.write_text(
            "chains:\n  default:\n    answer: [resume]\n    attempt:\n      - redact\n      - retry: {wait: 9, longest_wait: 1}\n"
        )
        gateway.reload()
        gateway.wait_for_log("stays in force")
        for place in (
            ":3:14: chains.default.answer[0]: ",
            ":5:9: chains.default.attempt[0]: ",
            ":6:9: chains.default.attempt[1]",
        ):
            gateway.wait_for_log(f"{gateway.config_path}{place}")
        assert ask("chat", gateway.base_url("chat"), hello("chat", "known"), stream=False).ok.said()


def test_health_and_readiness_need_no_key(provider: ScriptedProvider, tmp_path: Path) -> None:
    keys = [{"name": "alice", "key": "a-secret-key"}]
    with Gateway(configuration(provider, keys=keys), tmp_path) as gateway:
        for path in ("/healthz", "/readyz"):
            with urllib.request.urlopen(gateway.url + path, timeout=10) as answer:
                assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            urllib.request.urlopen(gateway.url + "/v1/models", timeout=10)
        refused.value.close()


def test_an_address_in_use_is_one_sentence_and_nothing_is_left_open(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "pipeline", "serve", "--port", port]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        ran = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "address already in use" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
