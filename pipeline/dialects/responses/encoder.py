"""Events become a Responses stream that the official accumulator takes: the whole grammar (DI-50 to DI-78), nothing out of turn.

An item is announced when it has content (TR-C29) and closed by the events that its kind asks for. What costs is done when an
item opens: a delta is the item's own prefix, the text as JSON, and a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from pipeline.dialects.responses.errors import failure
from pipeline.dialects.responses.outputs import Call, Message, Output, Reason, Verbatim
from pipeline.dialects.responses.response import ResponseObject
from pipeline.dialects.responses.usage import write_usage
from pipeline.errors import GatewayError
from pipeline.events import (
    Batch,
    BlockEnd,
    BlockStart,
    Citation,
    End,
    Event,
    Finish,
    Foreign,
    Reasoning,
    Refusal,
    Started,
    Text,
    ToolArguments,
    ToolStart,
    Usage,
)
from pipeline.request import Answering

# DI-170 to DI-178: reasons that end a response as incomplete, and the word for it.
INCOMPLETE: Final[Mapping[str, str]] = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


# Foreign items occupy no block.
FOREIGN: Final = -1


class StreamEncoder:
    """``feed`` batches; see :class:`pipeline.dialects.codec.Encoder`."""

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

    def feed(self, batch: Batch) -> bytes:
        out: list[bytes] = []
        self._out = out
        handlers = HANDLERS
        for event in batch.events:
            handler = handlers.get(type(event))
            if handler is not None:
                handler(self, event)
        return b"".join(out)

    def fail(self, error: GatewayError) -> bytes:
        out: list[bytes] = []
        self._out = out
        if self.final:
            return b""
        if self._finish is not None:
            self._end(None)
            return b"".join(out)
        self._begin()
        if self._closing is not None:
            self._close(self._closing, "completed")
        # DI-121, TR-E19: what was open stays as it was streamed, incomplete.
        output = [item.native("incomplete") for item in self.items]
        usage = write_usage(self._usage)
        self._last("failed", self._object.dump("failed", output, usage=usage, error=failure(error)))
        return b"".join(out)

    # ---------------------------------------------------------------------------------------------- life of the response

    def _started(self, event: Started) -> None:
        if self._sent:
            return
        made = self._object
        made.model = event.model or made.model
        made.created = event.created or made.created
        native = event.native or {}
        if native.get("object") == "response":
            # DI-256: the provider speaks this dialect; its own id and items pass.
            self._native = True
            made.id = event.id or made.id
        self._begin()

    def _begin(self) -> None:
        if not self._sent:
            self._sent = True
            state = self._object.dump("in_progress", [])
            self._event(b"response.created", b'"response":' + state)
            self._event(b"response.in_progress", b'"response":' + state)

    def _event(self, name: bytes, fields: bytes) -> None:
        head = b"event: " + name + b'\ndata: {"type":"' + name + b'","sequence_number":%d,' % self._seq
        self._seq += 1
        self._out.append(head + fields + b"}\n\n")

    def _usage_known(self, event: Usage) -> None:
        self._usage.update(event)

    def _finished(self, event: Finish) -> None:
        self._finish = event
        if self._closing is not None:
            # An item that the limit cut is not complete.
            self._close(self._closing, "incomplete" if self._incomplete() else "completed")

    def _incomplete(self) -> str | None:
        finish = self._finish
        if finish is None or (finish.reason == "refusal" and any(item.refuses for item in self.items)):
            # DI-174: the model refused in its own words.
            return None
        return INCOMPLETE.get(finish.reason)

    def _end(self, event: End | None) -> None:
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

    # ------------------------------------------------------------------------------------------------------------ blocks

    def _block_started(self, event: BlockStart) -> None:
        # Nothing is announced before it has content.
        if event.kind == "reasoning":
            self._reasons.add(event.block)
        if self._native and event.id:
            self._ids[event.block] = event.id

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
        self._open[block] = item
        self._event(
            b"response.output_item.added", b'"output_index":%d,"item":' % item.index + orjson.dumps(item.native("in_progress"))
        )
        for name, fields in item.opening():
            self._event(name, fields)

    def _message(self, block: int, kind: str) -> Message:
        item = Message(self._id(block, "msg"), len(self.items), kind)
        self._add(block, item)
        return item

    def _text(self, event: Text) -> None:
        item = self._open.get(event.block) or self._message(event.block, "text")
        text = event.text
        item.pieces.append(text)
        seq = self._seq
        self._seq = seq + 1
        if event.logprobs:
            item.logprobs.extend(event.logprobs)
            tail = b',"logprobs":' + orjson.dumps(event.logprobs) + b',"sequence_number":%d}\n\n' % seq
        else:
            tail = b',"logprobs":[],"sequence_number":%d}\n\n' % seq
        self._out.append(item.prefix + orjson.dumps(text) + tail)

    def _refusal(self, event: Refusal) -> None:
        self._delta(self._open.get(event.block) or self._message(event.block, "refusal"), event.text)

    def _arguments(self, event: ToolArguments) -> None:
        self._delta(self._open[event.block], event.text)

    def _delta(self, item: Output, text: str) -> None:
        item.pieces.append(text)
        seq = self._seq
        self._seq = seq + 1
        self._out.append(item.prefix + orjson.dumps(text) + b',"sequence_number":%d}\n\n' % seq)

    def _reasoning(self, event: Reasoning) -> None:
        item = self._open.get(event.block) or self._reason(event.block)
        assert isinstance(item, Reason)
        place = (event.summary, event.part)
        if place != item.place:
            for name, fields in item.turn(place):
                self._event(name, fields)
        self._delta(item, event.text)

    def _reason(self, block: int) -> Reason:
        item = Reason(self._id(block, "rs"), len(self.items))
        self._add(block, item)
        return item

    def _tool(self, event: ToolStart) -> None:
        if self._native and event.item_id:
            self._ids[event.block] = event.item_id
        id = self._id(event.block, "ctc" if event.custom else "fc")
        self._add(event.block, Call(id, len(self.items), event))

    def _citation(self, event: Citation) -> None:
        item = self._open.get(event.block) or self._message(event.block, "text")
        note = self._annotation(event, item)
        if note is None:
            self._answering.losses.hint("citations")
            return
        place = item.where + b',"annotation_index":%d,"annotation":' % len(item.annotations)
        item.annotations.append(note)
        self._event(b"response.output_text.annotation.added", place + orjson.dumps(note))

    def _annotation(self, event: Citation, item: Output) -> dict[str, Any] | None:
        # DI-159
        if self._native:
            return event.native
        if not event.url:
            return None
        # Messages cites for the text block so far.
        end = len("".join(item.pieces)) if event.end is None else event.end
        return {
            "type": "url_citation",
            "url": event.url,
            "title": event.title or "",
            "start_index": event.start or 0,
            "end_index": end,
        }

    def _block_ended(self, event: BlockEnd) -> None:
        opaque = event.opaque
        if opaque is not None and event.opaque_kind != "encrypted":
            # DI-161: another dialect's proof travels sealed.
            opaque = self._answering.seal(event.opaque_kind or "signature", opaque)
            if opaque is None:
                self._answering.losses.hint("reasoning_signature")
        item = self._open.get(event.block)
        if event.block in self._reasons:
            if item is None and opaque is None:
                return
            reason = item if isinstance(item, Reason) else self._reason(event.block)
            reason.opaque = opaque
            self._close(reason, "completed")
        elif item is not None:
            if self._closing is not None:
                self._close(self._closing, "completed")
            # Whether it is complete or was cut, the next event tells.
            self._closing = item

    def _close(self, item: Output, status: str) -> None:
        if self._closing is item:
            self._closing = None
        self._open = {block: other for block, other in self._open.items() if other is not item}
        for name, fields in item.closing(status):
            self._event(name, fields)
        item.status = status
        done = orjson.dumps(item.native(status))
        self._event(b"response.output_item.done", b'"output_index":%d,"item":' % item.index + done)

    def _foreign(self, event: Foreign) -> None:
        # DI-158: only this dialect's own items can be said in it.
        if self._native and event.native is not None:
            item = Verbatim(len(self.items), event.native)
            self._add(FOREIGN, item)
            self._close(item, "completed")
        else:
            self._answering.losses.hint(event.kind)


HANDLERS: Final[Mapping[type[Event], Callable[[StreamEncoder, Any], None]]] = {
    Text: StreamEncoder._text,
    ToolArguments: StreamEncoder._arguments,
    Reasoning: StreamEncoder._reasoning,
    Refusal: StreamEncoder._refusal,
    BlockStart: StreamEncoder._block_started,
    BlockEnd: StreamEncoder._block_ended,
    ToolStart: StreamEncoder._tool,
    Citation: StreamEncoder._citation,
    Foreign: StreamEncoder._foreign,
    Started: StreamEncoder._started,
    Usage: StreamEncoder._usage_known,
    Finish: StreamEncoder._finished,
    End: StreamEncoder._end,
}
