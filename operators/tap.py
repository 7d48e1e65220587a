"""Shows a stream's notifications to a probe; whatever the probe does, the stream does not notice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.stream import Left, Link, Operator, Stream

T = TypeVar("T")

logger = logging.getLogger(__name__)


def quietly(probe: Callable[..., Any] | None, *args: Any) -> bool:
    """Call a probe that must not hurt: None does nothing, an exception is logged. Tells whether it went well."""
    if probe is not None:
        try:
            probe(*args)
        except Exception:
            logger.exception("a probe raised: %r", probe)
            return False
    return True


def tap(probe: object) -> Operator[T, T]:
    """Show what passes to ``probe``, and pass it on unchanged.

        source      -a-b-|
        tap(probe)  -a-b-|    probe sees  on_subscribe, a, b, on_completed

    Args:
        probe: an object with any of the methods ``on_subscribe()``, ``on_next(item)``, ``on_error(error)``,
            ``on_completed()``, ``on_dispose()`` (let go from below before the end). A method that raises is logged, and
            ``on_next`` is then not called again in this subscription.

    Raises nothing of its own. After dispose: the source is let go, then the probe sees ``on_dispose``.

    >>> import reactivex
    >>> class Count:
    ...     items = 0
    ...     def on_next(self, item):
    ...         self.items += 1
    >>> count = Count()
    >>> reactivex.of("a", "b").pipe(tap(count)).run(), count.items
    ('b', 2)
    """
    sight = _Sight(*(getattr(probe, f"on_{name}", None) for name in _Sight._fields))

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            quietly(sight.subscribe)
            link: _Tap[T] = _Tap(sight)
            link.connect(source, observer, scheduler)
            if sight.next is None:
                link.step_aside()
            return link

        return Stream(subscribe)

    return operator


class _Sight(NamedTuple):
    """What a probe sees; None: it does not look at that."""

    subscribe: Callable[[], None] | None
    next: Callable[[Any], None] | None
    error: Callable[[Exception], None] | None
    completed: Callable[[], None] | None
    dispose: Callable[[], None] | None


class _Tap(Link[T, T]):
    __slots__ = ("_see", "_sight")

    def __init__(self, sight: _Sight) -> None:
        self._sight = sight
        self._see = sight.next

    def on_next(self, item: T) -> None:
        if self._see is not None:
            try:
                self._see(item)
            except Exception:
                logger.exception("a probe raised: %r", self._see)
                self._see = None
                self.step_aside()
        self.receiver.on_next(item)

    def ended(self, how: Exception | Left | None) -> None:
        self._see = None
        if how is None:
            quietly(self._sight.completed)
        elif isinstance(how, Exception):
            quietly(self._sight.error, how)
        else:
            quietly(self._sight.dispose)
