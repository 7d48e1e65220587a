"""A stream under way with any number of subscribers: what :func:`operators.share.share` is made of."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Hashable
from typing import Any, TypeVar

from reactivex.abc import ObservableBase, ObserverBase, SchedulerBase

from operators.source import FlowGate
from operators.stream import SILENT, Left, Link

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Flights:
    """The streams under way that others may join, by their keys, and what they keep. For one event loop.

    Several operators may share one: then a stream of one is joined by subscribers of another.
    """

    __slots__ = ("_all", "_open", "begun", "joined")

    def __init__(self) -> None:
        self.begun = 0
        """How many sources were subscribed to so far."""
        self.joined = 0
        """How many subscribers so far found one that was under way."""
        self._open: dict[Hashable, Flight[Any]] = {}
        self._all: set[Flight[Any]] = set()

    @property
    def under_way(self) -> int:
        """How many have a subscriber now."""
        return len(self._all)

    @property
    def bytes(self) -> int:
        """What all of them keep now, for late subscribers and for slow ones."""
        return sum(flight.size for flight in self._all)

    def find(self, key: Hashable) -> Flight[Any] | None:
        """The one that can be joined under ``key``. Raises TypeError where the key cannot be one."""
        flight = self._open.get(key)
        return None if flight is None or flight.stopped else flight

    def enter(self, key: Hashable, flight: Flight[Any]) -> None:
        """From now on ``flight`` is the one to join under ``key``."""
        self._open[key] = flight
        self._all.add(flight)
        self.begun += 1

    def close(self, key: Hashable, flight: Flight[Any]) -> None:
        """``flight`` cannot be joined any more; one that took its place can."""
        if self._open.get(key) is flight:
            del self._open[key]

    def leave(self, flight: Flight[Any]) -> None:
        """Nobody needs ``flight`` any more."""
        self._all.discard(flight)


class Flight(Link[T, T]):
    """The one subscription to the source, the items that somebody can still need, and who sits in it.

    As long as it can be joined it keeps everything, and that is no more than its bound. Then it keeps what the slowest has not
    got yet; is that more than the bound, its gate is shut.

    Args:
        flights, key: where it can be found.
        bound: bytes.
        gate: what the source's producer waits at; without one everybody gets everything at once.
    """

    __slots__ = (
        "_bound",
        "_flights",
        "_gate",
        "_holding",
        "_key",
        "_queued",
        "_row",
        "_seats",
        "base",
        "end",
        "how",
        "joinable",
        "kept",
        "over",
        "size",
    )

    def __init__(self, flights: Flights, key: Hashable, bound: int, gate: FlowGate | None) -> None:
        self._flights = flights
        self._key = key
        self._bound = bound
        self._gate = gate
        self._holding = False
        """Whether it was the flight that shut its gate."""
        self._queued = False
        """Whether the source stands in a queue."""
        self._seats: dict[Seat[T], None] = {}
        self._row: tuple[Seat[T], ...] | None = None
        self.kept: deque[T] = deque()
        self.base = 0
        """The number of the first item kept."""
        self.end = 0
        """How many items came so far: the number of the next."""
        self.size = 0
        """The bytes kept."""
        self.joinable = True
        self.over = False
        """Whether the source has ended."""
        self.how: Exception | None = None
        """The error with which it did."""

    def take_off(
        self, source: ObservableBase[T], scope: SchedulerBase | None, observer: ObserverBase[T], gate: FlowGate | None
    ) -> Seat[T]:
        """Subscribe to ``source``, for a first subscriber."""
        self.begin(SILENT)
        self._flights.enter(self._key, self)
        seat = self.board(observer, gate)
        self.connect(source, SILENT, scope)
        return seat

    def board(self, observer: ObserverBase[T], gate: FlowGate | None) -> Seat[T]:
        """A subscriber more: it gets what came so far, at once."""
        seat: Seat[T] = Seat(self, None if self._gate is None else gate).begin(observer)
        self._seats[seat] = None
        self._row = None
        if self._queued:
            seat.on_queued(True)
        seat.resume()
        return seat

    def leave(self, seat: Seat[T]) -> None:
        """A subscriber less: the last one takes the flight with it."""
        del self._seats[seat]
        self._row = None
        if not self._seats:
            self._flights.leave(self)
            self.kept.clear()
            self.size = 0
            self.dispose()
        elif seat.next == self.base:
            self.trim()

    def on_queued(self, waiting: bool) -> None:
        self._queued = waiting
        for seat in self._line_up():
            seat.on_queued(waiting)

    def on_next(self, item: T) -> None:
        if self.stopped:
            return
        try:
            self.size += item.size or 1  # type: ignore[attr-defined]
        except AttributeError:
            self.size += _size(item)
        self.kept.append(item)
        self.end += 1
        if self.joinable and self.size > self._bound:
            self._close()
        for seat in self._row or self._line_up():
            seat.feed()
        if not self.joinable:
            self.trim()

    def ended(self, how: Exception | Left | None) -> None:
        self._close()
        if isinstance(how, Left):
            return
        self.over, self.how = True, how
        for seat in self._line_up():
            seat.feed()
        self.trim()

    def trim(self) -> None:
        """Drop what everybody has got; let the source wait for the slowest, or go on."""
        if self.joinable:
            return
        slowest = self.end
        for seat in self._seats:
            if seat.next < slowest:
                slowest = seat.next
        if slowest == self.end:
            self.kept.clear()
            self.size = 0
        else:
            for _ in range(slowest - self.base):
                self.size -= _size(self.kept.popleft())
        self.base = slowest
        if self._gate is None:
            return
        if self.size > self._bound and not self.over:
            self._holding = True
            self._gate.shut()
        elif self._holding:
            self._holding = False
            self._gate.reopen()

    def _close(self) -> None:
        self.joinable = False
        self._flights.close(self._key, self)

    def _line_up(self) -> tuple[Seat[T], ...]:
        """Who sits in it now. Made anew after a change only, and never changed: who is told may come and go meanwhile."""
        row = self._row = tuple(self._seats)
        return row


class Seat(Link[T, T]):
    """One subscriber: how far it is, and its own gate.

    Whatever happens from inside its items (items that come meanwhile, others who come and go, a gate that is reopened), it gets
    one after another, each once.
    """

    __slots__ = ("_feeding", "_flight", "_gate", "next")

    def __init__(self, flight: Flight[T], gate: FlowGate | None) -> None:
        self._flight: Flight[T] | None = flight
        self._gate = gate
        self._feeding = False
        self.next = 0
        """The number of the item it gets next."""

    def feed(self) -> None:
        """Hand on what is there, up to a shut gate; behind the last item, the end."""
        flight = self._flight
        if self._feeding or flight is None:
            return
        gate = self._gate
        self._feeding = True
        try:
            while self.next < flight.end:
                if gate is not None and not gate.is_open:
                    gate.on_reopen(self.resume)
                    return
                item = flight.kept[self.next - flight.base]
                self.next += 1
                self.receiver.on_next(item)
                if self.stopped:
                    return
            if flight.over:
                if flight.how is None:
                    self.complete()
                else:
                    self.fail(flight.how)
        except Exception as error:
            self._hurt(error)
        finally:
            self._feeding = False

    def resume(self) -> None:
        """Feed on; what the slowest has got is dropped."""
        flight = self._flight
        if flight is not None:
            self.feed()
            flight.trim()

    def ended(self, how: Exception | Left | None) -> None:
        flight, self._flight = self._flight, None
        if self._gate is not None:
            self._gate.forget(self.resume)
        if flight is not None:
            flight.leave(self)

    def _hurt(self, error: Exception) -> None:
        """Who raises has its own exception as its error; the others do not notice."""
        if self.stopped:
            logger.error("a subscriber of a shared stream raised at its end", exc_info=error)
            return
        try:
            self.fail(error)
        except Exception:
            logger.exception("a subscriber of a shared stream raised when it was told its error")


def _size(item: Any) -> int:
    """What an item counts, at least 1."""
    try:
        return item.size or 1
    except AttributeError:
        return len(item) or 1 if isinstance(item, bytes | str) else 1
