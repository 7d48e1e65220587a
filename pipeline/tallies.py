"""The sums of all requests that ended since the start, in total and by configured model: what /debug/stats tells of them."""

from __future__ import annotations

import time
from typing import Any

from pipeline.exchange import Exchange


class Tally:
    """Sums of the requests of one model."""

    __slots__ = ("errors", "first", "firsts", "last_error_at", "last_error_id", "left", "longest", "seconds", "total")

    def __init__(self) -> None:
        self.total = 0
        self.errors = 0
        self.left = 0
        self.seconds = 0.0
        self.longest = 0.0
        self.first = 0.0
        self.firsts = 0
        self.last_error_at: float | None = None
        self.last_error_id = ""

    def to_json(self) -> dict[str, Any]:
        """Averages are over requests that ended (TR-O1), the first event's over those that had one."""
        told: dict[str, Any] = {
            "total": self.total,
            "errors": self.errors,
            "client_left": self.left,
            "avg_seconds": round(self.seconds / self.total, 6) if self.total else None,
            "max_seconds": round(self.longest, 6),
            "avg_first_event_seconds": round(self.first / self.firsts, 6) if self.firsts else None,
        }
        if self.last_error_at is not None:
            told["last_error_at"], told["last_error_id"] = round(self.last_error_at, 3), self.last_error_id
        return told


class Tallies:
    """Sums by model. Its names are those of the configuration, so there are few."""

    def __init__(self) -> None:
        self.models: dict[str, Tally] = {}
        self.refused = 0
        """Requests that were refused before it was known what they ask for."""

    def count(self, exchange: Exchange, outcome: str) -> None:
        """A request ended."""
        tally = self.models.get(exchange.label)
        if tally is None:
            tally = self.models[exchange.label] = Tally()
        now = time.monotonic()
        took = now - exchange.began
        tally.total += 1
        tally.seconds += took
        if took > tally.longest:
            tally.longest = took
        first = exchange.first_event_at
        if first is not None:
            tally.first += first - exchange.began
            tally.firsts += 1
        if outcome == "client_left":
            tally.left += 1
        elif outcome != "ok":
            tally.errors += 1
            tally.last_error_at, tally.last_error_id = time.time(), exchange.id

    def refuse(self) -> None:
        """A request was refused at once."""
        self.refused += 1
