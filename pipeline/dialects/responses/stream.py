"""A response stream as it is written: how it begins, which items stand open, and every way in which it ends (DI-50 to DI-54)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson

from pipeline.dialects.responses.errors import failure
from pipeline.dialects.responses.outputs import Output
from pipeline.dialects.responses.response import ResponseObject
from pipeline.dialects.responses.usage import write_usage
from pipeline.errors import GatewayError
from pipeline.events import Finish, Usage
from pipeline.request import Answering

# DI-170 to DI-178: reasons that end a response as incomplete, and the word for it.
INCOMPLETE: Final[Mapping[str, str]] = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


class ResponseStream:
    """What has been told of one response. Every method appends to ``_out``."""

    __slots__ = (
        "_answering",
        "_closing",
        "_finish",
        "_ids",
        "_native",
        "_object",
        "_open",
        "_out",
        "_reasons",
        "_sent",
        "_seq",
        "_usage",
        "final",
        "items",
    )

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._object = ResponseObject(answering)
        self._out: list[bytes] = []
        self._seq = 0
        self._sent = False
        self._native = False
        self.items: list[Output] = []
        self._open: dict[int, Output] = {}
        self._reasons: set[int] = set()
        self._ids: dict[int, str] = {}
        self._closing: Output | None = None
        self._usage = Usage()
        self._finish: Finish | None = None
        self.final = b""
        """The response object as it ended; empty while it has not."""

    @property
    def finished(self) -> bool:
        """Whether nothing but the last mark is missing."""
        return self._finish is not None

    def fail(self, error: GatewayError) -> bytes:
        """The stream's last event when something broke; see :class:`pipeline.dialects.codec.Encoder`."""
        out: list[bytes] = []
        self._out = out
        if self.final:
            return b""
        if self._finish is not None:
            self._end()
            return b"".join(out)
        self._begin()
        if self._closing is not None:
            self._close(self._closing, "completed")
        # DI-121, TR-E19: what was open stays as it was streamed, incomplete.
        output = [item.native("incomplete") for item in self.items]
        usage = write_usage(self._usage)
        self._last("failed", self._object.dump("failed", output, usage=usage, error=failure(error)))
        return b"".join(out)

    def _begin(self) -> None:
        if not self._sent:
            self._sent = True
            state = self._object.dump("in_progress", [])
            self._event(b"response.created", b'"response":' + state)
            self._event(b"response.in_progress", b'"response":' + state)

    def _event(self, name: bytes, fields: bytes) -> None:
        seq = self._seq
        self._seq = seq + 1
        self._out.append(b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n' % (name, name, seq, fields))

    # ------------------------------------------------------------------------------------------------------------- items

    def _id(self, block: int, prefix: str) -> str:
        """A new item's id: the provider's own within this dialect (DI-256), else made of the request's (DI-83)."""
        own = self._ids.get(block)
        if own is not None and all(item.id != own for item in self.items):
            return own
        return f"{prefix}_{self._object.stem}_{len(self.items)}"

    def _add(self, block: int, item: Output) -> None:
        self._begin()
        if self._closing is not None:
            self._close(self._closing, "completed")
        self.items.append(item)
        item.block = block
        self._open[block] = item
        self._event(
            b"response.output_item.added", b'"output_index":%d,"item":' % item.index + orjson.dumps(item.native("in_progress"))
        )
        for name, fields in item.opening():
            self._event(name, fields)

    def _close(self, item: Output, status: str) -> None:
        if self._closing is item:
            self._closing = None
        self._open.pop(item.block, None)
        for name, fields in item.closing(status):
            self._event(name, fields)
        item.status = status
        done = orjson.dumps(item.native(status))
        self._event(b"response.output_item.done", b'"output_index":%d,"item":' % item.index + done)

    # ------------------------------------------------------------------------------------------------------------ ending

    def _incomplete(self) -> str | None:
        finish = self._finish
        if finish is None or (finish.reason == "refusal" and any(item.refuses for item in self.items)):
            # DI-174: the model refused in its own words.
            return None
        return INCOMPLETE.get(finish.reason)

    def _end(self) -> None:
        self._begin()
        reason = self._incomplete()
        status = "completed" if reason is None else "incomplete"
        if self._closing is not None:
            self._close(self._closing, status)
        for item in list(self._open.values()):
            self._close(item, status)
        output = [item.native(status) for item in self.items]
        self._last(status, self._object.dump(status, output, usage=write_usage(self._usage), incomplete=reason))

    def _last(self, status: str, state: bytes) -> None:
        self.final = state
        self._event(b"response." + status.encode(), b'"response":' + state)
