"""What steps get beside their options: what requests share, and when it begins anew."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
import reactivex
from reactivex import Observable

from operators import Circuits, Clock, Step, Store, Stream
from operators.store import footprint
from operators.virtual import VirtualClock
from pipeline.dialects import DIALECTS
from pipeline.dialects.amend import with_system
from pipeline.errors import GatewayError, classify
from pipeline.exchange import Exchange
from pipeline.guards import Guard
from pipeline.metrics import Metrics
from pipeline.policies import identity_of
from pipeline.shared import Shared
from pipeline.supply import Supplier


@pytest.fixture
def shared() -> Shared:
    return Shared(cast(Any, None), Metrics("test"), Circuits())


def exchange(raw: bytes) -> Exchange:
    loop = asyncio.new_event_loop()
    try:
        return Exchange(Clock(loop), "r", DIALECTS["chat"], {"model": "m"}, raw, {})
    finally:
        loop.close()


def test_the_identity_of_a_large_request_is_small_and_its_own() -> None:
    large, other = identity_of(exchange(b"x" * 1_000_000)), identity_of(exchange(b"x" * 999_999 + b"y"))
    assert large is not None
    assert large == identity_of(exchange(b"x" * 1_000_000))
    assert large != other
    assert sum(map(footprint, large)) < 1000


def test_kept_answers_begin_anew_when_anything_that_they_depend_on_changes(shared: Shared) -> None:
    def store(version: str, **options: Any) -> Store:
        return cast(Store, Supplier(shared, "c", version=version)(Step("cache", options))["store"])

    first = store("1")
    assert store("1") is first
    assert store("1", seconds=3.0) is not first
    second = store("2")
    assert second is not first
    assert shared.states(Store).count(first) == 0, "the old answers are still held"
    assert store("2") is second


def test_what_counts_requests_goes_on_whatever_else_changes(shared: Shared) -> None:
    limits = [Supplier(shared, "c", version=version)(Step("rate_limit", {"requests": 3}))["limits"] for version in "12"]
    assert limits[0] is limits[1]


@pytest.mark.parametrize("status", [1, 100, 200, 302, 399, 600, 999, 10**30])
def test_a_drill_fails_with_a_status_of_failures_only(shared: Shared, status: int) -> None:
    with pytest.raises(ValueError, match=f"status must be from 400 to 599, not {status}"):
        Supplier(shared, "c", "p/m")(Step("fault", {"kind": "error", "status": status}))


@pytest.mark.parametrize(
    ("dialect", "field", "value"),
    [
        ("messages", "system", 5),
        ("messages", "system", {"a": 1}),
        ("responses", "instructions", 7),
        ("responses", "instructions", []),
    ],
)
def test_a_system_text_is_not_added_to_one_that_no_dialect_knows(dialect: str, field: str, value: object) -> None:
    with pytest.raises(GatewayError) as caught:
        with_system(dialect, {field: value, "messages": []}, "Be brief.")
    error = classify(caught.value)
    assert (error.status, error.param) == (400, field)


def test_a_fault_strikes_as_often_as_it_says_over_all_routes_and_across_reloads(shared: Shared) -> None:
    def step(label: str = "p/m", **options: Any) -> Guard:
        step = Step("fault", {"kind": "cut", "times": 1, **options})
        return step.build(Supplier(shared, "c", label)(step))

    def told(guard: Guard) -> list[Any]:
        heard: list[Any] = []
        reactivex.of(b"a").pipe(guard).subscribe(heard.append).dispose()
        return heard

    first, second = step(), step()
    assert (told(first), told(second), told(step())) == ([], [b"a"], [b"a"])
    assert told(step("p/other")) == [], "around attempts each candidate has its own count"
    assert told(step(times=2)) == [], "with other options it begins anew"


def test_a_mirror_runs_as_often_at_once_as_it_says_over_all_routes_and_across_reloads(shared: Shared) -> None:
    asked: list[str] = []

    def candidate(use: str) -> Observable[Any]:
        def subscribe(observer: Any, scheduler: Any) -> None:
            asked.append(use)

        return Stream(subscribe)

    step = Step("pipeline.steps:mirror", {"to": "p/other", "percent": 100, "most": 1})
    guards = [step.build(Supplier(shared, "c", candidate=candidate, random=lambda: 0.0)(step)) for _ in range(3)]
    scope = Exchange(VirtualClock(), "r", DIALECTS["chat"], {"model": "m"}, b"{}", {})
    subscriptions = [reactivex.never().pipe(guard).subscribe(scheduler=scope) for guard in guards]
    assert asked == ["p/other"]
    for subscription in subscriptions:
        subscription.dispose()
    again = reactivex.never().pipe(guards[2]).subscribe(scheduler=scope)
    assert asked == ["p/other"] * 2
    again.dispose()
