"""Chains that cannot be, or make no sense: each is refused with the line of the step, in words that say what to write instead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from operators.chain import Chain, Step
from pipeline.chain import DEFAULT
from pipeline.config import ConfigError, Problem, parse
from pipeline.effective import chains
from pipeline.reasons import reason

ROOT = Path(__file__).resolve().parents[2]
OPENAI = "providers: {openai: {dialect: chat, base_url: https://api.openai.com/v1}}\n"


def problems(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        chains(parse(text, "penstock.yaml", {"WORD": "timeout", "P": "many"}))
    return list(caught.value.problems)


class Bad(NamedTuple):
    """A position of the chain ``own``, its steps in lines of their own, and the words of each line at fault."""

    position: str
    steps: tuple[str, ...]
    faults: dict[int, tuple[str, ...]]


def bad(position: str, *steps: str, **faults: tuple[str, ...]) -> Bad:
    """``at1`` is the first step: it stands in line 5."""
    return Bad(position, steps, {4 + int(name.removeprefix("at")): words for name, words in faults.items()})


CASES: dict[str, Bad] = {
    # What only building a step finds.
    "retry that waits longer than it may": bad(
        "attempt", "retry: {wait: 60s, longest_wait: 1s}", at1=("attempt[0].retry", "longest_wait (1)", "60")
    ),
    "status that no failure has": bad("attempt", "fault: {kind: error, status: 200}", at1=("from 400 to 599", "200")),
    "tokens of bytes": bad("wire", "output_limit: {tokens: 9, as: w}", at1=("w counts tokens", "attempt or request")),
    "half a character": bad("request", 'inject: {system: "a\\ud800"}', at1=("half a character",)),
    "a second one beside the default's": bad(
        "wire", "idle_timeout: {seconds: 1}", at1=("stands already in the default of attempt", "`as: second-idle_timeout`")
    ),
    "redact of nothing": bad("request", "redact", at1=("redact", "needs words or patterns")),
    "redact of an empty word": bad("request", "redact: {words: [a, '']}", at1=("a word is empty",)),
    "pattern that is none": bad("request", "redact: {patterns: ['(a']}", at1=("'(a'", "is wrong", "unterminated")),
    "pattern that matches nothing": bad("request", "redact: {patterns: ['a*']}", at1=("matches the empty text",)),
    "inject of nothing": bad("attempt", "inject", at1=("inject", "give a system text, or headers")),
    "header with a blank": bad("attempt", "inject: {headers: {a b: c}}", at1=("no header name", "letters, digits and dashes")),
    "header that frames": bad("attempt", "inject: {headers: {Content-Length: '3'}}", at1=('"Content-Length"', "own business")),
    "mirror to a misspelt provider": bad(
        "request", "mirror: {to: opnai/gpt}", at1=("no provider 'opnai'", "did you mean 'openai'?")
    ),
    "mirror to a provider alone": bad("request", "mirror: {to: openai}", at1=("'openai'", "expected provider/model")),
    "mirror to any model": bad("request", "mirror: {to: 'openai/*'}", at1=("'openai/*'", "expected provider/model")),
    "mirror to a pattern": bad("request", "mirror: {to: 'openai/gpt-*'}", at1=("'openai/gpt-*'", "expected provider/model")),
    "failover for a misspelt word": bad("answer", "failover: {also: [tiemout]}", at1=("'tiemout'", "did you mean 'timeout'?")),
    "failover never for no word": bad("answer", "failover: {never: [xyzzy]}", at1=("never", "'xyzzy'", "there are")),
    "admit without a limit": bad("request", "admit", at1=("admit", "needs limit")),
    "rate_limit without a limit": bad("request", "rate_limit", at1=("needs requests or tokens",)),
    "burst of nothing": bad("request", "rate_limit: {tokens: 9, burst: 3}", at1=("rate_limit", "burst needs requests")),
    "output_limit without a limit": bad("request", "output_limit", at1=("at least one of bytes, items and tokens",)),
    "cache of less than one answer": bad("request", "cache: {bytes: 10, largest: 20}", at1=("largest", "at most bytes (10)")),
    "edit that leads nowhere": bad("request", "edit: {function: 'nowhere:f'}", at1=("'nowhere:f'", "cannot be imported")),
    "edit by a name that is not there": bad("request", "edit: {function: 'math:sqr'}", at1=("'math:sqr'", "has no 'sqr'")),
    "edit by what is no function": bad("request", "edit: {function: 'math:pi'}", at1=("'math:pi' is not a function",)),
    "edit by a name alone": bad("request", "edit: {function: upper}", at1=("'upper'", '"module:function"')),
    "fault that mixes its options": bad("wire", "fault: {kind: cut, seconds: 3s}", at1=("seconds goes with kind delay only",)),
    "fault that lacks an option": bad("wire", "fault: {kind: delay}", at1=("kind delay needs seconds",)),
    "breaker that cools down backwards": bad(
        "candidates", "breaker: {cool_down: 9s, longest_cool_down: 3s}", at1=("longest_cool_down", "at least cool_down (9)")
    ),
    "step of your own that refuses": bad(
        "wire", "tests.config.steps_of_ones_own:refuses: {limit: 3}", at1=("wire[0]", "refuses: 3 is too few")
    ),
    "step of your own that breaks": bad(
        "wire", "tests.config.steps_of_ones_own:breaks", at1=("breaks cannot be built (KeyError",)
    ),
    "step of your own that gives nothing": bad(
        "wire", "tests.config.steps_of_ones_own:gives_nothing", at1=("gives NoneType", "expected an operator")
    ),
    "step of your own that lacks a resource": bad(
        "wire", "tests.config.steps_of_ones_own:wants", at1=("nobody supplied the resource slots",)
    ),
    # Values in the step itself.
    "step of a wrong name": bad("attempt", "retyr", at1=('no step "retyr"', 'mean "retry"')),
    "option of a wrong name": bad("request", "cache: {byte: 3}", at1=("cache.byte", 'mean "bytes"')),
    "number from the environment": bad("answer", "hedge: {budget: '${P}'}", at1=('"${P}" is not a number', "12.5")),
    "flag that is a word": bad("request", "pace: {least: 3, ends: maybe}", at1=('"maybe" is not true or false',)),
    "list that is a word": bad("answer", "failover: {also: timeout}", at1=("failover.also", "a list")),
    # Orders that make no sense.
    "failover over failover": bad(
        "answer", "failover", "failover: {as: again}", at2=("again takes candidates", "failover below it", "one stream")
    ),
    "hedge over failover": bad("answer", "failover", "hedge", at2=("hedge takes candidates", "failover below it")),
    "resume of nothing": bad("answer", "resume", "failover", at1=("failover or hedge chose", "put one of them before it")),
    "trace of candidates": bad("answer", "trace", "failover", at1=("one stream", "put one of them before it")),
    "two admits": bad(
        "request", "admit: {limit: 3}", "admit: {limit: 4, as: more}", at2=("a slot of admit", "one of more", "keep one admit")
    ),
    "two balances": bad("candidates", "balance", "balance: {as: second}", at2=("second undoes the order", "keep one balance")),
    "two breakers": bad("candidates", "breaker", "breaker: {as: second}", at2=("same circuits", "keep one breaker")),
    "two heartbeats": bad(
        "request", "heartbeat: {seconds: 3}", "heartbeat: {seconds: 9, as: slow}", at2=("never speaks", "keep one heartbeat")
    ),
    "silence above the heartbeat": bad(
        "request",
        "heartbeat: {seconds: 3, as: alive}",
        "idle_timeout: {seconds: 9, as: mine}",
        "pace: {least: 1}",
        at2=("mine waits for a silence", "alive below it", "put it before"),
        at3=("pace waits for a silence",),
    ),
    "heartbeats that are shared": bad(
        "request",
        "heartbeat: {seconds: 3}",
        "share",
        "cache",
        at2=("share would hand one client's heartbeats to another", "before heartbeat"),
        at3=("cache would hand",),
    ),
    # Places.
    "retry after the commit": bad("request", "retry", at1=("retry cannot stand in request", "may be shown already")),
    "heartbeat below failover": bad("attempt", "heartbeat: {seconds: 3}", at1=("heartbeat cannot stand in attempt", "unseen")),
    "step that the default has elsewhere": bad("request", "retry: {as: idle_timeout}", at1=("retry cannot stand",)),
    "name that the default has elsewhere": bad(
        "request", "pace: {least: 1, as: idle_timeout}", at1=("idle_timeout stands already in the default of attempt",)
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_chain_is_refused_with_line_path_and_reason(name: str) -> None:
    position, steps, faults = CASES[name]
    lines = "".join(f"      - {step}\n" for step in steps)
    found = problems(f"{OPENAI}chains:\n  own:\n    {position}:\n{lines}")
    assert [problem.line for problem in found] == list(faults), found
    for problem, words in zip(found, faults.values(), strict=True):
        assert problem.place.path.startswith(f"chains.own.{position}[")
        for word in words:
            assert word in str(problem)
        # What a foreign exception says may hold anything.
        assert "sk-secret" not in str(problem)


def test_a_second_admit_is_found_across_positions_and_steps_of_the_default_do_not_hide_it() -> None:
    (problem,) = problems(
        "chains:\n  own:\n    request: [{admit: {limit: 3}}]\n    attempt:\n      - admit: {limit: 2, as: inner}\n"
    )
    assert (problem.line, problem.place.path) == (3, "chains.own.request[0].admit")


def test_the_faults_of_all_chains_are_told_at_once() -> None:
    found = problems(
        "chains:\n  a:\n    request: [redact, {heartbeat: {seconds: 1}}, cache]\n    attempt: [inject]\n"
        "  b:\n    answer: [resume]\n"
    )
    assert [(problem.line, problem.place.path) for problem in found] == [
        (3, "chains.a.request[0]"),
        (3, "chains.a.request[2]"),
        (4, "chains.a.attempt[0]"),
        (6, "chains.b.answer[0]"),
    ]


# Chains that were composed in Python.

MINE = DEFAULT.before("idle_timeout", Step("redact", {"words": ["secret"]}, "Nothing above ever sees the word."))
EDITED = DEFAULT.before("idle_timeout", Step("edit", {"function": sys.intern}))
INJECTED = DEFAULT.before("idle_timeout", Step("inject", {"system": "Be brief."}))
NAMELESS = DEFAULT.before("idle_timeout", Step("edit", {"function": lambda event: event}))
UNKNOWN = DEFAULT.before("idle_timeout", Step("idle_timout", {"seconds": 3}))
STATION = DEFAULT.before("idle_timeout", Step("tap", {}))
MISPLACED = DEFAULT.at("request", [*DEFAULT.positions["request"], Step("retry", as_="again")])
MISSPELT = DEFAULT.replace("idle_timeout", Step("idle_timeout", {"secs": 3}))
TOO_SMALL = DEFAULT.replace("idle_timeout", Step("idle_timeout", {"seconds": 0}))
UNBUILT = DEFAULT.before("idle_timeout", Step("inject", {}))
DISORDERED = DEFAULT.at("answer", [Step("resume"), Step("failover")])
SILENT = DEFAULT.at("answer", [])
ELSEWHERE = DEFAULT.at("egress", [Step("retry", as_="again")])
NO_CHAIN = {"attempt": ["retry"]}


def here(name: str) -> str:
    return f"chains:\n  mine: '{__name__}:{name}'\n"


def test_a_composed_chain_keeps_its_steps_and_its_reasons() -> None:
    found = chains(parse(here("MINE"), "penstock.yaml", {}))["mine"]
    assert found == MINE


@pytest.mark.parametrize("name", ["MINE", "EDITED", "INJECTED"])
def test_a_composed_chain_has_a_digest_that_stays_and_plain_options(name: str) -> None:
    first, second = (parse(here(name), "penstock.yaml", {}) for _ in range(2))
    assert first.digest == second.digest
    options = {step.label: step.options for _, step in chains(first)["mine"]}
    assert options.get("edit", {"function": "sys:intern"}) == {"function": "sys:intern"}


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("nowhere.at_all:MINE", ('module "nowhere.at_all" cannot be imported', "No module named")),
        (f"{__name__}:MIEN", ("MIEN is not there", "expected a Chain", 'mean "MINE"')),
        (f"{__name__}:NO_CHAIN", ("NO_CHAIN is a dict, not a Chain",)),
        ("math:pi", ("pi is a float, not a Chain", "It has none.")),
        ("MINE", ("expected a mapping of positions, or `module:NAME`",)),
        (":MINE", ("`module:NAME`",)),
        (".own:MINE", ("`module:NAME`",)),
        ("${WORD}:MINE", ("cannot come from the environment",)),
        (f"{__name__}:NAMELESS", ("edit: function is a function without a name", '"module:function"')),
        (f"{__name__}:UNKNOWN", ('no step "idle_timout"', 'mean "idle_timeout"')),
        (f"{__name__}:STATION", ('no step "tap"',)),
        (f"{__name__}:MISPLACED", ("retry cannot stand in request", "may be shown already")),
        (f"{__name__}:TOO_SMALL", ("idle_timeout: seconds is 0", "more than 0")),
        (f"{__name__}:UNBUILT", ("give a system text",)),
        (f"{__name__}:DISORDERED", ("failover or hedge chose",)),
        (f"{__name__}:SILENT", ("answer needs a step that makes one stream",)),
        (f"{__name__}:ELSEWHERE", ("a position egress", "candidates, wire, attempt, answer and request")),
    ],
)
def test_a_composed_chain_that_is_wrong_is_told_at_its_reference(reference: str, words: tuple[str, ...]) -> None:
    (problem,) = problems(f"chains:\n  mine: '{reference}'\n")
    assert (problem.line, problem.place.path) == (2, "chains.mine")
    for word in words:
        assert word in str(problem)


def test_a_composed_chain_whose_module_raises_is_told_without_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("chains_that_break.py").write_text("raise RuntimeError('sk-secret')")
    monkeypatch.syspath_prepend(tmp_path)
    (problem,) = problems("chains:\n  mine: 'chains_that_break:MINE'\n")
    assert str(problem).endswith("chains_that_break:MINE cannot be used (RuntimeError while it was imported).")


def test_a_composed_chain_with_a_misspelt_option_is_told_with_all_that_is_wrong_with_it() -> None:
    told = [str(problem) for problem in problems(here("MISSPELT"))]
    assert any("'secs'; did you mean 'seconds'?" in line for line in told)
    assert any("seconds is missing" in line for line in told)


def test_every_step_has_a_reason_for_every_place_where_it_can_stand() -> None:
    from pipeline.config.places import PLACES

    for name, places in PLACES.items():
        for position in places.positions:
            assert reason(name, position).endswith("."), f"{name} in {position}"


# The real command.


def real(folder: Path, *arguments: str, **env: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("command", [("check",), ("show",), ("serve", "--port", "0")], ids=lambda command: command[0])
def test_every_command_tells_all_faults_of_chains_and_no_traceback(command: tuple[str, ...], tmp_path: Path) -> None:
    tmp_path.joinpath("penstock.yaml").write_text(
        "chains:\n  default:\n    request:\n"
        "      - redact\n      - mirror: {to: dmo/x}\n      - {heartbeat: {seconds: 3}}\n      - cache\n"
    )
    ran = real(tmp_path, *command)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert [line.partition(": ")[0] for line in ran.stderr.splitlines()] == [
        "penstock.yaml:4:9",
        "penstock.yaml:5:9",
        "penstock.yaml:7:9",
    ]


def test_a_chain_of_ones_own_module_is_served_from_the_folder_and_its_faults_are_told(tmp_path: Path) -> None:
    tmp_path.joinpath("own_chains.py").write_text(
        "from pipeline.chain import DEFAULT\nfrom operators.chain import Step\n"
        "def shout(event):\n    return event\n"
        "GOOD = DEFAULT.before('retry', Step('edit', {'function': shout}, 'Nearest to the provider.'))\n"
        "BAD = DEFAULT.before('retry', Step('edit', {'function': lambda event: event}))\n"
    )
    tmp_path.joinpath("penstock.yaml").write_text("chains: {mine: 'own_chains:GOOD'}\n")
    shown = real(tmp_path, "show")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "edit function: own_chains:shout" in shown.stdout
    assert "Nearest to the provider." in shown.stdout
    tmp_path.joinpath("penstock.yaml").write_text("chains: {mine: 'own_chains:BAD'}\n")
    served = real(tmp_path, "serve", "--port", "0")
    assert (served.returncode, served.stdout) == (1, "")
    assert served.stderr.startswith(
        "penstock.yaml:1:16: chains.mine: own_chains:BAD: edit: function is a function without a name"
    )


def test_a_chain_is_data_that_order_can_judge_without_a_file() -> None:
    from pipeline.order import contradictions

    chain = Chain({"answer": [Step("failover"), Step("hedge")]})
    ((step, other, sentence),) = contradictions(chain)
    assert (step.name, other.name) == ("hedge", "failover")
    assert sentence.startswith("hedge takes candidates")
    assert list(contradictions(DEFAULT)) == []
    assert list(contradictions(Chain({"answer": []}))) == []


def test_a_word_that_two_candidates_say_together_is_not_left_to_one_of_them() -> None:
    text = "chains:\n  own:\n    attempt: [{redact: {words: [a]}}]\n    answer: [failover, resume]\n"
    (problem,) = problems(text)
    assert problem.line == 3
    assert "misses a word that another candidate ends" in str(problem)
    assert "put it in request" in str(problem)


def test_what_a_mapping_holds_is_not_told() -> None:
    text = "chains:\n  own:\n    attempt:\n      - inject: {headers: {x-a: sk-secret, x-b: [1]}}\n"
    with pytest.raises(ConfigError) as caught:
        chains(parse(text, "penstock.yaml", {}))
    assert "sk-secret" not in str(caught.value)


SECRETS = DEFAULT.before("idle_timeout", Step("redact", {"words": ["hunter2", 5], "longest": 3}))
HEADERS = DEFAULT.before("idle_timeout", Step("inject", {"headers": {"x-key": 5, "authorization": "Bearer hunter2"}}))


@pytest.mark.parametrize(
    "text",
    [
        here("SECRETS"),
        here("HEADERS"),
        "chains:\n  a:\n    request: [{redact: {words: hunter2}}]\n",
        "chains:\n  a:\n    request: [{redact: {words: [hunter2, 5]}}]\n",
        "chains:\n  a:\n    request: [{redact: {patterns: hunter2}}]\n",
        "chains:\n  a:\n    request: [{redact: {words: [hunter2], longest: 3}}]\n",
        "chains:\n  a:\n    request: [{inject: {headers: {x: 5, authorization: hunter2}}}]\n",
    ],
)
def test_a_fault_does_not_tell_what_must_not_be_read(text: str) -> None:
    said = "\n".join(map(str, problems(text)))
    assert said
    assert "hunter2" not in said


def test_a_configuration_as_a_text_does_not_tell_it_either() -> None:
    text = "chains:\n  a:\n    request: [{redact: {words: [hunter2]}}, {inject: {headers: {authorization: hunter2}}}]\n"
    config = parse(text, "penstock.yaml", {})
    assert "hunter2" not in repr(config)
    assert "hunter2" not in repr(chains(config))
