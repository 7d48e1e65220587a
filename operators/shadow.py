"""The other stream beside one that is mirrored: what it said, what that one said, and the word for both at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from reactivex.abc import DisposableBase, SchedulerBase

from operators import clock
from operators.admit import Slots
from operators.stream import SILENT, Left, Link
from operators.tap import quietly

logger = logging.getLogger(__name__)

ABANDONED: Final = "abandoned"
_FAILED: Final = {(True, False): "mine_failed", (False, True): "other_failed", (True, True): "both_failed"}

_PENDING: Final = object()


class Summary(Protocol):
    """What is kept of one stream to compare it with another one."""

    def note(self, item: Any, /) -> None:
        """One more item."""


@dataclass(slots=True)
class Counted:
    """How many items there were."""

    items: int = 0

    def note(self, item: Any, /) -> None:
        """One more."""
        self.items += 1


def agreement(mine: Any, other: Any) -> str:
    """``same`` or ``different``, by equality."""
    return "same" if mine == other else "different"


class Comparison(NamedTuple):
    """What all mirrors of one operator have in common."""

    summary: Callable[[], Summary]
    compare: Callable[[Any, Any], str]
    on_compared: Callable[[str, Any, Any], None] | None


class Shadow(Link[Any, Any]):
    """One mirror: the subscription to the other stream, and what is known of both. Nothing of it ever raises.

    Args:
        comparison: how the two are compared.
        slots: where it has a slot. It is given back when ``over``.
    """

    __slots__ = ("_comparison", "_mine_how", "_other", "_other_how", "_slots", "_timer", "_whole", "mine", "over")

    mine: Any
    """The summary of the stream that is mirrored, until the outcome is told. Who notes an item there tells what that raises."""
    over: bool
    """Whether the outcome was told."""

    def __init__(self, comparison: Comparison, slots: Slots) -> None:
        self.begin(SILENT)
        self.over = False
        self._comparison = comparison
        self._slots = slots
        self.mine = None
        self._other: Any = None
        self._mine_how: Any = _PENDING
        self._other_how: Any = _PENDING
        self._whole = False
        """Whether an item of the other stream said that nothing has to follow it."""
        self._timer: DisposableBase | None = None
        try:
            self.mine, self._other = comparison.summary(), comparison.summary()
        except Exception:
            self.spoilt()

    def start(self, shadow: Callable[[SchedulerBase | None], Any], scheduler: SchedulerBase, longest: float) -> None:
        """Subscribe to the other stream, where the outcome is still open."""
        if self.over:
            return
        try:
            given = shadow(scheduler)
            if given is None or self.over:
                self._settle(None)
                return
            stream, scope = given if isinstance(given, tuple) else (given, scheduler)
            self._timer = clock.after(scheduler, longest, self._elapsed)
            self.connect(stream, SILENT, scope)
        except Exception as error:
            logger.exception("a shadow could not be subscribed to")
            self.fail(error)

    def spoilt(self) -> None:
        """A summary raised; called where that is caught."""
        logger.exception("a summary raised")
        self.abandon()

    def mine_ended(self, how: Exception | None) -> None:
        """The stream that is mirrored failed, or it is complete."""
        if self._mine_how is _PENDING:
            self._mine_how = how
            self._compare()

    def abandon(self) -> None:
        """There will be nothing to compare."""
        self._settle(ABANDONED)

    def on_next(self, item: Any) -> None:
        if self.over:
            return
        self._whole = self._whole or bool(getattr(item, "ends", False))
        try:
            self._other.note(item)
        except Exception:
            self.spoilt()

    def ended(self, how: Exception | Left | None) -> None:
        self._other_how = None if self._whole else how
        self._compare()

    def _elapsed(self) -> None:
        if self._whole:
            self.complete()
        self.abandon()

    def _compare(self) -> None:
        if self._mine_how is _PENDING or self._other_how is _PENDING:
            return
        word = _FAILED.get((self._mine_how is not None, self._other_how is not None))
        if word is None:
            try:
                word = self._comparison.compare(self.mine, self._other)
            except Exception:
                logger.exception("a comparison raised: %r", self._comparison.compare)
                word = ABANDONED
        self._settle(word)

    def _settle(self, word: str | None) -> None:
        if self.over:
            return
        self.over = True
        if self._timer is not None:
            self._timer.dispose()
        # It may raise, and whoever listens to the mirrored stream may be leaving just now.
        quietly(self.dispose)
        self._slots.give_back()
        mine, other = self.mine, self._other
        self.mine = self._other = self._mine_how = self._other_how = None
        if word is not None:
            quietly(self._comparison.on_compared, word, mine, other)
