"""`tests:` of a chain: marble cases that `penstock check` runs in virtual time."""

from __future__ import annotations

import textwrap
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.cases import faults
from pipeline.config import ConfigError, parse
from pipeline.drawings import draw_try
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
        '{source: ["-#", "-#"], failures: {b: 400}, expect: "----#", error: bad_request, subscriptions: {b: "---^!"}}',
        '{source: {a: "-#", b: "-x|"}, failures: {a: [503, 400]}, expect: "---#", error: bad_request, subscriptions: {b: []}}',
        '{source: "-x--y--|", expect: "-x--y--|", column: 1s}',
        '{source: "x-|", expect: "x-|", column: 500ms}',
        '{source: "-xy|", expect: "-xy|", values: {x: "Hello, ", y: "world"}}',
        '{source: "-x-y", expect: "-x-y"}',
        '{source: ["-x#", "-y|"], expect: "-x#", continues: [b]}',
        '{source: "-x-|", expect: "-x-|", values: {x: "s"}}',
        '{source: "-x-|", expect: "-x-|", values: {x: "#"}}',
        '{source: "-x-|", expect: "-x-|", values: {x: "|"}}',
        '{source: "-x-|", expect: "-x-|", values: {x: "h"}}',
        '{source: "-s-x---|", expect: "---(sx)|", values: {x: "s"}}',
        '{source: "-s-x|", expect: "-y-x|", values: {s: "Hello", y: "Hello"}}',
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
        ('{source: "-x|", expect: "-x|", failures: {c: 429}}', ('"c"', "no candidate")),
        ('{source: "-x|", expect: "-x|", subscriptions: {c: "^-!"}}', ('"c"', "no candidate")),
        ('{source: "-x|y", expect: "-x|"}', ("cannot be read", "something follows the end")),
        ('{source: "-(x|", expect: "-x|"}', ("cannot be read", "not closed")),
        ('{source: "-#", expect: "-#", failure: 400, error: overloaded}', ("bad_request",)),
        ('{source: "-x|", expect: "-(xy)|"}', ("expected  -(xy)|", "came      -x|")),
        ('{source: "-x|", expect: "-s|", values: {x: "s"}}', ("expected  -s|", "came      -x|")),
        ('{source: "-x|", expect: "-#", values: {x: "#"}}', ("expected  -#", "came      -x|")),
        ('{source: "-x|", expect: "-y|", values: {x: "h", y: "s"}}', ("expected  -y|", "came      -x|")),
        ('{source: "-x-|", expect: "-h-|", values: {x: "h"}}', ("expected  -h-|", "came      -x-|")),
        ('{source: "-#", expect: "-#", failure: 400, error: bad_reqest}', ("came bad_request", "did you mean 'bad_request'?")),
        ('{source: "-x|", expect: "-x|", error: idle_timeout}', ("names the error idle_timeout, but its expect draws no #",)),
        ('{source: "-x|", expect: "-x|", error: idle_timout}', ("draws no #; did you mean 'idle_timeout'?",)),
        ('{source: {a: [], b: "-x|"}, expect: "-x|"}', ("draws nothing for the source a", "drawn as -")),
        ('{source: "-h-|", expect: "-h-|"}', ("draws an h in the source a", "the gateway's own")),
        ('{source: "-x", expect: "-x---|"}', ("expected  -x---|", "came      -x---#", "is      idle_timeout / timeout")),
        ('{source: "-xyz", expect: "-(xy)z"}', ("expected  -(xy)z", "came      -xyz")),
        ('{source: "-x--|", column: 500ms, expect: "-y--|", values: {y: "long"}}', ("expected  -y--|", "came      -x--|")),
        ('{source: ["-#", "-x|"], expect: "----x|", column: 2s}', ("came      ---x|   (x came at 3.5, between two columns; |",)),
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
        ('{source: "-x|", expect: "-x|", failures: {a: 200}}', ('failures.a: "200" must be at least 400',)),
        ('{source: "-x|", expect: "-x|", failures: {a: [429, x]}}', ('failures.a[1]: "x" is not a whole number',)),
        ('{source: "-x|", expect: "-x|", failures: 429}', ("a mapping",)),
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


def test_a_chain_that_mirrors_every_request_can_pass_a_case() -> None:
    text = (
        "chains: {default: {request: [{mirror: {to: demo/fast, percent: 100}}], tests: ["
        "{source: -x|, expect: -x|}, {source: -x-#, expect: -x-#, error: overloaded}]}}"
    )
    config = parse(text, "penstock.yaml", {})
    assert list(faults(chains(config), {"default": config.chains["default"].tests})) == []


def silence(before: int, width: int, column: Decimal, expect: str = "") -> list[str]:
    """What a case says of a text in column ``before`` that nothing follows, where that is an error ``width`` columns later."""
    drawn = "-" * before + "x"
    text = (
        f"chains: {{default: {{attempt: [{{idle_timeout: {{seconds: {column * width}}}}}], request: [], tests: ["
        f'{{source: "{drawn}{expect}", expect: "{drawn}{expect or "-" * (width - 1) + "#"}", column: {column}}}]}}}}'
    )
    config = parse(text, "penstock.yaml", {})
    return [str(problem) for problem in faults(chains(config), {"default": config.chains["default"].tests})]


columns = st.decimals("0.001", "100", places=3)


@settings(max_examples=50, deadline=None)
@given(before=st.integers(0, 40), width=st.integers(1, 40), column=columns)
@example(before=6, width=3, column=Decimal("0.1"))
@example(before=7, width=2, column=Decimal("0.2"))
@example(before=3, width=6, column=Decimal("0.3"))
def test_a_case_holds_however_long_its_columns_are(before: int, width: int, column: Decimal) -> None:
    """Also where the binary sum of two times is a little more, or less, than their decimal one."""
    assert silence(before, width, column) == []


@settings(max_examples=50, deadline=None)
@given(before=st.integers(0, 40), width=st.integers(1, 40), column=st.decimals("0.01", "100", places=3))
@example(before=1, width=2, column=Decimal("0.1"))
@example(before=6, width=3, column=Decimal("0.1"))
def test_what_comes_in_the_last_moment_comes_in_time_however_long_the_columns_are(
    before: int, width: int, column: Decimal
) -> None:
    assert silence(before, width, column, "-" * (width - 1) + "y|") == []


@pytest.mark.parametrize(
    ("times", "drawn"),
    [
        ((0.0, 1.0), "^!"),
        ((2.0, 5.0), "--^--!"),
        ((1.0,), "-^"),
        ((0.5,), "0.5 on"),
        ((0.0, 0.5), "0 to 0.5"),
        ((2.0, 2.0), "2 to 2"),
    ],
)
def test_a_try_is_drawn_or_said_in_numbers_where_no_column_fits(times: tuple[float, ...], drawn: str) -> None:
    assert draw_try(*times) == drawn
