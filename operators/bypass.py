"""What an operator does for a subscription with which it has nothing to do: it is not there."""

from __future__ import annotations

from typing import TypeVar

from reactivex.abc import ObservableBase, ObserverBase, SchedulerBase

from operators.stream import Release, Subscribe

T = TypeVar("T")


def bypass(source: ObservableBase[T], observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Release:
    """Subscribe ``observer`` itself to ``source``: no link, and no cost for an item.

    For use inside the ``subscribe`` of an operator: the link below is the observer, and keeps the contract.
    """
    try:
        subscribe: Subscribe[T] = source.on_subscribe  # type: ignore[attr-defined]
    except AttributeError:
        return source.subscribe(observer, scheduler=scheduler)
    return subscribe(observer, scheduler)
