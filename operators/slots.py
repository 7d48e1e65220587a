"""Slots that streams share: how many are taken, by whom, and who gets the next free one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import Any, Final, Protocol

from operators.fair_queue import FairQueue
from operators.options import Count, CountOrNone, Seconds
from operators.signature import checked

logger = logging.getLogger(__name__)

QUEUE: Final = 64
QUEUE_TIMEOUT: Final = 30.0


class Guest(Protocol):
    """Who wants a slot. What it raises when it is told is logged: another stream's end is no place for it."""

    key: Hashable
    """For whom it is; None: for nobody in particular."""
    priority: int

    def granted(self) -> None:
        """A slot is taken for it."""

    def refused(self) -> None:
        """It gets none."""


class Slots:
    """Slots that many streams share, and the queue of those who wait for one. For one event loop.

    A free slot goes to the highest priority that waits; within a priority the keys are served in turn, each key's own in the
    order in which they came. Where the queue is full, somebody of a lower priority, or of a key that has more waiting, makes
    room for a newcomer: no key can fill the queue and keep the others out.

    Args:
        limit: how many streams at once.
        queue: how many may wait; :func:`admit` may allow fewer.
        queue_timeout: how long one may wait, in seconds; :func:`admit` may say otherwise.
        per_key: the most slots that one key holds at once, even where others are free; None: any number.

    Raises:
        ValueError: ``limit``, ``queue_timeout`` or ``per_key`` is not positive, or ``queue`` is negative.
    """

    __slots__ = ("_granting", "_held", "_waiting", "in_use", "limit", "per_key", "queue", "queue_timeout")

    @checked
    def __init__(
        self, limit: Count, queue: CountOrNone = QUEUE, queue_timeout: Seconds = QUEUE_TIMEOUT, per_key: Count | None = None
    ) -> None:
        self.limit = limit
        self.queue = queue
        self.queue_timeout = queue_timeout
        self.per_key = per_key
        self.in_use = 0
        self._held: dict[Hashable, int] = {}
        """Slots by key, where they are counted; a key without any is not there."""
        self._waiting: FairQueue[Any] = FairQueue()
        self._granting = False

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiting)

    def take(self, key: Hashable = None) -> bool:
        """Take a slot if one is free for ``key`` and nobody waits for it; whoever took it calls :meth:`give_back` once."""
        if self.in_use >= self.limit or self._waiting.ready:
            return False
        if self.per_key is not None and self._held.get(key, 0) >= self.per_key:
            return False
        self._occupy(key)
        return True

    def join(self, guest: Guest, bound: int) -> Guest | None:
        """Join the queue, where no more than ``bound`` wait; ``guest.granted`` is called with a slot taken.

        Returns who finds no place: the guest itself, one that had to make room for it (the caller has it told by ``refuse``),
        or nobody.
        """
        loser: Guest | None = None
        if self.waiting >= bound:
            # Who would wait only in a shorter queue than this one may be cannot ask others to leave it.
            loser = self._waiting.displace(guest.key, guest.priority) if bound >= self.queue else None
            if loser is None:
                return guest
        self._waiting.push(guest, guest.key, guest.priority)
        return loser

    def refuse(self, guest: Guest) -> None:
        """Tell a guest that there is no place for it."""
        _told(guest.refused)

    def leave(self, guest: Guest) -> None:
        """Leave the queue without a slot."""
        self._waiting.leave(guest)

    def give_back(self, key: Hashable = None) -> None:
        """Return a slot that was taken for ``key``; who is next in the queue gets it."""
        self.in_use -= 1
        if self.per_key is not None and key is not None:
            self._held[key] -= 1
            self._waiting.release(key)
            if not self._held[key]:
                del self._held[key]
        # A granted stream that ends at once comes back here: a loop, so that the length of the queue costs no stack.
        if self._granting:
            return
        self._granting = True
        try:
            while self.in_use < self.limit and (guest := self._waiting.pop()) is not None:
                self._occupy(guest.key)
                _told(guest.granted)
        finally:
            self._granting = False

    def _occupy(self, key: Hashable) -> None:
        self.in_use += 1
        if self.per_key is not None and key is not None:
            self._held[key] = self._held.get(key, 0) + 1
            if self._held[key] == self.per_key:
                self._waiting.hold(key)


def _told(tell: Callable[[], None]) -> None:
    try:
        tell()
    except Exception:
        logger.exception("a stream raised when it was told of its slot")
