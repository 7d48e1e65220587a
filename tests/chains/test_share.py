"""``share`` and ``cache``: who asks for the same gets one answer, at once or later."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chains.bench import (
    FROM_A,
    TEXT_A,
    Bench,
    answered,
    asked,
    clients,
    crossing,
    halves,
    serving,
    spoken,
    streamed,
    together,
)
from tests.support.scripted import PATIENCE, Answerer, Gate, Hang, Reset, Script, Send, Wait, body, sse
from tests.support.wire import BODIES, EVENTS, error_body

SHORT = 0.5
"""Seconds for which the chain ``brief`` keeps an answer."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    chains = {
        "shared": {"request": ["share"]},
        "cached": {"request": ["cache"]},
        "brief": {"request": [{"cache": {"seconds": SHORT}}]},
        "both": {"request": ["share", "cache"]},
    }
    with serving(Path(tmp_path_factory.mktemp("share")), chains) as bench:
        yield bench


def slow(dialect: str, stream: bool, gate: Gate) -> Script:
    """A candidate that waits in the middle of a stream, or before its body."""
    if not stream:
        return Script([Send(BODIES[dialect](FROM_A))], before=[Wait(gate)], headers={"content-type": "application/json"})
    first, rest = halves(dialect, FROM_A)
    return sse(first, Wait(gate), Send(rest))


@clients
@streamed
@crossing
def test_identical_requests_at_the_same_time_are_one_at_the_provider(
    bench: Bench, client: str, stream: bool, cross: bool
) -> None:
    dialect, gate = spoken(client, cross), Gate()
    lane = bench.lane("shared", dialect, [slow(dialect, stream, gate)])
    with together() as start:
        answers = [start(bench.ask, client, lane, stream=stream) for _ in range(4)]
        lane.arrived()
        in_flight = f'penstock_in_flight{{dialect="{client}"}}'
        bench.gateway.wait_for_metric(in_flight, lambda value: value == 4)
        gate.open()
        for answer in answers:
            assert answer.result(PATIENCE).ok.said() == TEXT_A
            assert answer.result().headers["x-penstock-attempts"] == "1"
    assert len(lane.requests) == 1


@clients
def test_the_first_client_leaves_and_the_other_one_gets_all(bench: Bench, client: str) -> None:
    gate = Gate()
    lane = bench.lane("shared", client, [slow(client, True, gate)])
    with bench.post(client, lane) as first, bench.post(client, lane) as second:
        first.until(b"From A")
        second.until(b"From A")
        first.close()
        bench.gateway.wait_for_metric(f'penstock_in_flight{{dialect="{client}"}}', lambda value: value == 1)
        gate.open()
        assert second.body == b"".join(EVENTS[client](FROM_A))
    assert len(lane.requests) == 1
    assert not lane.last.closed.is_set()


@clients
def test_the_last_one_who_leaves_closes_the_connection_to_the_provider(bench: Bench, client: str) -> None:
    lane = bench.lane("shared", client, [sse(halves(client, FROM_A)[0], Hang())])
    with bench.post(client, lane) as first, bench.post(client, lane) as second:
        first.until(b"From A")
        second.until(b"From A")
        first.close()
        bench.gateway.wait_for_metric(f'penstock_in_flight{{dialect="{client}"}}', lambda value: value == 1)
        assert not lane.last.closed.is_set()
        left = second.close()
        assert lane.last.left() - left < 0.1
    assert len(lane.requests) == 1


def test_another_text_another_header_and_another_form_are_not_shared(bench: Bench) -> None:
    gate = Gate()
    lane = bench.lane("shared", "chat", answer_to_each(gate))
    with together() as start:
        answers = [
            start(bench.ask, "chat", lane, text="one"),
            start(bench.ask, "chat", lane, text="two"),
            start(bench.ask, "chat", lane, text="one", stream=False),
            start(bench.ask, "chat", lane, text="one", extra_headers={"openai-beta": "x=1"}),
        ]
        for _ in answers:
            lane.arrived()
        gate.open()
        for answer in answers:
            assert answer.result(PATIENCE).ok.said() == TEXT_A


def answer_to_each(gate: Gate) -> list[Script | Answerer]:
    return [lambda received: slow("chat", bool(received.body.get("stream")), gate)]


def test_a_failure_is_told_to_all_and_not_kept(bench: Bench) -> None:
    gate = Gate()
    failing = Script([Send(b"{}")], 503, before=[Wait(gate)])
    lane = bench.lane("shared", "chat", [failing, answered("chat", FROM_A)], [failing, answered("chat", FROM_A)])
    with together() as start:
        answers = [start(bench.ask, "chat", lane) for _ in range(2)]
        lane.arrived()
        bench.gateway.wait_for_metric('penstock_in_flight{dialect="chat"}', lambda value: value == 2)
        gate.open()
        assert [answer.result(PATIENCE).failed.status for answer in answers] == [503, 503]
    assert bench.ask("chat", lane).ok.said() == TEXT_A
    assert (asked(lane, "a"), asked(lane, "b")) == (2, 1)


