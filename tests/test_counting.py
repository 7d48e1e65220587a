"""Every name of /metrics that a dashboard asks for counts what it says, once, through a real gateway."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chains.bench import FROM_A, TEXT_A, TEXT_B, Bench, answered, halves, serving, together
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import PATIENCE, Gate, Hang, Received, Script, Send, Wait, body, sse
from tests.support.wire import EVENTS, error_body

PRICE = {"input": 2_000, "output": 10_000, "cached": 1_000}
DOWN = body(error_body("chat", "server_error", "down"), 503)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    breaker = {"breaker": {"failures": 1, "cool_down": 60}}
    chains: dict[str, Any] = {
        "plain": {},
        "hedged": {"answer": [{"hedge": {"delay": 0.05, "budget": 100}}]},
        "fragile": {"candidates": [breaker]},
        "quick": {"request": [{"total_timeout": {"seconds": 0.2}}]},
        "idle": {"attempt": [{"idle_timeout": {"seconds": 0.1}}]},
        "short": {"request": [{"output_limit": {"bytes": 64}}]},
        "full": {"request": [{"admit": {"limit": 1, "queue": 0}}]},
        "late": {"request": [{"admit": {"limit": 1, "queue": 4, "queue_timeout": 0.05}}]},
        "again": {"attempt": [{"retry": {"times": 1, "wait": 0.001}}]},
    }
    keys = [{"name": name, "key": name} for name in ("test-key", "bob")] + [
        {"name": "poor", "key": "poor", "requests_per_minute": 1}
    ]
    server = {"keys": keys, "body_limit": "200kB", "header_limit": "8KiB", "wrong_keys": 2}
    priced = {"candidates": [{"use": "a-chat/*", "price": PRICE}, "b-chat/*"]}
    with serving(Path(tmp_path_factory.mktemp("counting")), chains, server, plain=priced) as bench:
        yield bench


@pytest.fixture
def grew(bench: Bench) -> Callable[..., float]:
    """By how much a series has grown since the test began, once it has grown by something."""
    before = bench.gateway.metrics()

    def growth(name: str, least: float = 0.0, **labels: str) -> float:
        inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        key = f"{name}{{{inside}}}" if inside else name
        old = before.get(key, 0.0)
        bench.gateway.wait_for_metric(key, lambda value: value > old + least)
        return bench.counted(name, **labels) - old

    return growth


Grew = Callable[..., float]


def opening(dialect: str = "chat") -> bytes:
    """The first two pieces of text."""
    return halves(dialect, FROM_A)[0]


def test_a_slow_reader_makes_its_provider_pause(bench: Bench, grew: Grew) -> None:
    long = b"".join(EVENTS["chat"](Answer([Block("text", "word " * 200_000)], "stop", None)))
    lane = bench.lane("plain", "chat", [sse(long, Hang())])
    with bench.post("chat", lane) as slow:
        bench.gateway.wait_for_metric("penstock_buffered_bytes", lambda value: value > 64 * 1024)
        slow.until(b"data: ")
    assert grew("penstock_backpressure_seconds_count") >= 1
    assert grew("penstock_backpressure_seconds_sum") > 0


def test_a_hedge_that_wins_and_what_the_slow_one_had_cost(bench: Bench, grew: Grew) -> None:
    """In Messages the first event says how long the request is: those tokens are paid for."""
    answer = Answer([Block("text", TEXT_A)], "stop", Usage(input=10, output=12, total=22))
    start = next(iter(EVENTS["messages"](answer)))
    lane = bench.lane("hedged", "messages", [sse(start, Hang())])
    assert bench.ask("messages", lane).ok.said() == TEXT_B
    assert grew("penstock_hedges_total", candidate="b-messages/*", outcome="launched") == 1
    assert grew("penstock_hedges_total", candidate="b-messages/*", outcome="won") == 1
    assert grew("penstock_hedge_lost_tokens_total", candidate="a-messages/*") >= 10
    assert grew("penstock_guard_trips_total", operator="hedge", chain="hedged") == 1


def test_a_hedge_that_loses(bench: Bench, grew: Grew) -> None:
    gate = Gate()

    def late(received: Received) -> Script:
        gate.open()
        return Script(before=[Hang()])

    whole = b"".join(EVENTS["chat"](FROM_A))
    lane = bench.lane("hedged", "chat", [sse(b"", Wait(gate), Send(whole))], [late])
    assert bench.ask("chat", lane).ok.said() == TEXT_A
    assert grew("penstock_hedges_total", candidate="b-chat/*", outcome="launched") == 1
    assert grew("penstock_hedges_total", candidate="b-chat/*", outcome="lost") == 1


def test_a_candidate_that_is_taken_out_of_service(bench: Bench, grew: Grew) -> None:
    lane = bench.lane("fragile", "responses", [body(error_body("responses", "server_error", "down"), 503)])
    assert bench.ask("responses", lane).ok.said() == TEXT_B
    assert grew("penstock_cool_downs_total", candidate="a-responses/*", reason="overloaded") == 1
    assert 0 < bench.counted("penstock_cool_down_seconds", candidate="a-responses/*") <= 60
    assert bench.counted("penstock_cool_down_seconds", candidate="b-responses/*") == 0


@pytest.mark.parametrize(
    ("chain", "script", "reason"),
    [
        ("idle", sse(opening(), Hang()), "stall"),
        ("quick", sse(opening(), Hang()), "timeout"),
        ("plain", sse(opening()), "cut"),
        ("short", answered("chat", FROM_A), "limit"),
    ],
)
def test_how_streams_end(bench: Bench, grew: Grew, chain: str, script: Any, reason: str) -> None:
    assert bench.ask("chat", bench.lane(chain, "chat", [script])).failure is not None
    assert grew("penstock_stream_ends_total", candidate="a-chat/*", reason=reason) == 1


def test_a_stream_that_is_done_and_one_whose_client_left(bench: Bench, grew: Grew) -> None:
    assert bench.ask("chat", bench.lane("plain", "chat")).ok
    assert grew("penstock_stream_ends_total", candidate="a-chat/*", reason="done") == 1
    with bench.post("chat", bench.lane("plain", "chat", [sse(opening(), Hang())])) as left:
        left.until(b"From A")
    assert grew("penstock_stream_ends_total", candidate="a-chat/*", reason="client_left") == 1


@pytest.mark.parametrize(("chain", "reason"), [("full", "queue"), ("late", "queue_timeout")])
def test_who_finds_no_room_is_told_which_limit_it_was(bench: Bench, grew: Grew, chain: str, reason: str) -> None:
    gate = Gate()
    lane = bench.lane(chain, "chat", [sse(opening(), Wait(gate), Send(halves("chat", FROM_A)[1]))])
    with together() as start:
        first = start(bench.ask, "chat", lane)
        lane.arrived()
        failed = bench.ask("chat", lane).failed
        gate.open()
        assert first.result(PATIENCE).ok.said() == TEXT_A
    assert (failed.status, f"({reason})" in failed.message) == (503, True)
    assert grew("penstock_sheds_total", reason=reason) == 1
    assert grew("penstock_guard_trips_total", operator="admit", chain=chain) == 1


def test_a_key_that_used_up_its_limit(bench: Bench, grew: Grew) -> None:
    lane = bench.lane("plain", "chat")
    assert bench.ask("chat", lane, key="poor").ok
    assert bench.ask("chat", lane, key="poor").failed.status == 429
    assert grew("penstock_rate_limited_total", key="poor", unit="requests") == 1


def test_what_an_answer_costs(bench: Bench, grew: Grew) -> None:
    """1000 tokens in, 400 of them cached, 100 out: 600 x 2 + 400 x 1 + 100 x 10, all in thousandths."""
    answer = Answer([Block("text", TEXT_A)], "stop", Usage(input=1000, output=100, total=1100, cached=400))
    assert bench.ask("chat", bench.lane("plain", "chat", [answered("chat", answer)])).ok
    cost = grew("penstock_cost_total", model="plain>chat>*", candidate="a-chat/*")
    assert cost == pytest.approx(2.6)


def test_a_retry_that_the_budget_does_not_allow(bench: Bench, grew: Grew) -> None:
    lane = bench.lane("again", "chat", [DOWN])
    with together() as start:
        for each in [start(bench.ask, "chat", lane) for _ in range(24)]:
            assert each.result(PATIENCE).ok.said() == TEXT_B
    refused = grew("penstock_retries_refused_total", candidate="a-chat/*")
    assert refused + grew("penstock_attempts_total", candidate="a-chat/*", outcome="retried", reason="overloaded") == 24


def test_limits_of_the_gateway_itself_are_named_and_counted(bench: Bench, grew: Grew) -> None:
    def refused(path: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(bench.gateway.url + path, data, headers={"x-api-key": "bob"} | headers)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=PATIENCE)
        with caught.value as error:
            return error.code, error.read().decode()

    status, said = refused("/v1/messages/count_tokens", b"x" * 300_000)
    assert (status, "`server.body_limit`" in said) == (413, True)
    assert grew("penstock_guard_trips_total", operator="body_limit", chain="server") == 1
    status, said = refused("/v1/models", big="x" * 9000)
    assert (status, "`server.header_limit`" in said) == (431, True)
    assert grew("penstock_guard_trips_total", operator="header_limit", chain="server") == 1


def test_wrong_keys_are_named_and_counted(bench: Bench, grew: Grew) -> None:
    """From an address of its own: behind the limit its honest neighbours would be refused, too."""
    port = int(bench.gateway.url.rpartition(":")[2])
    heard = b""
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE, source_address=("127.0.0.7", 0)) as stranger:
            stranger.sendall(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-api-key: wrong\r\nconnection: close\r\n\r\n")
            while data := stranger.recv(65536):
                heard += data
    assert heard.count(b" 401 ") == 2
    assert b" 429 " in heard
    assert b"`server.wrong_keys`" in heard
    assert grew("penstock_guard_trips_total", operator="wrong_keys", chain="server") == 1


def test_reloads_are_counted_by_their_result(bench: Bench, grew: Grew) -> None:
    good = bench.gateway.config_path.read_text()
    read_at = bench.counted("penstock_config_last_reload_success_timestamp_seconds")
    assert abs(time.time() - read_at) < 600
    bench.gateway.config_path.write_text("nonsense: 1\n")
    bench.gateway.reload()
    assert grew("penstock_config_reloads_total", result="failure") == 1
    assert bench.counted("penstock_config_last_reload_successful") == 0
    assert bench.counted("penstock_config_last_reload_success_timestamp_seconds") == read_at
    bench.gateway.config_path.write_text(good)
    bench.gateway.reload()
    assert grew("penstock_config_reloads_total", result="success") == 1
    assert bench.counted("penstock_config_last_reload_successful") == 1
    assert bench.counted("penstock_config_last_reload_success_timestamp_seconds") > read_at


def test_what_the_process_uses(bench: Bench) -> None:
    found = bench.gateway.metrics()
    assert found["process_cpu_seconds_total"] > 0
    assert found["process_resident_memory_bytes"] > 10_000_000
    assert 3 < found["process_open_fds"] < found["process_max_fds"]
    assert abs(time.time() - found["process_start_time_seconds"]) < 600
    assert found["penstock_workers"] == 1


def test_what_can_trip_is_counted_from_nothing_on(bench: Bench) -> None:
    """A counter that begins at its first event hides that event from every rate."""
    found = bench.gateway.metrics()
    for operator, chain in [("total_timeout", "quick"), ("idle_timeout", "idle"), ("drain", "server"), ("buffer_limit", "plain")]:
        assert f'penstock_guard_trips_total{{chain="{chain}",operator="{operator}"}}' in found
    assert 'penstock_sheds_total{reason="draining"}' in found
    assert 'penstock_rate_limited_total{key="poor",unit="requests"}' in found
    assert 'penstock_rate_limited_total{key="bob",unit="requests"}' not in found
