"""What tokens cost, where the configuration says so."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.events import Usage

_PER = 1_000_000


class Price(NamedTuple):
    """For a million tokens each, in the currency of whoever wrote it. What is None costs as much as ``input``."""

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None

    def of(self, usage: Usage) -> float:
        """What an answer cost, as far as its usage is known: what nobody told is not charged.

        >>> Price(input=3, output=15, cached=0.3).of(Usage(input=1_000_000, output=100_000, cache_read=900_000))
        2.07
        """
        # One identity: input = uncached + cache read + cache write; output includes reasoning.
        read, written = usage.cache_read or 0, usage.cache_write or 0
        uncached = max(0, (usage.input or 0) - read - written)
        cost = uncached * self.input + (usage.output or 0) * self.output
        cost += read * (self.input if self.cached is None else self.cached)
        cost += written * (self.input if self.cache_write is None else self.cache_write)
        return cost / _PER
