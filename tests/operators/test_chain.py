"""A chain is data: named, ordered, printable, edited into new chains, built once."""

from __future__ import annotations

from typing import Any

import pytest

from operators import Chain, ChainError, Elapsed, Step, Stream, first_event_timeout
from operators.testing import Marbles
from tests.operators.items import ITEMS

RETRY = Step("retry", {"times": 2, "wait": 1, "jitter": False}, "innermost")
FIRST = Step("first_event_timeout", {"seconds": 4}, "above retry")
IDLE = Step("idle_timeout", {"seconds": 3})
LIMIT = Step("output_limit", {"bytes": 100})


@pytest.fixture
def chain() -> Chain:
    return Chain({"attempt": [RETRY, FIRST], "request": [LIMIT]})


def names(chain: Chain) -> list[tuple[str, str]]:
    return [(position, step.label) for position, step in chain]


def test_positions_and_steps_keep_their_order(chain: Chain) -> None:
    assert names(chain) == [("attempt", "retry"), ("attempt", "first_event_timeout"), ("request", "output_limit")]


def test_editing_gives_a_new_chain_and_leaves_the_old_one(chain: Chain) -> None:
    before = names(chain)
    assert names(chain.before("retry", IDLE))[:2] == [("attempt", "idle_timeout"), ("attempt", "retry")]
    assert names(chain.after("retry", IDLE))[:2] == [("attempt", "retry"), ("attempt", "idle_timeout")]
    assert names(chain.replace("retry", IDLE))[0] == ("attempt", "idle_timeout")
    assert names(chain.without("retry")) == before[1:]
    assert names(chain.at("wire", [IDLE]))[-1] == ("wire", "idle_timeout")
    assert names(chain.at("attempt", []))[0] == ("request", "output_limit")
    assert names(chain) == before


def test_an_edit_of_a_step_that_is_not_there_names_the_nearest(chain: Chain) -> None:
    with pytest.raises(ChainError, match=r"no step is called 'retri'; did you mean 'retry'\?"):
        chain.without("retri")
    with pytest.raises(ChainError, match="there are first_event_timeout, output_limit, retry"):
        chain.before("nothing like it", IDLE)


def test_a_step_may_stand_twice_under_two_names(chain: Chain) -> None:
    strict = Step("idle_timeout", {"seconds": 1}, as_="strict")
    twice = chain.after("retry", IDLE).after("first_event_timeout", strict)
    assert [label for _, label in names(twice)][:4] == ["retry", "idle_timeout", "first_event_timeout", "strict"]
    assert [label for _, label in names(twice.without("strict"))][:3] == ["retry", "idle_timeout", "first_event_timeout"]
    with pytest.raises(ChainError, match="two steps are called 'idle_timeout'"):
        chain.after("retry", IDLE).after("retry", IDLE)


def test_as_a_text_it_does_not_show_what_must_not_be_read() -> None:
    headers = {"authorization": "Bearer sk-1"}
    steps = [Step("redact", {"words": ["hunter2"], "patterns": ["sk-.*", "a"]}), Step("mine:inject", {"headers": headers})]
    chain = Chain({"request": steps})
    assert chain.describe() == ("request\n  redact(words=1 hidden, patterns=2 hidden)\n  mine:inject(headers={authorization})")
    for text in (chain.describe(), repr(chain), *map(str, steps), *map(repr, steps)):
        assert "hunter2" not in text
        assert "sk-" not in text


def test_is_compared_as_data(chain: Chain) -> None:
    same = Chain({"attempt": [RETRY, FIRST], "request": [LIMIT]})
    assert chain == same
    assert hash(chain) == hash(same)
    assert chain.without("retry") != chain
    assert chain != Chain({"request": [LIMIT], "attempt": [RETRY, FIRST]})
    assert chain != "chain"
    assert repr(chain) == repr(same)
    assert "<Step retry(times=2" in repr(chain)


