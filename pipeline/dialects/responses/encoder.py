"""Events become a Responses stream that the official accumulator takes: the whole grammar (DI-50 to DI-78), nothing out of turn.

An item is announced when it has content (TR-C29) and closed by the events that its kind asks for. What costs is done when an
item opens: a delta is the item's own prefix, the text as JSON, and a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from pipeline.dialects.responses.outputs import Call, Message, Output, Reason, Verbatim
from pipeline.dialects.responses.stream import ResponseStream
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

# Foreign items occupy no block.
FOREIGN: Final = -1


class StreamEncoder(ResponseStream):
    """``feed`` batches; see :class:`pipeline.dialects.codec.Encoder`."""

    __slots__ = ()

    def feed(self, batch: Batch) -> bytes:
        out: list[bytes] = []
        self._out = out
        handlers = HANDLERS
        for event in batch.events:
            handler = handlers.get(type(event))
            if handler is not None:
                handler(self, event)
        return b"".join(out)

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

    def _usage_known(self, event: Usage) -> None:
        self._usage.update(event)

    def _finished(self, event: Finish) -> None:
        self._finish = event
        if self._closing is not None:
            # An item that the limit cut is not complete.
            self._close(self._closing, "incomplete" if self._incomplete() else "completed")

    def _ended(self, event: End) -> None:
        self._end()

    def _block_started(self, event: BlockStart) -> None:
        # Nothing is announced before it has content.
        if event.kind == "reasoning":
            self._reasons.add(event.block)
        if self._native and event.id:
            self._ids[event.block] = event.id

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
        item = self._open.get(event.block)
        known = event.native is not None if self._native else bool(event.url)
        if not known or (item is None and any(other.block == event.block for other in self.items)):
            # DI-159: only sources with an address cross dialects, and only into a part that is not yet closed.
            self._answering.losses.hint("citations")
            return
        item = item or self._message(event.block, "text")
        note = self._annotation(event, item)
        place = item.where + b',"annotation_index":%d,"annotation":' % len(item.annotations)
        item.annotations.append(note)
        self._event(b"response.output_text.annotation.added", place + orjson.dumps(note))

    def _annotation(self, event: Citation, item: Output) -> dict[str, Any]:
        if self._native and event.native is not None:
            return event.native
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
    End: StreamEncoder._ended,
}
