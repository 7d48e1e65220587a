"""What an answer held is gone with its end, whatever that was: nothing waits for the collector of cycles.

A body may be large, and the collector counts objects, not bytes.
"""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError

import pytest

from tests.support.gateway import Gateway

PATHS: Final = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}

# Read by the gateway's interpreter when it starts.
WATCH: Final = """
import collections, gc, json, signal

def told(what):
    with open(%r, "w") as pipe:
        pipe.write(json.dumps(what))

def begin(*_):
    gc.collect()
    gc.disable()
    told(None)

def end(*_):
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    told(collections.Counter(type(each).__qualname__ for each in gc.garbage))

signal.signal(signal.SIGUSR1, begin)
signal.signal(signal.SIGUSR2, end)
"""


def request(gateway: Gateway, dialect: str, model: str, *, stream: bool) -> urllib.request.Request:
    body: dict[str, Any] = {"model": model, "stream": stream, "max_tokens": 300}
    if dialect == "responses":
        body = {"model": model, "stream": stream, "input": "Hello."}
    else:
        body["messages"] = [{"role": "user", "content": "Hello."}]
    return urllib.request.Request(gateway.url + PATHS[dialect], json.dumps(body).encode(), {"content-type": "application/json"})


def asked(gateway: Gateway, dialect: str, model: str, *, stream: bool) -> int:
    try:
        with urllib.request.urlopen(request(gateway, dialect, model, stream=stream)) as answer:
            answer.read()
            return int(answer.status)
    except HTTPError as error:
        with error:
            error.read()
        return error.code


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="the gateway is asked by a signal")
@pytest.mark.parametrize(
    ("model", "statuses"),
    [
        ("demo/fast", {200}),
        ("demo/tools", {200}),
        ("demo/cut", {200, 502}),
        ("demo/fail", {503, 529}),
        ("down/any", {502}),
        ("safe", {200}),
        ("hedged", {200}),
        ("resumed", {200, 502}),
        ("unknown", {404}),
    ],
)
def test_an_answer_leaves_nothing_to_the_collector(tmp_path: Path, model: str, statuses: set[int]) -> None:
    pipe = tmp_path / "told"
    os.mkfifo(pipe)
    (tmp_path / "sitecustomize.py").write_text(WATCH % str(pipe))
    down = {"dialect": "chat", "base_url": "http://127.0.0.1:9/v1", "api_key": "sk-none"}
    safe = {"name": "safe", "candidates": ["demo/fail", "down/any", "demo/fast"]}
    hedged = {"name": "hedged", "chain": "hedged", "candidates": ["demo/fail", "demo/fast"]}
    resumed = {"name": "resumed", "chain": "resumed", "candidates": ["demo/cut", "demo/fast"]}
    chains = {"hedged": {"answer": [{"hedge": {"delay": 5}}]}, "resumed": {"answer": ["failover", "resume"]}}
    config = {"providers": {"demo": {"kind": "demo"}, "down": down}, "models": [safe, hedged, resumed], "chains": chains}
    with Gateway(config, tmp_path, env={"PYTHONPATH": str(tmp_path)}) as gateway:
        for dialect in PATHS:
            # What is made once.
            asked(gateway, dialect, model, stream=True)
            asked(gateway, dialect, model, stream=False)
        os.kill(gateway.pid, signal.SIGUSR1)
        assert json.loads(pipe.read_text()) is None
        seen = {asked(gateway, dialect, model, stream=stream) for dialect in PATHS for stream in (True, False)}
        os.kill(gateway.pid, signal.SIGUSR2)
        assert json.loads(pipe.read_text()) == {}
        assert seen == statuses
