"""The frame of a Messages stream: its start, blocks one after the other without a gap, and an end that says whether it is whole.

What an answer says is the encoder's business; here it gets the form that the official SDK accumulates (DI-101, DI-102).
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from pipeline.dialects.messages.errors import write_error
from pipeline.dialects.messages.outcome import Native, write_finish, write_usage
from pipeline.dialects.messages.shape import Identity
from pipeline.errors import GatewayError
from pipeline.events import Finish, Usage
from pipeline.request import Answering
from pipeline.wire import sse

KEEPALIVE: Final = sse.event(b"ping", b'{"type":"ping"}')
STOP: Final = sse.event(b"message_stop", b'{"type":"message_stop"}')
TAIL: Final = b"}}\n\n"
"""What every delta ends with."""

_UNFINISHED: Final[Native] = {"stop_reason": None, "stop_sequence": None, "stop_details": None}
_START: Final = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":'
_DELTA: Final = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":'
_END: Final = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'


def failure(error: GatewayError, request_id: str) -> bytes:
    """The stream's last event when something broke (DI-125)."""
    return sse.event(b"error", write_error(error, request_id))


class MessagesStream:
    """What is written gathers in ``_out`` until it is taken."""

    __slots__ = (
        "_answering",
        "_finish",
        "_head",
        "_identity",
        "_index",
        "_opened",
        "_out",
        "_over",
        "_refused",
        "_sent",
        "_tools",
        "_usage",
    )

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._identity = Identity(answering)
        self._out: list[bytes] = []
        self._sent = self._over = False
        self._index = 0
        # Whether the client knows of the block, and the bytes before the content of its deltas.
        self._opened = False
        self._head = b""
        self._tools = self._refused = False
        self._usage = Usage()
        self._finish: Finish | None = None

    def fail(self, error: GatewayError) -> bytes:
        """The stream's last event when something broke; see :class:`pipeline.dialects.codec.Encoder`."""
        if self._over:
            return b""
        if self._finish is not None:
            self._end()
        else:
            self._over = True
            self._out.append(failure(error, self._answering.request_id))
        return self._take()

    def _take(self) -> bytes:
        out = self._out
        if len(out) == 1:
            return out.pop()
        data = b"".join(out)
        out.clear()
        return data

    def _begin(self) -> None:
        """``message_start``, before anything else (DI-184)."""
        if not self._sent:
            self._sent = True
            message = self._identity.message([], _UNFINISHED, write_usage(self._usage))
            self._out.append(sse.event(b"message_start", orjson.dumps({"type": "message_start", "message": message})))

    def _end(self) -> None:
        """``message_delta`` and ``message_stop``."""
        self._over = True
        self._begin()
        finish = write_finish(self._finish, native=self._identity.native, tools=self._tools, refused=self._refused)
        usage = write_usage(self._usage)
        if self._usage.input is None:
            # DI-101: what was said at the start stands.
            del usage["input_tokens"]
        if self._usage.output is None:
            # TR-U1: the zero means unknown, and is counted.
            self._answering.losses.hint("usage")
        last = {"type": "message_delta", "delta": finish, "usage": usage}
        self._out += (sse.event(b"message_delta", orjson.dumps(last)), STOP)

    def _open(self, start: Native, delta: bytes) -> None:
        """``content_block_start``; ``delta``: type and field of this block's deltas (DI-103)."""
        self._begin()
        self._opened = True
        self._out.append(_START % self._index + orjson.dumps(start) + b"}\n\n")
        self._head = _DELTA % self._index + delta

    def _delta(self, delta: bytes, value: Any) -> None:
        """A delta of another kind than the block's most."""
        self._out.append(_DELTA % self._index + delta + orjson.dumps(value) + TAIL)

    def _close(self) -> None:
        """``content_block_stop``."""
        self._out.append(_END % self._index)
        self._index += 1
        self._opened = False
