"""GET /debug/...: what happens and what happened, for whoever administers the gateway (AP-109 to AP-117).

Look-ups take ids, never paths (TR-X3); parameters are checked (TR-X15). Every answer is put together from what all workers say.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from aiohttp import web

from pipeline.errors import GatewayError, Kind
from pipeline.server.facts import Facts
from pipeline.server.runtime import Handler, Runtime
from pipeline.tallies import added, averaged

MOST: Final = 1000
"""Entries of one answer."""

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
"""TR-X7: what cannot hurt anything that it is written into. Another one that a client gives is not taken."""
_NO_QUERY: Final[Mapping[str, str]] = {}
_LEVELS: Final = ("debug", "info", "warning", "error")
_DIALECTS: Final = ("chat", "responses", "messages")

Asked = Callable[[Mapping[str, str]], Awaitable[Any]]
"""Checked parameters -> the answer, as a JSON value."""


class Debug:
    """The handlers of the administration."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        runtime.colleagues.answers.update(Facts(runtime).questions())
        lists = ("limit", "since", "model", "outcome", "dialect", "caller")
        self.routes: Mapping[str, Mapping[str, Handler]] = {
            "/debug/stats": {"GET": self._handler(self.stats)},
            "/debug/active": {"GET": self._handler(self._active)},
            "/debug/traces": {"GET": self._handler(self._traces, *lists)},
            "/debug/errors": {"GET": self._handler(self._errors, *lists)},
            "/debug/health": {"GET": self._handler(self._health)},
            "/debug/logs": {"GET": self._handler(self._logs, "limit", "level")},
            "/sessions": {"GET": self._handler(self._sessions)},
            "/sessions/cleanup": {"POST": self._handler(self._cleanup)},
        }

    def family(self, path: str) -> Mapping[str, Handler] | None:
        """The handlers of a path that holds an id."""
        room, _, id = path[1:].partition("/")[2].partition("/")
        if not path.startswith("/debug/") or room not in ("traces", "errors") or not id:
            return None

        async def one(query: Mapping[str, str]) -> Any:
            return await self._one(id, failed=room == "errors")

        return {"GET": self._handler(one)}

    def _handler(self, asked: Asked, *parameters: str) -> Handler:
        async def handle(request: web.BaseRequest, request_id: str) -> web.StreamResponse:
            runtime = self._runtime
            runtime.keyring.administrate(request.headers, request.remote)
            check_parameters(request.query, parameters)
            body = orjson.dumps(await asked(request.query))
            headers = runtime.headers(request_id, runtime.cors.headers(request.headers))
            return web.Response(body=body, headers={**headers, "content-type": "application/json", "cache-control": "no-store"})

        return handle

    async def _gather(self, question: str, **arguments: Any) -> list[Any]:
        return await self._runtime.colleagues.gather(question, **arguments)

    async def stats(self, query: Mapping[str, str] = _NO_QUERY) -> Any:
        """AP-109: what all workers counted, and what is open now."""
        workers = await self._gather("stats")
        models: dict[str, dict[str, Any]] = {}
        for worker in workers:
            for name, tally in worker["models"].items():
                models[name] = added(models.get(name), tally)
        total = averaged(added(*models.values()))
        active, refused = (sum(worker[name] for worker in workers) for name in ("active", "refused"))
        ended = total["total"] + refused
        return {
            "version": self._runtime.metrics.version,
            "config": self._runtime.assembly.config.digest,
            "uptime_seconds": max((worker["uptime_seconds"] for worker in workers), default=0.0),
            "requests": {
                **total,
                "refused": refused,
                "active": active,
                "error_rate": round((total["errors"] + refused) / ended, 6) if ended else 0.0,
            },
            "models": {name: averaged(tally) for name, tally in models.items()},
            "queue": _summed(workers, "queue"),
            "upstream_open": sum(worker["upstream_open"] for worker in workers),
            "buffered_bytes": sum(worker["buffered_bytes"] for worker in workers),
            "breakers": _worst(workers),
            "traces": _summed(workers, "traces"),
            "logs": _summed(workers, "logs"),
            "workers": [{name: worker[name] for name in ("worker", "uptime_seconds", "active", "config")} for worker in workers],
        }

    async def _active(self, query: Mapping[str, str]) -> Any:
        """AP-115, AP-27: the requests under way, the oldest first, and how many of them wait."""
        workers = await self._gather("active")
        entries = [entry for worker in workers for entry in worker["active"]]
        return {"queue": _summed(workers, "queue"), "active": sorted(entries, key=lambda entry: -entry["seconds"])}

    async def _traces(self, query: Mapping[str, str], *, failed: bool = False, default: int = 20) -> Any:
        limit = _limit(query, default)
        wanted = {name: query[name] for name in ("model", "outcome", "dialect", "caller") if name in query}
        if "dialect" in wanted:
            _one_of(wanted, "dialect", _DIALECTS)
        workers = await self._gather("traces", limit=limit, since=_since(query), failed=failed, **wanted)
        found = sorted((trace for worker in workers for trace in worker), key=_ended, reverse=True)
        return {"errors" if failed else "traces": found[:limit]}

    async def _errors(self, query: Mapping[str, str]) -> Any:
        """AP-113: those that ended with an error."""
        return await self._traces(query, failed=True, default=10)

    async def _one(self, id: str, *, failed: bool) -> Any:
        known = [trace for trace in await self._gather("trace", id=request_id_of(id)) if trace is not None]
        # A client that tries again under one id may meet another worker: the newest is meant, as in one process.
        found = max(known, key=lambda trace: float(trace["at"]), default=None)
        if found is None or (failed and "error" not in found):
            what = "failed request" if failed else "request"
            raise GatewayError(Kind.NOT_FOUND, f"No {what} with the id {id!r} is known here (any more); see `traces.keep`.")
        return found

    async def _health(self, query: Mapping[str, str]) -> Any:
        """AP-116."""
        workers = await self._gather("health")
        return {
            "status": "draining" if self._runtime.draining else "ok",
            "version": self._runtime.metrics.version,
            "config": self._runtime.assembly.config.digest,
            "rss_bytes": sum(worker["rss_bytes"] for worker in workers),
            "active": sum(worker["active"] for worker in workers),
            "queue": _summed(workers, "queue"),
            "workers": workers,
        }

    async def _logs(self, query: Mapping[str, str]) -> Any:
        """AP-114: the last lines, the newest last. There are no files to name."""
        limit, level = _limit(query, 100), query.get("level", "debug")
        _one_of({"level": level}, "level", _LEVELS)
        workers = await self._gather("logs", limit=limit, level=level)
        lines = sorted((line for worker in workers for line in worker), key=lambda line: str(line["ts"]))
        return {"lines": lines[-limit:]}

    async def _sessions(self, query: Mapping[str, str]) -> Any:
        """AP-72: no back end keeps sessions yet."""
        return {"sessions": [], "statistics": {"entries": 0, "resumes": 0, "failures": 0, "hits": 0, "misses": 0}}

    async def _cleanup(self, query: Mapping[str, str]) -> Any:
        """AP-72, TR-X5: by POST only."""
        return {"evicted": 0, "remaining": 0}


