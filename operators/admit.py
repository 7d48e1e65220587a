"""A slot before subscribing: no more streams at once than there are slots, a bounded fair queue, every slot returned."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from operators import clock
from operators.errors import Overloaded, StepError
from operators.options import Count, CountOrNone, Seconds
from operators.signature import checked
from operators.slots import QUEUE, QUEUE_TIMEOUT, Slots
from operators.stream import Left, Link, Operator, Stream
from operators.tap import quietly

T = TypeVar("T")

__all__ = ["Slots", "admit"]

Key = Callable[[SchedulerBase | None], Hashable | None]
Priority = Callable[[SchedulerBase | None], int]


def _nobody(scheduler: SchedulerBase | None) -> Hashable | None:
    return None


def _alike(scheduler: SchedulerBase | None) -> int:
    return 0


@checked
def admit(
    slots: Slots | None = None,
    *,
    limit: Count | None = None,
    queue: CountOrNone | None = None,
    queue_timeout: Seconds | None = None,
    per_key: Count | None = None,
    make: Callable[[int, int, float, int | None], Slots] = Slots,
    key: Key = _nobody,
    priority: Priority = _alike,
    on_wait: Callable[[float], None] | None = None,
) -> Operator[T, T]:
    """Subscribe to the source only with a slot in hand.

        slots       one, and it becomes free at the third second
        source         -a-b|
        admit(...)  ----a-b|

    Args:
        slots: the slots, shared with others.
        limit: where there are no ``slots``: how many of this operator's own streams at once.
        queue: how many may wait when this one comes; None takes the bound of ``slots``.
        queue_timeout: how long this one may wait, in seconds; None takes that of ``slots``.
        per_key: with ``limit``: the most slots that one key holds at once.
        make: with ``limit``: makes the slots of (limit, queue, queue_timeout, per_key), or finds those that others use already.
        key: called with the scheduler: for whom the stream is. Keys are served in turn; what has no key (None) waits together,
            and ``per_key`` does not count it.
        priority: called with the scheduler: who waits with a higher one is always served first.
        on_wait: probe, called with the seconds waited when a slot is there. It cannot hurt.

    A slot is given back exactly once: at the end, on an error, on dispose. The time in the queue is no other guard's: each link
    below hears of it (``Link.on_queued``), and clocks stand still. What a stream raises when another one's end gives it a slot,
    or a newcomer takes its place in the queue, is logged.

    Raises:
        ValueError: a number is out of its range; neither ``slots`` nor ``limit`` is there, or they differ; so for ``per_key``.
        Overloaded (as ``on_error``): the queue is full (at once), or it had to make room, or no slot became free in time.
        StepError (as ``on_error``): ``key`` or ``priority`` raised; no slot was taken.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose: the place in the queue, or the slot, is given back and the source is let go.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> slots = Slots(1)
    >>> t.check(t.cold("-a|").pipe(admit(slots)), "-a|")
    >>> slots.in_use
    0
    """
    if slots is not None and limit not in (None, slots.limit):
        raise ValueError("admit: slots that are shared have their own limit; leave one of the two out")
    if slots is not None and per_key not in (None, slots.per_key):
        raise ValueError("admit: slots that are shared have their own per_key; leave it out")
    if slots is None:
        if limit is None:
            raise ValueError("admit: needs limit, how many streams at once, or the resource slots")
        if per_key is not None and key is _nobody:
            raise ValueError("admit: per_key needs the resource key, which says for whom a stream is")
        slots = _own(make, limit, queue, queue_timeout, per_key)
    bound = slots.queue if queue is None else min(queue, slots.queue)
    longest = slots.queue_timeout if queue_timeout is None else queue_timeout

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            guest = _Guest(slots, source, clock.require(scheduler, "admit"), on_wait).begin(observer)
            if guest.introduce(key, priority):
                guest.enter(bound, longest)
            return guest

        return Stream(subscribe)

    return operator


def _own(
    make: Callable[[int, int, float, int | None], Slots],
    limit: int,
    queue: int | None,
    queue_timeout: float | None,
    per_key: int | None,
) -> Slots:
    queue = QUEUE if queue is None else queue
    return make(limit, queue, QUEUE_TIMEOUT if queue_timeout is None else queue_timeout, per_key)


class _Guest(Link[T, T]):
    """One subscription: in the queue, then with a slot, then gone."""

    __slots__ = (
        "_began",
        "_has_slot",
        "_listener",
        "_now",
        "_on_wait",
        "_scheduler",
        "_slots",
        "_source",
        "_timer",
        "key",
        "priority",
    )

    def __init__(
        self,
        slots: Slots,
        source: Observable[T],
        scheduler: SchedulerBase,
        on_wait: Callable[[float], None] | None,
    ) -> None:
        self._slots = slots
        self._source = source
        self._scheduler = scheduler
        self._on_wait = on_wait
        self._now = clock.seconds(scheduler)
        self._began = self._now()
        self._has_slot = False
        self._timer: DisposableBase | None = None
        self._listener: ObserverBase[T] | None = None
        """Who was told that it waits, and has to hear that it does no longer."""
        self.key: Hashable = None
        self.priority = 0

    def introduce(self, key: Key, priority: Priority) -> bool:
        """Find out for whom it is. False: that failed, and so has the stream."""
        try:
            self.key = key(self._scheduler)
            # What cannot be a key or a priority is found here, where it is still the fault of whoever said it.
            hash(self.key)
            self.priority = int(priority(self._scheduler))
        except Exception as error:
            self.fail(StepError("admit", error))
        return not self.stopped

    def enter(self, bound: int, longest: float) -> None:
        """Take a slot, or wait for one."""
        slots = self._slots
        if slots.take(self.key):
            self.granted()
            return
        loser = slots.join(self, bound)
        if loser is not self:
            self._timer = clock.after(self._scheduler, longest, lambda: self._give_up(longest))
            self._listener = self.observer
            self.on_queued(True)
        if loser is not None:
            slots.refuse(loser)

    def granted(self) -> None:
        self._has_slot = True
        if self._timer is not None:
            self._timer.dispose()
        self._leave_queue()
        quietly(self._on_wait, self._now() - self._began)
        if self.stopped:
            return
        self.follow(self._source, self._scheduler)
        self.step_aside()

    def refused(self) -> None:
        slots = self._slots
        text = f"{slots.in_use} in use and {slots.waiting} waiting, which is all that may (queue)"
        self.fail(Overloaded("admit", text, limit="queue"))

    def ended(self, how: Exception | Left | None) -> None:
        if self._timer is not None:
            self._timer.dispose()
        self._slots.leave(self)
        self._leave_queue()
        if self._has_slot:
            self._has_slot = False
            self._slots.give_back(self.key)

    def _leave_queue(self) -> None:
        listener, self._listener = self._listener, None
        if isinstance(listener, Link):
            listener.on_queued(False)

    def _give_up(self, longest: float) -> None:
        text = f"no slot became free within {longest:g} s (queue_timeout)"
        self.fail(Overloaded("admit", text, limit="queue_timeout"))
