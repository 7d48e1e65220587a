"""Shows a stream's notifications to a probe; whatever the probe does, the stream does not notice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.stream import Link, Operator, Stream

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
    see_subscribe: Callable[[], None] | None = getattr(probe, "on_subscribe", None)
    see_next: Callable[[Any], None] | None = getattr(probe, "on_next", None)
    see_error: Callable[[Exception], None] | None = getattr(probe, "on_error", None)
    see_completed: Callable[[], None] | None = getattr(probe, "on_completed", None)
    see_dispose: Callable[[], None] | None = getattr(probe, "on_dispose", None)

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Callable[[], None]:
            def on_next(item: T) -> None:
                try:
                    see_next(item)  # type: ignore[misc]
                except Exception:
                    logger.exception("a probe raised: %r", see_next)
                    upstream.redirect(observer.on_next, on_error)
                observer.on_next(item)

            def on_error(error: Exception) -> None:
                quietly(see_error, error)
                observer.on_error(error)

            def on_completed() -> None:
                quietly(see_completed)
                observer.on_completed()

            def dispose() -> None:
                if not upstream.stopped:
                    upstream.dispose()
                    quietly(see_dispose)

            quietly(see_subscribe)
            upstream: Link[T] = Link(observer.on_next if see_next is None else on_next, on_error, on_completed)
            upstream.connect(source, scheduler)
            return dispose

        return Stream(subscribe)

    return operator