def test_a_client_that_does_not_read_does_not_hold_up_another(bench: Bench) -> None:
    """Its share of the answer waits for it, up to the bytes that a flight keeps."""
    first, rest = halves("chat", FROM_A)
    events = list(EVENTS["chat"](FROM_A))
    many = events[2] * 3000
    lane = bench.lane("shared", "chat", [sse(first, Send(many), Send(rest))])
    with bench.post("chat", lane) as idle, bench.post("chat", lane) as busy:
        assert busy.body.endswith(b"data: [DONE]\n\n")
        assert idle.body == busy.body
    assert len(lane.requests) <= 2


@clients
@streamed
@crossing
def test_the_second_identical_request_is_answered_from_the_cache_byte_for_byte(
    bench: Bench, client: str, stream: bool, cross: bool
) -> None:
    lane = bench.lane("cached", spoken(client, cross))
    before = bench.counted("penstock_cache_lookups_total", chain="cached", outcome="hit")
    with bench.post(client, lane, stream=stream) as first:
        said = first.body
    with bench.post(client, lane, stream=stream) as second:
        again = second.body
    assert TEXT_A.split()[1].encode() in said
    assert stable(again) == stable(said)
    if not cross:
        assert again == said
    assert len(lane.requests) == 1
    assert bench.counted("penstock_cache_lookups_total", chain="cached", outcome="hit") == before + 1
    assert bench.ask(client, lane, stream=stream, text="Another").ok.said() == TEXT_A
    assert len(lane.requests) == 2


def stable(data: bytes) -> bytes:
    """Without what every answer has of its own."""
    return re.sub(rb'"(id|item_id|created|created_at)":("[^"]*"|[0-9.]+)', b"", data)


@clients
@streamed
def test_an_error_is_not_kept(bench: Bench, client: str, stream: bool) -> None:
    refused = body(error_body(client, "server_error", "no"), 500)
    lane = bench.lane("cached", client, [refused, answered(client, FROM_A)], [refused])
    assert bench.ask(client, lane, stream=stream).failed.status == 500
    assert bench.ask(client, lane, stream=stream).ok.said() == TEXT_A


@clients
@pytest.mark.parametrize("then", [(), (Reset(),)], ids=["cut", "reset"])
def test_a_stream_that_was_cut_is_not_kept(bench: Bench, client: str, then: tuple[Reset, ...]) -> None:
    lane = bench.lane("cached", client, [sse(halves(client, FROM_A)[0], *then), answered(client, FROM_A)])
    assert bench.ask(client, lane).failed
    assert bench.ask(client, lane).ok.said() == TEXT_A


def test_an_answer_whose_client_left_is_not_kept(bench: Bench) -> None:
    lane = bench.lane("cached", "chat", [sse(halves("chat", FROM_A)[0], Hang()), answered("chat", FROM_A)])
    with bench.post("chat", lane) as first:
        first.until(b"From A")
    lane.last.left()
    with bench.post("chat", lane) as second:
        assert second.body == b"".join(EVENTS["chat"](FROM_A))
    assert len(lane.requests) == 2


def test_what_is_kept_expires(bench: Bench) -> None:
    lane = bench.lane("brief", "chat", [answered("chat", FROM_A)])
    until = time.monotonic() + PATIENCE
    while len(lane.requests) < 2:
        assert bench.ask("chat", lane).ok.said() == TEXT_A
        assert time.monotonic() < until, "it never expired"


def test_who_joins_an_answer_costs_the_gateway_no_time_of_somebody_else(bench: Bench) -> None:
    """The overhead of a request that a cache answers is not the age of the answer (nor less than nothing)."""
    lane = bench.lane("cached", "chat")
    bench.ask("chat", lane)
    before = bench.counted("penstock_overhead_seconds_sum")
    bench.ask("chat", lane)
    assert bench.counted("penstock_overhead_seconds_sum") >= before


def test_a_cache_above_share_answers_who_comes_after_and_share_who_comes_meanwhile(bench: Bench) -> None:
    gate = Gate()
    lane = bench.lane("both", "chat", [slow("chat", True, gate)])
    with together() as start:
        answers = [start(bench.ask, "chat", lane) for _ in range(3)]
        lane.arrived()
        bench.gateway.wait_for_metric('penstock_in_flight{dialect="chat"}', lambda value: value == 3)
        gate.open()
        assert {answer.result(PATIENCE).ok.said() for answer in answers} == {TEXT_A}
    assert bench.ask("chat", lane).ok.said() == TEXT_A
    assert len(lane.requests) == 1
