"""What a reload keeps of what requests share, and what it lets go of."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any, cast

import pytest

from operators import Circuits, Slots, Store
from operators.budget import Budget
from operators.flight import Flights
from operators.limits import Limits
from pipeline.assemble import Assembly, assemble
from pipeline.config import ConfigError, parse
from pipeline.metrics import Metrics
from pipeline.shared import Shared

MODEL = "models: [{name: m, chain: c, candidates: [demo/fast]}]\n"
PROVIDER = "providers: {p: {dialect: chat, base_url: 'http://127.0.0.1:1/v1', max_in_flight: %d}}\n"


@pytest.fixture
def shared() -> Shared:
    return Shared(cast(Any, None), Metrics("test"), Circuits())


@pytest.fixture
def load(shared: Shared) -> Callable[[str], Assembly]:
    return lambda text: assemble(parse(text, "penstock.yaml", {}), shared)


class Kept:
    """An answer, of which a test can see when it is gone."""


def caching(seconds: int) -> str:
    return f"{MODEL}chains: {{c: {{request: [{{cache: {{seconds: {seconds}}}}}]}}}}\n"


def test_a_store_is_dropped_when_its_options_change(shared: Shared, load: Callable[[str], Assembly]) -> None:
    before = load(caching(300))
    (store,) = shared.states(Store)
    kept = Kept()
    store.put(("k",), [kept], 1, 1e9, 1 << 20)
    gone = weakref.ref(kept)
    after = load(caching(301))
    assert [each is store for each in shared.states(Store)] == [False]
    del store, kept
    gc.collect()
    assert gone() is not None, "a request in flight lost what it began with"
    del before
    gc.collect()
    assert gone() is None, "the old answers are held although nobody can ask for them"
    assert after.reachable


def test_a_store_is_dropped_when_its_chain_is_gone(shared: Shared, load: Callable[[str], Assembly]) -> None:
    load(caching(300))
    load("models: [{name: m, candidates: [demo/fast]}]\n")
    assert shared.states(Store) == []


def test_a_reload_of_the_same_file_keeps_every_state(shared: Shared, load: Callable[[str], Assembly]) -> None:
    text = (
        PROVIDER % 3
        + "models: [{name: m, chain: c, candidates: [p/x, demo/fast]}]\n"
        + "chains: {c: {request: [{admit: {limit: 2}}, {rate_limit: {requests: 9}}, share, cache]}}\n"
    )
    load(text)
    before = shared.states(object)
    assert {Slots, Budget, Limits, Flights, Store} <= set(map(type, before))
    load(text)
    assert shared.states(object) == before


def test_the_slots_of_a_provider_that_stays_are_the_same_also_when_no_model_names_it(
    shared: Shared, load: Callable[[str], Assembly]
) -> None:
    load(PROVIDER % 3 + "models: [{name: m, candidates: [p/x]}]\n")
    (slots,) = shared.states(Slots)
    load(PROVIDER % 3)
    assert shared.states(Slots) == [slots]
    load(PROVIDER % 4)
    assert slots not in shared.states(Slots)


def test_what_a_model_without_an_entry_shares_goes_on_after_a_reload(shared: Shared, load: Callable[[str], Assembly]) -> None:
    """``provider/model`` gets its route when a client first names it."""
    text = PROVIDER % 3 + "chains: {default: {request: [cache]}}\n"
    assembly = load(text)
    assert shared.states(Store) == []
    assembly.resolver.resolve("p/anything")
    (store,) = shared.states(Store)
    load(text)
    assert shared.states(Store) == [store]
    load("chains: {default: {request: [cache]}}\n")
    assert (shared.states(Store), shared.directs) == ([], set())


def test_a_configuration_that_is_refused_changes_nothing(
    shared: Shared, load: Callable[[str], Assembly], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(caching(300))
    before = shared.states(object)
    with pytest.raises(ConfigError):
        load(f"{MODEL}chains: {{c: {{request: [{{heartbeat: {{seconds: 1}}}}, cache]}}}}\n")
    assert shared.states(object) == before
    monkeypatch.setattr("pipeline.assemble.Resolver", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        load(caching(301))
    assert shared.states(object) == before


def test_models_that_are_balanced_otherwise_share_the_kept_answers_of_their_chain(
    shared: Shared, load: Callable[[str], Assembly]
) -> None:
    candidates = "candidates: [demo/fast, demo/reason]"
    text = (
        f"models: [{{name: m, chain: c, {candidates}}}, {{name: n, chain: c, balance: round_robin, {candidates}}}]\n"
        "chains: {c: {request: [share, cache]}}\n"
    )
    made: list[Any] = []
    for _ in range(3):
        load(text)
        made.append((shared.states(Store), shared.states(Flights)))
    assert [len(states) for states in made[0]] == [1, 1]
    assert made[0] == made[1] == made[2]


def test_kept_answers_begin_anew_when_a_secret_header_changes_that_no_digest_holds(
    shared: Shared, load: Callable[[str], Assembly]
) -> None:
    stores = []
    for value in "aab":
        text = f"{MODEL}chains: {{c: {{request: [cache, {{inject: {{headers: {{x-key: {value}}}}}}}]}}}}\n"
        load(text)
        stores += shared.states(Store)
    assert [store is stores[0] for store in stores] == [True, True, False]
