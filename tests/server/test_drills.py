"""The demo's drills through the real gateway: each fails in its own way, in every dialect, and harms nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.clients import DIALECTS, Outcome, ask, hello
from tests.support.gateway import Gateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {
        "models": [{"name": "safe", "candidates": ["demo/fail", "demo/fast"]}],
        "chains": {"default": {"attempt": []}},
    }
    with Gateway(config, tmp_path_factory.mktemp("drills")) as gateway:
        yield gateway
        assert "Traceback" not in gateway.stderr


def drill(gateway: Gateway, dialect: str, model: str, *, stream: bool) -> Outcome:
    return ask(dialect, gateway.base_url(dialect), hello(dialect, model, "Hi"), stream=stream)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("dialect", DIALECTS)
class TestDrills:
    def test_failing_drills_tell_their_status(self, gateway: Gateway, dialect: str, stream: bool) -> None:
        for model, status in (("fail-400", 400), ("fail-429", 429), ("fail-500", 500)):
            assert drill(gateway, dialect, f"demo/{model}", stream=stream).failed.status == status

    def test_cut_is_an_error_after_the_words_that_came(self, gateway: Gateway, dialect: str, stream: bool) -> None:
        outcome = drill(gateway, dialect, "demo/cut", stream=stream)
        assert outcome.failed.kind != "broken"
        assert outcome.said == ("You said: “Hi”. I am the demo" if stream else "")

    def test_refuse_is_an_answer_and_not_an_error(self, gateway: Gateway, dialect: str, stream: bool) -> None:
        assert "refusing is what this model is for" in str(drill(gateway, dialect, "demo/refuse", stream=stream).ok)

    def test_a_drill_does_not_open_the_circuit_of_its_siblings(self, gateway: Gateway, dialect: str, stream: bool) -> None:
        for _ in range(6):
            assert drill(gateway, dialect, "demo/fail", stream=stream).failed.status in (503, 529)
        assert "You said" in drill(gateway, dialect, "demo/fast", stream=stream).ok.said()
        assert "You said" in drill(gateway, dialect, "safe", stream=stream).ok.said()
