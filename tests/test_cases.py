"""`tests:` of a chain: marble cases that `penstock check` runs in virtual time."""

from __future__ import annotations

import textwrap

import pytest

from pipeline.cases import faults
from pipeline.config import ConfigError, parse
from pipeline.effective import chains

CHAIN = """\
chains:
  default:
    attempt:
      - retry: {times: 1, wait: 1s, longest_wait: 1s}
      - first_event_timeout: {seconds: 5s}
      - idle_timeout: {seconds: 4s}
    request:
      - total_timeout: {seconds: 60}
      - heartbeat: {seconds: 30}
    tests:
"""


def problems(case: str) -> list[str]:
    config = parse(CHAIN + textwrap.indent(f"- {case}\n", "      "), "penstock.yaml", {})
    tests = {name: chain.tests for name, chain in config.chains.items()}
    return [str(problem) for problem in faults(chains(config), tests)]


@pytest.mark.parametrize(
    "case",
    [
        '{source: "-x-y|", expect: "-x-y|"}',
        '{source: ["-x-y|"], expect: "-x-y|", subscriptions: {a: "^---!"}}',
        '{source: ["-#", "-x|"], expect: "----x|", subscriptions: {a: ["^!", "--^!"], b: "---^-!"}}',
        '{source: {fast: "-x|", slow: "-y|"}, expect: "-x|", subscriptions: {slow: []}}',
        '{source: {a: ["-#", "-x|"]}, expect: "---x|", subscriptions: {a: ["^!", "--^-!"]}}',
        '{source: "-x", expect: "-x---#", error: idle_timeout}',
        '{source: "-x", expect: "-x---#", error: timeout}',
        '{source: "-x", expect: "-x---#"}',
        '{source: "-#", failure: 400, expect: "-#", error: bad_request, subscriptions: {a: "^!"}}',
        '{source: "-x--y--|", expect: "-x--y--|", column: 1s}',
        '{source: "x-|", expect: "x-|", column: 500ms}',
        '{source: "-xy|", expect: "-xy|", values: {x: "Hello, ", y: "world"}}',
        '{source: "-x-y", expect: "-x-y"}',
        '{source: ["-x#", "-y|"], expect: "-x#", continues: [b]}',
    ],
)
def test_a_case_that_holds_says_nothing(case: str) -> None:
    assert problems(case) == []


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ('{source: "-x|", expect: "-y|"}', ("came out otherwise", "expected  -y|", "came      -x|")),
        ('{name: mine, source: "-x|", expect: "-x-|"}', ('"mine"', "expected  -x-|", "came      -x|")),
        ('{source: "-x", expect: "-x---#", error: total_timeout}', ("expected total_timeout", "came idle_timeout / timeout")),
        ('{source: "-x|", expect: "-x|", subscriptions: {a: "^!"}}', ("tried a otherwise", "['^!']", "['^-!']")),
        ('{source: "-x|", expect: "-x|", subscriptions: {c: "^-!"}}', ('"c"', "no candidate")),
        ('{source: "-x|y", expect: "-x|"}', ("cannot be read", "something follows the end")),
        ('{source: "-(x|", expect: "-x|"}', ("cannot be read", "not closed")),
        ('{source: "-#", expect: "-#", failure: 400, error: overloaded}', ("bad_request",)),
        ('{source: "-x|", expect: "-(xy)|"}', ("expected  -(xy)|", "came      -x|")),
    ],
)
def test_a_case_that_does_not_hold_shows_both_drawings(case: str, words: tuple[str, ...]) -> None:
    said = "\n".join(problems(case))
    assert said.startswith("penstock.yaml:11:9: chains.default.tests[0]: ")
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("{expect: x}", ("source", "missing")),
        ('{source: "-x|"}', ("expect", "missing")),
        ('{source: "-x|", expct: "-x|", expect: "-x|"}', ("expct", 'mean "expect"')),
        ('{source: "-x|", expect: "-x|", failure: 200}', ("failure", "at least 400")),
        ('{source: "-x|", expect: "-x|", column: 0}', ("column", "more than 0")),
        ("{source: [], expect: x}", ("source", "must not be empty")),
        ("{source: 3, expect: x}", ("source",)),
    ],
)
def test_a_case_that_is_written_wrong_is_told_with_its_line(case: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        problems(case)
    assert caught.value.problems[0].line == 11
    for word in words:
        assert word in str(caught.value)


def test_a_heartbeat_shows_as_h() -> None:
    text = CHAIN.replace("30", "3").replace("4s", "40s") + '      - {source: "x-------|", expect: "x--h--h-|"}\n'
    config = parse(text, "penstock.yaml", {})
    assert list(faults(chains(config), {"default": config.chains["default"].tests})) == []


@pytest.mark.parametrize(
    "step", ["attempt: [{fault: {kind: cut, percent: 99}}]", "request: [{mirror: {to: demo/fast, percent: 99}}]"]
)
def test_a_share_of_the_requests_is_none_of_the_cases(step: str) -> None:
    text = f"chains: {{default: {{{step}, tests: [{', '.join(['{source: -x|, expect: -x|}'] * 20)}]}}}}"
    config = parse(text, "penstock.yaml", {})
    assert list(faults(chains(config), {"default": config.chains["default"].tests})) == []


def test_chance_does_not_decide_which_candidate_a_case_tries_first() -> None:
    text = (
        "chains: {default: {candidates: [{balance: {by: ewma}}], tests: ["
        + ", ".join(["{source: [-x|, -y|], expect: -y|}"] * 20)
        + "]}}"
    )
    config = parse(text, "penstock.yaml", {})
    assert list(faults(chains(config), {"default": config.chains["default"].tests})) == []


@pytest.mark.parametrize(
    ("case", "held"),
    [
        ('{source: ["-x-#", "-y-z|"], continues: [b], expect: "-x--y-z|", subscriptions: {a: "^--!", b: "---^---!"}}', True),
        ('{source: ["-x-#", "-y-z|"], expect: "-x-#", subscriptions: {b: []}}', True),
        ('{source: ["-x-#", "-#"], continues: [b], expect: "-x--#", error: overloaded}', True),
        ('{source: ["-x-#", "-y-z|"], continues: [b], expect: "-x-#"}', False),
        ('{source: ["-x-#", "-y-#", "-z-|"], values: {x: "Hi ", y: " "}, continues: [b, c], expect: "-x-----z-|"}', True),
        ('{source: "-x|", continues: [c], expect: "-x|"}', False),
    ],
)
def test_a_case_says_who_goes_on_with_an_answer_that_broke_off(case: str, held: bool) -> None:
    text = "chains:\n  default:\n    attempt: []\n    answer: [failover, resume]\n    tests:\n" + f"      - {case}\n"
    config = parse(text, "penstock.yaml", {})
    assert (not list(faults(chains(config), {"default": config.chains["default"].tests}))) is held
