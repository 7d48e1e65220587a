"""Goes on after the commit: what was cut is continued by another source, and the observer sees one stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.commit import Trials, commits, retryable
from operators.errors import StepError
from operators.options import Count
from operators.signature import checked
from operators.stream import Left, Link, Operator, Stream
from operators.tap import quietly

T = TypeVar("T")


class Memory(Protocol[T]):
    """What one subscription remembers of its stream, and how it goes on from there. Each of them may raise: the stream fails."""

    def note(self, item: T, /) -> None:
        """``item`` is about to be handed on."""

    def continuation(self, error: Exception, /) -> Observable[T] | None:
        """What goes on behind the items noted so far, now that ``error`` cut them off. None: nothing can."""

    def splice(self, item: T, /) -> Iterable[T]:
        """What the observer sees of an item of the continuation asked for last: nothing, itself, others in its place."""


@checked
def resume(
    times: Count = 1,
    *,
    remember: Callable[[SchedulerBase | None], Memory[T]],
    when: Callable[[Exception], bool] = retryable,
    on_resume: Callable[[Exception], None] | None = None,
) -> Operator[T, T]:
    """Go on with a continuation, made from what was said, when the source failed after its commit.

        source           -a-b-#
        continuation          -s-c----d|     s does not commit
        resume(...)      -a-b----(sc)-d|

    Args:
        times: continuations in all.
        remember: called at each subscription, with its scheduler: makes the :class:`Memory` of it. Each item is noted there
            before it is handed on, as long as a continuation may follow; where the source fails, the memory says what
            continues it, and what the observer sees of that.
        when: whether an error is worth a continuation; by default the error's own ``retryable``, True where it has none.
        on_resume: probe, called with the error when a continuation begins. It cannot hurt.

    A continuation is shown from its commit on: when the first item that ``splice`` made of it commits, what was held back
    before comes with it. Where it ends earlier, well or not, nothing of it is seen and the stream ends with the error that it
    should have mended. Once it was seen, it may be cut and continued like the source. What is held back is bounded by other
    guards only.

    Raises:
        ValueError: ``times`` is not positive.
        StepError (as ``on_error``): ``remember``, ``when`` or a function of the memory raised.
        Exception (as ``on_error``): any before the source's commit (nothing was said: that is for ``failover``), or after an
            item that ``ends``; the error that was not to be continued; of several the last one whose stream was seen.

    After dispose: the source, or the continuation, is let go; nothing is remembered.

    >>> import reactivex
    >>> class Counting:
    ...     def __init__(self, scheduler):
    ...         self.noted = 0
    ...     def note(self, item):
    ...         self.noted += 1
    ...     def continuation(self, error):
    ...         return reactivex.from_iterable("abcd"[self.noted :])
    ...     def splice(self, item):
    ...         return [item.upper()]
    >>> cut = reactivex.concat(reactivex.of("a", "b"), reactivex.throw(OSError("cut")))
    >>> cut.pipe(resume(remember=Counting)).subscribe(print).dispose()
    a
    b
    C
    D
    """

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            try:
                memory = remember(scheduler)
            except Exception as fault:
                raise StepError("resume", fault) from fault
            link: _Resume[T] = _Resume(times, memory, when, on_resume, scheduler)
            link.begin(observer)
            link.follow(source, scheduler)
            return link

        return Stream(subscribe)

    return operator


class _Resume(Link[T, T]):
    """One subscription: the source or the continuation under way, and what was said so far."""

    __slots__ = ("_committed", "_left", "_memory", "_on_resume", "_original", "_scheduler", "_when")

    def __init__(
        self,
        times: int,
        memory: Memory[T],
        when: Callable[[Exception], bool],
        on_resume: Callable[[Exception], None] | None,
        scheduler: SchedulerBase | None,
    ) -> None:
        self._left = times
        """How many continuations may still be made."""
        self._memory = memory
        self._when = when
        self._on_resume = on_resume
        self._scheduler = scheduler
        self._committed = False
        """Whether the source or continuation under way was seen."""
        self._original: Exception | None = None
        """What the continuation under way is to mend."""

    def on_next(self, item: T) -> None:
        try:
            self._memory.note(item)
        except Exception as fault:
            self.fail(StepError("resume", fault))
            return
        if getattr(item, "ends", False):
            self._left = 0
        if not self._committed:
            self._committed = commits(item)
        self.receiver.on_next(item)
        if not self._left and self._committed:
            # However it ends, nothing is continued any more.
            self.step_aside()

    def on_error(self, error: Exception) -> None:
        if self.stopped:
            return
        if not self._committed:
            self.fail(error if self._original is None else self._original)
            return
        continuation: Observable[T] | None = None
        try:
            if self._left and self._when(error):
                continuation = self._memory.continuation(error)
        except Exception as fault:
            error = StepError("resume", fault)
        if continuation is None:
            self.fail(error)
            return
        quietly(self._on_resume, error)
        self._try(continuation, error)

    def _try(self, continuation: Observable[T], error: Exception) -> None:
        if self.stopped:
            return
        self._left -= 1
        self._committed = False
        self._original = error
        # It holds back what it says until it commits.
        trial: _Continuation[T] = _Continuation(error)
        trial.scheduler = self._scheduler
        self.upstream = trial.begin(self)
        trial.attempt(_spliced(continuation, self._memory, self))


class _Continuation(Trials[T]):
    """Tries a continuation: one that ends without having said anything has mended nothing."""

    __slots__ = ("_original",)

    def __init__(self, original: Exception) -> None:
        self._original = original

    def on_completed(self) -> None:
        if self.committed:
            self.complete()
        else:
            self.on_error(self._original)


def _spliced(continuation: Observable[T], memory: Memory[T], resume: _Resume[T]) -> Stream[T]:
    def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
        link: _Splice[T] = _Splice(memory, resume)
        return link.connect(continuation, observer, scheduler)

    return Stream(subscribe)


class _Splice(Link[T, T]):
    """A continuation's items as the observer shall see them."""

    __slots__ = ("_memory", "_resume")

    def __init__(self, memory: Memory[T], resume: _Resume[T]) -> None:
        self._memory = memory
        self._resume = resume

    def on_next(self, item: T) -> None:
        if self.stopped:
            return
        try:
            items = tuple(self._memory.splice(item))
        except Exception as fault:
            # Not an error of the continuation, after which the one that it should have mended would pass.
            self._resume.fail(StepError("resume", fault))
            return
        for each in items:
            self.receiver.on_next(each)

    def ended(self, how: Exception | Left | None) -> None:
        # A source may keep its observer longer than anybody else.
        del self._memory, self._resume
