"""Replays a finished stream to who asks for the same again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators import clock
from operators.errors import StepError
from operators.options import Bytes, Seconds
from operators.signature import checked
from operators.source import FlowGate
from operators.store import Store, footprint
from operators.stream import Left, Link, Operator, Stream
from operators.tap import quietly

T = TypeVar("T")

__all__ = ["Store", "cache"]


@checked
def cache(
    bytes: Bytes = 1 << 24,
    seconds: Seconds = 300.0,
    largest: Bytes | None = None,
    *,
    key: Callable[[SchedulerBase | None], Hashable | None] | None = None,
    store: Store | None = None,
    keep: Callable[[list[Any]], bool] | None = None,
    on_hit: Callable[[SchedulerBase | None], None] | None = None,
    on_miss: Callable[[SchedulerBase | None], None] | None = None,
) -> Operator[T, T]:
    """Keep finished streams for a while, and replay them without subscribing to the source.

        source   -a-b-|       subscribed to by the first only
        cache()  -a-b-|
        cache()  (ab|)        came later

    Args:
        bytes: the memory of the whole store. What was not used for longest goes first.
        seconds: how old a finished stream may be.
        largest: the memory of one finished stream; None: a tenth of ``bytes``.
        key: called with the scheduler of each subscription. Equal keys mean the same stream; with None it passes straight
            through. Without it each stream has a key of its own.
        store: what is kept, shared with others; None: its own.
        keep: called with the items of a stream that is complete; whether it may be kept. None: any.
        on_hit, on_miss: probes, called with the scheduler of the subscription. They cannot hurt.

    Only a stream that is complete is kept: it completed, or an item said so by its attribute ``ends``. What follows such an item
    is nothing of the stream: a failure of its connection does not spoil what was said. Never kept is a stream that failed or was
    left before that, or grew over ``largest``. Everybody gets the very same objects. Replayed items come from inside the
    subscribing; while the subscriber's gate (of ``clock.Scope``) is shut, the rest waits.

    Raises:
        ValueError: a number is not positive, or ``largest`` is more than ``bytes``.
        StepError (as ``on_error``): ``key`` or ``keep`` raised, or the key is none.
        NoScheduler (as ``on_error``): subscribed to without a scheduler.

    After dispose: the source is let go, and what was recorded is dropped.

    >>> from operators.testing import Marbles
    >>> t = Marbles()
    >>> source = t.cold("-a-b-|")
    >>> cached = source.pipe(cache(seconds=3600))
    >>> t.check(cached, "-a-b-|")
    >>> t.check(cached, "(ab|)")
    >>> source.subscriptions
    []
    """
    most = max(1, bytes // 10) if largest is None else largest
    if most > bytes:
        raise ValueError(f"cache: largest must be at most bytes ({bytes}), not {most!r}")
    kept = Store() if store is None else store

    def operator(source: Observable[T]) -> Stream[T]:
        itself = object()

        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            now = clock.seconds(clock.require(scheduler, "cache"))
            try:
                name = itself if key is None else key(scheduler)
                items = None if name is None else kept.find(name, now())
            except Exception as error:
                raise StepError("cache", error) from error
            if items is not None:
                quietly(on_hit, scheduler)
                replay: _Replay[T] = _Replay(items, getattr(scheduler, "gate", None)).begin(observer)
                replay.feed()
                return replay
            if name is None:
                link: Link[T, T] = Link()
                link.connect(source, observer, scheduler)
                link.step_aside()
                return link
            quietly(on_miss, scheduler)

            def put(items: list[T], size: int) -> None:
                kept.put(name, items, size, now() + seconds, bytes)

            return _Recording(most, keep, put).connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Recording(Link[T, T]):
    """A miss: the source, and what it said so far."""

    __slots__ = ("_items", "_keep", "_most", "_put", "_size")

    def __init__(self, most: int, keep: Callable[[list[T]], bool] | None, put: Callable[[list[T], int], None]) -> None:
        self._most = most
        self._keep = keep
        self._put = put
        self._items: list[T] | None = []
        self._size = 0

    def on_next(self, item: T) -> None:
        items = self._items
        if items is not None:
            items.append(item)
            self._size += footprint(item)
            if self._size > self._most:
                self._items = None
                self.step_aside()
            elif getattr(item, "ends", False):
                if not self._settled():
                    return
                self.step_aside()
        self.receiver.on_next(item)

    def on_completed(self) -> None:
        if self._settled():
            self.complete()

    def _settled(self) -> bool:
        """Keep what was said, before the end is handed on: whoever hears it finds it kept. False: the stream failed."""
        items, self._items = self._items, None
        try:
            if items is not None and (self._keep is None or self._keep(items)):
                self._put(items, self._size)
        except Exception as error:
            self.fail(StepError("cache", error))
            return False
        return True

    def ended(self, how: Exception | Left | None) -> None:
        self._items = None


class _Replay(Link[T, T]):
    """A hit: what is kept, at the subscriber's pace."""

    __slots__ = ("_gate", "_items", "_next")

    def __init__(self, items: tuple[T, ...], gate: FlowGate | None) -> None:
        self._items = items
        self._gate = gate
        self._next = 0

    def feed(self) -> None:
        """Hand on what is left, up to a shut gate; then the end."""
        gate = self._gate
        try:
            while self._next < len(self._items):
                if gate is not None and not gate.is_open:
                    gate.on_reopen(self.feed)
                    return
                item = self._items[self._next]
                self._next += 1
                self.receiver.on_next(item)
        except Exception as error:
            self.fail(error)
            return
        self.complete()

    def ended(self, how: Exception | Left | None) -> None:
        self._items = ()
        if self._gate is not None:
            self._gate.forget(self.feed)
