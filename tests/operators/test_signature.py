"""What a person's own factory may be, and how it is annotated, beside plain functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import pytest

from operators import Chain, ChainError, Elapsed, Step, Stream, catalog, idle_timeout
from operators.options import Seconds
from operators.signature import signature
from operators.testing import Marbles

if TYPE_CHECKING:
    from operators import Operator, Slots


def quiet(seconds: Seconds = 3, *, slots: Slots | None = None) -> Operator[Any, Any]:
    """Give up after a silence."""
    return idle_timeout(seconds)


def queued(slots: Slots, seconds: Seconds) -> Operator[Any, Any]:
    return idle_timeout(seconds)


def misspelt(seconds: flaot) -> Any:  # type: ignore[name-defined]  # noqa: F821
    return idle_timeout(seconds)


@wraps(quiet)
def wrapped(*args: Any, **kwargs: Any) -> Any:
    return quiet(*args, **kwargs)


@dataclass
class Longer:
    """Give up after a longer silence. It cannot be hashed."""

    by: float

    def __call__(self, seconds: Seconds = 1) -> Operator[Any, Any]:
        return idle_timeout(seconds + self.by)


class Made:
    def __init__(self, seconds: Seconds = 4) -> None:
        self._operator: Operator[Any, Any] = idle_timeout(seconds)

    def __call__(self, source: Any) -> Stream[Any]:
        return self._operator(source)


half: Any = partial(idle_timeout, 2)
named = partial(quiet, seconds=2)
longer = Longer(1)
method = longer.__call__
doubled = partial(partial(longer), 2)


@pytest.mark.parametrize(
    ("name", "options", "drawn"),
    [
        ("quiet", {}, "-a--#"),
        ("quiet", {"seconds": 2}, "-a-#"),
        ("half", {}, "-a-#"),
        ("named", {}, "-a-#"),
        ("named", {"seconds": 1}, "-a#"),
        ("longer", {}, "-a-#"),
        ("longer", {"seconds": 3}, "-a---#"),
        ("method", {"seconds": 3}, "-a---#"),
        ("doubled", {}, "-a--#"),
        ("wrapped", {"seconds": 2}, "-a-#"),
        ("Made", {}, "-a---#"),
    ],
)
def test_a_factory_may_be_whatever_can_be_called(t: Marbles, name: str, options: dict[str, Any], drawn: str) -> None:
    """Also with annotations that only a type checker imports."""
    operator: Callable[[Any], Any] = Chain({"here": [Step(f"{__name__}:{name}", options)]}).build("here", {})
    t.check(operator(t.cold("-a----------")), drawn, error=Elapsed)


@pytest.mark.parametrize(
    ("factory", "options", "resources"),
    [
        (quiet, ["seconds"], {"slots": False}),
        (queued, ["seconds"], {"slots": True}),
        (misspelt, [], {"seconds": True}),
        (half, [], {}),
        (named, ["seconds"], {"slots": False}),
        (longer, ["seconds"], {}),
        (wrapped, ["seconds"], {"slots": False}),
        (Made, ["seconds"], {}),
    ],
)
def test_an_annotation_that_leads_nowhere_is_a_resource(factory: Any, options: list[str], resources: dict[str, bool]) -> None:
    found = signature(factory)
    assert (list(found.options), dict(found.resources)) == (options, resources)
    assert all(option.is_time for option in found.options.values())


@pytest.mark.parametrize(("name", "parameter"), [("queued", "slots"), ("misspelt", "seconds")])
def test_a_resource_that_nobody_supplies_is_named(name: str, parameter: str) -> None:
    options = {"seconds": 3} if name == "queued" else {}
    with pytest.raises(ChainError, match=f"{name}: nobody supplied the resource {parameter}"):
        Chain({"here": [Step(f"{__name__}:{name}", options)]}).build("here", {})


@pytest.mark.parametrize("name", ["builtins:dict", "builtins:type"])
def test_what_does_not_tell_what_it_takes_is_refused(name: str) -> None:
    (fault,) = catalog.validate(name, {})
    assert fault == f"{name.partition(':')[2]} does not tell what it takes; write a function around it"


def test_a_promise_is_that_of_the_function_behind() -> None:
    assert catalog.promise(named) == "Give up after a silence."
    assert catalog.promise(longer) == "Give up after a longer silence. It cannot be hashed."
    assert catalog.promise(misspelt) == ""


def test_what_was_read_once_is_kept() -> None:
    assert signature(quiet) is signature(quiet)
