"""A copy of some streams goes elsewhere as well, to see what would come of it; whoever listens notices nothing."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from reactivex import Observable
from reactivex.abc import ObservableBase, ObserverBase, SchedulerBase

from operators import clock
from operators.admit import Slots
from operators.bypass import bypass
from operators.options import Count, Percent, Seconds
from operators.shadow import Comparison, Counted, Shadow, Summary, agreement
from operators.signature import checked
from operators.stream import Left, Link, Operator, Release, Stream

T = TypeVar("T")

logger = logging.getLogger(__name__)

Other: TypeAlias = ObservableBase[Any] | tuple[ObservableBase[Any], SchedulerBase | None]
"""The other stream, and the scope to subscribe to it with; alone: with the scope of the stream that is mirrored."""


@checked
def mirror(
    percent: Percent,
    most: Count = 8,
    longest: Seconds = 300.0,
    *,
    shadow: Callable[[SchedulerBase | None], Other | None],
    summary: Callable[[], Summary] = Counted,
    compare: Callable[[Any, Any], str] = agreement,
    make: Callable[[int], Slots] = Slots,
    random: Callable[[], float] = random.random,
    on_compared: Callable[[str, Any, Any], None] | None = None,
) -> Operator[T, T]:
    """Subscribe to another stream beside a share of the subscriptions, and tell whether both said the same.

        source        -a-b-|
        the shadow    ---x-----y|     nobody gets it
        mirror(100)   -a-b-|          on_compared("same", ...) in the tenth second: both have two items

    Args:
        percent: the share of the subscriptions that are mirrored, more than 0 and at most 100.
        most: how many mirrors at the same time, over everything that has the same slots; over it there is none.
        longest: seconds from the subscription until both have to be over.
        shadow: called with the scheduler of the subscription once the source was subscribed to. It gives the other stream, or
            that stream and the scope to subscribe to it with, or None: this one is not mirrored.
        summary: makes what looks at the items of one stream (``note(item)``); by default it counts them.
        compare: a word for two summaries (the source's, the shadow's); by default ``same`` where they are equal, else
            ``different``. Asked only where both streams completed.
        make: makes the slots of ``most``, or finds those that others use already. By default the operator has its own.
        random: 0 <= x < 1; called once a subscription.
        on_compared: probe, called with (word, summary of the source, summary of the shadow) when the outcome is known: the
            word of ``compare``, or ``mine_failed``, ``other_failed``, ``both_failed``, or ``abandoned``: the subscriber left,
            or ``longest`` was over, or no comparison could be made. It cannot hurt.

    The stream itself is never delayed, nor does it wait for the shadow. What the shadow does wrong, and what any of these
    functions raises, is logged at most. A stream is whole with an item whose attribute ``ends`` is true: dispose after it is no
    leaving (the shadow goes on), and an error no failure.

    Raises:
        ValueError: a number is out of its range.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose: source and shadow are let go, and the timer is gone.

    >>> import reactivex
    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> other = t.cold("---x-----y|")
    >>> mirrored = t.cold("-a-b-|").pipe(mirror(100, shadow=lambda scope: other, on_compared=print))
    >>> mirrored.subscribe(lambda item: None, scheduler=t.scheduler) and t.advance(10)
    same Counted(items=2) Counted(items=2)
    """
    slots = make(most)
    comparison = Comparison(summary, compare, on_compared)

    def meant() -> bool:
        try:
            return random() * 100 < percent
        except Exception:
            logger.exception("a stream was not mirrored: no random number")
            return False

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Release:
            time = clock.require(scheduler, "mirror")
            if not meant() or not slots.take():
                return bypass(source, observer, scheduler)
            other = Shadow(comparison, slots)
            link: _Mirror[T] = _Mirror(other)
            try:
                link.connect(source, observer, scheduler)
            except Exception:
                other.abandon()
                raise
            other.start(shadow, time, longest)
            return link

        return Stream(subscribe)

    return operator


class _Mirror(Link[T, T]):
    """The stream itself. Its shadow knows nothing of it."""

    __slots__ = ("_shadow", "_whole")

    def __init__(self, shadow: Shadow) -> None:
        self._shadow = shadow
        self._whole = False
        """Whether an item said that nothing has to follow it."""

    def on_next(self, item: T) -> None:
        shadow = self._shadow
        if shadow.over:
            self.step_aside()
        else:
            if getattr(item, "ends", False):
                self._whole = True
            try:
                shadow.mine.note(item)
            except Exception:
                shadow.spoilt()
        self.receiver.on_next(item)

    # Comparing may take a while: whoever listens hears of the end before it.

    def on_error(self, error: Exception) -> None:
        try:
            self.fail(error)
        finally:
            self._shadow.mine_ended(None if self._whole else error)

    def on_completed(self) -> None:
        try:
            self.complete()
        finally:
            self._shadow.mine_ended(None)

    def ended(self, how: Exception | Left | None) -> None:
        if isinstance(how, Left):
            if self._whole:
                self._shadow.mine_ended(None)
            else:
                self._shadow.abandon()
