"""Leaves out a candidate that fails again and again, and lets one probe at a time find out whether it is back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.circuit import COOL_DOWN, FAILURES, Circuit, Circuits
from operators.commit import retryable
from operators.errors import StepError
from operators.options import Count, Seconds, positive
from operators.stream import Link, Operator, Stream

T = TypeVar("T")

__all__ = ["Circuit", "Circuits", "breaker", "watch"]


def breaker(
    failures: Count = FAILURES, cool_down: Seconds = COOL_DOWN, *, circuits: Circuits, key: Callable[[Any], str]
) -> Operator[T, T]:
    """Pass only the candidates whose circuit admits an attempt.

        source        (AB|)     A's circuit is open
        breaker(...)  (B|)

    Args:
        failures: how many in a row open a circuit.
        cool_down: seconds until a probe is let through.
        circuits, key: the circuits that all requests share, and a candidate's key there. Attempts report through ``watch``.

    Raises:
        ValueError: a number is not positive.
        Exception (as ``on_error``): no candidate was left: the refusal of the circuit that admits soonest.
        StepError (as ``on_error``): ``key`` raised.

    After dispose: the source is let go.

    >>> import reactivex
    >>> circuits = Circuits()
    >>> circuits.of("a").begin().fail(OSError("down"))
    >>> reactivex.of("a", "b").pipe(breaker(1, circuits=circuits, key=str)).run()
    'b'
    """
    positive("breaker", failures=failures, cool_down=cool_down)

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T]:
            passed = False
            soonest: Circuit | None = None

            def on_next(candidate: T) -> None:
                nonlocal passed, soonest
                try:
                    circuit = circuits.of(key(candidate))
                except Exception as error:
                    upstream.dispose()
                    observer.on_error(StepError("breaker", error))
                    return
                circuit.failures, circuit.cool_down = failures, cool_down
                if circuit.admits:
                    passed = True
                    observer.on_next(candidate)
                elif soonest is None or circuit.remaining < soonest.remaining:
                    soonest = circuit

            def on_completed() -> None:
                if soonest is not None and not passed:
                    observer.on_error(soonest.refusal())
                else:
                    observer.on_completed()

            upstream: Link[T] = Link(on_next, observer.on_error, on_completed)
            return upstream.connect(source, scheduler)

        return Stream(subscribe)

    return operator


def watch(circuit: Circuit) -> Operator[T, T]:
    """Report one attempt to its circuit; refuse it where the circuit does not admit it (any more).

        source          -s-a---b-|
        watch(circuit)  -s-a---b-|     success is reported at a, the first committing item

    Args:
        circuit: of the candidate that is tried.

    Success is the first committing item, or completion. Failure is an error before that whose ``retryable`` is not False.
    Any other error, and dispose, tell nothing.

    Raises (as ``on_error``):
        Exception: the circuit's refusal, without subscribing to the source.

    After dispose: the source is let go, and a probe's place is free again.

    >>> import reactivex
    >>> circuit = Circuits().of("a")
    >>> reactivex.throw(OSError("down")).pipe(watch(circuit)).subscribe(on_error=print).dispose()
    down
    >>> circuit.in_a_row
    1
    """

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Callable[[], None]:
            ticket = circuit.begin()
            if ticket is None:
                raise circuit.refusal()

            def on_next(item: T) -> None:
                if getattr(item, "commits", True):
                    upstream.redirect(observer.on_next, observer.on_error)
                    ticket.succeed()
                observer.on_next(item)

            def on_error(error: Exception) -> None:
                if retryable(error):
                    ticket.fail(error)
                else:
                    ticket.leave()
                observer.on_error(error)

            def on_completed() -> None:
                ticket.succeed()
                observer.on_completed()

            def dispose() -> None:
                upstream.dispose()
                ticket.leave()

            upstream: Link[T] = Link(on_next, on_error, on_completed)
            upstream.connect(source, scheduler)
            return dispose

        return Stream(subscribe)

    return operator
