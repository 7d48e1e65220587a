"""A request's record as spans by the GenAI conventions: one for the request, one for each attempt. Never a word of a body.

The conventions are in development; the names here are those of the repository semantic-conventions-genai in autumn 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple

from pipeline.dialects import DIALECTS

Value = str | int | float | bool

OPERATION: Final = "chat"

# Of several clients of one API the conventions take the one whose API is spoken: the gateway knows no more.
_PROVIDERS: Final[Mapping[str, str]] = {"chat": "openai", "responses": "openai", "messages": "anthropic"}
_OWN: Final = "penstock"

_USAGE: Final[Mapping[str, str]] = {
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_write.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
}

ServerOf = Callable[[str], tuple[str, int] | None]
"""Provider's name -> the host and port where it is reached."""


class Happened(NamedTuple):
    """An event of a span; ``at`` in Unix seconds."""

    name: str
    at: float
    attributes: Mapping[str, Value]


class Told(NamedTuple):
    """One span, before it is one. Times are Unix seconds. ``error``: why, or ""."""

    name: str
    kind: Literal["server", "client"]
    attempt: int
    """0 for the request itself; else the number under which the attempt was sent, below 0 where it never was."""
    began: float
    ended: float
    attributes: Mapping[str, Value]
    events: tuple[Happened, ...]
    error: str


def spans(trace: Mapping[str, Any], server_of: ServerOf) -> Iterator[Told]:
    """The spans of a request that ended, its own first.

    Args:
        trace: its JSON form; stages are not needed.
        server_of: where a provider is reached.
    """
    yield _request(trace)
    for attempt in trace["attempts"]:
        yield _attempt(trace, attempt, server_of)


def _request(trace: Mapping[str, Any]) -> Told:
    outcome, status, at = trace.get("outcome", ""), trace.get("status"), trace["at"]
    candidate = trace.get("candidate", "")
    dialect = trace["dialect"]
    failed = outcome not in ("ok", "client_left")
    attributes: dict[str, Value | None] = {
        "gen_ai.operation.name": OPERATION,
        "gen_ai.provider.name": _PROVIDERS.get(dialect, _OWN),
        "gen_ai.request.model": trace.get("asked"),
        "gen_ai.request.stream": trace["stream"] or None,
        "gen_ai.response.model": candidate.partition("/")[2] or None,
        "gen_ai.response.time_to_first_chunk": trace.get("first_write") if trace["stream"] else None,
        "error.type": outcome if failed else None,
        "http.request.method": "POST",
        "http.response.status_code": status,
        "http.route": f"/v1{DIALECTS[dialect].path.removeprefix('/v1')}",
        "penstock.request.id": trace["id"],
        "penstock.dialect": dialect,
        "penstock.outcome": outcome or None,
        "penstock.chain": trace.get("chain"),
        "penstock.candidate": candidate or None,
        "penstock.attempts": len(trace["attempts"]),
        "penstock.queue.seconds": trace.get("queued") or None,
        "penstock.caller": trace.get("caller"),
        **_usage(trace),
    }
    # A client's own fault is no error of the server's span, unless it is told in the middle of an answer.
    error = trace.get("error", {}).get("message", outcome) if failed and (status is None or status < 400 or status >= 500) else ""
    events = sorted((*_failovers(trace), *_acts(trace)), key=lambda event: event.at)
    ended = at + trace.get("seconds", 0.0)
    return Told(f"{OPERATION} {trace['model']}", "server", 0, at, ended, _known(attributes), tuple(events), error)


def _attempt(trace: Mapping[str, Any], attempt: Mapping[str, Any], server_of: ServerOf) -> Told:
    provider, _, model = attempt["candidate"].partition("/")
    server = server_of(provider)
    failed, answers = attempt.get("outcome") == "error", attempt["candidate"] == trace.get("candidate")
    whole = attempt.get("outcome") == "ok"
    attributes: dict[str, Value | None] = {
        "gen_ai.operation.name": OPERATION,
        "gen_ai.provider.name": _PROVIDERS.get(attempt.get("dialect", ""), _OWN),
        "gen_ai.request.model": model,
        "gen_ai.request.stream": trace["stream"] or None,
        "gen_ai.response.model": model if whole else None,
        "server.address": server[0] if server is not None else None,
        "server.port": server[1] if server is not None else None,
        "error.type": attempt.get("reason", "error") if failed else None,
        "penstock.attempt.number": attempt["number"],
        "penstock.attempt.outcome": attempt.get("outcome"),
        "penstock.attempt.phase": attempt.get("phase"),
        "penstock.candidate": attempt["candidate"],
        **(_usage(trace) if answers and whole else {}),
    }
    began = trace["at"] + attempt["began"]
    ended = trace["at"] + attempt.get("ended", trace.get("seconds", attempt["began"]))
    opened = attempt.get("opened")
    events = (Happened("penstock.opened", trace["at"] + opened, {}),) if opened is not None else ()
    error = attempt.get("message", "failed") if failed else ""
    return Told(
        f"{OPERATION} {model}",
        "client",
        attempt.get("sent", -attempt["number"]),
        began,
        max(ended, began),
        _known(attributes),
        events,
        error,
    )


def _failovers(trace: Mapping[str, Any]) -> Iterator[Happened]:
    attempts = trace["attempts"]
    for earlier, later in pairwise(attempts):
        name = "penstock.retry" if earlier["candidate"] == later["candidate"] else "penstock.failover"
        facts = {
            "from": earlier["candidate"],
            "to": later["candidate"],
            "reason": earlier.get("reason", ""),
            "phase": earlier.get("phase", ""),
        }
        if earlier.get("outcome") == "error":
            told = {f"penstock.{key}": value for key, value in facts.items() if value}
            yield Happened(name, trace["at"] + later["began"], told)


def _acts(trace: Mapping[str, Any]) -> Iterator[Happened]:
    """Guards that stopped something, and what other steps did."""
    for name, key in (("penstock.guard_trip", "trips"), ("penstock.step", "notes")):
        for act in trace.get(key, ()):
            attributes = {
                "penstock.operator": act["operator"],
                "penstock.attempt.number": act.get("attempt"),
                "message": act.get("message"),
            }
            yield Happened(name, trace["at"] + act["at"], _known(attributes))


def _usage(trace: Mapping[str, Any]) -> dict[str, Value]:
    return {_USAGE[name]: value for name, value in trace.get("usage", {}).items() if name in _USAGE}


def _known(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if value is not None}
