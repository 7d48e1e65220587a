"""Leaves out a candidate that fails again and again, and lets one probe at a time find out whether it is back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.commit import retryable
from operators.errors import Overloaded, StepError
from operators.options import Count, Seconds, positive
from operators.stream import Link, Operator, Stream
from operators.tap import quietly

T = TypeVar("T")

State = Literal["closed", "open", "half_open"]
CLOSED: Final = "closed"
OPEN: Final = "open"
HALF_OPEN: Final = "half_open"

FAILURES: Final = 5
COOL_DOWN: Final = 30.0


class Circuit:
    """What is known of one candidate. Made by :class:`Circuits`.

    ``failures`` and ``cool_down`` are those of the breaker that looked at it last.
    """

    __slots__ = ("_now", "_on_change", "_probing", "_shown", "_until", "cool_down", "failures", "in_a_row", "key", "last_error")

    def __init__(self, key: str, now: Callable[[], float], on_change: Callable[[str, State], None] | None) -> None:
        self.key = key
        self.failures = FAILURES
        self.cool_down = COOL_DOWN
        self.in_a_row = 0
        """Failures since the last success."""
        self.last_error: Exception | None = None
        """A copy, without its traceback, of the error that opened it."""
        self._now = now
        self._on_change = on_change
        self._until: float | None = None
        self._probing = False
        self._shown: State = CLOSED

    @property
    def state(self) -> State:
        """closed: it admits all; open: none; half_open: one at a time."""
        if self._until is None:
            return CLOSED
        return OPEN if self.remaining > 0 else HALF_OPEN

    @property
    def remaining(self) -> float:
        """Seconds until a probe is let through; 0 when one could be."""
        return 0.0 if self._until is None else max(0.0, self._until - self._now())

    @property
    def admits(self) -> bool:
        """Whether an attempt may be made now."""
        return self._until is None or (not self._probing and self._until <= self._now())

    def begin(self) -> Ticket | None:
        """Take note of an attempt; in half_open it is the probe. None: it may not be made."""
        if not self.admits:
            return None
        probe = self._until is not None
        self._probing = probe
        self._show()
        return Ticket(self, probe)

    def settle(self, probe: bool, outcome: Exception | bool) -> None:
        """What an attempt told at its end: its error, True for success, False for nothing. Called by its ticket."""
        if probe:
            self._probing = False
        if isinstance(outcome, Exception):
            self._fail(outcome, probe)
        elif outcome and (probe or self._until is None):
            # Who began before the circuit opened does not close it: that is for the probe to find out.
            self.in_a_row = 0
            self.last_error = None
            self._until = None
        self._show()

    def refusal(self) -> Exception:
        """Why it does not admit: the error that opened it, where known, with the seconds that remain as ``retry_after``."""
        error = _copy(self.last_error) if self.last_error is not None else None
        if error is None:
            return Overloaded("breaker", f"{self.key} is cooling down", max(self.remaining, 1.0))
        if hasattr(error, "retry_after"):
            error.retry_after = self.remaining
        return error

    def _fail(self, error: Exception, probe: bool) -> None:
        self.in_a_row += 1
        asked = getattr(error, "cool_down", None)
        pause: float | None = asked if isinstance(asked, int | float) else None
        if pause is None and (probe or self.in_a_row >= self.failures):
            pause = self.cool_down
        if pause is not None:
            self._until = max(self._until or 0.0, self._now() + pause)
            self.last_error = _copy(error)

    def _show(self) -> None:
        state = self.state
        if state != self._shown:
            self._shown = state
            quietly(self._on_change, self.key, state)


class Ticket:
    """One attempt that a circuit admitted. It tells its outcome once; what it is told later does not count."""

    __slots__ = ("_circuit", "_probe")

    def __init__(self, circuit: Circuit, probe: bool) -> None:
        self._circuit: Circuit | None = circuit
        self._probe = probe

    def succeed(self) -> None:
        """The candidate works: what was held against it is forgotten."""
        self._settle(True)

    def fail(self, error: Exception) -> None:
        """One more failure: opens after ``failures`` in a row, after a failed probe, or when the error names its pause."""
        self._settle(error)

    def leave(self) -> None:
        """The attempt ended without telling anything; the place of a probe is free again."""
        self._settle(False)

    def _settle(self, outcome: Exception | bool) -> None:
        circuit, self._circuit = self._circuit, None
        if circuit is not None:
            circuit.settle(self._probe, outcome)


class Circuits:
    """The circuits of all candidates, by key. They are as many as there are keys: take keys from the configuration only.

    Args:
        now: monotonic time in seconds.
        on_change: probe, called with (key, state) when a circuit's state changes. It cannot hurt. The change from open to
            half_open is told when the probe begins.
    """

    __slots__ = ("_by_key", "_now", "_on_change")

    def __init__(
        self, *, now: Callable[[], float] = time.monotonic, on_change: Callable[[str, State], None] | None = None
    ) -> None:
        self._now = now
        self._on_change = on_change
        self._by_key: dict[str, Circuit] = {}

    def of(self, key: str) -> Circuit:
        """The circuit of ``key``; a new one is closed."""
        circuit = self._by_key.get(key)
        if circuit is None:
            circuit = self._by_key[key] = Circuit(key, self._now, self._on_change)
        return circuit


def breaker(
    failures: Count = FAILURES, cool_down: Seconds = COOL_DOWN, *, circuits: Circuits, key: Callable[[Any], str]
) -> Operator[T, T]:
    """Pass only the candidates whose circuit admits an attempt.

        source        (AB|)     A's circuit is open
        breaker(...)  (B|)

    Args:
        failures: how many in a row open a circuit.
        cool_down: seconds until a probe is let through.
        circuits: the circuits, shared by all requests.
        key: a candidate's key in ``circuits``.

    The attempts themselves report through :func:`watch`.

    Raises:
        ValueError: a number is not positive.
        Exception (as ``on_error``): no candidate was left: a copy of the error that opened the circuit which admits soonest,
            with the remaining seconds as its ``retry_after`` where it has one; :class:`Overloaded` where none is known.
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


def _copy(error: Exception) -> Exception:
    """The same error without traceback and context: it can be kept for long and handed out often."""
    copy = type(error).__new__(type(error), *error.args)
    copy.__dict__.update(error.__dict__)
    return copy
