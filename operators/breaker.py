"""Leaves out a candidate that fails again and again, and lets one probe at a time find out whether it is back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.circuit import AT_LEAST, CLOSED, COOL_DOWN, FAILURES, WINDOW, Circuit, Circuits, Policy, Ticket
from operators.commit import retryable
from operators.errors import StepError
from operators.listed import Listed
from operators.options import Count, Seconds, Share
from operators.signature import checked
from operators.stream import Left, Link, Operator, Stream

T = TypeVar("T")

__all__ = ["Circuit", "Circuits", "breaker", "watch"]


@checked
def breaker(
    failures: Count = FAILURES,
    cool_down: Seconds = COOL_DOWN,
    *,
    error_rate: Share | None = None,
    window: Seconds = WINDOW,
    at_least: Count = AT_LEAST,
    longest_cool_down: Seconds | None = None,
    circuits: Circuits,
    key: Callable[[Any], str],
) -> Operator[T, T]:
    """Pass only the candidates whose circuit admits an attempt.

        source        (AB|)     A's circuit is open
        breaker(...)  (B|)

    Of candidates that share a circuit which is not closed only the first one passes, as the probe. Those that are a list
    (``Listed``) are looked at all at once, before any of them is tried.

    Args:
        failures: how many in a row open a circuit.
        cool_down: seconds until a probe is let through. An attempt's error that has a ``cool_down`` of its own (seconds) opens
            the circuit at once, for that long.
        error_rate: the share of failed attempts that opens a circuit as well, more than 0 and at most 1: who fails every
            second time never fails five times in a row. None: only ``failures`` counts.
        window: seconds of the past that ``error_rate`` looks at, in tenths.
        at_least: attempts in the window before ``error_rate`` means anything.
        longest_cool_down: seconds; each probe that fails doubles the cool-down up to this. None: it stays as it is.
        circuits, key: the circuits that all requests share, and a candidate's key there. Attempts report through ``watch``.

    Raises:
        ValueError: a number is out of its range, or ``longest_cool_down`` less than ``cool_down``.
        Exception (as ``on_error``): no candidate was left: the refusal of the circuit that admits soonest.
        StepError (as ``on_error``): ``key`` raised.

    After dispose: the source is let go.

    >>> import reactivex
    >>> circuits = Circuits()
    >>> candidates = reactivex.of("a", "b").pipe(breaker(1, circuits=circuits, key=str))
    >>> candidates.subscribe(print).dispose()
    a
    b
    >>> circuits.of("a").begin().fail(OSError("down"))
    >>> candidates.subscribe(print).dispose()
    b
    """
    if longest_cool_down is not None and not longest_cool_down >= cool_down:
        raise ValueError(f"breaker: longest_cool_down must be at least cool_down ({cool_down:g}), not {longest_cool_down!r}")
    policy = Policy(failures, cool_down, error_rate, window, at_least, longest_cool_down)

    def operator(source: Observable[T]) -> Stream[T]:
        if isinstance(source, Listed):
            return Listed(lambda scheduler: _Admission(policy, circuits, key).of_all(source.items(scheduler)))

        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: _Breaker[T] = _Breaker(_Admission(policy, circuits, key))
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Admission:
    """Which of some candidates may be tried now."""

    __slots__ = ("_circuits", "_key", "_passed", "_policy", "_probes", "_soonest")

    def __init__(self, policy: Policy, circuits: Circuits, key: Callable[[Any], str]) -> None:
        self._policy = policy
        self._circuits = circuits
        self._key = key
        self._passed = False
        self._soonest: Circuit | None = None
        self._probes: list[Circuit] = []
        """Circuits that are not closed and let one of them through: no other one with it."""

    def of_all(self, candidates: Sequence[T]) -> Sequence[T]:
        """Those that may. Raises what ``of`` raises, and the refusal where there is none."""
        passed = [candidate for candidate in candidates if self.of(candidate)]
        refusal = self.refusal()
        if refusal is not None:
            raise refusal
        return passed

    def of(self, candidate: Any) -> bool:
        """Whether it may. Raises StepError: its key cannot be told."""
        try:
            circuit = self._circuits.of(self._key(candidate))
        except Exception as error:
            raise StepError("breaker", error) from error
        if circuit.policy is not self._policy:
            circuit.use(self._policy)
        closed = circuit.state == CLOSED
        if closed or (circuit.admits and circuit not in self._probes):
            if not closed:
                self._probes.append(circuit)
            self._passed = True
            return True
        if self._soonest is None or circuit.remaining < self._soonest.remaining:
            self._soonest = circuit
        return False

    def refusal(self) -> Exception | None:
        """Why none of them may; None: one may, or there was none."""
        return None if self._passed or self._soonest is None else self._soonest.refusal()


class _Breaker(Link[T, T]):
    __slots__ = ("_admission",)

    def __init__(self, admission: _Admission) -> None:
        self._admission = admission

    def on_next(self, candidate: T) -> None:
        try:
            passes = self._admission.of(candidate)
        except StepError as error:
            self.fail(error)
            return
        if passes:
            self.receiver.on_next(candidate)

    def on_completed(self) -> None:
        refusal = self._admission.refusal()
        if refusal is None:
            self.complete()
        else:
            self.fail(refusal)


def watch(circuit: Circuit, *, when: Callable[[Exception], bool] = retryable) -> Operator[T, T]:
    """Report one attempt to its circuit; refuse it where the circuit does not admit it (any more).

        source          -s-a---b-|
        watch(circuit)  -s-a---b-|     success is reported at a, the first committing item

    Args:
        circuit: of the candidate that is tried.
        when: whether an error before the first committing item counts against the candidate; by default the error's own
            ``retryable``, True where it has none. Where it raises, nothing is told.

    Success is the first committing item, or completion. Any other error, and dispose, tell nothing.

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
            link: _Watch[T] = _Watch(ticket, when)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


class _Watch(Link[T, T]):
    __slots__ = ("_ticket", "_waiting", "_when")

    def __init__(self, ticket: Ticket, when: Callable[[Exception], bool]) -> None:
        self._ticket = ticket
        self._when = when
        self._waiting = True

    def on_next(self, item: T) -> None:
        if self._waiting and getattr(item, "commits", True):
            self._waiting = False
            self._ticket.succeed()
            self.step_aside_behind(item)
        self.receiver.on_next(item)

    def ended(self, how: Exception | Left | None) -> None:
        if how is None:
            self._ticket.succeed()
        elif isinstance(how, Exception) and self._waiting and self._counts(how):
            self._ticket.fail(how)
        else:
            self._ticket.leave()

    def _counts(self, error: Exception) -> bool:
        try:
            return self._when(error)
        except Exception:
            # The attempt's own error is on its way already, and says more.
            return False
