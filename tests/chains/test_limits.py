"""``rate_limit``, ``admit``, ``pace``, ``output_limit``, the limits of keys: what is too much is told in each dialect."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chains.bench import FROM_A, TEXT_A, TEXT_B, Bench, answered, asked, clients, halves, serving, streamed, together
from tests.support.clients import Outcome
from tests.support.scripted import PATIENCE, Gate, Hang, Script, Send, Wait, sse
from tests.support.wire import EVENTS

TYPES = {"chat": "rate_limit_error", "responses": "rate_limit_error", "messages": "rate_limit_error"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    chains: dict[str, Any] = {"free": {}}
    for name in ("chat", "responses", "messages"):
        for form in ("True", "False"):
            chains[f"few-{name}-{form}"] = {"request": [{"rate_limit": {"requests": 1}}]}
            chains[f"spent-{name}-{form}"] = {"request": [{"rate_limit": {"tokens": 20}}]}
    breaker = {"breaker": {"failures": 1, "cool_down": 60}}
    chains["per-candidate"] = {"candidates": [breaker], "attempt": [{"rate_limit": {"requests": 1}}]}
    chains["full-candidate"] = {"candidates": [breaker], "attempt": [{"admit": {"limit": 1, "queue": 0}}]}
    chains["one"] = {"request": [{"admit": {"limit": 1, "queue": 2, "queue_timeout": 30}}]}
    chains["impatient"] = {"request": [{"admit": {"limit": 1, "queue": 8, "queue_timeout": 0.1}}]}
    chains["paced"] = {"request": [{"pace": {"least": 100, "window": 0.2, "ends": True}}]}
    chains["short"] = {"request": [{"output_limit": {"tokens": 5}}]}
    keys: list[dict[str, Any]] = [{"name": name, "key": f"key-of-{name}"} for name in ("ann", "bob", "cat")]
    for client in ("chat", "responses", "messages"):
        keys += [
            {"name": f"asks-{client}", "key": f"asks-{client}", "requests_per_minute": 2},
            {"name": f"eats-{client}", "key": f"eats-{client}", "tokens_per_minute": 20},
        ]
    with serving(Path(tmp_path_factory.mktemp("limits")), chains, {"keys": keys}) as bench:
        yield bench


def refused(outcome: Outcome, client: str, unit: str) -> None:
    """429 in the client's dialect, with the time to wait."""
    failed = outcome.failed
    assert (failed.status, failed.kind) == (429, "RateLimitError")
    assert failed.type == TYPES[client]
    assert unit in failed.message
    assert 1 <= int(outcome.headers["retry-after"]) <= 60
    assert outcome.headers[f"x-ratelimit-remaining-{unit}"] == "0"


@clients
@streamed
def test_a_key_that_used_up_its_requests_is_refused_and_another_one_is_not(bench: Bench, client: str, stream: bool) -> None:
    lane = bench.lane(f"few-{client}-{stream}", client)
    assert bench.ask(client, lane, stream=stream, key="key-of-ann").ok.said() == TEXT_A
    refused(bench.ask(client, lane, stream=stream, key="key-of-ann"), client, "requests")
    assert len(lane.requests) == 1
    assert bench.ask(client, lane, stream=stream, key="key-of-bob").ok.said() == TEXT_A


@clients
@streamed
def test_tokens_are_counted_as_the_provider_tells_them(bench: Bench, client: str, stream: bool) -> None:
    lane = bench.lane(f"spent-{client}-{stream}", client)
    assert bench.ask(client, lane, stream=stream, key="key-of-ann").ok.usage is not None
    refused(bench.ask(client, lane, stream=stream, key="key-of-ann"), client, "tokens")
    assert len(lane.requests) == 1
    assert bench.ask(client, lane, stream=stream, key="key-of-bob").ok.said() == TEXT_A


@clients
def test_the_limits_of_a_key_count_over_all_models_and_survive_a_reload(bench: Bench, client: str) -> None:
    one, other = bench.lane("free", client), bench.lane("one", client)
    key = f"asks-{client}"
    for lane in (one, other):
        assert bench.ask(client, lane, key=key).ok.said() == TEXT_A
    refused(bench.ask(client, one, key=key), client, "requests")
    refused(bench.ask(client, other, key=key, stream=False), client, "requests")
    config = yaml.safe_load(bench.gateway.config_path.read_text())
    config["server"]["drain"] = 5 + list(TYPES).index(client)
    before = bench.ask(client, one, key="key-of-cat").headers["x-penstock-config"]
    bench.gateway.config_path.write_text(yaml.safe_dump(config))
    bench.gateway.reload()
    bench.gateway.wait_for_metric(digest(before), lambda value: value == 0)
    refused(bench.ask(client, one, key=key), client, "requests")
    assert (len(one.requests), len(other.requests)) == (2, 1)


def digest(config: str) -> str:
    return f'penstock_build_info{{config="{config}",version="{version("penstock")}"}}'


@clients
@streamed
def test_the_tokens_of_a_key_are_those_that_providers_tell(bench: Bench, client: str, stream: bool) -> None:
    lane = bench.lane("free", client)
    bench.ask(client, lane, stream=stream, key=f"eats-{client}")
    refused(bench.ask(client, lane, stream=stream, key=f"eats-{client}"), client, "tokens")
    assert bench.ask(client, lane, stream=stream, key="key-of-cat").ok.said() == TEXT_A


