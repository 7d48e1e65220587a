"""Leaves out a candidate that fails again and again, and lets one probe at a time find out whether it is back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.circuit import COOL_DOWN, FAILURES, Circuit, Circuits, Ticket
from operators.commit import retryable
from operators.errors import StepError
from operators.options import Count, Seconds, positive
from operators.stream import Left, Link, Operator, Stream

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
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _Breaker[T] = _Breaker(failures, cool_down, circuits, key)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Breaker(Link[T, T]):
    __slots__ = ("_circuits", "_cool_down", "_failures", "_key", "_passed", "_soonest")

    def __init__(self, failures: int, cool_down: float, circuits: Circuits, key: Callable[[Any], str]) -> None:
        self._failures = failures
        self._cool_down = cool_down
        self._circuits = circuits
        self._key = key
        self._passed = False
        self._soonest: Circuit | None = None

    def on_next(self, candidate: T) -> None:
        try:
            circuit = self._circuits.of(self._key(candidate))
        except Exception as error:
            self.fail(StepError("breaker", error))
            return
        circuit.failures, circuit.cool_down = self._failures, self._cool_down
        if circuit.admits:
            self._passed = True
            self.receiver.on_next(candidate)
        elif self._soonest is None or circuit.remaining < self._soonest.remaining:
            self._soonest = circuit

    def on_completed(self) -> None:
        if self._soonest is not None and not self._passed:
            self.fail(self._soonest.refusal())
        else:
            self.complete()


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
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            ticket = circuit.begin()
            if ticket is None:
                raise circuit.refusal()
            link: _Watch[T] = _Watch(ticket)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Watch(Link[T, T]):
    __slots__ = ("_ticket", "_waiting")

    def __init__(self, ticket: Ticket) -> None:
        self._ticket = ticket
        self._waiting = True

    def on_next(self, item: T) -> None:
        if self._waiting and getattr(item, "commits", True):
            self._waiting = False
            self._ticket.succeed()
            self.step_aside()
        self.receiver.on_next(item)

    def ended(self, how: Exception | Left | None) -> None:
        if how is None:
            self._ticket.succeed()
        elif isinstance(how, Exception) and retryable(how):
            self._ticket.fail(how)
        else:
            self._ticket.leave()
