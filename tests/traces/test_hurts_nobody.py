"""Tracing changes no byte, an error of its own reaches nobody, and no secret is ever seen: not in /debug, a log or a file."""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import TracesConfig
from pipeline.recorder import Recorder
from pipeline.server.answer import Answerer
from pipeline.traces import Trace
from pipeline.traces.kept import found
from pipeline.traces.record import MANY
from tests.bench.inside import Inside
from tests.bench.wires import request_body, stream_events
from tests.console.stands import Stand
from tests.support.clients import DIALECTS
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import ScriptedProvider, body, sse
from tests.support.wire import EVENTS

WHOLE = Answer([Block("text", "The whole answer.")], "stop", Usage(input=1, output=4, total=5))
PATHS = {"chat": "chat/completions", "responses": "responses", "messages": "messages"}


def answered(client: str, provider: str, reads: Sequence[bytes], recorder: Recorder | None) -> bytes:
    """The bytes of one answer, by the chain that serves."""

    async def run() -> bytes:
        inside = Inside(recorder)
        await inside.answer(client, provider, reads, stream=True, times=1)
        return await inside.one(client, request_body(client, f"{provider}/bench", stream=True))

    return asyncio.run(run())


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("provider", DIALECTS)
@pytest.mark.parametrize("size", [None, 700])
def test_tracing_changes_no_byte(client: str, provider: str, size: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1764211951.5)
    monkeypatch.setattr("os.urandom", lambda length: b"\0" * length)
    events = stream_events(provider, 400)
    whole = b"".join(events)
    reads = events if size is None else [whole[start : start + size] for start in range(0, len(whole), size)]
    recorder = Recorder(TracesConfig(keep=2, bodies=True))
    assert answered(client, provider, reads, recorder) == answered(client, provider, reads, None)
    (trace, _) = map(found, recorder.ring.backwards())
    assert {(row.stage, len(row) > 3) for row in trace.rows if row.stage not in ("attempt", "client")} == {
        ("wire", True),
        ("decoded", True),
        ("answer", True),
    }


