"""``inject`` and ``mirror``: what providers are asked beside what the client said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chains.bench import (
    FROM_A,
    FROM_B,
    TEXT_A,
    TEXT_B,
    Bench,
    answered,
    asked,
    clients,
    crossing,
    halves,
    serving,
    spoken,
    streamed,
)
from tests.support.clients import DIALECTS
from tests.support.scripted import Gate, Hang, Reset, Script, Wait, body, sse
from tests.support.wire import error_body

HOUSE = "You speak for the house."
OWN = "You are kind."


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    injected = {"inject": {"system": HOUSE, "headers": {"X-Team": "blue", "openai-beta": "ours"}}}
    chains: dict[str, Any] = {
        "told": {"request": [injected], "attempt": [{"retry": {"times": 1, "wait": 0.01}}]},
        "inner": {"attempt": [injected]},
    }
    for dialect in DIALECTS:
        # The mirror's target is a model of its own, so that a test can tell it from candidate B.
        chains[f"mirrored-{dialect}"] = {"request": [{"mirror": {"to": f"b-{dialect}/mirror-{dialect}", "percent": 100}}]}
        chains[f"hasty-{dialect}"] = {
            "request": [{"mirror": {"to": f"b-{dialect}/mirror-{dialect}", "percent": 100, "longest": 0.2}}]
        }
    with serving(Path(tmp_path_factory.mktemp("asking")), chains) as bench:
        yield bench


def system_of(dialect: str, request: dict[str, Any]) -> list[str]:
    """The system texts of a provider's request, in their order."""

    def texts(content: Any) -> list[str]:
        return [content] if isinstance(content, str) else [part["text"] for part in content or ()]

    if dialect == "messages":
        return texts(request.get("system"))
    if dialect == "responses":
        turns = [turn for turn in request["input"] if isinstance(turn, dict) and turn.get("role") in ("system", "developer")]
        return [*texts(request.get("instructions")), *(text for turn in turns for text in texts(turn["content"]))]
    turns = [turn for turn in request["messages"] if turn["role"] in ("system", "developer")]
    return [text for turn in turns for text in texts(turn["content"])]


def with_own_system(client: str, model: str) -> dict[str, Any]:
    hello = {"role": "user", "content": "Hello"}
    if client == "chat":
        return {"messages": [{"role": "system", "content": OWN}, hello]}
    return {"instructions": OWN} if client == "responses" else {"system": OWN, "messages": [hello]}


@clients
@streamed
@crossing
@pytest.mark.parametrize("chain", ["told", "inner"])
def test_the_systems_text_of_the_house_comes_first(bench: Bench, client: str, stream: bool, cross: bool, chain: str) -> None:
    dialect = spoken(client, cross)
    lane = bench.lane(chain, dialect)
    assert bench.ask(client, lane, stream=stream).ok.said() == TEXT_A
    assert system_of(dialect, lane.last.body) == [HOUSE]
    assert bench.ask(client, lane, stream=stream, **with_own_system(client, lane.model)).ok.said() == TEXT_A
    assert "\n\n".join(system_of(dialect, lane.last.body)) == f"{HOUSE}\n\n{OWN}"
    assert lane.last.body["model"] == lane.model


@clients
@crossing
def test_headers_reach_the_provider_in_place_of_the_clients(bench: Bench, client: str, cross: bool) -> None:
    lane = bench.lane("told", spoken(client, cross))
    assert bench.ask(client, lane, extra_headers={"openai-beta": "theirs"}).ok.said() == TEXT_A
    assert lane.last.headers["x-team"] == "blue"
    assert lane.last.headers["openai-beta"] == "ours"
    assert "key-a" in lane.last.headers.get("authorization", "") + lane.last.headers.get("x-api-key", "")


@clients
@streamed
def test_every_attempt_is_told_and_counted(bench: Bench, client: str, stream: bool) -> None:
    """Twice A, then B, as without it; with its text and headers each time."""
    lane = bench.lane("told", client, [body(error_body(client, "server_error", "no"), 503)])
    outcome = bench.ask(client, lane, stream=stream)
    assert outcome.ok.said() == TEXT_B
    assert outcome.headers["x-penstock-attempts"] == "3"
    assert [request.headers["x-team"] for request in lane.requests] == ["blue"] * 3
    assert [system_of(client, request.body) for request in lane.requests] == [[HOUSE]] * 3
    refused = bench.lane("told", client, *([body(error_body(client, "server_error", "no"), 503)],) * 2)
    assert bench.ask(client, refused, stream=stream).headers["x-penstock-attempts"] == "4"


