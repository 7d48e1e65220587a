"""GET /debug/live: server-sent events with what is new of each request, for the console. Whichever worker is asked tells all.

One `data:` line a look, at most four a second, less often where many look: {"now", "stats", "requests", "gone", "candidates",
"left_out"}. ``first`` marks the line that tells everything anew. A request is told with all its facts when one of them changed,
else with its new marks only; a row whose marks were merged is told from its first mark on, under another ``epoch``.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

import orjson
from aiohttp import web

from pipeline.emit import STREAM_HEADERS
from pipeline.errors import GatewayError, Kind
from pipeline.server.debug import check_parameters, request_id_of
from pipeline.server.news import Answer
from pipeline.server.runtime import Runtime

EVERY: Final = 0.25
"""Seconds between two looks at least."""
SHARE: Final = 0.05
"""Of a process's time, the most that the looks of all viewers together take: where they take long or are many, the next comes
later. What they cause elsewhere (rows of marks that nobody else would read) is about as much again.
"""
LONGEST: Final = 5.0
"""Seconds between two looks at most, so that neither side takes the other for dead."""
QUIET: Final = 1.0
"""Seconds after which a line comes although nothing is new: the totals, and that the line still stands."""
SILENT: Final = 8
"""Looks at which a worker did not answer, before what it had in flight counts as gone."""
STAGES: Final = ("wire", "decoded", "attempt", "answer", "client")

Stats = Callable[[], Awaitable[Any]]
"""What GET /debug/stats answers."""


async def live(runtime: Runtime, stats: Stats, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
    """The feed, until the viewer leaves (at once), the gateway stops, or other keys are in force.

    ``stats`` asks all workers what they counted. Query: ``stages``, names of rows with commas between, none means all; ``id``,
    the only request to tell of.

    Raises:
        GatewayError: no admin key, another parameter, a stage that does not exist, or what cannot be an id.
    """
    keyring = runtime.keyring
    keyring.administrate(request.headers, request.remote)
    check_parameters(request.query, ("stages", "id"))
    id = request.query.get("id")
    feed = Feed(runtime, stats, _stages(request.query.get("stages")), None if id is None else request_id_of(id))
    headers = {**STREAM_HEADERS, **runtime.headers(request_id, runtime.cors.headers(request.headers))}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    try:
        while not runtime.draining and runtime.keyring is keyring:
            message = await feed.look()
            if message is not None:
                await response.write(b"data: " + message + b"\n\n")
            await asyncio.sleep(feed.pause)
    finally:
        feed.leave()
    await response.write_eof()
    return response


def _stages(given: str | None) -> list[str] | None:
    stages = [name for name in (given or "").split(",") if name]
    for name in stages:
        if name not in STAGES:
            near = get_close_matches(name, STAGES, n=1)
            guess = f"; did you mean {near[0]!r}?" if near else "."
            text = f"There is no stage {name[:40]!r}{guess} Expected some of {', '.join(STAGES)}."
            raise GatewayError(Kind.BAD_REQUEST, text, param="stages")
    return stages or None


class Feed:
    """What one viewer is told, look by look.

    Args:
        runtime: of the worker that it is connected to.
        stats: asks all workers what they counted.
        stages: whose marks; None: all.
        id: the only request that it looks at; None: all.
    """

    def __init__(self, runtime: Runtime, stats: Stats, stages: list[str] | None = None, id: str | None = None) -> None:
        self._runtime = runtime
        self._stats = stats
        self._heard: dict[str, int] = {}
        """By process: the number of the last answer that came."""
        self._question = {"viewer": secrets.token_hex(8), "stages": stages, "id": id, "heard": self._heard}
        self._flying: dict[str, set[str]] = {}
        """By process: the ids that the viewer takes for being in flight."""
        self._silent: Tally[str] = Tally()
        self._candidates: Mapping[str, Any] | None = None
        self._told_at = float("-inf")
        self._totals_at = float("-inf")
        self.pause = EVERY
        """Seconds to wait before the next look."""

    async def look(self) -> bytes | None:
        """The next message, as JSON; None: nothing is new and there was one not long ago."""
        answers: list[Answer] = await self._runtime.colleagues.gather("live", **self._question)
        began = time.thread_time()
        now = time.monotonic()
        message = self._joined(answers)
        if not any(name in message for name in ("requests", "gone", "candidates")) and now - self._told_at < QUIET:
            return None
        if now - self._totals_at >= QUIET:
            self._totals_at = now
            message["stats"] = await self._stats()
        if self._told_at < 0:
            message["first"] = True
        self._told_at = now
        data = orjson.dumps(message)
        # Each worker is looked at by the viewers of all of them.
        spent = max(answer["spent"] for answer in answers) + time.thread_time() - began
        viewers = max(answer["viewers"] for answer in answers)
        self.pause = min(max(EVERY, viewers * spent / SHARE), LONGEST)
        return data

    def leave(self) -> None:
        """The viewer is gone. The other workers forget it by themselves."""
        self._runtime.colleagues.answers["unlook"](viewer=self._question["viewer"])

    def _joined(self, answers: list[Answer]) -> dict[str, Any]:
        """All workers' answers as one message; what is not new is not in it."""
        message: dict[str, Any] = {"now": round(time.time(), 3)}
        requests = [request for answer in answers for request in answer["requests"]]
        if requests:
            message["requests"] = requests
        gone = [id for answer in answers for id in answer["gone"]] + self._lost(answers)
        if gone:
            message["gone"] = gone
        left_out = sum(answer["left_out"] for answer in answers)
        if left_out:
            message["left_out"] = left_out
        candidates = _candidates(answer["candidates"] for answer in answers)
        if candidates != self._candidates:
            self._candidates = message["candidates"] = candidates
        return message

    def _lost(self, answers: list[Answer]) -> list[str]:
        """What was in flight in a worker that is no more, or that tells all anew and does not tell of it."""
        lost: list[str] = []
        for answer in answers:
            process = answer["process"]
            flying = self._flying.setdefault(process, set())
            self._silent[process] = 0
            if answer["number"] == 1:
                lost.extend(flying - {request["id"] for request in answer["requests"]})
                flying.clear()
            self._heard[process] = answer["number"]
            for request in answer["requests"]:
                if request.get("outcome"):
                    flying.discard(request["id"])
                else:
                    flying.add(request["id"])
            flying.difference_update(answer["gone"])
        living = {answer["process"] for answer in answers}
        for process in [each for each in self._flying if each not in living]:
            self._silent[process] += 1
            if self._silent[process] >= SILENT:
                lost.extend(self._flying.pop(process))
                del self._silent[process]
                self._heard.pop(process, None)
        return lost


def _candidates(told: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The breakers of all workers by candidate: how many are in which state, and the longest pause."""
    found: dict[str, Any] = {}
    for states in told:
        for label, one in states.items():
            joined = found.setdefault(label, {"states": {}, "remaining": 0, "failures": 0})
            joined["states"][one["state"]] = joined["states"].get(one["state"], 0) + 1
            joined["remaining"] = max(joined["remaining"], one["remaining"])
            joined["failures"] = max(joined["failures"], one["failures"])
    return found
