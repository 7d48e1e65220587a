"""A person's function makes an item, several or none of each item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from reactivex import Observable
from reactivex import operators as stock

from operators import Chain, ChainError, Step, StepError, Stream, edit, retry
from operators.testing import Marbles
from tests.operators.items import ITEMS, Item
from tests.operators.observers import FirstOnly, Heard


def some(item: str) -> Any:
    """An item, nothing, two items, or an error."""
    if item == "e":
        raise ZeroDivisionError
    return {"a": "x", "b": None, "c": ["y", "z"], "d": []}[item]


async def later(item: str) -> str:
    return item


def test_each_item_becomes_one_item_several_or_none(t: Marbles) -> None:
    source = t.cold("                  -a-b-c---d-a--|")
    t.check(source.pipe(edit(some)), " -x---(yz)--x--|")
    t.subs(source, "                   ^             !")


def test_a_tuple_is_an_item(t: Marbles) -> None:
    t.check(t.cold("-a|").pipe(edit(lambda item: (item, item))), "-p|", values={"p": ("a", "a")})


def test_what_the_function_raises_is_the_cause_of_a_step_error_and_the_source_is_let_go(t: Marbles) -> None:
    source = t.cold("                  -a-e-a|")
    caught: list[Any] = []
    result: Observable[Any] = source.pipe(edit(some), stock.do_action(on_error=caught.append))
    t.check(result, "                  -x-#", error=StepError)
    t.subs(source, "                   ^  !")
    assert isinstance(caught[0].__cause__, ZeroDivisionError)
    assert caught[0].operator == "edit"


def test_an_error_of_whoever_hears_is_not_the_functions() -> None:
    def broken(item: Any) -> None:
        raise LookupError

    sources: list[Any] = []
    failed: list[Exception] = []
    Stream(lambda observer, _: sources.append(observer)).pipe(edit(some)).subscribe(broken, failed.append)
    with pytest.raises(LookupError):
        sources[0].on_next("a")
    assert failed == []


def test_after_dispose_the_function_is_not_called_and_the_rest_of_its_list_is_dropped() -> None:
    called: list[str] = []

    def twice(item: str) -> list[str]:
        called.append(item)
        return [item, item]

    sources: list[Any] = []
    heard = Heard()
    FirstOnly().connect(Stream(lambda observer, _: sources.append(observer)).pipe(edit(twice)), heard, None)
    source = sources[0]
    source.on_next("a")
    source.on_next("b")
    assert heard.all == ["a"]
    assert called == ["a"]


def test_what_comes_out_says_whether_it_commits(t: Marbles) -> None:
    """A retry behind it goes on holding where the function made of an item that commits one that does not."""
    made = {"a": ITEMS["r"], "b": ITEMS["b"]}

    def function(item: Item) -> Item:
        return made[item.name]

    source = t.cold("                                -a-#", values=ITEMS)
    t.check(source.pipe(edit(function), retry(1, wait=1, jitter=False)), "-------#", values=ITEMS)
    t.subs(source, "                                  ^  !", "----^  !")


def test_lift_makes_a_function_of_what_flows_once_for_all_streams(t: Marbles) -> None:
    lifted: list[Callable[[Any], Any]] = []

    def lift(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        lifted.append(function)
        return lambda items: tuple(map(function, items))

    values = {"p": ("a", "a"), "q": ("x", "x")}
    result = t.cold("-p-|", values=values).pipe(edit(some, lift=lift))
    t.check(result, "-q-|", values=values)
    t.check(result, "-q-|", values=values)
    assert lifted == [some]


@pytest.mark.parametrize("function", [some, f"{__name__}:some"], ids=["itself", "by its name"])
def test_a_chain_takes_the_function_or_its_name(t: Marbles, function: Any) -> None:
    chain = Chain({"attempt": [Step("edit", {"function": function})]})
    t.check(t.cold("-a-b-c---|").pipe(chain.build("attempt")), "-x---(yz)|")
    t.check(t.cold("-a|").pipe(edit(function)), "-x|")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("some", "edit: function 'some' is not of the form \"module:function\""),
        (":some", "edit: function ':some' is not of the form \"module:function\""),
        ("x:", "edit: function 'x:' is not of the form \"module:function\""),
        (".x:some", "edit: function '.x:some' is not of the form \"module:function\""),
        ("no.such:some", "edit: function 'no.such:some': module 'no.such' cannot be imported (No module named 'no')"),
        (f"{__name__}:none", f"edit: function '{__name__}:none': module '{__name__}' has no 'none'"),
        (f"{__name__}:__name__", f"edit: function '{__name__}:__name__' is not a function"),
        (f"{__name__}:later", "edit: later is a coroutine function; it has to give its items at once"),
        (3, 'edit: function is 3; expected a function, by its name "module:function"'),
    ],
)
def test_a_name_that_leads_nowhere_says_why(function: Any, message: str) -> None:
    with pytest.raises(ChainError) as caught:
        Chain({"attempt": [Step("edit", {"function": function})]}).build("attempt")
    assert str(caught.value) == message


def test_a_module_that_fails_when_it_is_imported_is_a_fault_too_and_what_it_says_is_not_told(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("broken_edits.py").write_text("raise AttributeError('sk-secret')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ChainError) as caught:
        edit("broken_edits:function")
    assert str(caught.value) == "edit: function broken_edits:function cannot be used (AttributeError while it was imported)"
