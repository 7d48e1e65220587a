"""Chains: names and options of steps are those of the operators' own signatures."""

from __future__ import annotations

from pathlib import Path

import pytest

from operators.catalog import CATALOG
from pipeline.config import ConfigError, StepConfig, parse
from pipeline.config.places import PLACES


def steps(position: str, items: str) -> tuple[StepConfig, ...]:
    config = parse(f"chains:\n  own:\n    {position}: {items}\n", "penstock.yaml", {"WAIT": "2m"})
    return config.chains["own"].positions[position]


def test_a_chain_holds_only_the_positions_that_the_file_writes() -> None:
    config = parse("chains: {default: {wire: [], request: [{heartbeat: {seconds: 3}}]}}", "penstock.yaml", {})
    assert {name: [step.name for step in found] for name, found in config.chains["default"].positions.items()} == {
        "wire": [],
        "request": ["heartbeat"],
    }


@pytest.mark.parametrize(
    ("position", "items", "expected"),
    [
        ("answer", "[failover]", [("failover", {})]),
        ("answer", "[{failover: }]", [("failover", {})]),
        ("answer", "[{failover: {}}]", [("failover", {})]),
        ("attempt", "[retry, {idle_timeout: {seconds: 500ms}}]", [("retry", {}), ("idle_timeout", {"seconds": 0.5})]),
        ("attempt", "[{retry: {times: 3, wait: 1s}}]", [("retry", {"times": 3, "wait": 1.0})]),
        ("request", "[{output_limit: {bytes: 16MiB, items: 9}}]", [("output_limit", {"bytes": 16 * 1024**2, "items": 9})]),
        ("request", "[{total_timeout: {seconds: '${WAIT}'}}]", [("total_timeout", {"seconds": 120.0})]),
        ("candidates", "[{breaker: {failures: 2, cool_down: 1m}}]", [("breaker", {"failures": 2, "cool_down": 60.0})]),
        ("wire", "[{operators.retry:retry: {wait: 3s}}]", [("operators.retry:retry", {"wait": 3.0})]),
        ("candidates", "[{balance: {by: order}}]", [("balance", {"by": "order"})]),
    ],
)
def test_a_step_is_a_name_with_converted_options(position: str, items: str, expected: list[tuple[str, dict[str, float]]]) -> None:
    assert [(step.name, dict(step.options)) for step in steps(position, items)] == expected


def test_a_step_knows_its_place() -> None:
    where = steps("attempt", "[retry, {idle_timeout: {seconds: 3}}]")[1].where
    assert (str(where), where.path) == ("penstock.yaml:3:23", "chains.own.attempt[1].idle_timeout")


