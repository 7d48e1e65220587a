"""The signature is the schema: options, resources, and messages that teach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest

import operators
from operators import CATALOG, ChainError, catalog
from operators.options import Maximum, Minimum, Percent, Seconds
from operators.signature import signature

README = Path(operators.__file__).parent / "README.md"


def factory(
    shared: Mapping[str, int],
    words: list[str],
    *,
    mode: Literal["a", "b"] = "a",
    maybe: Seconds | None = None,
    part: Percent = 5,
    strict: bool = False,
    when: Callable[[Exception], bool] | None = None,
    **rest: Any,
) -> Any:
    """Takes one of everything."""
    return shared, words, mode, maybe, part, strict, when


EVERYTHING = f"{__name__}:factory"


def test_plain_data_is_an_option_and_everything_else_a_resource() -> None:
    takes = signature(factory)
    assert list(takes.options) == ["words", "mode", "maybe", "part", "strict"]
    assert takes.resources == {"shared": True, "when": False}
    assert takes.options["words"].required
    assert takes.options["maybe"].bounds == (Minimum(0, above=True),)
    assert takes.options["part"].bounds == (Minimum(0, above=True), Maximum(100))


@pytest.mark.parametrize(
    ("name", "options", "resources"),
    [
        (
            "admit",
            ["limit", "queue", "queue_timeout", "per_key"],
            {"slots": False, "make": False, "key": False, "priority": False, "on_wait": False},
        ),
        (
            "breaker",
            ["failures", "cool_down", "error_rate", "window", "at_least", "longest_cool_down"],
            {"circuits": True, "key": True},
        ),
        ("buffer_limit", ["bytes"], {}),
        ("edit", ["function"], {"lift": False}),
        (
            "redact",
            ["words", "patterns", "replacement", "ignore_case", "whole_words", "longest"],
            {"over": False, "spellings": False},
        ),
        (
            "failover",
            ["also", "never", "most"],
            {"when": False, "words": False, "known_words": False, "on_failover": False},
        ),
        (
            "fault",
            ["kind", "after", "seconds", "status", "percent", "times"],
            {"failure": False, "garbage": False, "make": False, "random": False, "on_fault": False},
        ),
        ("heartbeat", ["seconds"], {"beat": True}),
        (
            "balance",
            ["by"],
            {"key": True, "weight": False, "loads": False, "turns": False, "session": False, "random": False},
        ),
        (
            "hedge",
            ["delay", "percentile", "initial", "most", "budget"],
            {"hedges": False, "when": False, "on_failover": False, "on_hedge": False, "on_win": False, "on_lose": False},
        ),
        ("idle_timeout", ["seconds"], {}),
        ("inject", [], {"into": True}),
        ("measure", [], {"load": True, "when": False}),
        (
            "mirror",
            ["percent", "most", "longest"],
            {"shadow": True, "summary": False, "compare": False, "make": False, "random": False, "on_compared": False},
        ),
        ("output_limit", ["bytes", "items", "tokens"], {"output_tokens": False}),
        ("pace", ["least", "window", "ends"], {"weigh": False, "before": False, "on_slow": False}),
        (
            "rate_limit",
            ["requests", "tokens", "per", "burst", "burst_tokens"],
            {"limits": False, "key": False, "cost": False, "estimate": False},
        ),
        ("resume", ["times"], {"remember": True, "when": False, "on_resume": False}),
        (
            "retry",
            ["times", "wait", "longest_wait", "jitter", "within"],
            {"when": False, "budget": False, "random": False, "on_retry": False},
        ),
        ("tap", [], {"probe": True}),
        ("trace", ["label"], {"sheets": True, "shown": False}),
    ],
)
def test_what_the_operators_take(name: str, options: list[str], resources: dict[str, bool]) -> None:
    takes = signature(CATALOG[name])
    assert list(takes.options) == options
    assert takes.resources == resources


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("idle_timout", {}, "unknown operator 'idle_timout'; did you mean 'idle_timeout'?"),
        ("idle_timeout", {"second": 3, "seconds": 1}, "idle_timeout: unknown option 'second'; did you mean 'seconds'?"),
        ("retry", {"zzz": 3}, "retry: unknown option 'zzz'; there are jitter, longest_wait, times, wait, within"),
        ("tap", {"times": 3}, "tap: unknown option 'times'; it takes none"),
        ("failover", {"also": "elapsed"}, "failover: also is 'elapsed'; expected a list, each a text"),
        ("idle_timeout", {"seconds": "60"}, "idle_timeout: seconds is '60'; expected a number, more than 0"),
        ("idle_timeout", {"seconds": True}, "idle_timeout: seconds is True; expected a number, more than 0"),
        ("idle_timeout", {"seconds": 0}, "idle_timeout: seconds is 0; expected a number, more than 0"),
        ("idle_timeout", {}, "idle_timeout: seconds is missing; expected a number, more than 0"),
        ("retry", {"times": 1.5}, "retry: times is 1.5; expected a whole number, at least 0"),
        ("retry", {"times": -1}, "retry: times is -1; expected a whole number, at least 0"),
        ("retry", {"within": 0}, "retry: within is 0; expected a number or nothing, more than 0"),
        ("retry", {"jitter": 1}, "retry: jitter is 1; expected true or false"),
        ("breaker", {"error_rate": 0}, "breaker: error_rate is 0; expected a number or nothing, more than 0 and at most 1"),
        ("breaker", {"error_rate": 1.5}, "breaker: error_rate is 1.5; expected a number or nothing, more than 0 and at most 1"),
        ("buffer_limit", {"bytes": None}, "buffer_limit: bytes is None; expected a whole number, more than 0"),
        ("pace", {"least": 0}, "pace: least is 0; expected a number, more than 0"),
        ("output_limit", {"bytes": 1, "items": 0}, "output_limit: items is 0; expected a whole number or nothing, more than 0"),
        ("redact", {"words": ["hunter2", 5]}, "redact: words is 2 hidden; expected a list, each a text or nothing"),
        ("redact", {"patterns": [1]}, "redact: patterns is 1 hidden; expected a list, each a text or nothing"),
        ("redact", {"words": "a"}, "redact: words is hidden; expected a list, each a text or nothing"),
        ("edit", {}, 'edit: function is missing; expected a function, by its name "module:function"'),
        (EVERYTHING, {"words": ["a", 1]}, f"{EVERYTHING}: words is 2 hidden; expected a list, each a text"),
        (EVERYTHING, {"words": [], "mode": "c"}, f"{EVERYTHING}: mode is 'c'; expected one of 'a', 'b'"),
        (EVERYTHING, {"words": [], "strict": 1}, f"{EVERYTHING}: strict is 1; expected true or false"),
        (
            EVERYTHING,
            {"words": [], "shared": {}},
            f"{EVERYTHING}: unknown option 'shared'; there are maybe, mode, part, strict, words",
        ),
        (
            "balance",
            {"by": "rr"},
            "balance: by is 'rr'; expected one of 'order', 'round_robin', 'weighted', 'ewma'",
        ),
        ("hedge", {"budget": 101}, "hedge: budget is 101; expected a number, at least 0 and at most 100"),
        (EVERYTHING, {"words": [], "part": 101}, f"{EVERYTHING}: part is 101; expected a number, more than 0 and at most 100"),
        (EVERYTHING, {"words": [], "part": 0}, f"{EVERYTHING}: part is 0; expected a number, more than 0 and at most 100"),
    ],
)
def test_a_fault_is_named_with_what_would_be_right(name: str, given: dict[str, Any], message: str) -> None:
    assert catalog.validate(name, given) == [message]


def test_every_fault_is_told_at_once() -> None:
    assert len(catalog.validate("pace", {"leest": 1, "window": "x"})) == 3


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("retry", {}),
        ("retry", {"times": 0, "wait": 0, "longest_wait": 1.5}),
        ("output_limit", {"bytes": 5, "items": None}),
        ("breaker", {"failures": 3, "cool_down": 10}),
        ("balance", {"by": "ewma"}),
        ("breaker", {"error_rate": 1, "longest_cool_down": None}),
        ("failover", {"also": [], "never": ["elapsed"], "most": 2}),
        ("hedge", {"delay": None, "percentile": 99.9, "budget": 0}),
        (EVERYTHING, {"words": ["a"], "mode": "b", "maybe": 2, "part": 100, "strict": True}),
    ],
)
def test_what_is_right_has_no_fault(name: str, given: dict[str, Any]) -> None:
    assert catalog.validate(name, given) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no.such.module:f", "module 'no.such.module' cannot be imported"),
        ("operators.retry:no_such", "module 'operators.retry' has no 'no_such'"),
        ("operators.errors:__name__", "is not a function"),
        ("zzz", "unknown operator 'zzz'; there are admit, balance, breaker"),
    ],
)
def test_a_name_that_leads_nowhere_says_why(name: str, message: str) -> None:
    with pytest.raises(ChainError, match=message):
        catalog.resolve(name)


def test_build_gives_options_and_resources_to_the_factory() -> None:
    built: Any = catalog.build(EVERYTHING, {"words": ["a"]}, {"shared": {"x": 1}, "when": None, "other": 3})
    assert built == ({"x": 1}, ["a"], "a", None, 5, False, None)


@pytest.mark.parametrize("name", CATALOG)
def test_every_operator_promises_something_shows_a_marble_and_an_example(name: str) -> None:
    text = CATALOG[name].__doc__ or ""
    assert text.partition("\n")[0].endswith(".")
    assert "source" in text or "attempts" in text or "frames" in text
    for part in ("After dispose", "Raises", ">>>", "|"):
        assert part in text, f"{name} does not say {part!r}"


def test_the_readme_holds_the_catalogue_as_it_is() -> None:
    assert catalog.table() in README.read_text(), "replace the table in operators/README.md by catalog.table()"


def test_every_operator_answers_one_question() -> None:
    assert sorted(name for names in catalog.QUESTIONS.values() for name in names) == sorted(CATALOG)
