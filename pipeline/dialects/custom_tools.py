"""Free-text tools where a dialect has only functions: the text travels as the field ``input`` and comes back as text (DI-166).

``as_function`` and ``as_arguments`` wrap a request on its way to such a provider. ``unwrapping`` stands before a client's
encoder and turns calls of those functions into calls of the tools that the client offered, while they stream.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import orjson

from pipeline.dialects.codec import Encoder
from pipeline.errors import GatewayError
from pipeline.events import Batch, BlockEnd, Event, ToolArguments, ToolStart
from pipeline.request import Answering, Request, Tool

FIELD: Final = "input"

_HEAD: Final = re.compile(r'\s*\{\s*"input"\s*:\s*"')
# All of a JSON string that is whole so far: an escape that is cut, or half of a surrogate pair, waits for the rest.
_SAFE: Final = re.compile(
    r'(?:[^"\\]++|\\[^u]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+'
)


def as_function(tool: Tool) -> Tool:
    """The function that stands for a free-text tool. A grammar goes along as the field's description."""
    field = {"type": "string"}
    if tool.format is not None and isinstance(tool.format.get("definition"), str):
        field["description"] = tool.format["definition"]
    parameters = {"type": "object", "properties": {FIELD: field}, "required": [FIELD], "additionalProperties": False}
    return replace(tool, parameters=parameters)


def as_arguments(text: str) -> str:
    """The arguments of a call in the history.

    >>> as_arguments('say "hi"')
    '{"input":"say \\\\"hi\\\\""}'
    """
    return orjson.dumps({FIELD: text}).decode()


def unwrapping(encoder: Encoder, answering: Answering) -> Encoder:
    """``encoder`` itself where the client offered no free-text tool; else one that sees their calls as such."""
    names = _names(answering.request) if answering.request.tools else None
    return _Unwrapping(encoder, names) if names else encoder


def _names(request: Request) -> frozenset[str]:
    return frozenset(tool.name for tool in request.tools or () if isinstance(tool, Tool) and tool.custom)


class _Unwrapping:
    """See :class:`pipeline.dialects.codec.Encoder`."""

    __slots__ = ("_calls", "_encoder", "_names")

    def __init__(self, encoder: Encoder, names: frozenset[str]) -> None:
        self._encoder = encoder
        self._names = names
        self._calls: dict[int, _Call] = {}

    def feed(self, batch: Batch) -> bytes:
        if self._calls or self._begins(batch):
            events: list[Event] = []
            for event in batch.events:
                self._event(event, events)
            batch = Batch(events, batch.raw, batch.error)
        return self._encoder.feed(batch)

    def _begins(self, batch: Batch) -> bool:
        for event in batch.events:  # noqa: SIM110 - a loop costs a third of any() here, once for every read
            if type(event) is ToolStart and event.name in self._names:
                return True
        return False

    def fail(self, error: GatewayError) -> bytes:
        return self._encoder.fail(error)

    def _event(self, event: Event, events: list[Event]) -> None:
        if isinstance(event, ToolStart):
            if event.name in self._names and not event.custom:
                self._calls[event.block] = _Call()
                event = replace(event, custom=True)
        elif isinstance(event, ToolArguments):
            call = self._calls.get(event.block)
            if call is not None:
                text = call.feed(event.text)
                if not text:
                    return
                event = ToolArguments(event.block, text)
        elif isinstance(event, BlockEnd) and event.block in self._calls:
            rest = self._calls.pop(event.block).rest()
            if rest:
                events.append(ToolArguments(event.block, rest))
        events.append(event)


class _Call:
    """The text inside ``{"input": "..."}`` as its pieces arrive; anything else comes out as it went in, at the end."""

    __slots__ = ("_inside", "_over", "_pending")

    def __init__(self) -> None:
        self._pending = ""
        self._inside = False
        self._over = False

    def feed(self, piece: str) -> str:
        if self._over:
            return ""
        self._pending += piece
        if not self._inside:
            head = _HEAD.match(self._pending)
            if head is None:
                return ""
            self._inside = True
            self._pending = self._pending[head.end() :]
        return self._unescaped()

    def _unescaped(self) -> str:
        pending = self._pending
        safe = _SAFE.match(pending)
        end = safe.end() if safe is not None else 0
        self._over = pending.startswith('"', end)
        self._pending = "" if self._over else pending[end:]
        try:
            text: str = orjson.loads('"' + pending[:end] + '"')
        except orjson.JSONDecodeError:
            # A provider's own idea of JSON; its characters stand as they are.
            text = pending[:end]
        return text

    def rest(self) -> str:
        """What never became a whole string."""
        return self._pending
