"""The sums of all requests that ended since the start, by configured model: what /debug/stats tells of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from pipeline.summary import Kind, Summary


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
        """The sums, which can be added to those of another process (``added``)."""
        told: dict[str, Any] = {
            "total": self.total,
            "errors": self.errors,
            "client_left": self.left,
            "seconds": self.seconds,
            "max_seconds": self.longest,
            "first_event_seconds": self.first,
            "first_events": self.firsts,
        }
        if self.last_error_at is not None:
            told["last_error_at"], told["last_error_id"] = self.last_error_at, self.last_error_id
        return told


def added(*tallies: dict[str, Any] | None) -> dict[str, Any]:
    """Several tallies, as ``Tally.to_json`` tells them, as one."""
    sum_ = Tally().to_json()
    for tally in tallies:
        if tally is None:
            continue
        for name in ("total", "errors", "client_left", "seconds", "first_event_seconds", "first_events"):
            sum_[name] += tally[name]
        sum_["max_seconds"] = max(sum_["max_seconds"], tally["max_seconds"])
        if tally.get("last_error_at", 0.0) > sum_.get("last_error_at", 0.0):
            sum_["last_error_at"], sum_["last_error_id"] = tally["last_error_at"], tally["last_error_id"]
    return sum_


def averaged(tally: dict[str, Any]) -> dict[str, Any]:
    """A tally for people: averages over requests that ended (TR-O1), that of the first event over those that had one."""
    total, firsts = tally["total"], tally["first_events"]
    told = {name: tally[name] for name in ("total", "errors", "client_left")}
    told["max_seconds"] = round(tally["max_seconds"], 6)
    if total:
        told["avg_seconds"] = round(tally["seconds"] / total, 6)
    if firsts:
        told["avg_first_event_seconds"] = round(tally["first_event_seconds"] / firsts, 6)
    if "last_error_at" in tally:
        told["last_error_at"], told["last_error_id"] = round(tally["last_error_at"], 3), tally["last_error_id"]
    return told


class Tallies:
    """Sums by model. Its names are those of the configuration, so there are few."""

    def __init__(self) -> None:
        self.models: dict[str, Tally] = {}
        self.refused = 0
        """Requests that were refused before it was known what they ask for."""

    def count(self, kind: Kind, ended: Sequence[Summary]) -> None:
        """Some requests of one kind ended, in this order."""
        _, model, _, outcome, _, _ = kind
        tally = self.models.get(model)
        if tally is None:
            tally = self.models[model] = Tally()
        lasted = [each.over - each.began for each in ended]
        to_first = [each.first_event - each.began for each in ended if each.first_event is not None]
        tally.total += len(ended)
        tally.seconds += sum(lasted)
        tally.longest = max(tally.longest, *lasted)
        tally.first += sum(to_first)
        tally.firsts += len(to_first)
        if outcome == "client_left":
            tally.left += len(ended)
        elif outcome != "ok":
            tally.errors += len(ended)
            last = ended[-1]
            # Another kind, counted before, may have come later. Where the clock was set back, those before it seem to lie ahead.
            if tally.last_error_at is None or not last.at < tally.last_error_at <= time.time():
                tally.last_error_at, tally.last_error_id = last.at, last.id
