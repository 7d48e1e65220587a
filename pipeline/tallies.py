"""The sums of all requests that ended since the start, by configured model: what /debug/stats tells of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pipeline.exchange import Exchange
from pipeline.series import TOGETHER


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
        self._models: dict[str, Tally] = {}
        self._ended: list[tuple[str, str, str, float, float, float | None]] = []
        """What is not added yet: together it costs a third."""
        self.refused = 0
        """Requests that were refused before it was known what they ask for."""

    def count(self, exchange: Exchange, outcome: str) -> None:
        """A request ended."""
        ended = self._ended
        ended.append((exchange.label, outcome, exchange.id, exchange.began, time.monotonic(), exchange.first_event_at))
        if len(ended) >= TOGETHER or outcome != "ok":
            self._add()

    @property
    def models(self) -> Mapping[str, Tally]:
        """The sums by model."""
        self._add()
        return self._models

    def _add(self) -> None:
        for label, outcome, id, began, now, first in self._ended:
            tally = self._models.get(label)
            if tally is None:
                tally = self._models[label] = Tally()
            tally.total += 1
            tally.seconds += now - began
            tally.longest = max(tally.longest, now - began)
            if first is not None:
                tally.first += first - began
                tally.firsts += 1
            if outcome == "client_left":
                tally.left += 1
            elif outcome != "ok":
                tally.errors += 1
                # It is added at once.
                tally.last_error_at, tally.last_error_id = time.time(), id
        self._ended.clear()

    def refuse(self) -> None:
        """A request was refused at once."""
        self.refused += 1
