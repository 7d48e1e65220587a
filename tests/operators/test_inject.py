"""The source is subscribed to under another scope; nobody else sees that."""

from __future__ import annotations

from typing import Any

import pytest
from reactivex import operators as stock

from operators import Link, StepError, Stream, inject, tap
from operators.bypass import bypass
from operators.testing import Marbles
from tests.operators.observers import Heard


def test_the_source_gets_what_the_function_makes_of_the_scope_that_came(t: Marbles) -> None:
    seen: list[Any] = []
    other = Marbles().scheduler

    def into(scope: Any) -> Any:
        seen.append(scope)
        return other

    source = t.cold("                  -a-b|")
    t.check(source.pipe(inject(into)), "-a-b|")
    assert seen == [t.scheduler]
    assert source.schedulers == [other]


def test_the_function_is_asked_for_each_subscription(t: Marbles) -> None:
    source = t.cold("-a|")
    scopes: list[Any] = [Marbles().scheduler, None]
    result = source.pipe(inject(lambda scope: scopes.pop(0)))
    first = scopes[0]
    for _ in range(2):
        result.subscribe(scheduler=t.scheduler)
    t.advance(3)
    assert source.schedulers == [first, None]


def test_stations_above_see_the_other_scope_and_those_below_the_first(t: Marbles) -> None:
    seen: list[tuple[str, Any]] = []

    def look(name: str) -> Any:
        def operator(source: Any) -> Stream[Any]:
            def subscribe(observer: Any, scheduler: Any) -> Any:
                seen.append((name, scheduler))
                return bypass(source, observer, scheduler)

            return Stream(subscribe)

        return operator

    other = Marbles().scheduler
    t.check(t.cold("a|").pipe(look("above"), inject(lambda scope: other), look("below")), "a|")
    assert seen == [("below", t.scheduler), ("above", other)]


def test_a_function_that_raises_is_a_step_error_and_the_source_is_not_subscribed_to(t: Marbles) -> None:
    fault = LookupError("who?")

    def into(scope: Any) -> Any:
        raise fault

    caught: list[Any] = []
    source = t.cold("-a|")
    t.check(source.pipe(inject(into), stock.do_action(on_error=caught.append)), "#", error=StepError)
    t.subs(source)
    assert caught[0].operator == "inject"
    assert caught[0].__cause__ is fault


def test_lets_items_pass_without_looking_at_them(t: Marbles) -> None:
    """No link is made: the source of ours hands its items to whoever stands below."""
    links: list[Any] = []

    def subscribe(observer: Any, scheduler: Any) -> Any:
        links.append(observer)
        return None

    heard = Heard()
    below: Link[Any, Any] = Link()
    below.connect(Stream[Any](subscribe).pipe(inject(lambda scope: scope)), heard, t.scheduler)
    assert links == [below]


@pytest.mark.parametrize("between", [stock.map(lambda item: item), tap(object())], ids=["stock", "ours"])
def test_dispose_lets_go_of_the_source_whatever_it_is(t: Marbles, between: Any) -> None:
    source = t.cold("                                            -a-b-c|")
    t.check(source.pipe(between, inject(lambda scope: scope)), " -a-b", until="^  !")
    t.subs(source, "                                             ^  !")


def test_an_error_while_the_source_is_subscribed_to_is_no_step_error(t: Marbles) -> None:
    def broken(observer: Any, scheduler: Any) -> Any:
        raise LookupError

    t.check(Stream(broken).pipe(inject(lambda scope: scope)), "#", error=LookupError)