def test_a_candidates_own_limit_sends_the_next_request_to_B_and_opens_no_circuit(bench: Bench) -> None:
    lane = bench.lane("per-candidate", "chat")
    assert bench.ask("chat", lane, key="key-of-ann").ok.said() == TEXT_A
    # Whoever asks: it is the candidate that has no more.
    assert bench.ask("chat", lane, key="key-of-bob").ok.said() == TEXT_B
    assert bench.counted("penstock_breaker_state", candidate="a-chat/*") == 0
    refused(bench.ask("chat", lane, key="key-of-cat"), "chat", "requests")
    assert (asked(lane, "a"), asked(lane, "b")) == (1, 1)


def test_a_candidate_without_a_free_slot_is_passed_over_and_its_circuit_stays_closed(bench: Bench) -> None:
    gate = Gate()
    first, rest = halves("chat", FROM_A)
    lane = bench.lane("full-candidate", "chat", [sse(first, Wait(gate), Send(rest))])
    with bench.post("chat", lane, key="key-of-ann") as slow:
        slow.until(b"From A")
        assert bench.ask("chat", lane, key="key-of-bob").ok.said() == TEXT_B
        assert bench.counted("penstock_breaker_state", candidate="a-chat/*") == 0
        gate.open()
        assert slow.body.endswith(b"data: [DONE]\n\n")


def test_every_candidate_of_the_configuration_has_a_closed_circuit_before_anything_happened(bench: Bench) -> None:
    assert bench.gateway.metrics()['penstock_breaker_state{candidate="b-messages/*"}'] == 0


@clients
def test_who_finds_the_queue_full_is_told_so_and_the_gauges_return_to_zero(bench: Bench, client: str) -> None:
    gate = Gate()
    first, rest = halves(client, FROM_A)
    lane = bench.lane("one", client, [sse(first, Wait(gate), Send(rest)), answered(client, FROM_A)])
    with bench.post(client, lane, key="key-of-ann") as slow, together() as start:
        slow.until(b"From A")
        waiting = [start(bench.ask, client, lane, key="key-of-ann") for _ in range(2)]
        bench.gateway.wait_for_metric("penstock_queue_depth", lambda value: value == 2)
        outcome = bench.ask(client, lane, key="key-of-ann")
        assert outcome.failed.status == (529 if client == "messages" else 503)
        assert int(outcome.headers["retry-after"]) >= 1
        assert len(lane.requests) == 1
        # Who has less waiting takes the place of one who has more.
        fair = start(bench.ask, client, lane, key="key-of-bob")
        assert refused_one(waiting).failed.status == outcome.failed.status
        gate.open()
        slow.rest()
        assert fair.result(PATIENCE).ok.said() == TEXT_A
    bench.gateway.wait_for_metric("penstock_queue_depth", lambda value: value == 0)
    bench.gateway.wait_for_metric("penstock_upstream_open", lambda value: value == 0)


def refused_one(waiting: list[Future[Outcome]]) -> Outcome:
    """Wait until one of them had to make room."""
    (done,), _ = wait(waiting, PATIENCE, FIRST_COMPLETED)
    outcome: Outcome = done.result()
    return outcome


def test_who_waited_too_long_is_refused_and_who_leaves_the_queue_is_forgotten(bench: Bench) -> None:
    lane = bench.lane("impatient", "chat", [sse(halves("chat", FROM_A)[0], Hang()), answered("chat", FROM_A)])
    with bench.post("chat", lane, key="key-of-ann") as slow:
        slow.until(b"From A")
        assert bench.ask("chat", lane, key="key-of-bob").failed.status == 503
        with bench.post("chat", lane, key="key-of-bob"):
            pass
        bench.gateway.wait_for_metric("penstock_queue_depth", lambda value: value == 0)
    lane.last.left()
    assert bench.ask("chat", lane, key="key-of-bob").ok.said() == TEXT_A


@clients
def test_an_answer_that_trickles_is_ended_and_counted_once(bench: Bench, client: str) -> None:
    lane = bench.lane("paced", client, [sse(halves(client, FROM_A)[0], Hang())])
    before = bench.counted("penstock_guard_trips_total", operator="pace", chain="paced")
    outcome = bench.ask(client, lane, key="key-of-ann")
    assert outcome.failed.kind != "broken"
    assert outcome.said
    assert TEXT_A.startswith(outcome.said)
    lane.last.left()
    assert bench.counted("penstock_guard_trips_total", operator="pace", chain="paced") == before + 1


@streamed
def test_an_answer_of_more_tokens_than_allowed_is_ended(bench: Bench, stream: bool) -> None:
    """As its provider counts them, which most tell at the end only."""

    def script(received: Any) -> Script:
        return sse(b"".join(EVENTS["messages"](FROM_A)))

    lane = bench.lane("short", "messages", [script])
    assert bench.ask("messages", lane, stream=stream, key="key-of-ann").failed.kind != "broken"
    assert bench.counted("penstock_guard_trips_total", operator="output_limit", chain="short") >= 1
