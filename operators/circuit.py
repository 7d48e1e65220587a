"""What is known of a candidate: closed, open, or half open; shared by all who try it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from operators.errors import Overloaded
from operators.tap import quietly
from operators.window import Window

State = Literal["closed", "open", "half_open"]
CLOSED: Final = "closed"
OPEN: Final = "open"
HALF_OPEN: Final = "half_open"

FAILURES: Final = 5
COOL_DOWN: Final = 30.0
WINDOW: Final = 30.0
AT_LEAST: Final = 10


class Policy(NamedTuple):
    """When a circuit opens, and for how long. The words are those of ``breaker``."""

    failures: int = FAILURES
    cool_down: float = COOL_DOWN
    error_rate: float | None = None
    window: float = WINDOW
    at_least: int = AT_LEAST
    longest_cool_down: float | None = None

    def pause(self, failed_probes: int) -> float:
        """Seconds until the next probe, after so many that failed since the circuit opened."""
        if self.longest_cool_down is None:
            return self.cool_down
        # Doubled sixty times, any cool-down is long enough.
        return min(self.cool_down * 2.0 ** min(failed_probes, 60), self.longest_cool_down)


class Circuit:
    """What is known of one candidate. Made by :class:`Circuits`."""

    __slots__ = (
        "_failed_probes",
        "_now",
        "_on_change",
        "_probing",
        "_shown",
        "_until",
        "_window",
        "in_a_row",
        "key",
        "last_error",
        "policy",
    )

    def __init__(self, key: str, now: Callable[[], float], on_change: Callable[[str, State], None] | None) -> None:
        self.key = key
        self.policy = Policy()
        """That of the breaker that looked at it last. Changed by :meth:`use`."""
        self.in_a_row = 0
        """Failures since the last success."""
        self.last_error: Exception | None = None
        """A copy, without its traceback, of the error that opened it; where that has a method ``for_others``, what this gives."""
        self._now = now
        self._on_change = on_change
        self._until: float | None = None
        self._probing = False
        self._failed_probes = 0
        self._window: Window | None = None
        self._shown: State = CLOSED

    def use(self, policy: Policy) -> None:
        """Judge by ``policy`` from now on. What was counted stays counted: chains may take turns with their policies."""
        self.policy = policy
        if policy.error_rate is not None:
            if self._window is None:
                self._window = Window(policy.window)
            self._window.span = policy.window

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
        if self._until is None:
            return Ticket(self, False)
        if not self.admits:
            return None
        self._probing = True
        self._show()
        return Ticket(self, True)

    def settle(self, probe: bool, outcome: Exception | bool) -> None:
        """What an attempt told at its end: its error, True for success, False for nothing. Called by its ticket."""
        if outcome is True and self._until is None:
            if self._window is not None:
                self._window.count(self._now(), marked=False)
            if not self.in_a_row:
                # The usual end of an attempt: nothing was held against anybody.
                return
        if probe:
            self._probing = False
        if isinstance(outcome, Exception):
            self._fail(outcome, probe)
        elif outcome and (probe or self._until is None):
            # Who began before the circuit opened does not close it: that is for the probe to find out.
            self.in_a_row = self._failed_probes = 0
            self.last_error = None
            if self._until is not None:
                self._until = None
                if self._window is not None:
                    self._window.clear()
        self._show()

    def refusal(self) -> Exception:
        """Why it does not admit: a copy of the error that opened it, where known, else Overloaded.

        Its ``retry_after``, where it has one, is the time that remains, at least a second. Its ``refused_by`` is ``breaker``, for
        what the error says happened to somebody else.
        """
        remaining = max(self.remaining, 1.0)
        if self.last_error is None:
            return Overloaded("breaker", f"{self.key} is cooling down", remaining)
        error = _copy(self.last_error)
        error.refused_by = "breaker"  # type: ignore[attr-defined]
        if hasattr(error, "retry_after"):
            error.retry_after = remaining
        return error

    def _fail(self, error: Exception, probe: bool) -> None:
        self.in_a_row += 1
        too_many = self._too_many()
        asked = getattr(error, "cool_down", None)
        pause: float | None = asked if isinstance(asked, int | float) else None
        if pause is None:
            if probe:
                self._failed_probes += 1
                pause = self.policy.pause(self._failed_probes)
            elif too_many or self.in_a_row >= self.policy.failures:
                pause = self.policy.cool_down
        if pause is not None:
            self._until = max(self._until or 0.0, self._now() + pause)
            # It is told to everybody who asks: an error may hold what concerns only the one who met it.
            for_others = getattr(error, "for_others", None)
            self.last_error = _copy(error) if for_others is None else for_others()

    def _too_many(self) -> bool:
        """Count a failure; whether those of the window are too many."""
        window, rate = self._window, self.policy.error_rate
        if window is None:
            return False
        window.count(self._now(), marked=True)
        return rate is not None and window.total >= self.policy.at_least and window.marked / window.total >= rate

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
        """One more failure: it may open the circuit, by its policy or because the error names its pause."""
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

    def states(self) -> dict[str, State]:
        """The state of every circuit by its key, as it is now: also of those that never changed."""
        return {key: circuit.state for key, circuit in self._by_key.items()}

    def remaining(self) -> dict[str, float]:
        """Seconds until a probe of every circuit is let through, by its key; 0 where one could be."""
        return {key: circuit.remaining for key, circuit in self._by_key.items()}


def _copy(error: Exception) -> Exception:
    """The same error without traceback and context: it can be kept for long and handed out often."""
    copy = type(error).__new__(type(error), *error.args)
    copy.__dict__.update(error.__dict__)
    return copy
