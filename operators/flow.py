"""Whose fault it is that nothing comes: what the guards that watch the flow of items have in common."""

from __future__ import annotations

from typing import Final, TypeVar

from reactivex.abc import SchedulerBase

from operators.source import FlowGate
from operators.stream import Link

T = TypeVar("T")

_NEVER_SHUT: Final = FlowGate()
_BEFORE: Final = -1
"""A number that no gate has: the span that runs has seen what excuses it."""


class Flow(Link[T, T]):
    """Watches items in spans. A span in which the flow gate was shut, or the source stood in a queue, says nothing of the source.

    Set ``reopened`` to ``gate.reopened`` where a span begins; ask ``ours`` where it is over.
    """

    __slots__ = ("_queued", "gate", "reopened")

    def __init__(self, scheduler: SchedulerBase) -> None:
        self.gate: FlowGate = getattr(scheduler, "gate", None) or _NEVER_SHUT
        self.reopened = 0
        self._queued = False

    def on_queued(self, waiting: bool) -> None:
        self._queued = waiting
        self.reopened = _BEFORE
        super().on_queued(waiting)

    def ours(self) -> bool:
        """Whether what did not come in the span that is over is our own doing."""
        return self._queued or not self.gate.is_open or self.gate.reopened != self.reopened
