"""What `penstock check` says of a configuration that is valid, but hardly meant so."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from pipeline.config import parse
from pipeline.config.advice import advise, is_loopback, summary
from pipeline.effective import chains

DEMO = {"name": "m", "candidates": ["demo/fast"]}


def advice(**file: Any) -> list[str]:
    config = parse(yaml.safe_dump(file), "penstock.yaml", {})
    return advise(config, chains(config))


def provider(dialect: str, base_url: str) -> dict[str, Any]:
    return {"p": {"dialect": dialect, "base_url": base_url}}


def test_nothing_is_said_of_what_is_meant() -> None:
    assert advice() == advice(models=[DEMO]) == []


@pytest.mark.parametrize(
    ("host", "local"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("x", False)]
)
def test_a_host_that_others_reach_needs_keys(host: str, local: bool) -> None:
    assert is_loopback(host) is local
    said = advice(server={"host": host})
    assert [each.partition(":")[0] for each in said] == ([] if local else ["server.host"])
    assert advice(server={"host": host, "keys": [{"name": "k", "key": "a-key-that-is-long-enough"}]}) == []


@pytest.mark.parametrize(
    ("dialect", "base_url", "words"),
    [
        ("messages", "https://a.example/v1", "ends in /v1"),
        ("messages", "https://a.example", ""),
        ("chat", "https://a.example", "has no path"),
        ("responses", "https://a.example", "has no path"),
        ("chat", "https://a.example/v1", ""),
        ("responses", "https://a.example/v1", ""),
    ],
)
def test_a_base_url_has_the_form_of_its_dialect(dialect: str, base_url: str, words: str) -> None:
    said = advice(providers=provider(dialect, base_url))
    assert len(said) == bool(words)
    assert all(each.startswith("providers.p.base_url: ") and words in each for each in said)


def test_a_pattern_behind_one_that_takes_all_of_it_is_never_reached() -> None:
    models = [{**DEMO, "name": name} for name in ("a-*", "a-b", "a-b*", "c-*")]
    assert advice(models=models) == ['models[2].name: "a-b*" is never reached; "a-*" stands above it.']


@pytest.mark.parametrize(
    ("positions", "place"),
    [
        ({"attempt": [{"idle_timeout": {"seconds": 1000}}]}, "chains.c.attempt[0]"),
        ({"attempt": [{"idle_timeout": {"seconds": 900}}]}, "chains.c.attempt[0]"),
        ({"request": [{"total_timeout": {"seconds": 120}}]}, "chains.c.request[0]"),
        (
            {"request": [{"idle_timeout": {"seconds": 60, "as": "outer"}}, {"total_timeout": {"seconds": 900}}]},
            "chains.c.request[0]",
        ),
        ({"attempt": [{"idle_timeout": {"seconds": 899}}]}, ""),
        ({"request": [{"idle_timeout": {"seconds": 61, "as": "outer"}}, {"total_timeout": {"seconds": 900}}]}, ""),
        ({"attempt": [{"first_event_timeout": {"seconds": 90}}, {"idle_timeout": {"seconds": 60}}]}, ""),
    ],
)
def test_a_limit_under_a_shorter_one_never_trips(positions: dict[str, Any], place: str) -> None:
    said = advice(chains={"c": positions})
    assert [each.partition(".total")[0].partition(".idle")[0].partition(": ")[0] for each in said] == ([place] if place else [])
    assert all("never trips" in each for each in said)


def test_the_limit_that_never_trips_is_told_with_both_times_and_once() -> None:
    chain = {"request": [{"total_timeout": {"seconds": 60}}, {"total_timeout": {"seconds": 30, "as": "second"}}]}
    said = [each.partition(": ")[2] for each in advice(chains={"c": chain})]
    assert said == [
        "first_event_timeout (2m) never trips; total_timeout above it ends the stream after 1m.",
        "idle_timeout (1m) never trips; total_timeout above it ends the stream after 1m.",
        "total_timeout (1m) never trips; second above it ends the stream after 30s.",
    ]


@pytest.mark.parametrize("continues", [True, False])
def test_resume_needs_somebody_who_continues(continues: bool) -> None:
    continuing = {"use": "demo/fast", "continues": True}
    models = [
        {"name": "m", "chain": "c", "candidates": [continuing if continues else "demo/fast"]},
        {"name": "other", "candidates": [continuing]},
    ]
    said = advice(models=models, chains={"c": {"answer": ["failover", "resume"]}})
    assert [each.partition(": ")[0] for each in said] == ([] if continues else ["chains.c.answer[1]"])


@pytest.mark.parametrize(("chain", "balance", "said"), [("c", "ewma", 1), ("c", "order", 0), ("default", "ewma", 0)])
def test_a_chain_that_balances_goes_before_its_models(chain: str, balance: str, said: int) -> None:
    models = [DEMO, {**DEMO, "name": "n", "chain": chain, "balance": balance}]
    found = advice(models=models, chains={"c": {"candidates": ["breaker", {"balance": {"by": "round_robin"}}]}})
    assert found == ["models[1].balance: does nothing; the chain c has a step balance of its own."] * said


def test_the_summary_counts_in_words() -> None:
    config = parse(yaml.safe_dump({"models": [{"name": "m", "candidates": ["demo/fast", "demo/demo"]}]}), "x.yaml", {})
    assert summary(config) == f"x.yaml: good. 1 model, 2 candidates, 1 provider, 1 chain ({config.digest})"
