"""Providers and clients that do what nobody expects: nothing is left open, counted twice, or told as a fault of ours."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from pipeline.dialects import DIALECTS as RECORDS
from pipeline.dialects.codec import OutlineDecoder
from pipeline.errors import GatewayError, Kind, classify
from pipeline.server.answer import own_fault
from tests.support.clients import DIALECTS, ask, hello
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import PATIENCE, Gate, Hang, Reset, Script, ScriptedProvider, Send, Wait, body, sse
from tests.support.wire import BODIES, EVENTS

WHOLE = Answer([Block("text", "Hello.")], "stop", Usage(input=1, output=4, total=5))


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as server:
        yield server


@pytest.fixture
def gateway(provider: ScriptedProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    providers = {name: {"dialect": name, "base_url": provider.base_url(name), "api_key": "k"} for name in DIALECTS}
    chains: dict[str, object] = {"default": {"candidates": [], "attempt": []}}
    with Gateway({"providers": providers, "chains": chains}, tmp_path_factory.mktemp("hostile")) as gateway:
        yield gateway
        assert "Traceback" not in gateway.stderr


def test_a_connection_that_went_stale_while_it_was_idle_does_not_fail_the_next_request(
    provider: ScriptedProvider, gateway: Gateway
) -> None:
    good = body(BODIES["chat"](WHOLE))
    dead = provider.lane(Script(before=[Reset()]))
    request = {**hello("chat", f"chat/{dead.model}")}
    assert ask("chat", gateway.base_url("chat"), request, stream=False).failed.code == "provider_unreachable"
    assert len(dead.requests) == 1, "a new connection that is reset is the provider's failure, told once"
    lane = provider.lane(good, Script(before=[Reset()]), good)
    request = {**hello("chat", f"chat/{lane.model}")}
    for _ in range(2):
        assert ask("chat", gateway.base_url("chat"), request, stream=False).ok.said() == "Hello."
    assert len(lane.requests) == 3
    assert gateway.metrics()['penstock_attempts_total{candidate="chat/*",outcome="ok",reason=""}'] == 2


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_a_provider_sends_behind_the_end_is_nobody_s_and_waits_nowhere(
    provider: ScriptedProvider, gateway: Gateway, dialect: str
) -> None:
    whole, gate = b"".join(EVENTS[dialect](WHOLE)), Gate()
    lane = provider.lane(sse(whole, Wait(gate), Send(whole), Hang()))
    assert ask(dialect, gateway.base_url(dialect), hello(dialect, f"{dialect}/{lane.model}"), stream=True).ok.said() == "Hello."
    gate.open()
    lane.last.left()
    until = time.monotonic() + PATIENCE
    while (found := gateway.metrics())["penstock_upstream_open"]:
        assert time.monotonic() < until
    assert found["penstock_buffered_bytes"] == 0


def test_every_request_is_counted_once_also_those_that_were_refused(gateway: Gateway) -> None:
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=PATIENCE)
    good = json.dumps({**hello("chat", "demo/fast")})
    for sent in (good, "{", json.dumps(hello("chat", "nobody")), json.dumps(hello("chat", "nobody else"))):
        connection.request("POST", "/v1/chat/completions", sent)
        connection.getresponse().read()
    connection.close()
    half = socket.create_connection((urlsplit(gateway.url).hostname, urlsplit(gateway.url).port))
    half.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    half.close()
    expected = {("demo/fast", "ok"): 1, ("other", "bad_request"): 1, ("other", "model_not_found"): 2, ("other", "client_left"): 1}
    wanted = {
        f'penstock_requests_total{{dialect="chat",model="{model}",outcome="{outcome}"}}': count
        for (model, outcome), count in expected.items()
    }
    until = time.monotonic() + PATIENCE
    while (found := {k: v for k, v in gateway.metrics().items() if k.startswith("penstock_requests_total")}) != wanted:
        assert time.monotonic() < until, found


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "payload", [b"null", b"[]", b"5", b'""', b"{}", b'{"choices":[],"usage":5}', b'{"output":[[]],"content":[0]}']
)
def test_a_whole_answer_that_is_none_is_the_provider_s_fault(dialect: str, payload: bytes) -> None:
    decoder = OutlineDecoder(RECORDS[dialect].outline)
    decoder.feed(payload)
    error = decoder.close().error
    assert isinstance(error, GatewayError)
    assert error.kind is Kind.BAD_REPLY


def test_a_fault_of_ours_is_in_the_log_under_the_request_s_id_and_any_other_is_not_TR_E17(
    caplog: pytest.LogCaptureFixture,
) -> None:
    own_fault(GatewayError(Kind.BAD_REPLY), "req_1")
    assert not caplog.records
    own_fault(classify(ZeroDivisionError("the text")), "req_2")
    assert ("req_2" in caplog.text, "ZeroDivisionError: the text" in caplog.text) == (True, True)


def got(gateway: Gateway, path: str, **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=PATIENCE)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers.get("content-type", ""), text


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=abc", ";;,=", "*/*;q=x"])
def test_a_scraper_that_asks_for_what_nobody_understands_gets_plain_text(gateway: Gateway, accept: str) -> None:
    status, kind, _ = got(gateway, "/metrics", accept=accept)
    assert (status, kind.partition(";")[0]) == (200, "text/plain")


def test_a_page_under_another_name_cannot_read_the_metrics_of_a_gateway_without_keys(gateway: Gateway) -> None:
    assert got(gateway, "/metrics", host="evil.example")[0] == 403


@pytest.mark.parametrize(
    ("path", "near"), [("/debug/log", "/debug/logs"), ("/metric", "/metrics"), ("/v1/mesages", "/v1/messages")]
)
def test_a_path_that_is_not_there_is_answered_with_the_nearest_as_it_is_asked(gateway: Gateway, path: str, near: str) -> None:
    status, _, text = got(gateway, path)
    assert status == 404
    assert f"Did you mean {near}?" in text
