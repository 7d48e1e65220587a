"""Hands the source another scope than the one that came: what belongs to one subscription can be changed above one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.bypass import bypass
from operators.errors import StepError
from operators.stream import Operator, Release, Stream

T = TypeVar("T")


def inject(into: Callable[[SchedulerBase | None], SchedulerBase | None]) -> Operator[T, T]:
    """Subscribe to the source under another scope: the one that ``into`` makes of the scope that came.

        source         -a-b-|     sees into(scope)
        inject(into)   -a-b-|     is subscribed to with scope

    Args:
        into: called once a subscription with the scheduler that came. It must not change that one (others hold it): it gives
            another, or the same where there is nothing to change. What stations above note in theirs, those below find only
            where ``into`` lets the two share it.

    Items are not looked at and cost nothing.

    Raises (as ``on_error``):
        StepError: ``into`` raised. The source is not subscribed to.

    After dispose: the source is let go.

    >>> from operators.stream import Stream
    >>> def answer(observer, scheduler):
    ...     observer.on_next(f"for {scheduler}")
    ...     observer.on_completed()
    >>> Stream(answer).pipe(inject(lambda scope: f"{scope} with a hat")).subscribe(print, scheduler="Ada").dispose()
    for Ada with a hat
    """

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Release:
            try:
                scope = into(scheduler)
            except Exception as error:
                raise StepError("inject", error) from error
            return bypass(source, observer, scope)

        return Stream(subscribe)

    return operator
