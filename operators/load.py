"""How a candidate does: what is under way there, how soon its answers begin, how fast they go on; shared by all who try it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Final

from operators.options import Seconds, positive

ANSWER: Final = 100
"""An answer is taken to have so many items: what makes one number of the time before the first and the pace after it."""

# Of an old value this much is left when a new one comes at once; less when it comes later.
_KEPT: Final = 0.7


class Average:
    """A mean in which the latest value counts most, and the older it is the less it counts.

    Args:
        decay: seconds in which the weight of what was known falls to a third.
    """

    __slots__ = ("_decay", "at", "value")

    def __init__(self, decay: Seconds) -> None:
        self._decay = decay
        self.value: float | None = None
        """None: nothing was seen."""
        self.at = -math.inf
        """When the latest was seen."""

    def add(self, value: float, now: float) -> None:
        """One more."""
        kept = _KEPT * self.trust(now)
        self.value = value if self.value is None else kept * self.value + (1 - kept) * value
        self.at = now

    def trust(self, now: float) -> float:
        """How much it says of now: 1 when it is fresh, then less and less."""
        return math.exp((self.at - now) / self._decay)


class Load:
    """What is known of one candidate. Made by :class:`Loads`; ``measure`` writes it, ``balance`` reads it."""

    __slots__ = ("_first_event", "_pace", "_penalty", "_waiting", "in_flight", "key", "now")

    def __init__(self, key: str, decay: float, penalty: float, now: Callable[[], float]) -> None:
        self.key = key
        self.in_flight = 0
        """Attempts under way, from the subscription to the end."""
        self._first_event = Average(decay)
        self._pace = Average(decay)
        self._penalty = penalty
        self.now = now
        """Monotonic time in seconds."""
        self._waiting: dict[object, float] = {}
        """Attempts without a first event, the oldest first, and when they began."""

    @property
    def first_event(self) -> float | None:
        """Seconds to the first event of an attempt, on average; a failure counts as a long time. None: nothing was seen."""
        return self._first_event.value

    @property
    def pace(self) -> float | None:
        """Seconds an item, after the first, on average. None: nothing was seen."""
        return self._pace.value

    @property
    def cost(self) -> float:
        """What one more attempt costs here: seconds that an answer takes, times the attempts that would be under way.

        Where nobody waits for a first event the seconds shrink with time, down to 0 where nothing was ever seen: so that who
        was slow long ago is tried again. One attempt finds it out: as long as it waits, they are what they were, or what a
        failure costs where nothing was seen, or as long as it has waited by now.
        """
        now, first = self.now(), self._first_event
        if first.value is None:
            seconds = self._penalty if self._waiting else 0.0
        else:
            seconds = first.value + ANSWER * (self._pace.value or 0.0)
            if self._waiting:
                seconds = max(seconds, now - next(iter(self._waiting.values())))
            else:
                seconds *= first.trust(now)
        return seconds * (self.in_flight + 1)

    def begin(self, attempt: object) -> None:
        """An attempt begins; it is known by its object until :meth:`end`."""
        self.in_flight += 1
        self._waiting[attempt] = self.now()

    def first(self, attempt: object) -> float:
        """An attempt's first event came, now: the time."""
        now = self.now()
        self._first_event.add(now - self._waiting.pop(attempt), now)
        return now

    def follow(self, items: int, seconds: float) -> None:
        """So many items followed the first one, the last of them ``seconds`` after it."""
        self._pace.add(seconds / items, self.now())

    def end(self, attempt: object, *, failed: bool) -> None:
        """An attempt ended. It was let go without an event: it counts where it took longer by then than was thought."""
        self.in_flight -= 1
        now = self.now()
        began = self._waiting.pop(attempt, None)
        taken = 0.0 if began is None else now - began
        if failed:
            self._first_event.add(max(taken, self._penalty), now)
        elif taken > (self._first_event.value or 0.0):
            self._first_event.add(taken, now)


class Loads:
    """What is known of all candidates, by key. They are as many as there are keys: take keys from the configuration only.

    Args:
        decay: seconds in which the weight of what was known falls to a third.
        penalty: seconds to the first event that a failure counts as, at least.
        now: monotonic time in seconds.

    Raises:
        ValueError: a number is not positive.
    """

    __slots__ = ("_by_key", "_decay", "_now", "_penalty")

    def __init__(self, *, decay: Seconds = 60.0, penalty: Seconds = 30.0, now: Callable[[], float] = time.monotonic) -> None:
        positive("Loads", decay=decay, penalty=penalty)
        self._decay = decay
        self._penalty = penalty
        self._now = now
        self._by_key: dict[str, Load] = {}

    def __iter__(self) -> Iterator[Load]:
        """Every load, for whoever shows them."""
        return iter(list(self._by_key.values()))

    def of(self, key: str) -> Load:
        """The load of ``key``; of a new one nothing is known."""
        load = self._by_key.get(key)
        if load is None:
            load = self._by_key[key] = Load(key, self._decay, self._penalty, self._now)
        return load
