"""The decode station: frames of one attempt in, batches of events out."""

from __future__ import annotations

import time
from collections.abc import Iterable

from pipeline.dialects import DIALECTS, Decoder, OutlineDecoder
from pipeline.events import Batch, Opened
from pipeline.exchange import Exchange
from pipeline.providers.frame import Frame, Head, Read, Whole
from pipeline.resolve import Candidate
from pipeline.wire.sse import whole


class Decode:
    """The sans-IO codec of the station, one for each attempt: ``feed``, ``close``, ``fail`` (see ``operators.through``).

    The first frame is the provider's Head: it chooses the decoder and becomes the event ``Opened``. ``rewritten``: a guard
    says events anew, so that bytes never pass as they came.
    ``read``: a guard wants to know all that a body says, also where its bytes pass.
    """

    __slots__ = ("_candidate", "_decoder", "_exchange", "_over", "_read", "_rewritten")

    def __init__(self, candidate: Candidate, rewritten: bool, exchange: Exchange, *, read: bool = False) -> None:
        self._exchange = exchange
        self._candidate = candidate
        self._rewritten = rewritten
        self._read = read
        self._over = False
        self._decoder: Decoder | None = None

    def feed(self, frame: Frame) -> Iterable[Batch]:
        if type(frame) is bytes:
            assert self._decoder is not None
            batch = self._decoder.feed(frame)
            if batch.error is None and not batch.ends and (batch.raw or batch.events):
                return (batch,)
            return self._read_in(batch)
        if type(frame) is Head:
            return (self.accept(frame),)
        if type(frame) is Whole:
            return (self.whole(frame),)
        if type(frame) is Read:
            return frame.batches
        assert isinstance(frame, Batch)
        return (frame,)

    def accept(self, head: Head) -> Batch:
        """The provider accepted: what opens the answer. The decoder of its dialect is ready for what follows."""
        return Batch([self._open(head)])

    def _read_in(self, batch: Batch) -> Iterable[Batch]:
        """What one read of a stream brought."""
        if batch.ends:
            self._over = True
        if batch.error is None and (batch.raw or batch.events):
            return (batch,)
        return _told(batch)

    def whole(self, frame: Whole) -> Batch:
        """All of an answer in one batch, so that it costs one pass through the chain. Raises GatewayError: it is none."""
        opened = self._open(frame.head)
        decoder, self._decoder = self._decoder, None
        assert decoder is not None
        decoder.feed(frame.body)
        batch = decoder.close()
        if batch.error is not None:
            raise batch.error
        if not batch.events:
            return Batch([opened], batch.raw)
        batch.events.insert(0, opened)
        return batch

    def close(self) -> Iterable[Batch]:
        return () if self._decoder is None else _told(self._decoder.close())

    def fail(self, error: Exception) -> Iterable[Batch]:
        """What happens to the connection behind a complete answer is no failure of the attempt."""
        if not self._over:
            raise error
        return ()

    def _open(self, head: Head) -> Opened:
        exchange, candidate = self._exchange, self._candidate
        head.sent.opened_at = time.monotonic()
        dialect = candidate.target.dialect
        relay = False
        if dialect:
            streamed = "json" not in head.content_type if exchange.stream else "event-stream" in head.content_type
            record = DIALECTS[dialect]
            # DI-257: streamed where a body was asked for, or the reverse, is written anew.
            relay = (
                dialect == exchange.dialect.name and streamed is exchange.stream and not (self._rewritten or exchange.rewritten)
            )
            if streamed:
                self._decoder = record.relay_decoder() if relay else record.decoder()
            else:
                self._decoder = OutlineDecoder(record.outline) if relay and not self._read else record.body_decoder()
        return Opened(
            candidate.name, head.sent, dialect, label=candidate.label, relay=relay, status=head.status, headers=head.headers
        )


def _told(batch: Batch) -> Iterable[Batch]:
    if batch.error is not None:
        return _then_fail(batch, batch.error)
    return (batch,) if batch.events or batch.raw else ()


def _then_fail(batch: Batch, error: Exception) -> Iterable[Batch]:
    """Hand on what came before the fault, then fail. The error that follows must not become a line of the last event."""
    if batch.events or batch.raw:
        yield Batch(batch.events, whole(batch.raw))
    raise error
