"""Circuits with a clock moved by hand, and attempts that end as they are told."""

from __future__ import annotations

from typing import Any

from operators import Circuit, Circuits, breaker
from operators.circuit import Policy
from tests.operators.items import Fault


class Bench:
    """Circuits with a clock moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.changes: list[tuple[str, str]] = []
        self.circuits = Circuits(now=lambda: self.now, on_change=lambda key, state: self.changes.append((key, state)))

    def of(self, key: str, failures: int = 2, cool_down: float = 30.0) -> Circuit:
        circuit = self.circuits.of(key)
        circuit.use(Policy(failures, cool_down))
        return circuit

    def breaker(self, failures: int = 2, cool_down: float = 30.0) -> Any:
        return breaker(failures, cool_down, circuits=self.circuits, key=str)


def attempt(circuit: Circuit, error: Exception | None = None) -> bool:
    """One attempt; tells whether it was admitted."""
    ticket = circuit.begin()
    if ticket is None:
        return False
    ticket.succeed() if error is None else ticket.fail(error)
    return True


def outcomes(circuit: Circuit, drawing: str) -> str:
    """Attempts one after another: ``x`` fails, anything else succeeds. Tells the circuit's state then."""
    for mark in drawing:
        assert attempt(circuit, Fault() if mark == "x" else None)
    return circuit.state
