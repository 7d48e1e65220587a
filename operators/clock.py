"""The only place that knows time: monotonic in production, virtual in tests, and never another thread.

Time enters a chain through ``subscribe(scheduler=...)``. A guard that needs it asks here, and fails at once without one.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from reactivex.abc import DisposableBase, SchedulerBase
from reactivex.disposable import Disposable
from reactivex.scheduler import VirtualTimeScheduler
from reactivex.scheduler.periodicscheduler import PeriodicScheduler
from reactivex.typing import AbsoluteTime, RelativeTime, ScheduledAction

from operators.errors import NoScheduler

if TYPE_CHECKING:
    from operators.source import FlowGate

S = TypeVar("S")

EARLY = 0.001
"""A timer may fire this many seconds early: event loops count in milliseconds, virtual time in microseconds."""


def _nothing() -> None:
    """What a timer calls that was taken back."""


class Due(DisposableBase):
    """A call that is still to come; ``dispose`` takes it back."""

    __slots__ = ("due",)

    due: float
    """When, in the scheduler's time (``seconds``)."""


class Timer(Due):
    """Calls its action once it is due. Taken back it holds nothing, and nothing holds it."""

    __slots__ = ("action", "waiting")

    action: Callable[[], None]
    waiting: OrderedDict[Timer, None]

    def dispose(self) -> None:
        self.waiting.pop(self, None)
        self.action = _nothing


class Queue:
    """All timers of one span. They end in the order in which they began, so that one timer of the loop serves them all.

    Guards have few spans and start one timer or more for each stream: this is a third of what a timer of the loop costs.

    Args:
        loop: whose time counts.
        span: seconds.
        queues: where it is kept, by its span, as long as a timer of the loop is set.
    """

    __slots__ = ("_loop", "_queues", "_span", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, span: float, queues: dict[float, Queue]) -> None:
        self._loop = loop
        self._span = span
        self._queues = queues
        self.waiting: OrderedDict[Timer, None] = OrderedDict()
        queues[span] = self
        loop.call_later(span, self._fire)

    def _fire(self) -> None:
        waiting = self.waiting
        first = next(iter(waiting), None)
        due = first is not None and first.due - self._loop.time() <= EARLY
        if first is not None and due:
            del waiting[first]
        following = next(iter(waiting), None)
        if following is None:
            del self._queues[self._span]
        else:
            self._loop.call_at(following.due, self._fire)
        # Last: whatever it raises is the loop's to report, and the others' time goes on.
        if first is not None and due:
            first.action()


class Clock(PeriodicScheduler):
    """A reactivex scheduler over one asyncio loop, on the loop's monotonic time: a step of the wall clock moves no timeout.

    Args:
        loop: the loop to use; None takes the running one.

    Raises:
        RuntimeError: no loop was given and none is running.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__()
        self.loop = loop or asyncio.get_running_loop()
        self._began = time.time() - self.loop.time()
        self._queues: dict[float, Queue] = {}

    @property
    def now(self) -> datetime:
        """The time of day at which the clock was made, moved on by monotonic time."""
        return datetime.fromtimestamp(self._began + self.loop.time(), tz=UTC)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call ``action`` once, ``seconds`` from now, and nothing else of the scheduler's ways."""
        queue = self._queues.get(seconds)
        if queue is None:
            queue = Queue(self.loop, seconds, self._queues)
        timer = Timer()
        timer.action = action
        timer.due = self.loop.time() + seconds
        timer.waiting = waiting = queue.waiting
        waiting[timer] = None
        return timer

    def schedule(self, action: ScheduledAction[S], state: S | None = None) -> DisposableBase:
        return self.schedule_relative(0.0, action, state)

    def schedule_relative(self, duetime: RelativeTime, action: ScheduledAction[S], state: S | None = None) -> DisposableBase:
        inner: DisposableBase | None = None

        def run() -> None:
            nonlocal inner
            inner = self.invoke_action(action, state)

        def dispose() -> None:
            handle.cancel()
            if inner is not None:
                inner.dispose()

        handle = self.loop.call_later(max(0.0, self.to_seconds(duetime)), run)
        return Disposable(dispose)

    def schedule_absolute(self, duetime: AbsoluteTime, action: ScheduledAction[S], state: S | None = None) -> DisposableBase:
        return self.schedule_relative(self.to_datetime(duetime) - self.now, action, state)


