"""Who is served next, of all who wait: the highest priority first, the keys of a priority in turn, a key's own in order.

Nothing here knows time or streams. A step costs the same however many wait and however many keys they have; only distinct
priorities are looked at one by one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class FairQueue(Generic[T]):
    """A queue that no key can keep from the others.

    A key that begins to wait comes last in the turns of its priority, and again each time one of its own was served; so within
    a priority nobody is served twice while another key waits. A key that is *held* waits without a turn until its release.

    >>> queue = FairQueue()
    >>> for ticket in ("a1", "a2", "b1"):
    ...     queue.push(ticket, key=ticket[0])
    >>> queue.push("c1", key="c", priority=1)
    >>> [queue.pop() for _ in range(5)]
    ['c1', 'a1', 'b1', 'a2', None]
    """

    __slots__ = ("_held", "_levels", "_order", "_places")

    def __init__(self) -> None:
        self._levels: dict[int, _Level[T]] = {}
        self._order: list[int] = []
        """The priorities of those who wait, the lowest first."""
        self._places: dict[T, tuple[int, Hashable]] = {}
        self._held: set[Hashable] = set()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._places)

    @property
    def ready(self) -> bool:
        """Whether :meth:`pop` has somebody to serve: not only held keys wait."""
        return any(level.turns for level in self._levels.values())

    def push(self, ticket: T, key: Hashable = None, priority: int = 0) -> None:
        """Join the queue, behind the key's own of that priority. A ticket stands there once."""
        level = self._levels.get(priority)
        if level is None:
            level = self._levels[priority] = _Level()
            insort(self._order, priority)
        level.add(ticket, key, held=key in self._held)
        self._places[ticket] = (priority, key)

    def pop(self) -> T | None:
        """Take out who is next; None: nobody waits whose key is not held."""
        for priority in reversed(self._order):
            level = self._levels[priority]
            if level.turns:
                ticket = level.next()
                self.leave(ticket)
                return ticket
        return None

    def leave(self, ticket: T) -> None:
        """Leave the queue. Nothing for who does not stand there."""
        place = self._places.pop(ticket, None)
        if place is None:
            return
        priority, key = place
        level = self._levels[priority]
        level.remove(ticket, key)
        if not level.lanes:
            del self._levels[priority]
            del self._order[bisect_left(self._order, priority)]

    def displace(self, key: Hashable = None, priority: int = 0) -> T | None:
        """Take out who has to make room for a newcomer where there is none: the last of the key that has most waiting.

        That is one of the lowest priority, where it is not above the newcomer's. None: the newcomer itself has the weakest claim;
        within its own priority only a key that would still have as many waiting as the newcomer's makes room.
        """
        if not self._order or self._order[0] > priority:
            return None
        level = self._levels[self._order[0]]
        if self._order[0] == priority and level.longest <= len(level.lanes.get(key, ())) + 1:
            return None
        ticket = level.last_of_longest()
        self.leave(ticket)
        return ticket

    def hold(self, key: Hashable) -> None:
        """Nobody of ``key`` is served until :meth:`release`."""
        self._held.add(key)
        for level in self._levels.values():
            level.turns.pop(key, None)

    def release(self, key: Hashable) -> None:
        """``key`` has a turn again, after those who have one."""
        self._held.discard(key)
        for level in self._levels.values():
            if key in level.lanes:
                level.turns[key] = None


class _Level(Generic[T]):
    """Those of one priority."""

    __slots__ = ("_by_length", "lanes", "longest", "turns")

    def __init__(self) -> None:
        self.lanes: dict[Hashable, OrderedDict[T, None]] = {}
        """Each key's own, in the order in which they came; a key without any is not there."""
        self.turns: OrderedDict[Hashable, None] = OrderedDict()
        """The keys that may be served, the next one first."""
        self.longest = 0
        """How many wait for the key that has most."""
        self._by_length: dict[int, OrderedDict[Hashable, None]] = {}

    def add(self, ticket: T, key: Hashable, *, held: bool) -> None:
        lane = self.lanes.get(key)
        if lane is None:
            lane = self.lanes[key] = OrderedDict()
            if not held:
                self.turns[key] = None
        lane[ticket] = None
        self._measure(key, len(lane) - 1, len(lane))

    def next(self) -> T:
        """Whose turn it is; its key then comes last."""
        key = next(iter(self.turns))
        self.turns.move_to_end(key)
        return next(iter(self.lanes[key]))

    def last_of_longest(self) -> T:
        return next(reversed(self.lanes[next(iter(self._by_length[self.longest]))]))

    def remove(self, ticket: T, key: Hashable) -> None:
        lane = self.lanes[key]
        del lane[ticket]
        if not lane:
            del self.lanes[key]
            self.turns.pop(key, None)
        self._measure(key, len(lane) + 1, len(lane))

    def _measure(self, key: Hashable, before: int, after: int) -> None:
        """Note that ``key`` has one more or one less waiting."""
        if before:
            keys = self._by_length[before]
            del keys[key]
            if not keys:
                del self._by_length[before]
        if after:
            self._by_length.setdefault(after, OrderedDict())[key] = None
        if after > self.longest or self.longest not in self._by_length:
            self.longest = after
