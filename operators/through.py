"""One stage that runs a sans-IO codec: every item that comes in gives any number of items out, for about 1 us."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Generic, Protocol, TypeVar

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
            return _Run(codec, observer).upstream.connect(source, scheduler)

        return Stream(subscribe)

    return operator


class _Run(Generic[In, Out]):
    """One subscription: the codec between its source and its observer."""

    __slots__ = ("_close", "_fail", "_feed", "_observer", "upstream")

    def __init__(self, codec: Codec[In, Out], observer: ObserverBase[Out]) -> None:
        self._feed = codec.feed
        self._close = codec.close
        self._fail: Callable[[Exception], Iterable[Out]] | None = getattr(codec, "fail", None)
        self._observer = observer
        self.upstream: Link[In] = Link(self._next, self._error, self._completed)

    def _next(self, item: In) -> None:
        try:
            items = self._feed(item)
        except Exception as error:
            self._error(error)
            return
        if type(items) is tuple or type(items) is list:
            observer = self._observer
            for out in items:
                observer.on_next(out)
            return
        failure = self._pump(items, self.upstream)
        if failure is not None:
            self._error(failure)

    def _error(self, error: Exception) -> None:
        self.upstream.dispose()
        failure: Exception | None = error
        if self._fail is not None:
            failure = self._call(partial(self._fail, error))
        if failure is None:
            self._observer.on_completed()
        else:
            self._observer.on_error(failure)

    def _completed(self) -> None:
        failure = self._call(self._close)
        if failure is None:
            self._observer.on_completed()
        else:
            self._error(failure)

    def _call(self, function: Callable[[], Iterable[Out]]) -> Exception | None:
        try:
            items = function()
        except Exception as error:
            return error
        return self._pump(items, None)

    def _pump(self, items: Iterable[Out], upstream: Link[In] | None) -> Exception | None:
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
            self._observer.on_next(item)
            if upstream is not None and upstream.stopped:
                return None
