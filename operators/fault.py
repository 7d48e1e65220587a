"""Drills: what goes wrong out there, made to go wrong here, for as many subscriptions as one likes."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators import clock
from operators.bypass import bypass
from operators.drill import Delay, Drill, End, Garbage, Kind, Times
from operators.errors import Injected, StepError
from operators.options import Count, CountOrNone, Percent, Seconds
from operators.signature import checked
from operators.stream import Operator, Release, Stream

T = TypeVar("T")

# Breaks off whatever was being said, and is neither text nor JSON.
_NOISE: Final = b"\n\ndata: {\xff\xfe\n\n"


def noise(item: Any) -> Any:
    """What nobody can read, in place of bytes or of a text.

    Raises:
        TypeError: ``item`` is of another type.
    """
    if isinstance(item, bytes | bytearray):
        return _NOISE
    if isinstance(item, str):
        return _NOISE.decode(errors="replace")
    raise TypeError(f"fault: what is garbage in place of a {type(item).__name__}? Supply the resource garbage")


@checked
def fault(
    kind: Kind,
    after: CountOrNone = 0,
    *,
    seconds: Seconds | None = None,
    status: Count | None = None,
    percent: Percent = 100,
    times: Count | None = None,
    failure: Callable[[int | None], Exception] = partial(Injected, "fault"),
    garbage: Callable[[Any], Any] = noise,
    make: Callable[[int | None], Times] = Times,
    random: Callable[[], float] = random.random,
    on_fault: Callable[[Kind], None] | None = None,
) -> Operator[T, T]:
    """Let ``after`` items pass, then do what goes wrong out there: be late, fall silent, end early, talk nonsense, fail.

        source                             -a-b-c-|
        fault("error", after=2)            -a-(b#)
        fault("cut", after=2)              -a-(b|)
        fault("stall", after=2)            -a-b----
        fault("garbage", after=2)          -a-b-x-|
        fault("delay", after=1, seconds=4) -a-----(bc|)

    Args:
        kind: what happens.

            - ``error``: an error, made by ``failure``;
            - ``cut``: completion, as when a connection is closed;
            - ``stall``: nothing any more, and no end;
            - ``garbage``: the next item is another one, made by ``garbage``; what follows it passes;
            - ``delay``: the next item comes ``seconds`` later, and what follows it not before it, nor does the end.
        after: how many items pass first. With 0 an error, a cut or a stall takes the place of the source, which is then not
            subscribed to at all.
        seconds: how late; for ``delay`` only, which needs it.
        status: handed to ``failure``; for ``error`` only.
        percent: the share of the subscriptions that are meant, more than 0 and at most 100.
        times: how often it happens in all, over everything that has the same count; then never again: a fault that heals. None:
            as often as it likes. A stream that ends before its fault does not count.
        failure: makes the error from ``status`` (None where none is given); by default ``Injected``, which says it is a drill.
        garbage: makes the item from the real one; by default only for bytes and texts, of which nobody can read what comes. One
            that it gives back as it is cannot be garbage: it passes, and the next one is meant.
        make: makes the count of ``times``, or finds the one that others use already. By default the operator has its own.
        random: 0 <= x < 1; called once a subscription.
        on_fault: probe, called with ``kind`` when it happens. It cannot hurt.

    What is held back by ``delay`` is bounded by the guards of the source only.

    Raises:
        ValueError: a number is out of its range, ``kind`` is none of those, or an option does not go with it.
        Exception (as ``on_error``): what ``failure`` made. The source is let go first.
        StepError (as ``on_error``): ``failure``, ``garbage`` or ``random`` raised.
        NoScheduler (as ``on_error``): ``delay`` was subscribed to without a scheduler.

    After dispose: the source is let go (``stall`` does that when it falls silent), and the timer of ``delay`` is gone.

    >>> import reactivex
    >>> reactivex.of("a", "b", "c").pipe(fault("cut", after=2)).subscribe(print, on_completed=lambda: print("over")).dispose()
    a
    b
    over
    """
    _check(kind, seconds, status)
    drill = Drill(kind, make(times), on_fault)

    def meant() -> bool:
        try:
            return not drill.over and random() * 100 < percent
        except Exception as error:
            raise StepError("fault", error) from error

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Release:
            time = clock.require(scheduler, "fault") if kind == "delay" else None
            if not meant():
                return bypass(source, observer, scheduler)
            if kind == "garbage":
                garbled: Garbage[T] = Garbage(drill, after, garbage)
                return garbled.connect(source, observer, scheduler)
            if time is not None and seconds is not None:
                delayed: Delay[T] = Delay(drill, after, time, seconds)
                return delayed.connect(source, observer, scheduler)
            ended: End[T] = End(drill, after, partial(failure, status))
            return ended.run(source, observer, scheduler)

        return Stream(subscribe)

    return operator


def _check(kind: Kind, seconds: float | None, status: int | None) -> None:
    for name, value, owner in (("seconds", seconds, "delay"), ("status", status, "error")):
        if value is None:
            continue
        if kind != owner:
            raise ValueError(f"fault: {name} goes with kind {owner} only, not with {kind}")
    if kind == "delay" and seconds is None:
        raise ValueError("fault: kind delay needs seconds")
