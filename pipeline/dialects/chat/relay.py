"""Same dialect, streamed: the provider's own bytes, event by event, and an end that every client recognises."""

from __future__ import annotations

import orjson

from pipeline.dialects.openai_errors import error_object
from pipeline.errors import GatewayError
from pipeline.events import Batch, Finish
from pipeline.request import Answering
from pipeline.wire.sse import DONE, message, whole


class ChatRelay:
    """See :class:`pipeline.dialects.codec.Encoder`."""

    __slots__ = ("_finished", "_over")

    def __init__(self, answering: Answering) -> None:
        self._finished = False
        self._over = False

    def feed(self, batch: Batch) -> bytes:
        if batch.alone:
            return batch.raw
        if not self._finished:
            for event in batch.events:
                if type(event) is Finish:
                    self._finished = True
        if not batch.ends:
            return batch.raw
        self._over = True
        raw = whole(batch.raw)
        # F11: clients that wait for the mark get it, also from providers that only close.
        return raw if raw.rstrip().endswith(b"[DONE]") else raw + DONE

    def fail(self, error: GatewayError) -> bytes:
        if self._over:
            return b""
        self._over = True
        if error.raw and error.dialect == "chat":
            return whole(error.raw)
        if self._finished:
            return DONE
        return message(orjson.dumps({"error": error_object(error)}))
