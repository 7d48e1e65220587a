"""A scrape of very many series stays cheap, and streams go on while it is written.

Measured as CPU of the loop's thread, and beside what the client library takes for the same at the same moment: a busy machine
slows both. A scrape takes about a tenth of it.
"""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.app import App
from pipeline.config import load
from pipeline.logs import Logs
from pipeline.logs.format import as_json
from pipeline.metrics import Metrics
from pipeline.providers.pool import Pool
from pipeline.workers.colleagues import Colleagues

MODELS, CANDIDATES = 50, 4
OUTCOMES = ("ok", "client_left", "overloaded")
TOKENS = ("input", "output", "cached_input", "cache_creation_input", "reasoning")

WHOLE, PIECE = 1 / 5, 1 / 50
"""Of what the library takes: CPU of one scrape, and for how much of it at most others of the loop wait."""


class Told(Collector):
    """The same numbers, for the library."""

    def __init__(self, metrics: Metrics) -> None:
        self._families = list(metrics.families())

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            if family["kind"] == "histogram":
                histogram = HistogramMetricFamily(family["name"], family["help"], labels=family["labels"])
                bounds = [*map(str, family["bounds"]), "+Inf"]
                for labels, (counts, sum_, _) in family["members"]:
                    histogram.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), sum_)
                yield histogram
            elif family["kind"] == "counter":
                counter = CounterMetricFamily(family["name"], family["help"], labels=family["labels"])
                for labels, value in family["members"]:
                    counter.add_metric(labels, value)
                yield counter


def by_the_library(metrics: Metrics) -> float:
    """Seconds of CPU that it takes."""
    registry = CollectorRegistry()
    registry.register(Told(metrics))
    before = time.thread_time()
    generate_latest(registry)
    return time.thread_time() - before


def fill(metrics: Metrics) -> None:
    """Every label that a configuration of 50 models with 4 candidates each can meet, about."""
    for number in range(MODELS):
        for provider in range(CANDIDATES):
            candidate = f"provider-{provider}/a-model-of-the-usual-length-{number}"
            labels = ("chat", f"provider-{provider}", f"model-{number}", f"a-model-of-the-usual-length-{number}")
            for outcome in OUTCOMES:
                metrics.requests.labels("chat", f"model-{number}", outcome).inc()
                metrics.stream_ends.labels(candidate, outcome).inc()
                for seconds in (0.005, 0.05, 0.5, 5, 50):
                    metrics.duration.labels(*labels, outcome).mark_all([seconds], ["req_0123456789abcdef01234567"], [1e9])
                metrics.attempts.labels(candidate, "error", outcome).inc()
            for seconds in (0.0005, 0.05, 0.5, 5):
                metrics.first_token.labels(*labels).mark_all([seconds], ["req_0123456789abcdef01234567"], [1e9])
                metrics.per_token.labels(*labels).observe(seconds)
            for name in TOKENS:
                metrics.tokens.labels(*labels, name).observe(100)


def read(url: str) -> int:
    request = urllib.request.Request(url, headers={"accept": "application/openmetrics-text; version=1.0.0"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return len(answer.read())


class Pieces:
    """How long others of the loop wait for their turn, in CPU of its thread."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest = max(self.longest, now - before)
            before = now


async def scraped() -> tuple[int, list[float], list[float], float]:
    """Bytes of a scrape; CPU of each; its longest piece in each of some others; CPU of the library for the same."""
    app = App(load(None, {}), Logs(as_json, lambda lines: None))
    loop = asyncio.get_running_loop()
    async with Pool() as pool:
        _, runtime = app._assembled(pool, Colleagues(app._metrics))
        fill(runtime.metrics)
        server = app._server(runtime, 32768)
        listener = await loop.create_server(server, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/metrics"
        size, whole, pieces = 0, [], []
        for _ in range(5):
            before = time.thread_time()
            size = await loop.run_in_executor(None, read, url)
            whole.append(time.thread_time() - before)
            seen = Pieces()
            watching = loop.create_task(seen.watch())
            await loop.run_in_executor(None, read, url)
            watching.cancel()
            pieces.append(seen.longest)
        listener.close()
        await server.shutdown(1)
    return size, whole, pieces, by_the_library(app._metrics)


def test_a_scrape_of_two_hundred_candidates_is_cheap_and_lets_streams_go_on() -> None:
    size, whole, pieces, library = asyncio.run(scraped())
    assert size > 5_000_000
    assert min(whole) < WHOLE * library, (whole, library)
    assert min(pieces) < PIECE * library, (pieces, library)