def check_parameters(query: Mapping[str, str], parameters: tuple[str, ...]) -> None:
    """Raises GatewayError where a parameter is none of these: a misspelt one must not pass for one that is left out."""
    for name in query:
        if name not in parameters:
            near = difflib.get_close_matches(name, parameters, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(parameters)}." if parameters else "."
            raise GatewayError(Kind.BAD_REQUEST, f"The parameter {name!r:.40} is not known here{hint}", param=name[:40])


def request_id_of(text: str) -> str:
    """The text, which is an id that a request may have. Raises GatewayError where it is not (TR-X3)."""
    if not REQUEST_ID.fullmatch(text):
        raise GatewayError(Kind.BAD_REQUEST, "A request id has up to 128 letters, digits and the signs . _ : -", param="id")
    return text


def _limit(query: Mapping[str, str], default: int) -> int:
    """TR-X15: neither a word nor zero means everything."""
    text = query.get("limit")
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST and len(text) < 9):
        raise GatewayError(Kind.BAD_REQUEST, f"`limit` must be a number from 1 to {MOST}; it is {text!r:.40}.", param="limit")
    return int(text)


def _since(query: Mapping[str, str]) -> float:
    text = query.get("since")
    if text is None:
        return 0.0
    try:
        seconds = float(text[:40])
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise GatewayError(Kind.BAD_REQUEST, f"`since` must be a time in Unix seconds; it is {text!r:.40}.", param="since")
    return seconds


def _one_of(query: Mapping[str, str], name: str, values: tuple[str, ...]) -> None:
    if query[name] not in values:
        text = f"`{name}` must be one of {', '.join(values)}; it is {query[name]!r:.40}."
        raise GatewayError(Kind.BAD_REQUEST, text, param=name)


def _ended(trace: dict[str, Any]) -> float:
    return float(trace["at"] + trace["seconds"])


def _summed(workers: list[Any], name: str) -> dict[str, int]:
    fields = {field for worker in workers for field in worker[name]}
    return {field: sum(worker[name].get(field, 0) for worker in workers) for field in sorted(fields)}


def _worst(workers: list[Any]) -> dict[str, str]:
    """Each worker has breakers of its own; an open one anywhere is what a person wants to know."""
    ranks = ("closed", "half_open", "open")
    states: dict[str, str] = {}
    for worker in workers:
        for candidate, state in worker["breakers"].items():
            states[candidate] = max(states.get(candidate, "closed"), state, key=ranks.index)
    return states
