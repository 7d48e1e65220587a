"""One stage that runs a sans-IO codec: every item that comes in gives any number of items out, for about 1 us."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Protocol, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.signature import checked
from operators.stream import Left, Link, Operator, Stream

In = TypeVar("In")
Out = TypeVar("Out")
In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class Codec(Protocol[In_contra, Out_co]):
    """What :func:`through` runs. It may have two methods more.

    ``fail(error) -> Iterable``: what to emit before completing, or it raises.
    ``ended(how)``: called once at the end of the subscription, whichever it is (see ``Link.ended``); it must not raise.
    """

    def feed(self, item: In_contra, /) -> Iterable[Out_co]:
        """Take one item."""

    def close(self) -> Iterable[Out_co]:
        """The source completed."""


@checked
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
        def subscribe(observer: ObserverBase[Out], scheduler: SchedulerBase | None) -> Link[In, Out]:
            codec = make_codec(scheduler) if scoped else make_codec()
            link: Through[In, Out] = Through(codec) if getattr(codec, "ended", None) is None else Telling(codec)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class Through(Link[In, Out]):
    """One subscription: the codec between its source and its observer."""

    __slots__ = ("_codec", "_feed")

    def __init__(self, codec: Codec[In, Out]) -> None:
        self._codec = codec
        self._feed = codec.feed

    def on_next(self, item: In) -> None:
        if self.stopped:
            return
        feed = self._feed
        try:
            items = feed(item)
        except Exception as error:
            self.on_error(error)
            return
        if type(items) is tuple or type(items) is list:
            for out in items:
                self.receiver.on_next(out)
            return
        failure = self._pump(items)
        if failure is not None:
            self.on_error(failure)

    def on_error(self, error: Exception) -> None:
        if self.stopped:
            return
        # The source is let go, but what the codec still says on this is heard.
        if not self.upstream.stopped:
            self.upstream.dispose()
        failure: Exception | None = error
        fail: Callable[[Exception], Iterable[Out]] | None = getattr(self._codec, "fail", None)
        if fail is not None:
            failure = self._call(partial(fail, error))
        if failure is None:
            self.complete()
        else:
            self.fail(failure)

    def on_completed(self) -> None:
        if self.stopped:
            return
        failure = self._call(self._codec.close)
        if failure is None:
            self.complete()
        else:
            self.on_error(failure)

    def _call(self, function: Callable[[], Iterable[Out]]) -> Exception | None:
        try:
            items = function()
        except Exception as error:
            return error
        return self._pump(items) if items else None

    def _pump(self, items: Iterable[Out]) -> Exception | None:
        """Emit what an iterable gives; its own exception is the result, an exception of the observer is not caught."""
        iterator: Iterator[Out] | None = None
        while not self.stopped:
            try:
                if iterator is None:
                    iterator = iter(items)
                item = next(iterator)
            except StopIteration:
                return None
            except Exception as error:
                return error
            self.receiver.on_next(item)
        return None


class Telling(Through[In, Out]):
    """For a codec that wants to know how it ended."""

    __slots__ = ()

    _codec: Any

    def ended(self, how: Exception | Left | None) -> None:
        self._codec.ended(how)
