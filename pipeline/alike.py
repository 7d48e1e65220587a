"""What requests that ended are counted in: noted one by one as they end, counted many at once, which costs half.

Those that ended alike need one look-up for all their numbers, and who counts many finds its own code in the processor's caches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import sub
from typing import TYPE_CHECKING, Final

from pipeline.endings import error_type
from pipeline.events import Usage
from pipeline.request import Sent
from pipeline.series import Count, Series, Spread

if TYPE_CHECKING:
    from pipeline.metrics import Metrics

STAGES: Final = ("parse", "dispatch", "first_event", "write", "answer")
TOKEN_TYPES: Final = ("input", "output", "cached_input", "cache_creation_input", "reasoning")

Kind = tuple[str, str, str, str, str, bool]
"""What requests that ended alike have in common: dialect, model, candidate that answered ("": none), outcome, how the answer
ended, and whether it was a stream."""

Ended = tuple[Kind, str, float, float, float, Sent | None, float | None, float | None, float, Usage, int]
"""A request that ended: its kind; its id; the time of day (unix seconds); when it began and was parsed; the attempt that
answered; when its first event came, when its first bytes were written, and when it ended (monotonic seconds); its usage; how many
attempts were made.

No more than a plain tuple of what is there anyway: what is done for each request finds nothing in the processor's caches.
"""

_SENT: Final = 5
_FIRST: Final = 6
_USAGE: Final = 9


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

    def count(self, ended: Sequence[Ended]) -> None:
        """Count some of them, in the order in which they ended."""
        self._requests.add(len(ended))
        self._stream_ends.add(len(ended))
        _, ids, at, began, _, _, _, _, over, _, _ = zip(*ended, strict=True)
        self._duration.mark_all(list(map(sub, over, began)), ids, at)
        for spread, seconds in zip(self._stages, zip(*map(_stages, ended), strict=True), strict=True):
            spread.observe_all(_known(seconds))
        answered = [each for each in ended if each[_SENT] is not None]
        if not answered:
            return
        if self._stream:
            self._count_pace([each for each in answered if each[_FIRST] is not None])
        usages = map(_tokens, [each[_USAGE] for each in answered])
        for name, tokens in zip(TOKEN_TYPES, zip(*usages, strict=True), strict=True):
            self._observe(self._metrics.tokens, _known(tokens), name)

    def _count_pace(self, begun: Sequence[Ended]) -> None:
        """How long the first token took, and each one after it."""
        if not begun:
            return
        _, ids, at, began, _, _, first, _, over, usages, _ = zip(*begun, strict=True)
        self._metrics.first_token.labels(*self._labels).mark_all(list(map(sub, first, began)), ids, at)
        rest = zip(map(sub, over, first), (usage.output for usage in usages), strict=True)
        paces = [seconds / (tokens - 1) for seconds, tokens in rest if tokens is not None and tokens > 1]
        self._observe(self._metrics.per_token, paces)

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


def _stages(ended: Ended) -> tuple[float | None, ...]:
    """Seconds of the stages, in the order of ``STAGES``; behind them what of it was the gateway's own doing."""
    _, _, _, began, parsed, sent, first, written, over, _, attempts = ended
    parsing = parsed - began
    if sent is None or first is None:
        return parsing, None, None, None, None, None
    # Who asked for the same before (``cache``, ``share``) sent it before this request was there.
    if sent.at < began:
        return parsing, None, None, None, over - first, None
    dispatching, first_event = sent.opened_at - sent.at, first - sent.opened_at
    # What passed before a later attempt was other attempts' time, not ours.
    if sent.number > 1 or attempts > 1:
        return parsing, dispatching, first_event, None, over - first, None
    ours = sent.at - began
    if written is None:
        return parsing, dispatching, first_event, None, over - first, ours
    # An opening, or a beat, may be written before the first word is there.
    writing = max(0.0, written - first)
    return parsing, dispatching, first_event, writing, over - first, ours + writing
