"""Gauges of what is open or in force now, and how those of several workers become one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.snapshot import ruled

if TYPE_CHECKING:
    from pipeline.metrics import Metrics

BREAKER_STATES: Final = {"closed": 0, "half_open": 1, "open": 2}


class OpenThings(Collector):
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
        cooling = GaugeMetricFamily(
            "penstock_cool_down_seconds", "Seconds until a candidate is tried again.", labels=["candidate"]
        )
        for candidate, seconds in metrics.cooling().items():
            cooling.add_metric([candidate], seconds)
        yield ruled(cooling, "max")
        refused = CounterMetricFamily(
            "penstock_retries_refused", "Retries that a candidate's budget did not allow.", labels=["candidate"]
        )
        for candidate, count in metrics.refused_retries().items():
            refused.add_metric([candidate], count)
        yield refused
        # One a process: where several add up, their sum says how many serve.
        yield GaugeMetricFamily("penstock_workers", "Processes that serve.", value=1)
        name = "penstock_config_last_reload_successful"
        told = "1: the file as it is now is in force; 0: it is bad."
        yield ruled(GaugeMetricFamily(name, told, value=metrics.reload_good), "min")
        name = "penstock_config_last_reload_success_timestamp_seconds"
        told = "When the configuration in force was read."
        yield ruled(GaugeMetricFamily(name, told, value=metrics.reloaded_at), "max")
        build = GaugeMetricFamily("penstock_build_info", "Version and configuration.", labels=["version", "config"])
        build.add_metric([metrics.version, metrics.digest], 1)
        yield ruled(build, "max")
