"""Runs a person's function over a stream: each item becomes another one, several, or none."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.errors import StepError
from operators.importing import imported
from operators.options import Function
from operators.signature import checked
from operators.stream import Link, Operator, Stream

Edit: TypeAlias = Callable[[Any], Any]
"""Item -> an item, a list of items, or None."""


def _itself(function: Edit) -> Edit:
    return function


@checked
def edit(function: Function, *, lift: Callable[[Edit], Edit] = _itself) -> Operator[Any, Any]:
    """Put what ``function`` makes of an item in its place: an item, a list of items, or None for nothing.

        source          -a-b-c-|     function: a -> x, b -> None, c -> [y, z]
        edit(function)  -x---(yz)|

    Whether something commits is a matter of what comes out. The function is shared by all streams, so it keeps nothing itself.

    Args:
        function: called with each item. In a configuration its name, ``module:function``.
        lift: makes of it a function of the items that flow, where they hold what a person thinks of as items.

    Raises:
        ChainError: the name leads nowhere.
        ValueError: it is a coroutine function; nobody would await it.
        StepError (as ``on_error``): the function raised; the source is let go first.

    After dispose: the source is let go, the function is not called again; the rest of a list is dropped.

    >>> import reactivex
    >>> def shout(item):
    ...     return item.upper() if item else None
    >>> reactivex.of("a", "", "b").pipe(edit(shout)).subscribe(print).dispose()
    A
    B
    """
    own = imported("edit: function", function) if isinstance(function, str) else function
    if inspect.iscoroutinefunction(own):
        raise ValueError(f"edit: {own.__name__} is a coroutine function; it has to give its items at once")
    lifted = lift(own)

    def operator(source: Observable[Any]) -> Stream[Any]:
        def subscribe(observer: ObserverBase[Any], scheduler: SchedulerBase | None) -> Link[Any, Any]:
            return _Edit(lifted).connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Edit(Link[Any, Any]):
    __slots__ = ("_function",)

    def __init__(self, function: Edit) -> None:
        self._function = function

    def on_next(self, item: Any) -> None:
        if self.stopped:
            return
        try:
            made = self._function(item)
        except Exception as error:
            self.fail(StepError("edit", error))
            return
        if isinstance(made, list):
            for each in made:
                self.receiver.on_next(each)
        elif made is not None:
            self.receiver.on_next(made)
