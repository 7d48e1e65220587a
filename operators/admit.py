"""A slot before subscribing: no more streams at once than there are slots, a bounded queue before them, every slot returned."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from operators import clock
from operators.errors import Overloaded
from operators.options import Count, CountOrNone, Seconds, not_negative, positive
from operators.stream import Left, Link, Operator, Stream
from operators.tap import quietly

T = TypeVar("T")


class Slots:
    """Slots that many streams share, and who waits for one, in the order in which they came. For one event loop.

    Args:
        limit: how many streams at once.
        queue: how many may wait; :func:`admit` may allow fewer.
        queue_timeout: how long one may wait, in seconds; :func:`admit` may say otherwise.

    Raises:
        ValueError: ``limit`` or ``queue_timeout`` is not positive, or ``queue`` is negative.
    """

    __slots__ = ("_granting", "_waiting", "in_use", "limit", "queue", "queue_timeout")

    def __init__(self, limit: Count, queue: CountOrNone = 64, queue_timeout: Seconds = 30.0) -> None:
        positive("Slots", limit=limit, queue_timeout=queue_timeout)
        not_negative("Slots", queue=queue)
        self.limit = limit
        self.queue = queue
        self.queue_timeout = queue_timeout
        self.in_use = 0
        self._waiting: OrderedDict[object, Callable[[], None]] = OrderedDict()
        self._granting = False

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiting)

    def take(self) -> bool:
        """Take a slot if one is free and nobody waits for it; whoever took it calls :meth:`give_back` once."""
        if self.in_use >= self.limit or self._waiting:
            return False
        self.in_use += 1
        return True

    def wait(self, ticket: object, granted: Callable[[], None]) -> None:
        """Join the queue; ``granted`` is called with a slot taken."""
        self._waiting[ticket] = granted

    def leave(self, ticket: object) -> None:
        """Leave the queue without a slot."""
        self._waiting.pop(ticket, None)

    def give_back(self) -> None:
        """Return a slot; the first in the queue gets it."""
        self.in_use -= 1
        # A granted stream that ends at once comes back here: a loop, so that the length of the queue costs no stack.
        if self._granting:
            return
        self._granting = True
        try:
            while self._waiting and self.in_use < self.limit:
                _, granted = self._waiting.popitem(last=False)
                self.in_use += 1
                granted()
        finally:
            self._granting = False


def admit(
    slots: Slots,
    *,
    queue: CountOrNone | None = None,
    queue_timeout: Seconds | None = None,
    on_wait: Callable[[float], None] | None = None,
) -> Operator[T, T]:
    """Subscribe to the source only with a slot in hand.

        slots       one, and it becomes free at the third second
        source         -a-b|
        admit(...)  ----a-b|

    Args:
        slots: the slots, shared with others.
        queue: how many may wait when this one comes; None takes the bound of ``slots``.
        queue_timeout: how long this one may wait, in seconds; None takes that of ``slots``.
        on_wait: probe, called with the seconds waited when a slot is there. It cannot hurt.

    A slot is given back exactly once: at the end, on an error, on dispose.

    Raises:
        ValueError: a number is out of its range.
        Overloaded (as ``on_error``): the queue is full (at once), or no slot became free in time.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose: the place in the queue, or the slot, is given back and the source is let go.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> slots = Slots(1)
    >>> t.check(t.cold("-a|").pipe(admit(slots)), "-a|")
    >>> slots.in_use
    0
    """
    if queue is not None:
        not_negative("admit", queue=queue)
    if queue_timeout is not None:
        positive("admit", queue_timeout=queue_timeout)
    bound = slots.queue if queue is None else min(queue, slots.queue)
    longest = slots.queue_timeout if queue_timeout is None else queue_timeout

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            guest = _Guest(slots, source, clock.require(scheduler, "admit"), on_wait).begin(observer)
            guest.enter(bound, longest)
            return guest

        return Stream(subscribe)

    return operator


class _Nobody:
    """A scheduler that is no scope keeps no account of waits."""

    waited = 0.0
    queued_since: float | None = None


class _Guest(Link[T, T]):
    """One subscription: in the queue, then with a slot, then gone."""

    __slots__ = ("_began", "_has_slot", "_now", "_on_wait", "_scheduler", "_scope", "_slots", "_source", "_timer")

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
        self._scope: Any = scheduler if hasattr(scheduler, "waited") else _Nobody()
        self._on_wait = on_wait
        self._now = clock.seconds(scheduler)
        self._began = self._now()
        self._has_slot = False
        self._timer: DisposableBase | None = None

    def enter(self, bound: int, longest: float) -> None:
        """Take a slot, or wait for one."""
        slots = self._slots
        if slots.take():
            self._start()
        elif slots.waiting >= bound:
            self.fail(Overloaded("admit", f"{slots.in_use} in use and {slots.waiting} waiting"))
        else:
            slots.wait(self, self._start)
            self._scope.queued_since = self._began
            self._timer = clock.after(self._scheduler, longest, lambda: self._give_up(longest))

    def ended(self, how: Exception | Left | None) -> None:
        if self._timer is not None:
            self._timer.dispose()
        self._slots.leave(self)
        if not self._has_slot:
            self._leave_queue()
        else:
            self._has_slot = False
            self._slots.give_back()

    def _start(self) -> None:
        self._has_slot = True
        if self._timer is not None:
            self._timer.dispose()
        waited = self._leave_queue()
        quietly(self._on_wait, waited)
        if self.stopped:
            return
        self.follow(self._source, self._scheduler)
        self.step_aside()

    def _leave_queue(self) -> float:
        """Seconds that it stood there; they are noted where total_timeout looks for them."""
        waited = self._now() - self._began
        self._scope.waited += waited
        self._scope.queued_since = None
        return waited

    def _give_up(self, longest: float) -> None:
        self.fail(Overloaded("admit", f"no slot became free within {longest:g} s"))