def mirrored(bench: Bench, dialect: str, script: Any) -> Any:
    """The lane of the mirror's target."""
    lane = bench.provider.lane(answer=script if callable(script) else lambda _: script)
    bench.provider._lanes[f"mirror-{dialect}"] = lane
    return lane


def outcome_of(bench: Bench, dialect: str, outcome: str) -> str:
    return f'penstock_mirrored_total{{candidate="b-{dialect}/mirror-{dialect}",outcome="{outcome}"}}'


@clients
@streamed
@crossing
@pytest.mark.parametrize(
    ("there", "outcome"),
    [
        ("same", "same"),
        ("other", "text_differs"),
        ("refuses", "other_failed"),
        ("cut", "other_failed"),
        ("reset", "other_failed"),
    ],
)
def test_whatever_the_mirror_says_the_client_gets_its_own_answer(
    bench: Bench, client: str, stream: bool, cross: bool, there: str, outcome: str
) -> None:
    other = spoken(client, cross)
    scripts: dict[str, Any] = {
        "same": answered(other, FROM_A),
        "other": answered(other, FROM_B),
        "refuses": body(error_body(other, "server_error", "no"), 500),
        "cut": sse(halves(other, FROM_A)[0]),
        "reset": Script(before=[Reset()]),
    }
    target = mirrored(bench, other, scripts[there])
    lane = bench.lane(f"mirrored-{other}", client)
    name = outcome_of(bench, other, outcome)
    before = bench.gateway.metrics().get(name, 0.0)
    answer = bench.ask(client, lane, stream=stream)
    assert answer.ok.said() == TEXT_A
    assert answer.headers["x-penstock-attempts"] == "1"
    target.arrived()
    bench.gateway.wait_for_metric(name, lambda value: value == before + 1)
    bench.gateway.wait_for_metric("penstock_upstream_open", lambda value: value == 0)
    assert asked(lane, "a") == 1


@clients
def test_the_client_does_not_wait_for_a_mirror_that_is_silent(bench: Bench, client: str) -> None:
    target = mirrored(bench, client, Script(before=[Hang()]))
    name = outcome_of(bench, client, "abandoned")
    before = bench.gateway.metrics().get(name, 0.0)
    lane = bench.lane(f"hasty-{client}", client)
    assert bench.ask(client, lane).ok.said() == TEXT_A
    target.arrived().left()
    bench.gateway.wait_for_metric(name, lambda value: value == before + 1)


def test_a_client_that_leaves_takes_the_mirror_with_it(bench: Bench) -> None:
    target = mirrored(bench, "chat", Script(before=[Hang()]))
    lane = bench.lane("mirrored-chat", "chat", [sse(halves("chat", FROM_A)[0], Hang())])
    with bench.post("chat", lane) as posted:
        posted.until(b"From A")
        target.arrived()
        left = posted.close()
    assert lane.last.left() - left < 0.1
    assert target.last.left() - left < 0.1


def test_failures_of_a_mirror_open_no_circuit(bench: Bench) -> None:
    """Nobody but the mirror asks there, and nobody shall go without it because of the mirror."""
    target = mirrored(bench, "chat", body(error_body("chat", "server_error", "no"), 503))
    lane = bench.lane("mirrored-chat", "chat")
    for _ in range(7):
        assert bench.ask("chat", lane).ok.said() == TEXT_A
        target.arrived()
    bench.gateway.wait_for_metric("penstock_upstream_open", lambda value: value == 0)
    state = bench.counted("penstock_breaker_state", candidate="b-chat/mirror-chat")
    assert state == 0


def test_the_copy_goes_on_when_it_is_slower(bench: Bench) -> None:
    gate = Gate()
    target = mirrored(bench, "chat", Script(before=[Wait(gate)]))
    lane = bench.lane("mirrored-chat", "chat")
    assert bench.ask("chat", lane).ok.said() == TEXT_A
    received = target.arrived()
    assert not received.closed.is_set()
    gate.open()
    assert received.done.wait(10)
    assert not received.closed.is_set()
