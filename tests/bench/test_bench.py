"""The benchmark measures what it says: legal answers, read to their end by clients that notice every fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from urllib.request import urlopen

import pytest

from tests.bench.cases import CASES, CROSS, SAME, Pair, wanted
from tests.bench.figures import Figure
from tests.bench.first_event import _added
from tests.bench.load import Order
from tests.bench.processes import BenchError, Process, Stand
from tests.bench.replies import WrongAnswer, check_stream
from tests.bench.wires import BODY_WORDS, DIALECTS, INPUT_TOKENS, stream_events, text_pieces, words
from tests.support.clients import ask, hello


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    with Stand() as stand:
        yield stand


@pytest.fixture(scope="module")
def floor(stand: Stand) -> Iterator[Process]:
    with stand.floor() as floor:
        yield floor


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("model", "pieces"), [("json", BODY_WORDS), ("burst-100", None)])
def test_the_official_sdk_reads_the_providers_answer(stand: Stand, dialect: str, model: str, pieces: int | None) -> None:
    url = stand.provider.url + ("" if dialect == "messages" else "/v1")
    answer = ask(dialect, url, hello(dialect, model), stream=model != "json").ok
    said = pieces or text_pieces(dialect, 100)
    assert answer.said() == "".join(words(said))
    assert answer.stop == "stop"
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output) == (INPUT_TOKENS, said)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_of_n_has_n_events(dialect: str) -> None:
    events = stream_events(dialect, 100)
    assert len(events) == 100
    assert all(event.endswith(b"\n\n") and event.count(b"\n\n") == 1 for event in events)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("scenario", ["json", "burst-100", "burst-1000", "paced-10"])
def test_clients_read_every_answer_through_the_floor(stand: Stand, floor: Process, dialect: str, scenario: str) -> None:
    result = stand.order("run", floor, Order(floor.url, dialect, dialect, scenario, count=6, clients=2))
    assert result.answers == len(result.first_event) == 6
    assert all(seconds > 0 for seconds in result.first_event)


def test_two_targets_are_asked_at_the_same_time_and_their_answers_told_apart(stand: Stand, floor: Process) -> None:
    slow = Order(floor.url, "chat", "chat", "paced-25", count=2, clients=2)
    slower = Order(stand.provider.url, "messages", "messages", "paced-25", count=1)
    began = perf_counter()
    results = stand.run_together([(floor, slow), (stand.provider, slower)])
    assert perf_counter() - began < sum(result.seconds for result in results)
    assert [result.answers for result in results] == [2, 1]


@pytest.mark.parametrize("place", [0, 1])
def test_what_follows_a_failed_order_reads_its_own_answers(stand: Stand, place: int) -> None:
    def orders(first: Order, second: Order) -> list[tuple[Process, Order]]:
        return [(stand.provider, first), (stand.provider, second)]

    good, bad = (Order(stand.provider.url, "chat", "chat", scenario, count=5) for scenario in ("json", "UNKNOWN"))
    with pytest.raises(BenchError, match="404"):
        stand.run_together(orders(good, bad)[:: 1 if place else -1])
    following = [replace(good, count=2), replace(good, count=3)]
    assert [result.answers for result in stand.run_together(orders(*following))] == [2, 3]


def test_a_gateway_beside_a_floor_that_is_no_slower_than_the_provider_is_over_its_budget() -> None:
    assert not _added("p50", Pair("chat", "chat"), 100.0, [99.0], [101.0], 1.5).ok


def test_idle_streams_are_held_until_they_are_released(stand: Stand, floor: Process) -> None:
    idle = Order(floor.url, "chat", "chat", "idle", count=20)
    assert stand.order("hold", floor, idle).answers == 20
    assert stand.order("release", floor, idle).answers == 20


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("lost", [10, 99], ids=["a-piece-of-text", "the-end"])
def test_a_stream_without_one_of_its_events_is_a_wrong_answer(dialect: str, lost: int) -> None:
    events = stream_events(dialect, 100)
    check_stream(dialect, dialect, 100, b"".join(events))
    del events[lost]
    with pytest.raises(WrongAnswer):
        check_stream(dialect, dialect, 100, b"".join(events))


def test_an_answer_of_another_dialect_fails_the_order(stand: Stand, floor: Process) -> None:
    with pytest.raises(BenchError, match="characters of text"):
        stand.order("run", floor, Order(floor.url, "chat", "messages", "burst-100", count=1))


def test_a_refusal_fails_the_order(stand: Stand, floor: Process) -> None:
    with pytest.raises(BenchError, match="404"):
        stand.order("run", floor, Order(floor.url, "chat", "chat", "UNKNOWN", count=1))


def test_the_cpu_clock_of_a_process_runs_only_while_it_works(stand: Stand, floor: Process) -> None:
    before = floor.cpu()
    stand.order("run", floor, Order(floor.url, "chat", "chat", "burst-1000", count=20, clients=2))
    worked = floor.cpu()
    assert 0.001 < worked - before < 10
    assert floor.cpu() - worked < 0.005


@pytest.mark.parametrize(
    ("ratio", "gateway", "relative", "ok"),
    [(1.39, 139.0, True, True), (1.41, 141.0, True, False), (9.9, 1.4, False, True), (0.5, 1.41, False, False)],
)
def test_a_budget_is_held_or_broken(ratio: float, gateway: float, relative: bool, ok: bool) -> None:
    assert Figure("f", "chat", "us", 100.0, gateway, ratio, 1.4, relative).ok is ok


@pytest.mark.parametrize(("run", "counts"), [((), True), (("tests.bench.unseen",), False)])
def test_only_a_gateway_with_its_taps_counts(stand: Stand, run: Sequence[str], counts: bool) -> None:
    with stand.gateway(*run, logs={"level": "error"}) as gateway:
        for dialect in DIALECTS:
            order = Order(gateway.url, dialect, "chat", "burst-100", count=2, prefix="chat/")
            assert stand.order("run", gateway, order).answers == 2
        with urlopen(f"{gateway.url}/metrics", timeout=10) as told:
            metrics = told.read().decode()
    assert all((name in metrics) is counts for name in ("penstock_requests_total{", "penstock_attempts_total{"))


def test_pairs_are_chosen_by_pattern() -> None:
    chosen = [(case.name, pair) for case in CASES for pair in SAME + CROSS if wanted(case.name, pair, ["burst-*:chat<*", "json"])]
    assert ("burst-100", Pair("chat", "messages")) in chosen
    assert ("json", Pair("messages", "chat")) in chosen
    assert not any(name in ("paced", "first-event") or (name != "json" and pair.client != "chat") for name, pair in chosen)