def test_what_goes_wrong_in_noting_is_told_once_and_reaches_no_stream(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    events = stream_events("chat", 2 * MANY)
    expected = answered("chat", "chat", events, None)
    broke: list[str] = []

    def broken(self: Trace) -> None:
        broke.append(self.id)
        raise MemoryError("no room")

    monkeypatch.setattr(Trace, "settle", broken)
    recorder = Recorder(TracesConfig())
    with caplog.at_level(logging.ERROR):
        assert answered("chat", "chat", events, recorder) == expected
    assert not recorder.ring.active
    assert len(broke) > 2
    told = [record for record in caplog.records if "could not be traced" in record.getMessage()]
    # Two answers were given.
    assert len(told) == 2


def test_a_request_that_cannot_be_counted_is_recorded_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    stand = Stand()
    exchange = stand.begin("a")
    stand.runtime.metrics._fresh = None  # type: ignore[assignment]
    stand.runtime.exchanges.discard(exchange)
    Answerer(stand.runtime)._ended(exchange, "ok", 200, None)
    assert "a probe raised" in caplog.text
    assert not stand.runtime.recorder.ring.active
    assert [trace["outcome"] for trace in stand.look()] == ["ok"]


def post(gateway: Gateway, dialect: str, said: Any, headers: dict[str, str], path: str = "") -> int:
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    request = urllib.request.Request(f"{gateway.url}/v1/{path or PATHS[dialect]}", raw, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.read()
        return error.code


PLANTED = {
    "provider's key": "sk-prov-PLANTED0001",
    "client's key": "PLANTED0002-of-alice",
    "header of the provider": "PLANTED0003",
    "header of the client": "PLANTED0004",
    "text of the request": "PLANTED0005",
    "text of the answer": "PLANTED0006",
    "error of the provider": "PLANTED0007",
    "path": "PLANTED0008",
    "query": "PLANTED0009",
    "wrong key": "PLANTED0010",
    "broken body": "PLANTED0011",
    "wrong value": "PLANTED0012",
    "answer that is no JSON": "PLANTED0013",
    "tool": "PLANTED0014",
    "error in the stream": "PLANTED0015",
}


def told(gateway: Gateway, key: str) -> str:
    """All that /debug and /metrics tell."""
    said = ""
    traces: list[Any] = []
    for path in ("debug/stats", "debug/active", "debug/traces?limit=100", "debug/errors?limit=100", "debug/health", "debug/logs"):
        request = urllib.request.Request(f"{gateway.url}/{path}", headers={"x-api-key": key})
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read().decode()
        said += text
        traces += json.loads(text).get("traces", []) if "traces" in path else []
    for trace in traces:
        request = urllib.request.Request(f"{gateway.url}/debug/traces/{trace['id']}", headers={"x-api-key": key})
        with urllib.request.urlopen(request, timeout=10) as answer:
            said += answer.read().decode()
    assert len(traces) > 5
    with urllib.request.urlopen(f"{gateway.url}/metrics", timeout=10) as answer:
        return said + str(answer.read().decode())


def test_no_secret_is_seen_anywhere(tmp_path: Path) -> None:
    plant = PLANTED
    answer = Answer([Block("text", plant["text of the answer"])], "stop", Usage(input=1, output=4, total=5))
    with ScriptedProvider() as provider:
        config = {
            "server": {
                "keys": [
                    {"name": "alice", "key": plant["client's key"]},
                    {"name": "root", "key": "the-key-of-root", "admin": True},
                ]
            },
            "providers": {
                "p": {
                    "dialect": "chat",
                    "base_url": provider.base_url("chat"),
                    "api_key": plant["provider's key"],
                    "headers": {"x-team": plant["header of the provider"]},
                }
            },
            "traces": {"file": str(tmp_path / "traces.jsonl")},
            "logs": {"level": "debug"},
        }
        good = provider.lane(sse(b"".join(EVENTS["chat"](answer))))
        refusing = provider.lane(
            body(
                {
                    "error": {
                        "message": plant["error of the provider"],
                        "code": "x y",
                        "type": plant["error of the provider"] + " ",
                    }
                },
                400,
            )
        )
        garbled = provider.lane(sse(b"data: {" + plant["answer that is no JSON"].encode() + b"\n\n"))
        failing = provider.lane(sse(b'data: {"error":{"message":"%s"}}\n\n' % plant["error in the stream"].encode()))
        with Gateway(config, tmp_path) as gateway:
            headers = {
                "authorization": "Bearer " + plant["client's key"],
                "x-secret": plant["header of the client"],
                "cookie": plant["header of the client"],
                "content-type": "application/json",
            }
            for lane in (good, refusing, garbled, failing):
                for stream in (True, False):
                    said = {
                        "model": f"p/{lane.model}",
                        "stream": stream,
                        "messages": [{"role": "user", "content": plant["text of the request"]}],
                        "tools": [{"type": "function", "function": {"name": plant["tool"]}}],
                        "user": plant["text of the request"],
                    }
                    post(gateway, "chat", said, headers)
            wrong = {"model": f"p/{good.model}", "stream": plant["wrong value"], "messages": []}
            assert post(gateway, "chat", wrong, headers) == 400
            assert post(gateway, "chat", b'{"model": ' + plant["broken body"].encode(), headers) == 400
            assert post(gateway, "chat", {}, {"x-api-key": plant["wrong key"]}) == 401
            assert post(gateway, "chat", {}, headers, path=plant["path"]) == 404
            post(gateway, "chat", {}, headers, path=f"models/{plant['path']}?key={plant['query']}")
            seen = told(gateway, "the-key-of-root")
        seen += gateway.stderr + (tmp_path / "traces.jsonl").read_text()
    assert len(seen.splitlines()) > 20
    assert {where for where, secret in plant.items() if secret in seen} == set()


def test_bodies_are_kept_on_demand_without_secrets_and_data(tmp_path: Path) -> None:
    key = "a-key-without-a-shape"
    answer = Answer([Block("text", f"Use sk-abcdefgh12345678 or {key}, not hunter2.")], "stop", Usage(input=1, output=4, total=5))
    with ScriptedProvider(lambda received: sse(b"".join(EVENTS["chat"](answer)))) as provider:
        config = {
            "providers": {"p": {"dialect": "chat", "base_url": provider.base_url("chat"), "api_key": key}},
            "traces": {"bodies": True, "file": str(tmp_path / "traces.jsonl")},
        }
        content = [
            {"type": "text", "text": "my password=hunter22 and Bearer abcdefgh1234"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "QUJD" * 1000}},
        ]
        with Gateway(config, tmp_path) as gateway:
            said = {"model": "p/m", "stream": True, "api_key": "x1", "messages": [{"role": "user", "content": content}]}
            assert post(gateway, "chat", said, {"x-request-id": "kept"}) == 200
            with urllib.request.urlopen(f"{gateway.url}/debug/traces/kept", timeout=10) as found:
                trace = json.loads(found.read())
            with urllib.request.urlopen(f"{gateway.url}/debug/traces", timeout=10) as found:
                assert "request" not in json.loads(found.read())["traces"][0]
            assert "hunter" not in gateway.stderr
    text, image = trace["request"]["messages"][0]["content"]
    assert text["text"] == "my password=[redacted] and Bearer [redacted]"
    assert image["image_url"]["url"] == "data:image/png;base64,[4000 characters]"
    assert trace["request"]["api_key"] == "[redacted]"
    assert trace["answer"] == "Use [redacted] or [redacted], not hunter2."
    (line,) = (tmp_path / "traces.jsonl").read_text().splitlines()
    assert json.loads(line) == trace
