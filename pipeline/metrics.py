"""What is counted: every name of CONTRACT.md that the gateway feeds, with labels that come from the configuration only.

Everything adds to plain numbers (``series``); what is open is read when somebody asks for the ``families``, which processes hand
to each other and ``exposition`` writes for Prometheus.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.events import UNKNOWN
from pipeline.exchange import Exchange
from pipeline.series import Count, Marked, Series, Spread
from pipeline.snapshot import Family, of_collected, of_counts, of_spreads, ruled

TOKEN_BUCKETS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304)
DURATION_BUCKETS: Final = (*(round(0.01 * 2**n, 2) for n in range(14)), 120, 180, 300, 600)
FIRST_TOKEN_BUCKETS: Final = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
    *(30, 60, 120, 300),
)
PER_TOKEN_BUCKETS: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5)
OVERHEAD_BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1)
WAIT_BUCKETS: Final = (0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60)

BREAKER_STATES: Final = {"closed": 0, "half_open": 1, "open": 2}

TOKEN_TYPES: Final = ("input", "output", "cached_input", "cache_creation_input", "reasoning")

GEN_AI_LABELS: Final = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model")


class Metrics:
    """All metrics of one process, on a registry of their own."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self.version = version
        self.in_flight: Tally[str] = Tally()
        self.upstream_open = 0
        self.buffered = 0
        self.breakers: Callable[[], Mapping[str, str]] = dict
        self.queue_depth: Callable[[], int] = lambda: 0
        self._digest = ""
        self._kinds: dict[tuple[str, str, str, str], _Kind] = {}
        self._counts: list[Series[Count]] = []
        self._spreads: list[tuple[Series[Any], Sequence[float]]] = []
        self._ended = 0
        count, spread, marked = self._count, self._spread, self._marked
        self.requests = count("penstock_requests", "Requests ended.", "dialect", "model", "outcome")
        self.attempts = count("penstock_attempts", "Attempts ended.", "candidate", "outcome", "reason")
        self.failovers = count("penstock_failovers", "Failovers.", "from", "to", "reason", "phase")
        self.guard_trips = count(
            "penstock_guard_trips",
            "Guards that acted on a stream.",
            "operator",
            "chain",
        )
        self.stream_ends = count("penstock_stream_ends", "How opened answers ended.", "candidate", "reason")
        self.mirrored = count("penstock_mirrored", "Answers of a mirror, by what they differ in.", "candidate", "outcome")
        self.cached = count("penstock_cache_lookups", "Requests that a cache could answer, or not.", "chain", "outcome")
        self.losses = count("penstock_translation_loss", "What another dialect could not carry.", "from", "to", "kind")
        self.restarts = count("penstock_worker_restarts", "Workers started in the place of one that ended unasked.").labels()
        self.overhead = spread(OVERHEAD_BUCKETS, "penstock_overhead_seconds", "Time spent in the gateway itself.").labels()
        stage = spread(DURATION_BUCKETS, "penstock_stage_seconds", "Time by stage of a request.", "stage")
        self._stage = {name: stage.labels(name) for name in ("parse", "dispatch", "first_event", "answer")}
        self.queue_wait = spread(WAIT_BUCKETS, "penstock_queue_wait_seconds", "Time waited for a slot.").labels()
        self.duration = marked(
            DURATION_BUCKETS,
            "gen_ai_client_operation_duration_seconds",
            "Time of whole operations.",
            *(*GEN_AI_LABELS, "error_type"),
        )
        self.tokens = spread(TOKEN_BUCKETS, "gen_ai_client_token_usage", "Tokens used.", *(*GEN_AI_LABELS, "gen_ai_token_type"))
        self.first_token = marked(
            FIRST_TOKEN_BUCKETS, "gen_ai_server_time_to_first_token_seconds", "Time to the first token.", *GEN_AI_LABELS
        )
        self.per_token = spread(
            PER_TOKEN_BUCKETS,
            "gen_ai_server_time_per_output_token_seconds",
            "Time per output token after the first.",
            *GEN_AI_LABELS,
        )
        self.loop_lag = 0.0
        self.registry.register(_Open(self))

    def _count(self, name: str, help: str, *labels: str) -> Series[Count]:
        series = Series(name, help, labels, Count)
        self._counts.append(series)
        return series

    def _spread(self, bounds: Sequence[float], name: str, help: str, *labels: str) -> Series[Spread]:
        series = Series(name, help, labels, partial(Spread, bounds))
        self._spreads.append((series, bounds))
        return series

    def _marked(self, bounds: Sequence[float], name: str, help: str, *labels: str) -> Series[Marked]:
        """A spread that tells of each bucket which request was the last one (exemplars)."""
        series = Series(name, help, labels, partial(Marked, bounds))
        self._spreads.append((series, bounds))
        return series

    def families(self) -> Iterator[Family]:
        """What everything stands at, each metric at the moment at which it is its turn: streams may go on in between."""
        yield from map(of_counts, self._counts)
        for series, bounds in self._spreads:
            yield of_spreads(series, bounds)
        yield from map(of_collected, self.registry.collect())

    @property
    def ends(self) -> int:
        """Requests that ended. While it stays, and nothing is in flight, hardly any number moves."""
        return self._ended

    def use(self, digest: str) -> None:
        """Remember which configuration is in force."""
        self._digest = digest

    @property
    def digest(self) -> str:
        return self._digest

    def wait_for_clients(self, change: int) -> None:
        """Bytes began (or ceased) to wait for a slow client."""
        self.buffered += change

    def open_upstream(self, change: int) -> None:
        """An attempt at a provider was opened (+1) or ended (-1)."""
        self.upstream_open += change

    def refused(self, dialect: str, reason: str) -> None:
        """Count a request that was refused before it was known what it asks for (TR-O3)."""
        self._ended += 1
        self.requests.labels(dialect, "other", reason).inc()

    def ended(self, exchange: Exchange, outcome: str) -> None:
        """Count a request that ended, once, whatever its end.

        Args:
            outcome: ``ok``, ``client_left``, or the error's reason.
        """
        now = time.monotonic()
        self._ended += 1
        opened = exchange.opened
        key = (exchange.dialect.name, exchange.label, "" if opened is None else opened.label, outcome)
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _Kind(self, *key)
        kind.requests.inc()
        if opened is not None:
            kind.stream_ends.inc()
            # Names of losses are the dialects' own, never a client's (DI-142).
            for name in exchange.losses.dropped:
                self.losses.labels(exchange.dialect.name, opened.dialect or "neutral", name).inc()
        kind.duration.mark(now - exchange.began, exchange.id)
        first = exchange.first_event_at
        usage = exchange.usage
        if first is not None and exchange.stream:
            self.first_token.labels(*kind.labels).mark(first - exchange.began, exchange.id)
            if usage.output is not None and usage.output > 1:
                self.per_token.labels(*kind.labels).observe((now - first) / (usage.output - 1))
        self._stages(exchange, now)
        if usage is UNKNOWN:
            return
        counts = (usage.input, usage.output, usage.cache_read, usage.cache_write, usage.reasoning)
        for name, count in zip(TOKEN_TYPES, counts, strict=True):
            # Unknown is unknown, not zero (TR-U1).
            if count is not None:
                spread = kind.tokens.get(name)
                if spread is None:
                    spread = kind.tokens[name] = self.tokens.labels(*kind.labels, name)
                spread.observe(count)

    def _stages(self, exchange: Exchange, now: float) -> None:
        """Where the time went, and how much of it was ours."""
        stage = self._stage
        stage["parse"].observe(exchange.parsed_at - exchange.began)
        opened, first = exchange.opened, exchange.first_event_at
        if opened is None or first is None:
            return
        sent = opened.sent
        if sent.at >= exchange.began:
            stage["dispatch"].observe(sent.opened_at - sent.at)
            stage["first_event"].observe(first - sent.opened_at)
        stage["answer"].observe(now - first)
        if opened.sent.number > 1 or exchange.attempts > 1 or sent.at < exchange.began:
            # What passed before this attempt was other attempts' time, not ours; and who asked for the same before (``cache``,
            # ``share``) sent it before this request was there.
            return
        written = exchange.first_write_at
        self.overhead.observe(sent.at - exchange.began + (written - first if written is not None else 0.0))


