"""Spans as a collector gets them, of real gateways: one behind the other, sampled or not, with nobody at the other end."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import ConfigError, build, parse
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import Hang, Script, ScriptedProvider, sse
from tests.support.wire import EVENTS
from tests.telemetry.receiver import Receiver, Seen

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "a word that no span may hold"


def ask(gateway: Gateway, model: str, **headers: str) -> bytes:
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": SECRET}]}
    fields = {"content-type": "application/json", **headers}
    request = urllib.request.Request(f"{gateway.url}/v1/chat/completions", json.dumps(body).encode(), fields)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def variables(receiver: Receiver, **more: str) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "50", **more}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def behind(url: str) -> dict[str, Any]:
    """A gateway whose provider is another gateway; before that one it asks who always fails."""
    return {
        "providers": {"second": {"dialect": "messages", "base_url": url}},
        "models": [{"name": "served", "candidates": ["demo/fail", "second/fast"]}],
        "chains": {"default": {"attempt": []}},
        "telemetry": {"otel": True},
    }


def test_one_trace_through_two_gateways(receiver: Receiver, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    back = {"models": [{"name": "fast", "candidates": ["demo/fast"]}], "telemetry": {"otel": True}}
    with (
        Gateway(back, second, env=variables(receiver, OTEL_SERVICE_NAME="back")) as inner,
        Gateway(behind(inner.url), first, env=variables(receiver)) as outer,
    ):
        said = ask(outer, "served", traceparent=f"00-{TRACE}-{SPAN}-01", tracestate="vendor=1", **{"x-request-id": "req_front"})
        assert b"[DONE]" in said
        spans = receiver.wait(lambda spans: len(spans) >= 5)
        port = int(inner.url.rpartition(":")[2])
    of = {(span.service, span.attributes.get("penstock.attempt.number", 0)): span for span in spans}
    assert len(spans) == len(of) == 5
    request, failed, answered = of["penstock", 0], of["penstock", 1], of["penstock", 2]
    assert {span.trace_id for span in spans} == {TRACE}
    assert (request.parent, failed.parent, answered.parent) == (SPAN, request.id, request.id)
    assert (of["back", 0].parent, of["back", 1].parent) == (answered.id, of["back", 0].id)
    assert request.span.trace_state == of["back", 0].span.trace_state == "vendor=1"
    _says_what_happened(request, failed, answered, port)
    assert SECRET.encode() not in b"".join(receiver.raw)


def _says_what_happened(request: Seen, failed: Seen, answered: Seen, port: int) -> None:
    kinds = {"server": 2, "client": 3}
    assert (request.name, request.span.kind) == ("chat served", kinds["server"])
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "served",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "fast",
        "http.response.status_code": 200,
        "http.route": "/v1/chat/completions",
        "penstock.request.id": "req_front",
        "penstock.outcome": "ok",
        "penstock.attempts": 2,
        "penstock.candidate": "second/fast",
    }.items() <= request.attributes.items()
    assert request.attributes["gen_ai.usage.output_tokens"] > 0
    assert 0 < request.attributes["gen_ai.response.time_to_first_chunk"] < 30
    assert "error.type" not in request.attributes
    failover = {
        "penstock.from": "demo/fail",
        "penstock.to": "second/fast",
        "penstock.reason": "overloaded",
        "penstock.phase": "setup",
    }
    assert request.events == [("penstock.failover", failover)]
    assert (failed.name, failed.span.kind, failed.attributes["error.type"]) == ("chat fail", kinds["client"], "overloaded")
    assert failed.span.status.code == 2
    assert (answered.name, answered.span.kind, answered.span.status.code) == ("chat fast", kinds["client"], 0)
    assert (answered.attributes["server.address"], answered.attributes["server.port"]) == ("127.0.0.1", port)
    assert answered.attributes["gen_ai.provider.name"] == "anthropic"
    assert answered.attributes["gen_ai.usage.output_tokens"] == request.attributes["gen_ai.usage.output_tokens"]
    assert request.span.start_time_unix_nano <= failed.span.start_time_unix_nano <= answered.span.start_time_unix_nano
    assert answered.span.end_time_unix_nano <= request.span.end_time_unix_nano
    assert abs(request.span.end_time_unix_nano / 1e9 - time.time()) < 300


ANSWER = b"".join(EVENTS["chat"](Answer([Block("text", "Hello.")], "stop", Usage(input=1, output=1, total=2))))


def sent_on(config: Mapping[str, Any], folder: Path, env: Mapping[str, str], **headers: str) -> Mapping[str, str]:
    """The headers that a provider got."""
    with ScriptedProvider() as provider:
        lane = provider.lane(sse(ANSWER))
        providers = {"p": {"dialect": "chat", "base_url": provider.base_url("chat")}}
        models = [{"name": "*", "candidates": ["p/*"]}]
        with Gateway({**config, "providers": providers, "models": models}, folder, env=env) as gateway:
            ask(gateway, lane.model, **headers)
        return lane.last.headers


def test_who_is_not_sampled_makes_no_spans_and_says_so(receiver: Receiver, tmp_path: Path) -> None:
    config = {"telemetry": {"otel": True}}
    headers = sent_on(config, tmp_path, variables(receiver), traceparent=f"00-{TRACE}-{SPAN}-00")
    assert headers["traceparent"].startswith(f"00-{TRACE}-")
    assert headers["traceparent"].endswith("-00")
    assert SPAN not in headers["traceparent"]
    # Its process has ended: what it had to send is sent.
    assert receiver.spans == []


def test_the_sampler_is_that_of_the_environment(receiver: Receiver, tmp_path: Path) -> None:
    env = variables(receiver, OTEL_TRACES_SAMPLER="always_off")
    headers = sent_on({"telemetry": {"otel": True}}, tmp_path, env)
    assert headers["traceparent"].endswith("-00")
    assert receiver.spans == []


def test_a_new_trace_begins_where_the_client_has_none_and_is_sent_at_the_end(receiver: Receiver, tmp_path: Path) -> None:
    env = variables(receiver, OTEL_BSP_SCHEDULE_DELAY="60000")
    headers = sent_on({"telemetry": {"otel": True}}, tmp_path, env)
    _, trace, span, flags = headers["traceparent"].split("-")
    assert flags == "01"
    request, attempt = receiver.spans
    assert (request.trace_id, request.parent, attempt.id, attempt.parent) == (trace, "", span, request.id)


def test_the_span_that_a_provider_was_told_is_its_own_attempt_s(receiver: Receiver, tmp_path: Path) -> None:
    """Whoever was waited for in vain got no request, and so no number on the wire."""
    with ScriptedProvider() as busy, ScriptedProvider() as free:
        held, lane = busy.lane(Script(before=[Hang()])), free.lane(sse(ANSWER))
        narrow = {"dialect": "chat", "base_url": busy.base_url("chat"), "max_in_flight": 1, "queue_timeout": "100ms"}
        config = {
            "providers": {"narrow": narrow, "free": {"dialect": "chat", "base_url": free.base_url("chat")}},
            "models": [
                {"name": "m", "candidates": [f"narrow/{held.model}", f"free/{lane.model}"]},
                {"name": "hold", "candidates": [f"narrow/{held.model}"]},
            ],
            "chains": {"default": {"attempt": []}},
            "telemetry": {"otel": True},
        }
        with Gateway(config, tmp_path, env=variables(receiver)) as gateway:
            holding = threading.Thread(target=partial(_left, gateway), daemon=True)
            holding.start()
            held.arrived()
            assert b"[DONE]" in ask(gateway, "m")
            spans = receiver.wait(lambda spans: any(span.attributes.get("penstock.attempt.number") == 2 for span in spans))
    queued, sent = (next(span for span in spans if span.attributes.get("penstock.attempt.number") == number) for number in (1, 2))
    assert (queued.attributes["error.type"], sent.attributes["penstock.attempt.outcome"]) == ("overloaded", "ok")
    assert queued.id != sent.id == lane.last.headers["traceparent"].split("-")[2]


def _left(gateway: Gateway) -> None:
    """Ask for what never comes, until the gateway ends."""
    with suppress(OSError, http.client.HTTPException):
        ask(gateway, "hold")


def test_a_receiver_that_is_not_there_hurts_nobody(tmp_path: Path) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "10"}
    with ScriptedProvider() as provider:
        lanes = [provider.lane(sse(ANSWER), name=f"m{number}") for number in range(20)]
        providers = {"p": {"dialect": "chat", "base_url": provider.base_url("chat")}}
        config = {"providers": providers, "models": [{"name": "*", "candidates": ["p/*"]}], "telemetry": {"otel": True}}
        gateway = Gateway(config, tmp_path, env=env).start()
        assert all(b"[DONE]" in ask(gateway, lane.model) for lane in lanes)
        assert gateway.stop() == 0
        assert "Traceback (most recent call last)" not in gateway.stderr


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        ({"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}, {"traceparent", "tracestate"}),
        ({"traceparent": "nonsense", "tracestate": "vendor=1"}, set()),
        ({}, set()),
    ],
    ids=["a span", "nonsense", "nothing"],
)
def test_without_telemetry_the_client_s_context_passes_as_it_came(said: dict[str, str], passed: set[str], tmp_path: Path) -> None:
    headers = sent_on({}, tmp_path, {}, **said)
    assert {name: headers[name] for name in passed} == {name: said[name] for name in passed}
    assert not ({"traceparent", "tracestate"} - passed) & {name.lower() for name in headers}


def test_without_the_extra_the_configuration_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_OTEL", "opentelemetry_that_is_not_there.exporter")
    with pytest.raises(ConfigError) as wrong:
        parse("telemetry:\n  otel: true\n", "penstock.yaml", {})
    assert str(wrong.value) == (
        "penstock.yaml:2:9: telemetry.otel: needs the extra `otel`; install it with: pip install 'penstock[otel]'."
    )
    assert parse("telemetry:\n  otel: false\n", "penstock.yaml", {}).telemetry.otel is False
