"""What is counted: every name of CONTRACT.md that the gateway feeds, with labels that come from the configuration only.

Everything adds to plain numbers (``series``); what is open is read when somebody asks for the ``families``, which processes hand
to each other and ``exposition`` writes for Prometheus.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from prometheus_client import CollectorRegistry, ProcessCollector

from operators.tap import quietly
from pipeline.alike import STAGES, Alike
from pipeline.buckets import (
    DURATION_BUCKETS,
    FIRST_TOKEN_BUCKETS,
    OVERHEAD_BUCKETS,
    PER_TOKEN_BUCKETS,
    STAGE_BUCKETS,
    TOKEN_BUCKETS,
    WAIT_BUCKETS,
)
from pipeline.errors import classify
from pipeline.events import UNKNOWN
from pipeline.gauges import OpenThings
from pipeline.prices import Price
from pipeline.request import Sent
from pipeline.series import TOGETHER, Count, Marked, Series, Spread
from pipeline.snapshot import Family, of_collected, of_counts, of_spreads
from pipeline.summary import Kind, Summary
from pipeline.tallies import Tallies

SERVER: Final = "server"
"""Stands for the chain where a limit of the gateway itself acts."""

LIMITS: Final = ("body_limit", "buffered_limit", "drain", "header_limit", "send_timeout", "wrong_keys")
"""Limits of the gateway itself, as they are called under ``server``."""

SHEDS: Final = ("buffered_limit", "queue", "queue_timeout", "draining")
"""What was full when work was refused."""

GEN_AI_LABELS: Final = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model")


class Metrics:
    """All metrics of one process, on a registry of their own."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self.version = version
        self.in_flight: Counter[str] = Counter()
        self.upstream_open = 0
        self.buffered = 0
        self.breakers: Callable[[], Mapping[str, str]] = dict
        self.cooling: Callable[[], Mapping[str, float]] = dict
        self.refused_retries: Callable[[], Mapping[str, int]] = dict
        self.queue_depth: Callable[[], int] = lambda: 0
        self.reload_good = True
        self.reloaded_at = time.time()
        self._digest = ""
        self._prices: Mapping[tuple[str, str], Price] = {}
        self._tallies = Tallies()
        self._kinds: dict[Kind, Alike] = {}
        self._counts: list[Series[Count]] = []
        self._spreads: list[tuple[Series[Any], Sequence[float]]] = []
        self._fresh: list[Summary] = []
        """Requests that ended and were only noted (``settle``)."""
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
        self.cool_downs = count("penstock_cool_downs", "How often a candidate was taken out of service.", "candidate", "reason")
        self.hedges = count("penstock_hedges", "Attempts beside a slow one: launched, won, lost.", "candidate", "outcome")
        self.lost_tokens = count(
            "penstock_hedge_lost_tokens", "Tokens known to be spent on attempts that lost to another one.", "candidate"
        )
        self.sheds = count("penstock_sheds", "Work refused for want of room, by what was full.", "reason")
        self.rate_limited = count("penstock_rate_limited", "Requests that had used up their key's limit.", "key", "unit")
        self.reloads = count("penstock_config_reloads", "Configurations read anew.", "result")
        self.cost = count("penstock_cost", "What answers cost, in the currency of the configured prices.", "model", "candidate")
        self.losses = count("penstock_translation_loss", "What another dialect could not carry.", "from", "to", "kind")
        self.restarts = count("penstock_worker_restarts", "Workers started in the place of one that ended unasked.").labels()
        self.overhead = spread(OVERHEAD_BUCKETS, "penstock_overhead_seconds", "Time spent in the gateway itself.").labels()
        self.stages = spread(STAGE_BUCKETS, "penstock_stage_seconds", "Time by stage of a request.", "stage")
        self.queue_wait = spread(WAIT_BUCKETS, "penstock_queue_wait_seconds", "Time waited for a slot.").labels()
        self.pauses = spread(
            WAIT_BUCKETS, "penstock_backpressure_seconds", "Pauses of a provider because its client reads slowly."
        ).labels()
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
        self.registry.register(OpenThings(self))
        ProcessCollector(registry=self.registry)
        # A counter that begins at its first event hides that event from every rate.
        for limit in LIMITS:
            self.guard_trips.labels(limit, SERVER)
        for stage in STAGES:
            self.stages.labels(stage)
        for reason in SHEDS:
            self.sheds.labels(reason)
        for result in ("success", "failure"):
            self.reloads.labels(result)

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
        """What everything stands at, each metric at the moment at which it is its turn: streams may go on in between.

        Requests that ended wait to be counted: they are told as of the beginning, or of a moment since.
        """
        self.settle()
        yield from map(of_counts, self._counts)
        for series, bounds in self._spreads:
            yield of_spreads(series, bounds)
        yield from map(of_collected, self.registry.collect())

    @property
    def ends(self) -> int:
        """Requests that ended. While it stays, and nothing is in flight, hardly any number moves."""
        return self._ended

    @property
    def tallies(self) -> Tallies:
        """The sums of the same requests for ``/debug/stats``."""
        self.settle()
        return self._tallies

    def use(self, digest: str, prices: Mapping[tuple[str, str], Price] | None = None) -> None:
        """Remember which configuration is in force, and what it says that tokens cost, by model and candidate."""
        self._digest = digest
        self._prices = prices or {}
        for labels in self._prices:
            self.cost.labels(*labels)

    def reloaded(self, good: bool) -> None:
        """A configuration was read anew; ``good``: it is in force now."""
        self.reload_good = good
        self.reloads.labels("success" if good else "failure").inc()
        if good:
            self.reloaded_at = time.time()

    def circuit_changed(self, candidate: str, state: str, error: Exception | None) -> None:
        """A candidate's circuit changed its state; ``error`` is what opened it."""
        if state == "open":
            reason = "unknown" if error is None else classify(error).reason
            self.cool_downs.labels(candidate, reason).inc()

    def tripped(self, operator: str, chain: str) -> None:
        """A guard of a chain, or (chain ``server``) a limit of the gateway itself, acted."""
        self.guard_trips.labels(operator, chain).inc()

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
        self._tallies.refused += 1
        self.requests.labels(dialect, "other", reason).inc()

    def ended(self, summary: Summary) -> None:
        """Count a request that ended, once, whatever its end."""
        self._ended += 1
        sent, fresh = summary.sent, self._fresh
        if sent is not None and (sent.losses.dropped or self._prices):
            self._count_answer(summary, sent)
        fresh.append(summary)
        if len(fresh) >= TOGETHER:
            self.settle()

    def _count_answer(self, summary: Summary, sent: Sent) -> None:
        """What it lost and what it cost, at once: another configuration may have other prices."""
        dialect, model, candidate, *_ = summary.kind
        # Names of losses are the dialects' own, never a client's (DI-142).
        for name in sent.losses.dropped:
            self.losses.labels(dialect, summary.spoken or "neutral", name).inc()
        price = self._prices.get((model, candidate))
        if price is not None and summary.usage is not UNKNOWN:
            self.cost.labels(model, candidate).add(price.of(summary.usage))

    def settle(self) -> None:
        """Count the requests that ended and were only noted."""
        ended, self._fresh = self._fresh, []
        alike: dict[Kind, list[Summary]] = defaultdict(list)
        for each in ended:
            alike[each.kind].append(each)
        for kind, these in alike.items():
            quietly(self._settle_kind, kind, these)

    def _settle_kind(self, kind: Kind, ended: Sequence[Summary]) -> None:
        if kind not in self._kinds:
            self._kinds[kind] = Alike(self, kind)
        self._tallies.count(kind, ended)
        self._kinds[kind].count(ended)
