"""W3C trace context in headers: what came from the client, and what the provider is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from multidict import MultiMapping

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"

SAMPLED: Final = 1

# A later version may have more behind the flags; what it has before them is what version 00 has.
_PARENT: Final = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE: Final = re.compile(r"[\t\x20-\x7e]{1,512}")

NONE: Final[Mapping[str, str]] = {}


class Parent(NamedTuple):
    """The span of the client's that a request belongs to. ``state`` is "" where there is none."""

    trace_id: int
    span_id: int
    flags: int
    state: str


def parent_of(headers: Mapping[str, str]) -> Parent | None:
    """The client's span; None where it named none, or not in the way the standard wants."""
    found = _one(headers)
    match = _PARENT.fullmatch(found) if found is not None else None
    if match is None or (match[1] == "00" and match[5]):
        return None
    return Parent(int(match[2], 16), int(match[3], 16), int(match[4], 16), _state(headers))


def passed_on(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The client's trace context as it came, for a provider request of a gateway that makes no spans of its own."""
    if TRACEPARENT not in headers or parent_of(headers) is None:
        return NONE
    state = _state(headers)
    return {TRACEPARENT: headers[TRACEPARENT], **({TRACESTATE: state} if state else {})}


class Span:
    """The ids of one request, needed before it is known what is to be told of it.

    Args:
        trace_id: of the client's trace, or a new one.
        span_id: of the request.
        parent: the client's span.
        sampled: whether spans are made of it at its end.
        state: the header tracestate for providers.
        new_id: makes the id of another span.
    """

    __slots__ = ("_new_id", "attempts", "parent", "sampled", "span_id", "state", "trace_id")

    def __init__(
        self, trace_id: int, span_id: int, parent: Parent | None, *, sampled: bool, state: str, new_id: Callable[[], int]
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent = parent
        self.sampled = sampled
        self.attempts: dict[int, int] = {}
        """The span of each attempt, by its number."""
        self.state = state
        self._new_id = new_id

    def attempt(self, number: int) -> int:
        """The id of an attempt's span."""
        found = self.attempts.get(number)
        if found is None:
            found = self.attempts[number] = self._new_id()
        return found

    def headers(self, number: int) -> Mapping[str, str]:
        """What the provider is sent with an attempt."""
        said = {TRACEPARENT: f"00-{self.trace_id:032x}-{self.attempt(number):016x}-{SAMPLED if self.sampled else 0:02x}"}
        if self.state:
            said[TRACESTATE] = self.state
        return said


def _one(headers: Mapping[str, str]) -> str | None:
    """A header that may stand there once only."""
    if isinstance(headers, MultiMapping):
        values = headers.getall(TRACEPARENT, ())
        return values[0] if len(values) == 1 else None
    return headers.get(TRACEPARENT)


def _state(headers: Mapping[str, str]) -> str:
    values = headers.getall(TRACESTATE, ()) if isinstance(headers, MultiMapping) else [headers.get(TRACESTATE, "")]
    state = ",".join(filter(None, values))
    return state if _STATE.fullmatch(state) else ""
