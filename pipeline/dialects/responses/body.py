"""The whole answer as one response object (DI-82), made by the stream's own encoder so that both ways say the same (DI-255)."""

from __future__ import annotations

import orjson

from pipeline.dialects.responses.encoder import StreamEncoder
from pipeline.errors import GatewayError
from pipeline.events import Batch, End
from pipeline.request import Answering


class BodyEncoder:
    """``feed`` batches; the body comes with ``End``. See :class:`pipeline.dialects.codec.Encoder`."""

    __slots__ = ("_stream",)

    def __init__(self, answering: Answering) -> None:
        self._stream = StreamEncoder(answering)

    def feed(self, batch: Batch) -> bytes:
        self._stream.feed(batch)
        if not batch.ends:
            return b""
        end = batch.events[-1]
        native = end.native if isinstance(end, End) else None
        if native is None or native.get("object") != "response":
            return self._stream.final
        # DI-257: a stream of this very dialect was collected. Some providers leave the output out of their last event.
        output = native.get("output") or [item.native("completed") for item in self._stream.items]
        return orjson.dumps({**native, "output": output})

    def fail(self, error: GatewayError) -> bytes:
        """Nothing: before its body an answer can still become an HTTP error. Whole but for its last mark, it is the body."""
        if not self._stream.finished:
            return b""
        self._stream.fail(error)
        return self._stream.final