@pytest.mark.parametrize(
    ("position", "items", "words"),
    [
        ("attempt", "[idle_timout]", ('no step "idle_timout"', 'mean "idle_timeout"')),
        ("attempt", "[xyzzy]", ('no step "xyzzy"', "There are", "retry", "module:function")),
        ("candidates", "[{balance: {by: oder}}]", ("balance.by", "one of", "'order'")),
        ("request", "[{pace: {least: 5s}}]", ("pace.least", "is not a number")),
        ("answer", "[{hedge: {budget: 101}}]", ("hedge.budget", "at most 100")),
        ("attempt", "[{edit: {function: 3}}]", ("edit.function", "module:function")),
        ("request", "[{inject: {headers: [a]}}]", ("inject.headers", "a mapping")),
        ("request", "[retry]", ("retry cannot stand in request", "belongs to attempt", "may be shown already")),
        ("attempt", "[resume]", ("resume cannot stand in attempt", "belongs to answer")),
        ("attempt", "[{idle_timeout: {seconds: 3, as: 'a b'}}]", ("idle_timeout.as", "letters")),
        ("candidates", "[{balance: {bye: order}}]", ("balance.bye", 'mean "by"')),
        ("request", "[balance]", ("balance cannot stand in request", "belongs to candidates")),
        ("attempt", "['${WAIT}']", ("cannot come from the environment",)),
        ("request", "[tap]", ('no step "tap"',)),
        ("attempt", "[{idle_timeout: {secs: 3}}]", ("idle_timeout.secs", "no such option", 'mean "seconds"')),
        ("answer", "[{failover: {seconds: 3}}]", ("failover.seconds", "It has also, never and most")),
        ("attempt", "[idle_timeout]", ("needs the option seconds",)),
        ("attempt", "[{idle_timeout: {seconds: long}}]", ('"long" is not a time', "500ms")),
        ("attempt", "[{idle_timeout: {seconds: 0}}]", ('"0"', "more than 0")),
        ("attempt", "[{idle_timeout: {seconds: true}}]", ('"true" is not',)),
        ("attempt", "[{idle_timeout: {seconds: [3]}}]", ("idle_timeout.seconds", "is not")),
        ("attempt", "[{retry: {times: 1.5}}]", ('"1.5" is not', "whole")),
        ("wire", "[{buffer_limit: {bytes: 3 stone}}]", ('"3 stone" is not a size', "1MiB")),
        ("attempt", "[{idle_timeout: 3}]", ("options of idle_timeout as a mapping", "Example")),
        ("attempt", "[3]", ("expected one step", "Example")),
        ("attempt", "[{}]", ("expected one step",)),
        ("attempt", "[{retry: {times: 1}, idle_timeout: {seconds: 3}}]", ("expected one step",)),
        ("attempt", "[retry, retry]", ("retry stands already in line 3", "as: second-retry")),
        ("attempt", "[heartbeat]", ("heartbeat cannot stand in attempt", "belongs to request")),
        ("request", "[{failover: }]", ("failover cannot stand in request", "belongs to answer")),
        ("answer", "[]", ("one stream of the candidates", "failover")),
        ("wire", "[nowhere.at.all:guard]", ("nowhere.at.all:guard", "cannot be imported")),
        ("wire", "[operators.retry:guard]", ("has no 'guard'",)),
        ("wire", "{buffer_limit: {bytes: 3}}", ("chains.own.wire", "expected a list")),
    ],
)
def test_a_wrong_step_is_told_with_line_and_way_out(position: str, items: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        steps(position, items)
    (problem,) = caught.value.problems
    assert problem.line == 3
    for word in words:
        assert word in str(problem)


def test_an_operator_may_stand_twice_under_two_names() -> None:
    found = steps("attempt", "[{idle_timeout: {seconds: 3, as: strict}}, {idle_timeout: {seconds: 9}}]")
    assert [(step.name, step.label, dict(step.options)) for step in found] == [
        ("idle_timeout", "strict", {"seconds": 3}),
        ("idle_timeout", "idle_timeout", {"seconds": 9}),
    ]


def test_a_list_of_marble_cases_may_be_empty() -> None:
    assert parse("chains: {default: {tests: []}}", "penstock.yaml", {}).chains["default"].tests == ()


def test_a_chain_of_a_model_may_be_the_built_in_one_or_one_of_the_file() -> None:
    text = "models: [{name: a, candidates: [demo/demo], chain: own}]\nchains: {own: {}}\n"
    assert parse(text, "penstock.yaml", {}).models[0].chain == "own"
    with pytest.raises(ConfigError, match="expected a mapping"):
        parse("chains: {own: [retry]}", "penstock.yaml", {})


def test_every_step_of_the_catalogue_has_its_places_or_is_the_gateways_own() -> None:
    """A new operator fails here until somebody decides where a configuration may put it."""
    assert set(CATALOG) - set(PLACES) == {"measure", "tap", "through", "watch"}
    assert set(PLACES) <= set(CATALOG)


def test_a_step_of_your_own_that_cannot_be_imported_is_a_fault_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("broken_steps.py").write_text("raise RuntimeError('sk-secret')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"penstock\.yaml:3:12: .*broken_steps:guard cannot be used \(RuntimeError"):
        steps("wire", "[broken_steps:guard]")
