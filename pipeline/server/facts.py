"""What one process knows of itself, as JSON values: the answers that the paths under /debug are put together from."""

from __future__ import annotations

import logging
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final

from pipeline.exchange import Exchange
from pipeline.server.runtime import Runtime
from pipeline.summary import Summary
from pipeline.traces import Trace
from pipeline.traces.kept import About, about, found

_PAGE: Final = resource.getpagesize()


class Facts:
    """The answers of this process. Register them with ``questions``."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._began = time.monotonic()

    def questions(self) -> dict[str, Callable[..., Any]]:
        """By name, for ``Colleagues.answers``."""
        names = ("stats", "active", "traces", "trace", "health", "logs")
        return {name: getattr(self, name) for name in names}

    def stats(self) -> dict[str, Any]:
        """Sums since the start, and what is open now."""
        runtime = self._runtime
        metrics, recorder = runtime.metrics, runtime.recorder
        tallies = metrics.tallies
        return {
            **self._process(),
            "active": len(runtime.exchanges),
            "refused": tallies.refused,
            "models": {name: tally.to_json() for name, tally in tallies.models.items()},
            "queue": self._queue(),
            "upstream_open": metrics.upstream_open,
            "buffered_bytes": metrics.buffered,
            "breakers": dict(metrics.breakers()),
            "traces": {
                "keep": recorder.ring.keep,
                "kept": len(recorder.ring) - len(recorder.ring.active),
                "dropped": recorder.dropped,
            },
            "logs": {"dropped": runtime.logs.lines.dropped},
        }

    def _process(self) -> dict[str, Any]:
        runtime = self._runtime
        return {
            "worker": runtime.recorder.worker,
            "version": runtime.metrics.version,
            "config": runtime.assembly.config.digest,
            "uptime_seconds": round(time.monotonic() - self._began, 3),
            "draining": runtime.draining,
        }

    def _queue(self) -> dict[str, Any]:
        slots = self._runtime.slots()
        return {
            "in_use": sum(each.in_use for each in slots),
            "waiting": sum(each.waiting for each in slots),
            "limit": sum(each.limit for each in slots),
        }

    def health(self) -> dict[str, Any]:
        """Whether this process is well."""
        runtime = self._runtime
        return {
            **self._process(),
            "pid": os.getpid(),
            "rss_bytes": _rss(),
            "loop_lag_seconds": round(runtime.metrics.loop_lag, 6),
            "reachable": runtime.assembly.reachable,
            "active": len(runtime.exchanges),
            "queue": self._queue(),
        }

    def active(self) -> dict[str, Any]:
        """The requests under way, and the queue that some of them may stand in."""
        return {"queue": self._queue(), "active": [self._entry(exchange) for exchange in self._runtime.exchanges]}

    def _entry(self, exchange: Exchange) -> dict[str, Any]:
        """AP-110: a request under way in one line."""
        now = time.monotonic()
        queued = exchange.queued_since
        entry: dict[str, Any] = {
            "id": exchange.id,
            "dialect": exchange.dialect.name,
            "model": exchange.label,
            "caller": exchange.caller or None,
            "stream": exchange.stream,
            "tools": bool(exchange.body.get("tools")),
            "phase": phase_of(exchange),
            "seconds": round(now - exchange.began, 6),
            "queued": round(exchange.waited + (now - queued if queued is not None else 0.0), 6),
            "attempts": exchange.attempts,
            "candidate": None if exchange.opened is None else exchange.opened.label,
            "bytes_in": len(exchange.raw),
        }
        trace = exchange.trace
        if trace is not None:
            last = trace.answer.last
            entry["bytes_out"] = trace.client.bytes
            entry["events"] = trace.answer.count
            if last is not None:
                entry["last_event"] = last[1]
                entry["since_last_event"] = round(now - last[0], 6)
        return {name: value for name, value in entry.items() if value is not None}

    def traces(self, *, limit: int, since: float = 0.0, failed: bool = False, **wanted: str) -> list[dict[str, Any]]:
        """The last ones that ended, newest first, without their stages.

        Args:
            limit: most of them.
            since: Unix seconds: only those that were taken later.
            failed: only those that ended with an error.
            wanted: values that these fields of a trace must have: ``model``, ``outcome``, ``dialect``, ``caller``.
        """
        stored = self._runtime.recorder.ring.backwards(failed=failed)
        chosen = (each for each in stored if _fits(about(each), since, wanted))
        return [self._runtime.recorder.told(found(each), stages=False) for each in islice(chosen, limit)]

    def trace(self, *, id: str) -> dict[str, Any] | None:
        """All of one request, under way or ended; None where it is not known here (any more)."""
        found = self._runtime.recorder.ring.find(id)
        if found is None:
            return None
        self._refresh(found)
        return self._runtime.recorder.told(found)

    def _refresh(self, trace: Trace) -> None:
        if trace.ended is None:
            for exchange in self._runtime.exchanges:
                if exchange.trace is trace:
                    trace.summary = Summary(exchange)

    def logs(self, *, limit: int, level: str) -> list[dict[str, Any]]:
        """The last lines of the log, the newest last."""
        return self._runtime.logs.tail(limit, logging.getLevelNamesMapping()[level.upper()])


def phase_of(exchange: Exchange) -> str:
    """How far a request under way has come (AP-100)."""
    if exchange.queued_since is not None:
        return "queued"
    if exchange.first_event_at is not None:
        return "streaming"
    if exchange.opened is not None:
        return "opened"
    return "sent" if exchange.attempts else "received"


def _fits(trace: About, since: float, wanted: Mapping[str, str]) -> bool:
    """Whether it was taken later, and these fields of it have these values."""
    return trace.at > since and all(getattr(trace, name) == value for name, value in wanted.items())


def _rss() -> int:
    """Bytes of memory that the process holds."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * _PAGE
    except OSError:
        # Elsewhere the most that it ever held is what the system tells.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
