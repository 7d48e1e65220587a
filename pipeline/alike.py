"""What requests that ended alike add to: one look-up for each of them instead of one for each number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.endings import error_type
from pipeline.events import Usage
from pipeline.series import TOGETHER, Count

if TYPE_CHECKING:
    from pipeline.metrics import Metrics

TOKEN_TYPES: Final = ("input", "output", "cached_input", "cache_creation_input", "reasoning")


class Alike:
    """The counts and spreads of those requests; their labels are put together once.

    Args:
        metrics: where they are counted.
        dialect, model, candidate, outcome: what they have in common; the candidate that answered, or "".
        ending: how its answer ended.
    """

    __slots__ = ("_tokens", "_usages", "candidate", "duration", "labels", "requests", "stream_ends")

    def __init__(self, metrics: Metrics, dialect: str, model: str, candidate: str, outcome: str, ending: str) -> None:
        self.candidate = candidate
        provider, _, own = candidate.partition("/")
        self.labels = ("chat", provider or "none", model, own or "none")
        self.requests = metrics.requests.labels(dialect, model, outcome)
        # Only an answer that was opened is counted there, and one that was not has no candidate.
        self.stream_ends = metrics.stream_ends.labels(candidate, ending) if candidate else Count()
        self.duration = metrics.duration.labels(*self.labels, error_type(outcome))
        self._tokens = metrics.tokens
        self._usages: list[Usage] = []

    def spent(self, usage: Usage) -> None:
        """Count what is known of a usage, when it is many or when somebody asks (``settle``): together they cost a third."""
        fresh = self._usages
        fresh.append(usage)
        if len(fresh) >= TOGETHER:
            self.settle()

    def settle(self) -> None:
        """Count the usages that are not counted yet: unknown is unknown, not zero (TR-U1)."""
        if not self._usages:
            return
        usages = [(each.input, each.output, each.cache_read, each.cache_write, each.reasoning) for each in self._usages]
        self._usages.clear()
        for name, counts in zip(TOKEN_TYPES, zip(*usages, strict=True), strict=True):
            known = [count for count in counts if count is not None]
            if known:
                self._tokens.labels(*self.labels, name).observe_all(known)
