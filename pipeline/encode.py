"""The encode station: the answer's batches in, the client's wire bytes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from operators.through import Through
from pipeline.dialects import Encoder, RelayBody
from pipeline.dialects.custom_tools import unwrapping
from pipeline.errors import GatewayError, Kind, classify
from pipeline.events import Batch, Opened, Ping
from pipeline.exchange import Exchange

# What the heartbeat guard says. It belongs to no attempt, so it commits nothing and opens no block.
BEAT: Final = Batch([Ping()])

SealOne = Callable[[str, str], str | None]
"""(opaque kind, value) -> sealed text."""
SealFor = Callable[[str], SealOne]
"""Candidate name -> how it seals."""


def _as_it_is(kind: str, value: str) -> str:
    """No seal: the provider's own value."""
    return value


class Encode:
    """The sans-IO codec of the station, one for each exchange (see ``operators.through``).

    Which encoder works is decided by the attempt that answers, when its ``Opened`` arrives: the relay for the client's own
    dialect, the dialect's encoder otherwise. Before that only heartbeats pass.
    """

    __slots__ = ("_exchange", "_seal_for", "encoder", "sent")

    def __init__(self, seal_for: SealFor, exchange: Exchange) -> None:
        self._exchange = exchange
        self._seal_for = seal_for
        self.encoder: Encoder | None = None
        self.sent = False
        """Whether the client was told anything."""

    def feed(self, batch: Batch) -> Iterable[bytes]:
        if batch is BEAT:
            # A body cannot be kept alive without spoiling it; only a stream can, and only until its end.
            if not self._exchange.stream or self._exchange.ended:
                return ()
            self.sent = True
            return (self._exchange.dialect.keepalive,)
        exchange = self._exchange
        encoder = self.encoder
        if encoder is None:
            first = batch.events[0] if batch.events else None
            if type(first) is Opened:
                encoder = self._open(first)
                if len(batch.events) == 1:
                    return ()
                if not first.relay:
                    batch = Batch(batch.events[1:], batch.raw)
            else:
                encoder = self._choose(relayed=False)
        data = encoder.feed(batch)
        if batch.ends:
            exchange.ended = True
        if not data:
            return ()
        self.sent = True
        return (data,)

    def close(self) -> Iterable[bytes]:
        if not self._exchange.ended:
            # TR-E6: whatever the provider is, an answer without its end was cut.
            raise GatewayError(Kind.CUT)
        return ()

    def fail(self, error: Exception) -> Iterable[bytes]:
        """Before anything was sent the error passes on and becomes a status; after it, the dialect's in-band form."""
        if not self.sent:
            raise error
        exchange = self._exchange
        exchange.error = exchange.error or error
        # Only heartbeats were sent: a relay can fail without having read the request, which may be one that only it can carry.
        encoder = self.encoder or self._choose(relayed=True)
        return (encoder.fail(classify(error)),)

    def _open(self, opened: Opened) -> Encoder:
        exchange = self._exchange
        exchange.opened = opened
        # Where attempts were made in the name of another request (``share``), these are those that it took.
        exchange.attempts = max(exchange.attempts, opened.sent.number)
        # In the provider's own dialect its proofs stay its own: the next turn hands them back as they are.
        own = opened.dialect == exchange.dialect.name
        return self._choose(relayed=opened.relay, seal=_as_it_is if own else self._seal_for(opened.candidate))

    def _choose(self, *, relayed: bool, seal: SealOne = _as_it_is) -> Encoder:
        exchange = self._exchange
        dialect = exchange.dialect
        if relayed and not exchange.stream:
            self.encoder = RelayBody()
            return self.encoder
        answering = exchange.answering(relayed=relayed, seal=seal)
        if relayed:
            self.encoder = dialect.relay(answering)
        else:
            # DI-166: a provider without free-text tools answers with calls of the functions that stood for them.
            self.encoder = unwrapping((dialect.encoder if exchange.stream else dialect.body_encoder)(answering), answering)
        return self.encoder


class Encoding(Through[Batch, bytes]):
    """Runs the station; what is said in the middle of an answer goes to its encoder without a detour.

    In a gateway it is never alone: ``taps`` hangs on it what is to be seen of the answer, and asks whether it has ended.
    """

    __slots__ = ()

    _codec: Encode

    def on_next(self, batch: Batch) -> None:
        codec = self._codec
        encoder = codec.encoder
        if encoder is None or (not batch.alone and (batch.ends or batch is BEAT)):
            Through.on_next(self, batch)
            return
        try:
            data = encoder.feed(batch)
        except Exception as error:
            self.on_error(error)
            return
        if data:
            codec.sent = True
            self.receiver.on_next(data)
