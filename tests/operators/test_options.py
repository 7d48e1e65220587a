"""Options from Python: what is of another type, or out of its bounds, is told where it was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from operators import (
    CATALOG,
    Budget,
    Slots,
    admit,
    failover,
    hedge,
    idle_timeout,
    mirror,
    output_limit,
    rate_limit,
    redact,
    retry,
    share,
)
from operators.signature import checked, signature


@checked
def own(headers: dict[str, str]) -> None:
    """A factory with a mapping."""


REFUSED: dict[str, Callable[[Any], Any]] = {
    "failover: most must be a whole number or nothing, more than 0, not 1.5": lambda _: failover(most=1.5),  # type: ignore[arg-type]
    "failover: most must be more than 0, not 0": lambda _: failover(most=0),
    "failover: also must be a list, each a text, not a str": lambda _: failover(also="timeout"),  # type: ignore[arg-type]
    "admit: limit must be a whole number or nothing, more than 0, not 0.5": lambda _: admit(limit=0.5),  # type: ignore[arg-type]
    "hedge: most must be a whole number, more than 0, not 1.5": lambda _: hedge(most=1.5),  # type: ignore[arg-type]
    "retry: times must be a whole number, at least 0, not True": lambda _: retry(True),
    "retry: times must be a whole number, at least 0, not '2'": lambda _: retry("2"),  # type: ignore[arg-type]
    "retry: wait must be at least 0, not nan": lambda _: retry(wait=float("nan")),
    "Slots: limit must be a whole number, more than 0, not inf": lambda _: Slots(float("inf")),  # type: ignore[arg-type]
    "Budget: ratio must be a number, more than 0 and at most 1, not '1'": lambda _: Budget("1"),  # type: ignore[arg-type]
    "share: bytes must be a whole number, more than 0, not 1.0": lambda _: share(1.0),  # type: ignore[arg-type]
    "idle_timeout: seconds must be a number, more than 0, not None": lambda _: idle_timeout(None),  # type: ignore[arg-type]
    "output_limit: bytes must be a whole number or nothing, more than 0, not '1MB'": lambda _: output_limit("1MB"),  # type: ignore[arg-type]
    "rate_limit: per must be a number, more than 0, not '1m'": lambda _: rate_limit(1, per="1m"),  # type: ignore[arg-type]
    "mirror: percent must be more than 0 and at most 100, not 101": lambda _: mirror(101, shadow=lambda _: None),
}


@pytest.mark.parametrize(("message", "build"), REFUSED.items(), ids=REFUSED.keys())
def test_the_message_names_the_operator_the_option_the_value_and_what_is_right(message: str, build: Any) -> None:
    with pytest.raises(ValueError) as caught:
        build(None)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: redact(words=["hunter2", 5]),  # type: ignore[list-item]
            "redact: words must be a list, each a text or nothing, not one whose item 2 is a int",
        ),
        (lambda: redact("hunter2"), "redact: words must be a list, each a text or nothing, not a str"),  # type: ignore[arg-type]
        (
            lambda: own(headers={"x": b"hunter2"}),  # type: ignore[dict-item]
            "own: headers must be a mapping, each value a text, not a dict",
        ),
    ],
)
def test_what_a_list_or_a_mapping_holds_is_not_told(build: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        build()
    assert str(caught.value) == message


@pytest.mark.parametrize("name", [name for name, factory in CATALOG.items() if signature(factory).options])
def test_every_operator_with_options_looks_at_them(name: str) -> None:
    factory = CATALOG[name]
    known = signature(factory)
    option = next(iter(known.options.values()))
    resources = {resource: None for resource, required in known.resources.items() if required}
    with pytest.raises(ValueError, match=f"{name}: {option.name} must be "):
        factory(**resources, **{option.name: object()})


def test_a_call_that_python_itself_refuses_is_told_by_python() -> None:
    with pytest.raises(TypeError, match="idle_timeout"):
        idle_timeout()  # type: ignore[call-arg]