def test_cannot_be_changed(chain: Chain) -> None:
    with pytest.raises(AttributeError, match="a chain does not change"):
        chain.positions = {}
    with pytest.raises(TypeError):
        chain.positions["attempt"] = ()  # type: ignore[index]
    with pytest.raises(AttributeError):
        RETRY.name = "other"  # type: ignore[misc]


def test_describes_itself_a_step_a_line_with_options_and_reason(chain: Chain) -> None:
    assert chain.replace("output_limit", Step("output_limit", {"bytes": 9}, as_="small")).describe().splitlines() == [
        "attempt",
        "  retry(times=2, wait=1, jitter=False)    innermost",
        "  first_event_timeout(seconds=4)          above retry",
        "request",
        "  output_limit(bytes=9) as small",
    ]
    assert Chain({"empty": []}).describe() == "empty"


def test_the_first_step_is_nearest_to_the_source(t: Marbles, chain: Chain) -> None:
    """The time limit stands above retry: it covers all tries together."""
    source = t.cold("-#")
    operator = chain.build("attempt")
    t.check(operator(source), "----#", error=Elapsed)
    t.subs(source, "^!", "--^!")


def test_is_built_once_and_applied_to_many_sources(t: Marbles, chain: Chain) -> None:
    operator = chain.build("attempt")
    for _ in range(2):
        t.check(operator(t.cold("-a|")), "-a|")


def test_a_position_without_steps_changes_nothing(t: Marbles) -> None:
    source = t.cold("-a|")
    assert Chain({"attempt": []}).build("attempt")(source) is source


def test_an_unknown_position_is_an_error(chain: Chain) -> None:
    with pytest.raises(ChainError, match="no position 'atempt'; there are attempt, request"):
        chain.build("atempt")


def test_resources_go_to_the_steps_that_ask_for_them(t: Marbles) -> None:
    chain = Chain({"request": [Step("heartbeat", {"seconds": 2}), Step("total_timeout", {"seconds": 5})]})
    operator = chain.build("request", {"beat": ITEMS["s"], "of no use": 1})
    t.check(operator(t.cold("-------|")), "--s-s#", values=ITEMS, error=Elapsed)


def test_a_missing_resource_is_a_build_error_that_names_it() -> None:
    with pytest.raises(ChainError, match="heartbeat: nobody supplied the resource beat"):
        Chain({"request": [Step("heartbeat", {"seconds": 2})]}).build("request")


def test_a_wrong_option_is_a_build_error() -> None:
    with pytest.raises(ChainError, match="idle_timeout: seconds is 'x'; expected a number, more than 0"):
        Chain({"attempt": [Step("idle_timeout", {"seconds": "x"})]}).build("attempt")


def test_what_the_factory_itself_refuses_is_a_build_error() -> None:
    with pytest.raises(ChainError, match=r"retry: wait must be at most longest_wait \(2\), not 3"):
        Chain({"attempt": [Step("retry", {"wait": 3})]}).build("attempt")


def own(seconds: float = 1.0) -> Any:
    """An operator of somebody else's."""
    return first_event_timeout(seconds)


def test_a_function_of_your_own_is_a_step(t: Marbles) -> None:
    step = Step(f"{__name__}:own", {"seconds": 3})
    t.check(step.build({})(t.cold("-----a|")), "---#", error=Elapsed)
    assert isinstance(step.build({})(t.cold("-")), Stream)


def test_each_step_may_be_supplied_with_its_own(t: Marbles) -> None:
    asked: list[str] = []

    def supply(step: Step) -> dict[str, Any]:
        asked.append(step.label)
        return {"beat": "h"} if step.name == "heartbeat" else {}

    guard = Chain({"request": [LIMIT, Step("heartbeat", {"seconds": 2})]}).build("request", supply)
    t.check(guard(t.cold("-a---|")), "-a-h-|")
    assert asked == ["output_limit", "heartbeat"]
