"""The texts of a request and its answer, bounded: kept only where the configuration says so, and shown without secrets."""

from __future__ import annotations

from typing import Any, Final

from pipeline.errors import GatewayError
from pipeline.events import Batch, Refusal, Text, ToolArguments
from pipeline.redaction import Redactor
from pipeline.wire.jsontext import bounded, parse_json

LONGEST_BODY: Final = 256 * 1024
"""Bytes of a request, and characters of an answer, that are kept."""


class Bodies:
    """The texts of one request and its answer, as far as they are kept (``traces.bodies``).

    Args:
        request: the client's body.
    """

    __slots__ = ("_pieces", "_request", "_room", "_size")

    def __init__(self, request: bytes) -> None:
        self._request = request if len(request) <= LONGEST_BODY else request[:LONGEST_BODY]
        self._size = len(request)
        self._pieces: list[str] = []
        self._room = LONGEST_BODY

    def note(self, batch: Batch) -> None:
        """What the answer says."""
        for event in batch.events:
            if isinstance(event, Text | Refusal | ToolArguments) and self._room > 0:
                self._pieces.append(event.text[: self._room])
                self._room -= len(event.text)

    def whole(self, body: bytes) -> None:
        """An answer that is no stream, as the client gets it."""
        self._pieces = [body[:LONGEST_BODY].decode(errors="replace")]

    def told(self, redactor: Redactor) -> tuple[Any, str]:
        """(request, answer), without secrets: the request as JSON, or as the beginning of a text where it is too long."""
        request: Any
        try:
            # What was cut, or is nested deeper than anybody reads, is shown as a text.
            request = redactor.value(bounded(parse_json(self._request), self._request))
        except GatewayError:
            request = redactor.text(self._request.decode(errors="replace"))
            if len(self._request) < self._size:
                request += f"... ({self._size} bytes)"
        return request, redactor.text("".join(self._pieces))
