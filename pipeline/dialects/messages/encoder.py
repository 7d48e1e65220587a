"""Events as a Messages stream that the official SDK accumulates to the same answer: one block at a time, no gap, no broken JSON.

Every byte of a delta but its text is made once, when its block opens (DI-240). A block that begins while another is open waits
for that one's end (DI-242).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from pipeline.dialects.messages.arguments import Arguments
from pipeline.dialects.messages.shape import Paragraphs, Proofs
from pipeline.dialects.messages.stream import KEEPALIVE, TAIL, MessagesStream
from pipeline.events import (
    Batch,
    BlockEnd,
    BlockStart,
    Citation,
    End,
    Event,
    Finish,
    Foreign,
    Ping,
    Reasoning,
    Refusal,
    Started,
    Text,
    ToolArguments,
    ToolStart,
    Usage,
)
from pipeline.request import Answering

_dumps = orjson.dumps


class MessagesEncoder(MessagesStream):
    """See :class:`pipeline.dialects.codec.Encoder`."""

    __slots__ = ("_arguments", "_current", "_custom", "_kinds", "_paragraphs", "_proofs", "_started", "_text", "_waiting")

    def __init__(self, answering: Answering) -> None:
        super().__init__(answering)
        self._proofs = Proofs(answering, self._identity)
        self._started = False
        # The block whose turn it is; `_text`: the same while it is an open run of text.
        self._current: int | None = None
        self._text: int | None = None
        # Runs of text, reasoning and refusal that have begun; they open with their content.
        self._kinds: dict[int, str] = {}
        # Blocks that wait for their turn, in order, with what was said of them.
        self._waiting: dict[int, list[Event]] = {}
        # Of the call and of the reasoning whose turn it is; made when they begin.
        self._arguments: Arguments
        self._custom = False
        self._paragraphs: Paragraphs

    def feed(self, batch: Batch) -> bytes:
        # What was written before an event that cannot be said stays for `fail`.
        out = self._out
        for event in batch.events:
            if type(event) is Text and event.block == self._text and event.logprobs is None:
                if event.text:
                    out.append(self._head + _dumps(event.text) + TAIL)
            else:
                handler = HANDLERS.get(type(event))
                if handler is not None:
                    handler(self, event)
                    if self._waiting and self._current is None:
                        self._release()
        if self._started and not self._sent:
            self._begin()
        return self._take()

    def _on_started(self, event: Started) -> None:
        if not self._sent:
            self._started = True
            self._identity.take(event)

    def _on_ping(self, event: Ping) -> None:
        # Before the start a sign of life is the heartbeat's business.
        if self._sent:
            self._out.append(KEEPALIVE)

    def _on_usage(self, event: Usage) -> None:
        self._usage.update(event)

    def _on_finish(self, event: Finish) -> None:
        self._finish = event

    def _on_end(self, event: End) -> None:
        self._end()

    # ---------------------------------------------------------------------------------------------------------- blocks

    def _turn(self, event: Any) -> bool:
        """Whether it is the turn of the event's block; if not, the event waits."""
        block: int = event.block
        if self._current is None:
            self._current = block
        elif self._current != block:
            self._waiting.setdefault(block, []).append(event)
            return False
        return True

    def _release(self) -> None:
        """Give the turn to those that wait, one after the other, until one of them is not yet complete."""
        waiting = self._waiting
        while waiting and self._current is None:
            block = next(iter(waiting))
            for event in waiting.pop(block):
                HANDLERS[type(event)](self, event)

    def _on_block_start(self, event: BlockStart) -> None:
        if self._turn(event):
            # DI-240, TR-C29: it opens with its content.
            self._kinds[event.block] = event.kind
            if event.kind == "reasoning":
                self._paragraphs = Paragraphs()

    def _open_text(self, block: int) -> None:
        self._open({"type": "text", "text": ""}, b'"text_delta","text":')
        self._text = block

    def _on_text(self, event: Text | Refusal) -> None:
        if not self._turn(event):
            return
        if type(event) is Refusal:
            # DI-156: the dialect has no refusal part.
            self._refused = True
        elif type(event) is Text and event.logprobs is not None:
            self._answering.losses.hint("logprobs")
        if event.text:
            if not self._opened:
                self._open_text(event.block)
            self._out.append(self._head + _dumps(event.text) + TAIL)

    def _on_reasoning(self, event: Reasoning) -> None:
        if not self._turn(event):
            return
        if not self._proofs.shown:
            self._answering.losses.hint("reasoning")
            return
        text = self._paragraphs.text(event)
        if text:
            if not self._opened:
                self._open_thinking()
            self._out.append(self._head + _dumps(text) + TAIL)

    def _open_thinking(self) -> None:
        self._open({"type": "thinking", "thinking": "", "signature": ""}, b'"thinking_delta","thinking":')

    def _on_citation(self, event: Citation) -> None:
        if not self._turn(event):
            return
        if not self._identity.native or event.native is None:
            # DI-159: a source of this dialect carries the service's own encrypted index, which nobody else can make.
            self._answering.losses.hint("citations")
            return
        if not self._opened:
            self._open_text(event.block)
        self._delta(b'"citations_delta","citation":', event.native)

    def _on_tool_start(self, event: ToolStart) -> None:
        if self._turn(event):
            self._tools = True
            self._arguments = Arguments()
            self._custom = event.custom
            start = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
            self._open(start, b'"input_json_delta","partial_json":')
            if event.custom:
                # DI-166: a free text travels as the one field of an object.
                self._out.append(self._head + _dumps('{"input":"') + TAIL)

    def _on_tool_arguments(self, event: ToolArguments) -> None:
        text = event.text
        if not self._turn(event) or not text:
            return
        if self._custom:
            text = _dumps(text)[1:-1].decode()
        else:
            # DI-165, DI-283: before the client sees it.
            self._arguments.feed(text)
            if not self._arguments.begun:
                return
        self._out.append(self._head + _dumps(text) + TAIL)

    def _on_block_end(self, event: BlockEnd) -> None:
        if not self._turn(event):
            return
        kind = self._kinds.pop(event.block, None)
        if kind is None:
            self._end_call()
        elif kind == "reasoning":
            self._end_reasoning(event)
        if self._opened:
            self._close()
        self._current = self._text = None

    def _end_call(self) -> None:
        if self._custom:
            self._out.append(self._head + _dumps('"}') + TAIL)
        else:
            self._arguments.close()

    def _end_reasoning(self, event: BlockEnd) -> None:
        if not self._proofs.shown:
            self._answering.losses.hint("reasoning")
            return
        signature = self._proofs.of(event) if self._opened or event.opaque is not None else ""
        if not self._opened:
            if not signature:
                return
            if self._identity.native and event.opaque_kind == "redacted":
                self._open({"type": "redacted_thinking", "data": signature}, b"")
                return
            # A proof without a text that anybody may see.
            self._open_thinking()
        if signature:
            self._delta(b'"signature_delta","signature":', signature)

    def _on_foreign(self, event: Foreign) -> None:
        if not self._identity.native or event.native is None:
            # DI-158
            self._answering.losses.hint(event.kind)
        elif self._current is not None:
            # It has no number of its own; any that is free will do.
            self._waiting[min((0, *self._waiting)) - 1] = [event]
        else:
            self._open(event.native, b"")
            self._close()


Handler = Callable[[MessagesEncoder, Any], None]

HANDLERS: Final[Mapping[type[Event], Handler]] = {
    Started: MessagesEncoder._on_started,
    Ping: MessagesEncoder._on_ping,
    BlockStart: MessagesEncoder._on_block_start,
    ToolStart: MessagesEncoder._on_tool_start,
    Text: MessagesEncoder._on_text,
    Reasoning: MessagesEncoder._on_reasoning,
    Refusal: MessagesEncoder._on_text,
    ToolArguments: MessagesEncoder._on_tool_arguments,
    Citation: MessagesEncoder._on_citation,
    BlockEnd: MessagesEncoder._on_block_end,
    Foreign: MessagesEncoder._on_foreign,
    Usage: MessagesEncoder._on_usage,
    Finish: MessagesEncoder._on_finish,
    End: MessagesEncoder._on_end,
}
