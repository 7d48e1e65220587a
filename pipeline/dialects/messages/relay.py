"""Same dialect, streamed: the provider's own bytes, event by event, and an end that every client recognises."""

from __future__ import annotations

from pipeline.dialects.messages.stream import STOP, failure
from pipeline.errors import GatewayError
from pipeline.events import Batch, Finish
from pipeline.request import Answering


class MessagesRelay:
    """See :class:`pipeline.dialects.codec.Encoder`."""

    __slots__ = ("_answering", "_finished", "_over")

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._finished = False
        self._over = False

    def feed(self, batch: Batch) -> bytes:
        if batch.alone:
            return batch.raw
        for event in batch.events:
            if type(event) is Finish:
                self._finished = True
        if not batch.ends:
            return batch.raw
        self._over = True
        return _whole(batch.raw)

    def fail(self, error: GatewayError) -> bytes:
        if self._over:
            return b""
        self._over = True
        if error.raw and error.dialect == "messages":
            return _whole(error.raw)
        return STOP if self._finished else failure(error, self._answering.request_id)


def _whole(raw: bytes) -> bytes:
    """Events with the blank line that the last one may lack (TR-S5): some clients drop it otherwise."""
    return raw if not raw or raw.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) else raw + b"\n\n"