class Scope(Clock):
    """The clock of one subscription, and what it is for.

    Operators hand the scheduler on, from the last one to the source; so a chain that was built once finds in it what belongs
    to one subscription only. Subclass it to carry more. It costs an object, no timer and no thread.

    Args:
        clock: whose time it tells.
        gate: the flow gate of this subscription's producer.
    """

    def __init__(self, clock: Clock, gate: FlowGate | None = None) -> None:
        self.loop = clock.loop
        self._began = clock._began
        self._queues = clock._queues
        self.gate = gate


def require(scheduler: SchedulerBase | None, operator: str) -> SchedulerBase:
    """The scheduler, or a clear error for the guard named ``operator``.

    Raises:
        NoScheduler: nobody passed one to ``subscribe``.
    """
    if scheduler is None:
        raise NoScheduler(operator)
    return scheduler


def seconds(scheduler: SchedulerBase) -> Callable[[], float]:
    """A function that tells the scheduler's time in seconds. It never goes back; only differences mean something."""
    loop: asyncio.AbstractEventLoop | None = getattr(scheduler, "loop", None)
    if loop is not None:
        return loop.time
    if isinstance(scheduler, VirtualTimeScheduler):
        return lambda: scheduler.to_seconds(scheduler.clock)
    return time.monotonic


class _ForeignDue(Due):
    """Of a scheduler that is no clock of ours."""

    __slots__ = ("_timer",)

    def __init__(self, scheduler: SchedulerBase, span: float, action: Callable[[], None]) -> None:
        self.due = seconds(scheduler)() + span
        self._timer = scheduler.schedule_relative(span, lambda *_: action())

    def dispose(self) -> None:
        self._timer.dispose()


def after(scheduler: SchedulerBase, seconds: float, action: Callable[[], None]) -> Due:
    """Call ``action`` once, ``seconds`` from now. Dispose before that: it is never called."""
    try:
        own: Callable[[float, Callable[[], None]], Timer] = scheduler.after  # type: ignore[attr-defined]
    except AttributeError:
        return _ForeignDue(scheduler, seconds, action)
    return own(seconds, action)


class Countdown(DisposableBase):
    """Calls ``action`` once, when its seconds are over. They can be held, and run again later.

    Args:
        scheduler: whose time counts.
        span: seconds.
        action: called at their end, unless ``dispose`` was called before.
    """

    __slots__ = ("_action", "_left", "_scheduler", "_timer")

    def __init__(self, scheduler: SchedulerBase, span: float, action: Callable[[], None]) -> None:
        self._scheduler = scheduler
        self._action = action
        self._left: float | None = None
        """Seconds, while they are held."""
        self._timer: Due | None = after(scheduler, span, action)

    def hold(self, waiting: bool) -> None:
        """They do not run from now on, or (False) again."""
        timer = self._timer
        if waiting and timer is not None:
            self._left = max(0.0, timer.due - seconds(self._scheduler)())
            self._timer = None
            timer.dispose()
        elif not waiting and self._left is not None:
            self._timer, self._left = after(self._scheduler, self._left, self._action), None

    def dispose(self) -> None:
        """The timer is gone, and whose action it was is let go of."""
        timer, self._timer, self._left, self._action = self._timer, None, None, _nothing
        if timer is not None:
            timer.dispose()


class Silence(DisposableBase):
    """Calls ``action`` whenever nothing was noted for a span. One timer: a note only keeps the time, the timer re-arms itself.

    Args:
        scheduler: whose time counts.
        span: seconds.
        action: called at the end of each silent span, until ``dispose``.

    To note something, set ``last`` to ``now()``: an attribute, because it is done for every item.
    """

    __slots__ = ("_action", "_scheduler", "_span", "_timer", "last", "now")

    def __init__(self, scheduler: SchedulerBase, span: float, action: Callable[[], None]) -> None:
        self.now = seconds(scheduler)
        self.last: float = self.now()
        self._scheduler = scheduler
        self._span = span
        self._action = action
        self._timer: Due | None = after(scheduler, span, self._fire)

    def _fire(self) -> None:
        now = self.now()
        left = self.last + self._span - now
        if left > EARLY:
            self._timer = after(self._scheduler, left, self._fire)
            return
        self.last = now
        self._timer = after(self._scheduler, self._span, self._fire)
        self._action()

    def dispose(self) -> None:
        """The timer is gone, nothing is called any more, and whose action it was is let go of."""
        timer, self._timer, self._action = self._timer, None, _nothing
        if timer is not None:
            timer.dispose()
