"""One stage that runs a sans-IO codec: every item that comes in gives any number of items out, for about 1 us."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.stream import Link, Operator, Stream

In = TypeVar("In")
Out = TypeVar("Out")
In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class Codec(Protocol[In_contra, Out_co]):
    """What :func:`through` runs. It may also have ``fail(error) -> Iterable``: what to emit before completing, or it raises."""

    def feed(self, item: In_contra, /) -> Iterable[Out_co]:
        """Take one item."""

    def close(self) -> Iterable[Out_co]:
        """The source completed."""


def through(make_codec: Callable[..., Codec[In, Out]], *, scoped: bool = False) -> Operator[In, Out]:
    """Run a codec of its own for each subscription.

        source        -a-----b---|
        through(twice)-(aa)--(bb)|

    Args:
        make_codec: called at each subscription. ``feed(item)`` gives the items to emit, as a list or a generator, ``close()``
            likewise when the source completes. ``fail(error)`` is optional: the items to emit before *completing* in place of
            the error, or it raises the error that shall pass; without it errors pass.
        scoped: call ``make_codec`` with the scheduler of the subscription, in which a chain that was built once finds its
            context (``clock.Scope``).

    Raises (as ``on_error``):
        Exception: what the codec raised, after the items it gave before; the source is let go first.

    After dispose: the source is let go; a generator is not pulled any further.

    >>> import reactivex
    >>> class Twice:
    ...     def feed(self, item):
    ...         return [item, item]
    ...     def close(self):
    ...         return ["."]
    >>> reactivex.of("a", "b").pipe(through(Twice)).subscribe(print).dispose()
    a
    a
    b
    b
    .
    """

    def operator(source: Observable[In]) -> Stream[Out]:
        def subscribe(observer: ObserverBase[Out], scheduler: SchedulerBase | None) -> Link[In]:
            codec = make_codec(scheduler) if scoped else make_codec()
            feed = codec.feed
            rescue: Callable[[Exception], Iterable[Out]] | None = getattr(codec, "fail", None)

            def on_next(item: In) -> None:
                try:
                    items = feed(item)
                except Exception as error:
                    on_error(error)
                    return
                if type(items) is tuple or type(items) is list:
                    for out in items:
                        observer.on_next(out)
                    return
                failure = _pump(items, observer, upstream)
                if failure is not None:
                    on_error(failure)

            def on_error(error: Exception) -> None:
                upstream.dispose()
                if rescue is not None:
                    failure = _call(lambda: rescue(error), observer)
                    if failure is None:
                        observer.on_completed()
                        return
                    error = failure
                observer.on_error(error)

            def on_completed() -> None:
                failure = _call(codec.close, observer)
                if failure is None:
                    observer.on_completed()
                else:
                    on_error(failure)

            upstream: Link[In] = Link(on_next, on_error, on_completed)
            return upstream.connect(source, scheduler)

        return Stream(subscribe)

    return operator


def _call(function: Callable[[], Iterable[Out]], observer: ObserverBase[Out]) -> Exception | None:
    try:
        items = function()
    except Exception as error:
        return error
    return _pump(items, observer, None)


def _pump(items: Iterable[Out], observer: ObserverBase[Out], upstream: Link[In] | None) -> Exception | None:
    """Emit what an iterable gives; its own exception is the result, an exception of the observer is not caught."""
    iterator: Iterator[Out] | None = None
    while True:
        try:
            if iterator is None:
                iterator = iter(items)
            item = next(iterator)
        except StopIteration:
            return None
        except Exception as error:
            return error
        observer.on_next(item)
        if upstream is not None and upstream.stopped:
            return None
