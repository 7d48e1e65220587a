"""What every client of the gateway may rely on, over real sockets: who is asked how often, headers, readiness, counts, names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.clients import DIALECTS, ask, hello
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import ScriptedProvider, body
from tests.support.wire import error_body

PATHS: Final = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
WHOLE: Final = Answer([Block("text", "From B.")], "stop", Usage(input=1, output=4, total=5))


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
