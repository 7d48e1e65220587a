"""``hedge``, ``balance``, ``failover``, ``retry`` and ``fault``: which candidate answers, and what the client learns of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chains.bench import TEXT_A, TEXT_B, Bench, asked, clients, crossing, serving, spoken, streamed
from tests.support.scripted import Hang, Script, body
from tests.support.wire import error_body

FAULTS: dict[str, dict[str, Any]] = {
    "error": {"kind": "error", "status": 503},
    "cut": {"kind": "cut"},
    "stall": {"kind": "stall"},
    "garbage": {"kind": "garbage"},
}

FORMS = {True: "stream", False: "body"}
STATUSES = {"error": (503, 529), "cut": (502,), "stall": (504,), "garbage": (502,)}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    chains: dict[str, Any] = {
        "hedged": {"answer": [{"hedge": {"delay": 0.1, "budget": 100}}]},
        "also": {"answer": [{"failover": {"also": ["context_length"]}}]},
        "never": {"answer": [{"failover": {"never": ["overloaded"]}}]},
        "again": {"attempt": [{"retry": {"times": 2, "wait": 0.01, "jitter": True, "within": 5}}]},
        "robin": {},
        "weighted": {},
        "ewma": {},
    }
    for name, options in FAULTS.items():
        steps: list[Any] = [{"fault": {**options, "times": 1}}]
        for form in FORMS.values():
            # A candidate has its fault once in a chain, whether it streams or not.
            chains[f"drill-{name}-{form}"] = {"attempt": [*steps, {"first_event_timeout": {"seconds": 0.3}}]}
    by = {"robin": {"balance": "round_robin"}, "weighted": {"balance": "weighted"}, "ewma": {"balance": "ewma"}}
    with serving(Path(tmp_path_factory.mktemp("choosing")), chains, **by) as bench:
        yield bench


@clients
@streamed
@crossing
def test_B_answers_where_A_is_silent_and_A_is_let_go(bench: Bench, client: str, stream: bool, cross: bool) -> None:
    dialect = spoken(client, cross)
    lane = bench.lane("hedged", dialect, [Script(before=[Hang()])])
    outcome = bench.ask(client, lane, stream=stream)
    assert outcome.ok.said() == TEXT_B
    assert outcome.headers["x-penstock-candidate"] == f"b-{dialect}/{lane.model}"
    assert outcome.headers["x-penstock-attempts"] == "2"
    silent = next(request for request in lane.requests if request.path.startswith("/a/"))
    other = next(request for request in lane.requests if request.path.startswith("/b/"))
    assert silent.left() - other.at < 0.2


@clients
@streamed
def test_F12_another_candidate_is_tried_for_a_reason_that_the_chain_names(bench: Bench, client: str, stream: bool) -> None:
    words = "prompt is too long: 300000 tokens > 200000 maximum"
    refusal = body(error_body(client, "invalid_request_error", words, "context_length_exceeded"), 400)
    lane = bench.lane("also", client, [refusal])
    assert bench.ask(client, lane, stream=stream).ok.said() == TEXT_B


@clients
@streamed
def test_no_other_candidate_is_tried_for_a_reason_that_the_chain_excludes(bench: Bench, client: str, stream: bool) -> None:
    lane = bench.lane("never", client, [body(error_body(client, "overloaded_error", "busy"), 503)])
    assert bench.ask(client, lane, stream=stream).failed.status in (503, 529)
    assert asked(lane, "b") == 0


@clients
def test_a_candidate_is_tried_as_often_as_the_chain_says(bench: Bench, client: str) -> None:
    lane = bench.lane("again", client, [body(error_body(client, "server_error", "no"), 500)])
    assert bench.ask(client, lane).ok.said() == TEXT_B
    assert asked(lane, "a") == 3


def test_candidates_take_turns(bench: Bench) -> None:
    lane = bench.lane("robin", "chat")
    for _ in range(4):
        bench.ask("chat", lane)
    assert (asked(lane, "a"), asked(lane, "b")) == (2, 2)


@pytest.mark.parametrize("chain", ["robin", "weighted", "ewma"])
def test_a_session_stays_with_its_candidate(bench: Bench, chain: str) -> None:
    lane = bench.lane(chain, "responses")
    for number in range(6):
        told = {bench.ask("responses", lane, prompt_cache_key=f"session {number}").ok.said() for _ in range(2)}
        assert len(told) == 1
        headers = {"session-id": f"session {number}"}
        told |= {bench.ask("responses", lane, extra_headers=headers).ok.said() for _ in range(2)}
        assert len(told) == 1


@clients
@streamed
@pytest.mark.parametrize("kind", FAULTS)
def test_a_drill_is_answered_as_the_fault_itself_and_heals(bench: Bench, client: str, stream: bool, kind: str) -> None:
    """Both candidates have it once; the same model is well again afterwards."""
    chain = f"drill-{kind}-{FORMS[stream]}"
    before = bench.counted("penstock_guard_trips_total", operator="fault", chain=chain)
    lane = bench.lane(chain, client)
    assert bench.ask(client, lane, stream=stream).failed.status in STATUSES[kind]
    assert bench.ask(client, lane, stream=stream).ok.said() == TEXT_A
    assert bench.counted("penstock_guard_trips_total", operator="fault", chain=chain) > before