class _Kind:
    """What requests that ended alike add to: their labels are put together once.

    Args:
        metrics: where they are counted.
        dialect, model, candidate, outcome: what they have in common; the candidate that answered, or "".
    """

    __slots__ = ("duration", "labels", "requests", "stream_ends", "tokens")

    def __init__(self, metrics: Metrics, dialect: str, model: str, candidate: str, outcome: str) -> None:
        provider, _, own = candidate.partition("/")
        self.labels = ("chat", provider or "none", model, own or "none")
        self.requests = metrics.requests.labels(dialect, model, outcome)
        # Only an answer that was opened is counted there, and one that was not has no candidate.
        self.stream_ends = metrics.stream_ends.labels(candidate, "done" if outcome == "ok" else outcome) if candidate else Count()
        self.duration = metrics.duration.labels(*self.labels, "" if outcome == "ok" else outcome)
        self.tokens: dict[str, Spread] = {}


class _Open(Collector):
    """Gauges of open things, read when somebody asks. Several workers' are summed, unless ``ruled`` otherwise."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        metrics = self._metrics
        in_flight = GaugeMetricFamily("penstock_in_flight", "Requests in flight.", labels=["dialect"])
        for dialect in ("chat", "responses", "messages"):
            in_flight.add_metric([dialect], metrics.in_flight[dialect])
        yield in_flight
        yield GaugeMetricFamily("penstock_upstream_open", "Open attempts at providers.", value=metrics.upstream_open)
        yield GaugeMetricFamily("penstock_queue_depth", "Attempts that wait for a slot.", value=metrics.queue_depth())
        yield GaugeMetricFamily("penstock_buffered_bytes", "Bytes that wait for slow clients.", value=metrics.buffered)
        breakers = GaugeMetricFamily("penstock_breaker_state", "0 closed, 1 half open, 2 open.", labels=["candidate"])
        for candidate, state in metrics.breakers().items():
            breakers.add_metric([candidate], BREAKER_STATES[state])
        # A candidate is as bad as the worker that thinks worst of it.
        yield ruled(breakers, "max")
        late = "How late the event loop ran its last timer."
        yield ruled(GaugeMetricFamily("penstock_loop_lag_seconds", late, value=metrics.loop_lag), "max")
        yield GaugeMetricFamily("penstock_workers", "Processes that serve.", value=1)
        build = GaugeMetricFamily("penstock_build_info", "Version and configuration.", labels=["version", "config"])
        build.add_metric([metrics.version, metrics.digest], 1)
        yield ruled(build, "max")
