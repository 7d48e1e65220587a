"""What requests that ended are counted in: noted one by one as they end, counted many at once, which costs half.

Those that ended alike need one look-up for all their numbers, and who counts many finds its own code in the processor's caches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from pipeline.endings import error_type
from pipeline.events import Usage
from pipeline.series import Count, Series, Spread
from pipeline.summary import Kind, Summary

if TYPE_CHECKING:
    from pipeline.metrics import Metrics

STAGES: Final = ("parse", "dispatch", "first_event", "write", "answer")
TOKEN_TYPES: Final = ("input", "output", "cached_input", "cache_creation_input", "reasoning")


class Alike:
    """The counts and spreads of those requests; their labels are put together once.

    Args:
        metrics: where they are counted.
        kind: what they have in common.
    """

    __slots__ = ("_duration", "_labels", "_metrics", "_requests", "_stages", "_stream", "_stream_ends")

    def __init__(self, metrics: Metrics, kind: Kind) -> None:
        dialect, model, candidate, outcome, ending, self._stream = kind
        provider, _, own = candidate.partition("/")
        self._metrics = metrics
        self._labels = ("chat", provider or "none", model, own or "none")
        self._requests = metrics.requests.labels(dialect, model, outcome)
        # Only an answer that was opened is counted there, and one that was not has no candidate.
        self._stream_ends = metrics.stream_ends.labels(candidate, ending) if candidate else Count()
        self._duration = metrics.duration.labels(*self._labels, error_type(outcome))
        self._stages = (*map(metrics.stages.labels, STAGES), metrics.overhead)

    def count(self, ended: Sequence[Summary]) -> None:
        """Count some of them, in the order in which they ended."""
        self._requests.add(len(ended))
        self._stream_ends.add(len(ended))
        self._duration.mark_all(
            [each.over - each.began for each in ended], [each.id for each in ended], [each.at for each in ended]
        )
        for spread, seconds in zip(self._stages, zip(*map(_stages, ended), strict=True), strict=True):
            spread.observe_all(_known(seconds))
        answered = [each for each in ended if each.sent is not None]
        if not answered:
            return
        if self._stream:
            self._count_pace([(each, each.first_event) for each in answered if each.first_event is not None])
        usages = [_tokens(each.usage) for each in answered]
        for name, tokens in zip(TOKEN_TYPES, zip(*usages, strict=True), strict=True):
            self._observe(self._metrics.tokens, _known(tokens), name)

    def _count_pace(self, begun: Sequence[tuple[Summary, float]]) -> None:
        """How long the first token took, and each one after it. ``begun``: each with the time of its first event."""
        if not begun:
            return
        seconds, ids, at = zip(*[(first - each.began, each.id, each.at) for each, first in begun], strict=True)
        self._metrics.first_token.labels(*self._labels).mark_all(seconds, ids, at)
        rest = [(each.over - first, each.usage.output) for each, first in begun]
        self._observe(self._metrics.per_token, [seconds / (tokens - 1) for seconds, tokens in rest if tokens and tokens > 1])

    def _observe(self, series: Series[Spread], values: Sequence[float], *labels: str) -> None:
        """A member is there when it has a value: what is never known is no zero."""
        if values:
            series.labels(*self._labels, *labels).observe_all(values)


def _known(values: Iterable[float | None]) -> list[float]:
    """Unknown is unknown, not zero (TR-U1)."""
    return [each for each in values if each is not None]


def _tokens(usage: Usage) -> tuple[int | None, ...]:
    """In the order of ``TOKEN_TYPES``."""
    return usage.input, usage.output, usage.cache_read, usage.cache_write, usage.reasoning


def _stages(summary: Summary) -> tuple[float | None, ...]:
    """Seconds of the stages, in the order of ``STAGES``; behind them what of it was the gateway's own doing."""
    began, sent, first, over = summary.began, summary.sent, summary.first_event, summary.over
    parsing = summary.parsed - began
    if sent is None or first is None:
        return parsing, None, None, None, None, None
    # Who asked for the same before (``cache``, ``share``) sent it before this request was there.
    if sent.at < began:
        return parsing, None, None, None, over - first, None
    dispatching, first_event = sent.opened_at - sent.at, first - sent.opened_at
    # What passed before a later attempt was other attempts' time, not ours.
    if sent.number > 1 or summary.attempts > 1:
        return parsing, dispatching, first_event, None, over - first, None
    ours, written = sent.at - began, summary.first_write
    if written is None:
        return parsing, dispatching, first_event, None, over - first, ours
    # An opening, or a beat, may be written before the first word is there.
    writing = max(0.0, written - first)
    return parsing, dispatching, first_event, writing, over - first, ours + writing
