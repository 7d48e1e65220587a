"""The least rate of a stream: one that trickles is no better than one that is silent, but no clock of gaps sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from operators import clock
from operators.errors import StepError, TooSlow
from operators.flow import Flow
from operators.options import Rate, Seconds
from operators.signature import checked
from operators.stream import Left, Link, Operator, Stream
from operators.tap import quietly

T = TypeVar("T")

_ALMOST: Final = 1 - 1e-9
"""Ten tenths are a little less than one, in binary."""


def _one(item: Any) -> float:
    return 1.0 if getattr(item, "commits", True) else 0.0


@checked
def pace(
    least: Rate,
    window: Seconds = 10.0,
    ends: bool = False,
    *,
    weigh: Callable[[T], float] = _one,
    before: Callable[[T], float] | None = None,
    on_slow: Callable[[float], None] | None = None,
) -> Operator[T, T]:
    """Watch that at least ``least`` units a second come, over each ``window`` seconds.

        source               -a-a--a-a--a---|     windows of 4 s begin at the first second
        pace(1/2, window=4)  -a-a--a-a--a---|     on_slow(1/4) at the end of the third one
        with ends=True       -a-a--a-a--a-#

    Args:
        least: units a second, more than 0.
        window: seconds, long enough for several items: a count is exact to one item only. Windows follow one another; what slows
            down within one is seen at the end of the next at the latest.
        ends: fail also after the commit.
        weigh: how many units an item is; by default each committing item is one, the others none.
        before: how many units it is as long as none has committed, where that is something else: the bytes of what only keeps a
            line open, say. The commit then begins a window of its own. None: ``weigh`` says it from the beginning.
        on_slow: probe, called after the commit with the units a second of a window that was too slow; once for each slow
            period, which ends with a window that was not. It cannot hurt.

    The clock starts with the first item that weighs anything: what is said before it, and silence before it, is the business of
    ``first_event_timeout``; so is a whole window of silence before the commit. An item whose attribute ``ends`` is true stops the
    clock. A window in which too little came while the flow gate of ``clock.Scope`` was shut, or the source stood in a queue (of
    ``admit``), is our own doing: it does not count.

    Before the commit a stream that is too slow fails, so that another source gets its chance. That concerns only items that
    weigh something and do not commit. After the commit it is only told, unless ``ends`` says otherwise.

    Items that do not commit weigh nothing by default, and then nothing fails before the commit.

    Raises:
        ValueError: ``least`` or ``window`` is not positive.
        TooSlow (as ``on_error``): less came. The source is let go first.
        StepError (as ``on_error``): ``weigh`` raised.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose: the timer is gone.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> t.check(t.cold("-a-a------a|").pipe(pace(0.5, window=4, ends=True)), "-a-a-----#", error=TooSlow)
    """
    terms = _Terms(least, window, ends, weigh, before, on_slow)

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _Pace[T] = _Pace(clock.require(scheduler, "pace"), terms)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Terms(NamedTuple):
    """What is watched for, and who hears of it."""

    least: float
    window: float
    ends: bool
    weigh: Callable[[Any], float]
    before: Callable[[Any], float] | None
    on_slow: Callable[[float], None] | None


class _Pace(Flow[T]):
    __slots__ = ("_committed", "_over", "_scheduler", "_slow", "_terms", "_timer", "_weigh", "_weight")

    def __init__(self, scheduler: SchedulerBase, terms: _Terms) -> None:
        super().__init__(scheduler)
        self._scheduler = scheduler
        self._terms = terms
        self._weigh = terms.before or terms.weigh
        self._weight = 0.0
        self._timer: DisposableBase | None = None
        self._committed = False
        self._slow = False
        self._over = False

    def on_next(self, item: T) -> None:
        if not self._over:
            if not self._committed and getattr(item, "commits", True):
                self._commit()
            try:
                self._weight += self._weigh(item)
            except Exception as error:
                self.fail(StepError("pace", error))
                return
            if getattr(item, "ends", False):
                self._over = True
            if self._over:
                self._stop()
            elif self._timer is None and self._weight > 0 and not self.stopped:
                self._begin()
        self.receiver.on_next(item)

    def ended(self, how: Exception | Left | None) -> None:
        if self._timer is not None:
            self._timer.dispose()

    def _commit(self) -> None:
        self._committed = True
        terms = self._terms
        # After the commit there may be nobody who wants to know.
        self._over = not terms.ends and terms.on_slow is None
        if terms.before is not None:
            # What was counted so far has another unit.
            self._weigh, self._weight = terms.weigh, 0.0
            if self._timer is not None:
                self._timer.dispose()
                self._timer = None

    def _begin(self) -> None:
        self.reopened = self.gate.reopened
        self._timer = clock.after(self._scheduler, self._terms.window, self._look)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.dispose()
        self.step_aside()

    def _look(self) -> None:
        """A window is over."""
        weight, self._weight = self._weight, 0.0
        least, window = self._terms.least, self._terms.window
        if weight >= least * window * _ALMOST:
            self._slow = False
        elif not self._committed and not weight:
            # Silence, which another guard has an eye on.
            pass
        elif not self.ours():
            self._complain(TooSlow("pace", weight / window, least, window))
        if not self.stopped:
            self._begin()

    def _complain(self, error: TooSlow) -> None:
        if self._committed:
            if not self._slow:
                self._slow = True
                quietly(self._terms.on_slow, error.rate)
            if not self._terms.ends:
                return
        self.fail(error)
