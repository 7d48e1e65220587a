"""The signature is the schema: options, resources, and messages that teach."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

import operators
from operators import CATALOG, ChainError, catalog
from operators.options import Minimum, Seconds

README = Path(operators.__file__).parent / "README.md"


def factory(
    shared: dict[str, int],
    words: list[str],
    *,
    mode: Literal["a", "b"] = "a",
    maybe: Seconds | None = None,
    strict: bool = False,
    when: Callable[[Exception], bool] | None = None,
    **rest: Any,
) -> Any:
    """Takes one of everything."""
    return shared, words, mode, maybe, strict, when


EVERYTHING = f"{__name__}:factory"


def test_plain_data_is_an_option_and_everything_else_a_resource() -> None:
    takes = catalog.signature(factory)
    assert list(takes.options) == ["words", "mode", "maybe", "strict"]
    assert takes.resources == {"shared": True, "when": False}
    assert takes.options["words"].required
    assert takes.options["maybe"].minimum == Minimum(0, above=True)


@pytest.mark.parametrize(
    ("name", "options", "resources"),
    [
        ("admit", ["queue", "queue_timeout"], {"slots": True, "on_wait": False}),
        ("breaker", ["failures", "cool_down"], {"circuits": True, "key": True}),
        ("buffer_limit", ["bytes"], {}),
        ("edit", ["function"], {"lift": False}),
        ("failover", [], {"when": False, "on_failover": False}),
        ("heartbeat", ["seconds"], {"beat": True}),
        ("idle_timeout", ["seconds"], {}),
        ("output_limit", ["bytes", "items"], {}),
        (
            "redact",
            ["words", "patterns", "replacement", "ignore_case", "whole_words", "longest"],
            {"over": False},
        ),
        ("retry", ["times", "wait", "longest_wait"], {"when": False, "on_retry": False}),
        ("tap", [], {"probe": True}),
    ],
)
def test_what_the_operators_take(name: str, options: list[str], resources: dict[str, bool]) -> None:
    takes = catalog.signature(CATALOG[name])
    assert list(takes.options) == options
    assert takes.resources == resources


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("idle_timout", {}, "unknown operator 'idle_timout'; did you mean 'idle_timeout'?"),
        ("idle_timeout", {"second": 3, "seconds": 1}, "idle_timeout: unknown option 'second'; did you mean 'seconds'?"),
        ("retry", {"zzz": 3}, "retry: unknown option 'zzz'; there are longest_wait, times, wait"),
        ("failover", {"times": 3}, "failover: unknown option 'times'; it takes none"),
        ("idle_timeout", {"seconds": "60"}, "idle_timeout: seconds is '60'; expected a number, more than 0"),
        ("idle_timeout", {"seconds": True}, "idle_timeout: seconds is True; expected a number, more than 0"),
        ("idle_timeout", {"seconds": 0}, "idle_timeout: seconds is 0; expected a number, more than 0"),
        ("idle_timeout", {}, "idle_timeout: seconds is missing; expected a number, more than 0"),
        ("retry", {"times": 1.5}, "retry: times is 1.5; expected a whole number, at least 0"),
        ("retry", {"times": -1}, "retry: times is -1; expected a whole number, at least 0"),
        ("output_limit", {"bytes": None}, "output_limit: bytes is None; expected a whole number, more than 0"),
        ("output_limit", {"bytes": 1, "items": 0}, "output_limit: items is 0; expected a whole number or nothing, more than 0"),
        ("redact", {"words": "a"}, "redact: words is 'a'; expected a list, each a text or nothing"),
        ("edit", {}, 'edit: function is missing; expected a function, by its name "module:function"'),
        (EVERYTHING, {"words": ["a", 1]}, f"{EVERYTHING}: words is ['a', 1]; expected a list, each a text"),
        (EVERYTHING, {"words": [], "mode": "c"}, f"{EVERYTHING}: mode is 'c'; expected one of 'a', 'b'"),
        (EVERYTHING, {"words": [], "strict": 1}, f"{EVERYTHING}: strict is 1; expected true or false"),
        (EVERYTHING, {"words": [], "shared": {}}, f"{EVERYTHING}: unknown option 'shared'; there are maybe, mode, strict, words"),
    ],
)
def test_a_fault_is_named_with_what_would_be_right(name: str, given: dict[str, Any], message: str) -> None:
    assert catalog.validate(name, given) == [message]


def test_every_fault_is_told_at_once() -> None:
    assert len(catalog.validate("output_limit", {"byte": 1, "items": "x"})) == 3


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("retry", {}),
        ("retry", {"times": 0, "wait": 0, "longest_wait": 1.5}),
        ("output_limit", {"bytes": 5, "items": None}),
        ("breaker", {"failures": 3, "cool_down": 10}),
        ("redact", {"words": ["a"], "patterns": None, "longest": 5}),
        ("edit", {"function": "math:sqrt"}),
        ("edit", {"function": factory}),
        (EVERYTHING, {"words": ["a"], "mode": "b", "maybe": 2, "strict": True}),
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
        ("zzz", "unknown operator 'zzz'; there are admit, breaker"),
    ],
)
def test_a_name_that_leads_nowhere_says_why(name: str, message: str) -> None:
    with pytest.raises(ChainError, match=message):
        catalog.resolve(name)


def test_build_gives_options_and_resources_to_the_factory() -> None:
    built: Any = catalog.build(EVERYTHING, {"words": ["a"]}, {"shared": {"x": 1}, "when": None, "other": 3})
    assert built == ({"x": 1}, ["a"], "a", None, False, None)


@pytest.mark.parametrize("name", CATALOG)
def test_every_operator_promises_something_shows_a_marble_and_an_example(name: str) -> None:
    text = CATALOG[name].__doc__ or ""
    assert text.partition("\n")[0].endswith(".")
    assert "source" in text or "attempts" in text or "frames" in text
    for part in ("After dispose", "Raises", ">>>", "|"):
        assert part in text, f"{name} does not say {part!r}"


def test_the_readme_holds_the_catalogue_as_it_is() -> None:
    assert catalog.table() in README.read_text(), "replace the table in operators/README.md by catalog.table()"


def test_names_are_sorted() -> None:
    assert catalog.names() == sorted(CATALOG)
