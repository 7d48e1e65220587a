"""What every client of the gateway may rely on, over real sockets: who is asked how often, headers, readiness, counts, names."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.clients import DIALECTS, ask, hello
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import PATIENCE, Lane, Reset, Script, ScriptedProvider, Send, body, sse
from tests.support.wire import BODIES, EVENTS, error_body

PATHS: Final = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
OTHER_PATHS: Final = ("/healthz", "/readyz", "/metrics", "/", "/v1/models", "/v1/models/nobody", "/nowhere")
WHOLE: Final = Answer([Block("text", "From B.")], "stop", Usage(input=1, output=4, total=5))
Heard = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(provider: ScriptedProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    providers = {name: {"dialect": name, "base_url": provider.base_url(name), "api_key": "k"} for name in DIALECTS}
    models = [{"name": f"{name}>*", "candidates": [f"{name}/*", "demo/fast"]} for name in DIALECTS]
    attempt = [{"retry": {"times": 1, "wait": 0.01}}, {"first_event_timeout": {"seconds": 5}}]
    chains = {"default": {"candidates": [], "attempt": attempt}}
    config = {"providers": providers, "models": models, "chains": chains}
    with Gateway(config, tmp_path_factory.mktemp("edge")) as gateway:
        yield gateway
        assert "Traceback" not in gateway.stderr


@pytest.mark.parametrize("status", [401, 402, 403])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_credential_that_was_refused_is_not_sent_again_but_another_candidate_may_have_a_better_one_DI_114(
    provider: ScriptedProvider, gateway: Gateway, dialect: str, status: int
) -> None:
    lane = provider.lane(body(error_body(dialect, "permission_error", "not with this key"), status), name=f"{dialect}>")
    outcome = ask(dialect, gateway.base_url(dialect), hello(dialect, lane.model), stream=True)
    assert outcome.ok.said()
    assert outcome.headers["x-penstock-candidate"] == "demo/fast"
    assert len(lane.requests) == 1


def get(url: str, method: str = "GET", data: Any = None, headers: Mapping[str, str] | None = None) -> Heard:
    """Status, headers with names in lower case, body; an error is an answer like any other."""
    sent = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, data=sent, method=method, headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


@pytest.mark.parametrize("path", [*OTHER_PATHS, *PATHS.values()])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT"])
def test_every_response_has_the_request_id_and_tells_the_configuration(gateway: Gateway, path: str, method: str) -> None:
    _, headers, heard = get(gateway.url + path, method, headers={"x-request-id": "mine-1"})
    assert (headers["x-request-id"], headers["request-id"]) == ("mine-1", "mine-1")
    assert headers["x-penstock-config"]
    assert method != "HEAD" or heard == b""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_failure_tells_how_many_attempts_were_made(provider: ScriptedProvider, gateway: Gateway, dialect: str) -> None:
    lane = provider.lane(body(error_body(dialect, "server_error", "down"), 500))
    status, headers, _ = get(gateway.url + PATHS[dialect], "POST", hello(dialect, f"{dialect}/{lane.model}") | {"max_tokens": 9})
    assert (status, headers["x-penstock-attempts"], len(lane.requests)) == (500, "2", 2)
    assert headers["x-should-retry"] == "false"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_request_that_never_became_one_is_counted_too_TR_O3(gateway: Gateway, dialect: str) -> None:
    def refused(outcome: str) -> float:
        return gateway.metrics().get(f'penstock_requests_total{{dialect="{dialect}",model="other",outcome="{outcome}"}}', 0)

    before = refused("bad_request"), refused("model_not_found")
    get(gateway.url + PATHS[dialect], "POST", [])
    get(gateway.url + PATHS[dialect], "POST", hello(dialect, "no-such-model") | {"max_tokens": 9})
    assert (refused("bad_request"), refused("model_not_found")) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_name_of_a_model_is_no_place_for_a_book(gateway: Gateway, dialect: str) -> None:
    """Names are remembered, compared and handed on: their length is bounded before anything of that."""
    status, _, heard = get(gateway.url + PATHS[dialect], "POST", hello(dialect, f"{dialect}>" + "x" * 500) | {"max_tokens": 9})
    assert status == 404
    assert b"256 are allowed" in heard


def test_what_was_dropped_is_told_and_counted_under_the_same_name(provider: ScriptedProvider, gateway: Gateway) -> None:
    lane = provider.lane(body(BODIES["messages"](WHOLE)))
    image = {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png", "detail": "low"}}
    question = {
        "model": f"messages/{lane.model}",
        "messages": [{"role": "user", "content": [image]}],
        "repetition_penalty": 1.1,
        "xyzzy": 1,
    }
    _, headers, _ = get(gateway.url + PATHS["chat"], "POST", question)
    dropped = headers["x-penstock-dropped"].split(", ")
    assert sorted(dropped) == ["image.detail", "repetition_penalty", "unknown_fields"]
    counted = gateway.metrics()
    for name in dropped:
        assert counted[f'penstock_translation_loss_total{{from="chat",kind="{name}",to="messages"}}'] == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_attempt_whose_answer_was_complete_is_a_good_one_however_its_connection_ends(
    provider: ScriptedProvider, gateway: Gateway, dialect: str
) -> None:
    def attempts() -> dict[str, float]:
        return {key: value for key, value in gateway.metrics().items() if "attempts_total" in key and f'"{dialect}/*"' in key}

    before = attempts()
    lane = provider.lane(sse(b"".join(EVENTS[dialect](WHOLE)), Reset()))
    assert ask(dialect, gateway.base_url(dialect), hello(dialect, f"{dialect}/{lane.model}"), stream=True).ok.said() == "From B."
    while (after := attempts()) == before:
        assert lane.last.done.wait(PATIENCE)
    (changed,) = (key for key, value in after.items() if before.get(key) != value)
    assert 'outcome="ok"' in changed


def count(gateway: Gateway, model: str) -> tuple[int, dict[str, str], Any]:
    question = {"model": model, "messages": [{"role": "user", "content": "How many?"}]}
    status, headers, heard = get(gateway.url + "/v1/messages/count_tokens", "POST", question)
    return status, headers, json.loads(heard)


def counter(provider: ScriptedProvider, *scripts: Script) -> Lane:
    return provider.lane(*scripts, name="messages>")


def test_tokens_are_counted_by_the_provider_where_it_can_DI_106(provider: ScriptedProvider, gateway: Gateway) -> None:
    lane = counter(provider, body({"input_tokens": 42}))
    status, headers, heard = count(gateway, lane.model)
    assert (status, heard) == (200, {"input_tokens": 42})
    assert "x-penstock-estimate" not in headers
    assert lane.last.path == "/v1/messages/count_tokens"


@pytest.mark.parametrize(
    "script",
    [
        body(error_body("messages", "not_found_error", "no such path"), 404),
        body(error_body("messages", "api_error", "not here"), 501),
        body(b"<html>no JSON</html>"),
        body(b"[1]"),
        Script([Send(b'{"input_tok'), Reset()], headers={"content-type": "application/json", "content-length": "99"}),
        Script(before=[Reset()]),
    ],
    ids=["no such path", "not offered", "no JSON", "no object", "cut", "reset"],
)
def test_tokens_are_estimated_and_the_answer_says_so_where_the_provider_cannot_count(
    provider: ScriptedProvider, gateway: Gateway, script: Script
) -> None:
    status, headers, heard = count(gateway, counter(provider, script).model)
    assert status == 200
    assert headers["x-penstock-estimate"] == "true"
    assert heard["input_tokens"] > 0


def test_what_is_wrong_with_a_count_is_told_as_the_provider_says_it(provider: ScriptedProvider, gateway: Gateway) -> None:
    refusal = body(error_body("messages", "invalid_request_error", "messages: at least one"), 400)
    status, _, heard = count(gateway, counter(provider, refusal).model)
    assert (status, heard["error"]["message"]) == (400, "messages: at least one")


def test_ready_means_that_some_candidate_may_be_tried(provider: ScriptedProvider, tmp_path: Path) -> None:
    lane = provider.lane(body(error_body("chat", "server_error", "down"), 500))
    config = {
        "providers": {"chat": {"dialect": "chat", "base_url": provider.base_url("chat")}},
        "models": [{"name": "*", "candidates": ["chat/*"]}],
        "chains": {"default": {"candidates": [{"breaker": {"failures": 1, "cool_down": 60}}], "attempt": []}},
    }
    with Gateway(config, tmp_path) as gateway:
        assert get(gateway.url + "/readyz")[0] == 200
        get(gateway.url + PATHS["chat"], "POST", hello("chat", lane.model))
        status, _, heard = get(gateway.url + "/readyz")
        assert (status, heard) == (503, b"no candidate can be reached\n")
        assert get(gateway.url + "/healthz")[0] == 200
