"""What a dialect offers: the interfaces that every dialect package fills, and the relay that all of them share.

Codecs are sans-IO: bytes and events in, events and bytes out. They never await, never subscribe, never keep time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from pipeline.errors import GatewayError, Kind
from pipeline.events import Batch, Event
from pipeline.request import Answering, Losses, Request, Target

NOTHING: Final = Batch([])
"""What a read brings that completes nothing."""


class Decoder(Protocol):
    """One answer's wire, streamed or whole, turned into batches of events.

    ``feed`` and ``close`` never raise for what the provider sent: they return the events before the fault with ``Batch.error``
    set to a GatewayError (in-band provider error, garbage, cut). After an ``End`` or an error everything is ignored.
    """

    def feed(self, data: bytes) -> Batch:
        """Take the next bytes, cut anywhere. ``Batch.raw`` holds whole wire events only; the rest waits for more."""

    def close(self) -> Batch:
        """The wire ended. Without the dialect's terminal mark the batch carries an error of kind CUT (TR-E6)."""


class Encoder(Protocol):
    """One answer's events turned into the client's wire: a stream, or one folded body (then ``feed`` returns b"")."""

    def feed(self, batch: Batch) -> bytes:
        """The wire bytes for these events. The bytes of ``End`` close the stream (a body encoder returns the body here).

        Raises GatewayError when an event cannot be said in this dialect (DI-165); then ``fail`` follows.
        """

    def fail(self, error: GatewayError) -> bytes:
        """The in-band form of an error after the response was opened (DI-120, DI-121, DI-125); never a success terminator.

        When the answer was finished but for its last mark (``Finish`` seen), it is ended well instead: nothing is missing.
        """


@dataclass(frozen=True)
class Dialect:
    """One public dialect as a record of functions: the row of the table ``DIALECTS``."""

    name: str
    """chat | responses | messages"""
    path: str
    """What follows a provider's ``base_url`` (the OpenAI one ends in /v1, the Anthropic one does not)."""
    check: Callable[[dict[str, Any]], None]
    """Cheap look at a client's body, whatever its provider: required fields and their types. Raises GatewayError (400, param)."""
    parse: Callable[[dict[str, Any]], Request]
    """Client body -> neutral request; strict, errors name the place (``messages[2].content[0].type``)."""
    build: Callable[[Request, Target, Losses], dict[str, Any]]
    """Neutral request -> provider body. Only for requests of another dialect."""
    decoder: Callable[[], Decoder]
    """For a streamed answer."""
    relay_decoder: Callable[[], Decoder]
    """The same for an answer whose bytes are handed on as they are: one event may hold the text of many."""
    body_decoder: Callable[[], Decoder]
    """For a whole JSON answer: bytes gather until ``close``, which gives one batch with everything up to ``End``."""
    outline: Callable[[dict[str, Any]], list[Event]]
    """What has to be known of a whole answer that is handed on unread: usage, the reason to stop, the end. Raises GatewayError
    for an error where an answer should be; LookupError, TypeError, ValueError or AttributeError for anything else."""
    encoder: Callable[[Answering], Encoder]
    body_encoder: Callable[[Answering], Encoder]
    relay: Callable[[Answering], Encoder]
    """Same dialect, streamed: hands ``Batch.raw`` on, and still knows how to fail in-band."""
    read_error: Callable[[int, Mapping[str, str], bytes], GatewayError]
    """A provider's HTTP error (status, lower-case headers, body of any kind) -> typed error."""
    write_error: Callable[[GatewayError, str], bytes]
    """Body of an HTTP error for a client; second argument the request id."""
    keepalive: bytes
    """A sign of life that may be sent before anything else (DI-13)."""


class OutlineDecoder:
    """Same dialect, whole body: only its outline is read, because the bytes go on as they came."""

    __slots__ = ("_outline", "_parts")

    def __init__(self, outline: Callable[[dict[str, Any]], list[Event]]) -> None:
        self._outline = outline
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> Batch:
        self._parts.append(data)
        return NOTHING

    def close(self) -> Batch:
        raw = b"".join(self._parts)
        if not raw.strip():
            return Batch([], b"", GatewayError(Kind.CUT))
        try:
            return Batch(self._outline(orjson.loads(raw)), raw)
        except GatewayError as error:
            return Batch([], b"", error)
        except (LookupError, TypeError, ValueError, AttributeError) as cause:
            broken = GatewayError(Kind.BAD_REPLY, from_provider=True)
            broken.__cause__ = cause
            return Batch([], b"", broken)


class RelayBody:
    """Same dialect, whole body: the provider's bytes unchanged (all dialects share it)."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, batch: Batch) -> bytes:
        if batch.raw:
            self._parts.append(batch.raw)
        return b"".join(self._parts) if batch.ends else b""

    def fail(self, error: GatewayError) -> bytes:
        return b""
