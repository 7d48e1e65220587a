"""``penstock schema``: a valid JSON Schema that says what the loader says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from pipeline.config import POSITIONS, ConfigError, parse
from pipeline.config.schema import json_schema
from pipeline.config.sections import File
from tests.config.test_bad import CASES

EXAMPLE = Path(__file__).resolve().parents[2] / "penstock.example.yaml"


@pytest.fixture(scope="module")
def judge() -> Draft202012Validator:
    return Draft202012Validator(json_schema())


def test_the_schema_is_a_valid_one() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_the_schema_takes_the_example(judge: Draft202012Validator) -> None:
    judge.validate(yaml.safe_load(EXAMPLE.read_text()))


# Faults that are not about shape: references, uniqueness, the environment, and what only the loader can know.
BY_SHAPE = [
    name
    for name in CASES
    if name.startswith(("unknown ", "no ", "port", "time", "size", "empty", "flag", "mapping of", "list", "text expected"))
    and name not in ("unknown alias", "unknown chain", "no URL")
    and not name.startswith("unknown provider")
]


@pytest.mark.parametrize("name", [name for name in BY_SHAPE if "environment" not in name and name != "no use"])
def test_the_schema_refuses_what_the_loader_refuses_for_its_shape(name: str, judge: Draft202012Validator) -> None:
    assert not judge.is_valid(yaml.safe_load(CASES[name].text))


@pytest.mark.parametrize(
    "text",
    [
        "server: {workers: 0}",
        "server: {keys: [{name: a, key: b, tokens_per_minute: 0}]}",
        "models: [{name: m, candidates: [{use: demo/fast, price: {input: -1, output: 1}}]}]",
    ],
)
def test_the_schema_knows_the_bounds_of_numbers(text: str, judge: Draft202012Validator) -> None:
    assert not judge.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "server: {port: '${PORT}', drain: '${DRAIN:-3s}', body_limit: '${LIMIT}'}",
        "providers: {a: {dialect: '${DIALECT}', base_url: '${URL}', max_in_flight: '${MANY:-3}'}}",
        "chains: {default: {attempt: [{retry: {times: '${TIMES}'}}, {my.steps:guard: {anything: [1]}}]}}",
        "chains: {default: {answer: [failover], wire: [{buffer_limit: {bytes: 2MiB}}]}}",
    ],
)
def test_the_schema_takes_variables_and_steps_in_every_form(text: str, judge: Draft202012Validator) -> None:
    judge.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "chains: {default: {attempt: [{idle_timeout: {secs: 3}}]}}",
        "chains: {default: {attempt: [idle_timeout]}}",
        "chains: {default: {attempt: [{idle: {seconds: 3}}]}}",
        "chains: {default: {attempt: [{retry: {times: 1}, idle_timeout: {seconds: 3}}]}}",
    ],
)
def test_the_schema_and_the_loader_refuse_the_same_steps(text: str, judge: Draft202012Validator) -> None:
    assert not judge.is_valid(yaml.safe_load(text))
    with pytest.raises(ConfigError):
        parse(text, "penstock.yaml", {})


@pytest.mark.parametrize(
    "step",
    [
        "attempt: [{idle_timeout: {seconds: 3, as: strict}}, {idle_timeout: {seconds: 500ms}}]",
        "attempt: [{inject: {system: Be brief., headers: {x-team: blue}}}]",
        "attempt: [{edit: {function: 'sys:intern'}}]",
        "attempt: [{retry: {jitter: false, within: null}}, {retry: {jitter: '${WORD}', as: other}}]",
        "answer: [{hedge: {budget: 10, percentile: 99.5}}]",
        "answer: [{hedge: {budget: '12.5', delay: 2s}}]",
        "answer: [{hedge: {budget: '${PERCENT}'}}]",
        "candidates: [{balance: {by: ewma}}, {breaker: {error_rate: 0.5}}]",
        "answer: [{failover: {also: [bad_request], never: [], most: 2}}]",
        "request: [{redact: {words: [a], patterns: ['b+'], replacement: '', ignore_case: true}}]",
        "request: [{mirror: {to: demo/slow, percent: 0.5, most: 3, longest: 1m}}]",
        "wire: [{fault: {kind: error, status: 503, percent: 10, times: 3}}]",
        "tests: [{source: '-x|', expect: '-x|'}]",
        "tests: [{source: ['-#', '-x|'], expect: '--x|', failure: 429, column: 10s}]",
        "tests: [{source: ['-#', '-#'], expect: '----#', failures: {a: 429, b: [503, 400]}}]",
        "tests: [{source: [['-#', '-x|'], '-y|'], expect: '-x|'}]",
        "tests: [{source: {a: ['-#', '-x|']}, expect: '-x|', subscriptions: {a: '^-!', b: []}, values: {x: longer}}]",
    ],
)
def test_the_schema_and_the_loader_take_the_same_options_and_cases(step: str, judge: Draft202012Validator) -> None:
    text = f"chains: {{own: {{{step}}}}}"
    judge.validate(yaml.safe_load(text))
    parse(text, "penstock.yaml", {"WORD": "true", "PERCENT": "5"})


@pytest.mark.parametrize(
    "step",
    [
        "attempt: [{idle_timeout: {seconds: 0}}]",
        "attempt: [{idle_timeout: {seconds: 3, as: 'a b'}}]",
        "attempt: [{inject: {headers: [x-team]}}]",
        "attempt: [{inject: {headers: {x-team: 3}}}]",
        "attempt: [{edit: {function: 3}}]",
        "attempt: [{retry: {times: -1}}]",
        "attempt: [{retry: {jitter: 3}}]",
        "answer: [{hedge: {budget: 101}}]",
        "answer: [{hedge: {budget: 5s}}]",
        "candidates: [{balance: {by: fastest}}]",
        "candidates: [{breaker: {error_rate: 2}}]",
        "answer: [{failover: {also: bad_request}}]",
        "answer: [{failover: {also: [3]}}]",
        "request: [{mirror: {percent: 3}}]",
        "tests: [{source: '-x|'}]",
        "tests: [{source: '-x|', expect: 3}]",
        "tests: [{source: '-x|', expect: '-x|', failure: 200}]",
        "tests: [{source: '-x|', expect: '-x|', failures: {a: 200}}]",
        "tests: [{source: '-x|', expect: '-x|', failures: {a: [200]}}]",
        "tests: [{source: '-x|', expect: '-x|', failures: [429]}]",
        "tests: [{source: '-x|', expect: '-x|', expcet: ''}]",
        "tests: [{source: {a: 3}, expect: '-x|'}]",
        "tests: [{source: [[3]], expect: '-x|'}]",
    ],
)
def test_the_schema_and_the_loader_refuse_the_same_options_and_cases(step: str, judge: Draft202012Validator) -> None:
    text = f"chains: {{own: {{{step}}}}}"
    assert not judge.is_valid(yaml.safe_load(text))
    with pytest.raises(ConfigError):
        parse(text, "penstock.yaml", {})


def _properties(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    sections = [schema, *(part for name, part in schema["$defs"].items() if name != "Step")]
    return [
        (f"{part.get('description')}: {name}", item) for part in sections for name, item in part.get("properties", {}).items()
    ]


def test_every_key_is_described() -> None:
    schema = json_schema()
    assert len(_properties(schema)) > 40
    for name, item in _properties(schema):
        target = schema["$defs"].get(str(item.get("$ref", "")).rpartition("/")[2], item)
        assert item.get("description") or target.get("description"), name


def test_every_example_of_the_schema_is_taken_by_the_loader(judge: Draft202012Validator) -> None:
    """Messages show them: an example that is wrong itself would teach nonsense."""
    schema = File.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        for name, item in part["properties"].items():
            for example in item.get("examples", ()):
                published = json_schema()
                holder = published if part is schema else published["$defs"][part["title"]]
                check = {"$defs": published["$defs"], **holder["properties"][name]}
                Draft202012Validator(check).validate(example)


def test_the_positions_of_a_chain_are_keys_of_the_schema() -> None:
    assert set(POSITIONS) <= set(json_schema()["$defs"]["ChainSection"]["properties"])
