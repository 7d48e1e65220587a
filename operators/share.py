"""Single flight: identical streams under way are one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from copy import copy
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.clock import Scope
from operators.errors import StepError
from operators.flight import Flight, Flights
from operators.options import Bytes
from operators.signature import checked
from operators.source import FlowGate
from operators.stream import Link, Operator, Stream

T = TypeVar("T")

__all__ = ["Flights", "share"]


@checked
def share(
    bytes: Bytes = 1 << 20,
    *,
    key: Callable[[SchedulerBase | None], Hashable | None] | None = None,
    flights: Flights | None = None,
    scope: Callable[[SchedulerBase | None], SchedulerBase | None] | None = None,
) -> Operator[T, T]:
    """Subscribe to the source once for all who want the same at the same time.

        source        -a-b-----c-|     subscribed to once
        share()       -a-b-----c-|
        share()           (ab)-c-|     came at the fourth second

    Args:
        bytes: what one flight keeps for late subscribers. One that has grown over it cannot be joined any more: who comes then
            begins another. It is also how far a slow subscriber may lag before the source waits. An item counts by its
            attribute ``size``, bytes and text by their length, others 1.
        key: called with the scheduler of each subscription. Equal keys share; None is not shared and passes straight through.
            Without it the subscribers of one stream share it.
        flights: the flights under way, shared with others; None: its own.
        scope: gives the scheduler in which the source runs, from that of the first subscriber, who may leave while others go
            on. None takes the same; where it is a ``clock.Scope`` with a gate, a copy with a gate of its own.

    While the source stands in a queue (of ``admit``), the clocks of every subscriber stand still.

    A subscriber whose gate (of ``clock.Scope``) is shut gets no items until it is reopened. The producer waits at the gate of
    the flight's scope; where that has none, everybody gets everything at once. Guards of time belong between source and share:
    below it one subscriber's silence may be due to another.

    Whoever raises in its ``on_next`` gets its exception as its error; the others do not notice. A flight that ended is never
    joined.

    Raises:
        ValueError: ``bytes`` is not positive.
        StepError (as ``on_error``): ``key`` or ``scope`` raised, or the key is none.

    After dispose: the source is let go with its last subscriber, and not before. What nobody needs any more is dropped.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> source = t.cold("-a-b-|")
    >>> shared, early = source.pipe(share()), []
    >>> subscription = shared.subscribe(early.append, scheduler=t.scheduler)
    >>> t.advance(2)
    >>> shared.subscribe(print, scheduler=t.scheduler).dispose()
    a
    >>> t.advance(9)
    >>> early, source.subscriptions
    (['a', 'b'], [(0.0, 5.0)])
    """
    under_way = Flights() if flights is None else flights

    def operator(source: Observable[T]) -> Stream[T]:
        itself = object()

        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            try:
                name = itself if key is None else key(scheduler)
                flight = None if name is None else under_way.find(name)
                theirs = (scope or _scope)(scheduler) if flight is None and name is not None else None
            except Exception as error:
                raise StepError("share", error) from error
            if name is None:
                link: Link[T, T] = Link()
                link.connect(source, observer, scheduler)
                link.step_aside()
                return link
            gate = getattr(scheduler, "gate", None)
            if flight is not None:
                under_way.joined += 1
                return flight.board(observer, gate)
            flight = Flight(under_way, name, bytes, getattr(theirs, "gate", None))
            return flight.take_off(source, theirs, observer, gate)

        return Stream(subscribe)

    return operator


def _scope(first: SchedulerBase | None) -> SchedulerBase | None:
    """Who leaves may leave its gate shut: the flight has a gate of its own."""
    if not isinstance(first, Scope) or first.gate is None:
        return first
    own: Any = copy(first)
    own.gate = FlowGate()
    return own  # type: ignore[no-any-return]
