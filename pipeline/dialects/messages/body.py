"""Events folded to one message, by the same rules as the stream, so that both ways give the same content (DI-255)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from pipeline.dialects.messages.arguments import parse
from pipeline.dialects.messages.outcome import Native, write_finish, write_usage
from pipeline.dialects.messages.shape import Identity, Paragraphs, Proofs
from pipeline.errors import GatewayError
from pipeline.events import (
    Batch,
    BlockEnd,
    BlockStart,
    Citation,
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


class Folded:
    """One block as far as it has come."""

    __slots__ = ("custom", "native", "paragraphs", "pieces", "shown")

    def __init__(self, native: Native, *, custom: bool = False, shown: bool = False) -> None:
        self.native = native
        self.custom = custom
        self.pieces: list[str] = []
        self.paragraphs = Paragraphs()
        self.shown = shown
        """Whether it stands in the message even if nothing is said in it."""


class MessagesBodyEncoder:
    """See :class:`pipeline.dialects.codec.Encoder`."""

    __slots__ = ("_answering", "_blocks", "_finish", "_identity", "_order", "_proofs", "_refused", "_tools", "_usage")

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._identity = Identity(answering)
        self._proofs = Proofs(answering, self._identity)
        self._blocks: dict[int, Folded] = {}
        self._order: list[Folded] = []
        self._tools = self._refused = False
        self._usage = Usage()
        self._finish: Finish | None = None

    def feed(self, batch: Batch) -> bytes:
        for event in batch.events:
            fold = FOLDS.get(type(event))
            if fold is not None:
                fold(self, event)
        return self._body() if batch.ends else b""

    def fail(self, error: GatewayError) -> bytes:
        """Nothing: before its body an answer can still become an HTTP error. Whole but for its last mark, it is the body."""
        return b"" if self._finish is None else self._body()

    def _add(self, block: int, folded: Folded) -> None:
        self._blocks[block] = folded
        self._order.append(folded)

    def _on_started(self, event: Started) -> None:
        self._identity.take(event)

    def _on_block_start(self, event: BlockStart) -> None:
        kind = "thinking" if event.kind == "reasoning" else "text"
        self._add(event.block, Folded({"type": kind}))

    def _on_text(self, event: Text | Refusal) -> None:
        if type(event) is Refusal:
            # DI-156: the dialect has no refusal part.
            self._refused = True
        elif type(event) is Text and event.logprobs is not None:
            self._answering.losses.hint("logprobs")
        self._blocks[event.block].pieces.append(event.text)

    def _on_reasoning(self, event: Reasoning) -> None:
        if self._proofs.shown:
            folded = self._blocks[event.block]
            folded.pieces.append(folded.paragraphs.text(event))
        else:
            self._answering.losses.hint("reasoning")

    def _on_citation(self, event: Citation) -> None:
        if self._identity.native and event.native is not None:
            folded = self._blocks[event.block]
            folded.native.setdefault("citations", []).append(event.native)
            folded.shown = True
        else:
            # DI-159: a source of this dialect carries the service's own encrypted index, which nobody else can make.
            self._answering.losses.hint("citations")

    def _on_tool_start(self, event: ToolStart) -> None:
        self._tools = True
        native = {"type": "tool_use", "id": event.id, "name": event.name}
        self._add(event.block, Folded(native, custom=event.custom, shown=True))

    def _on_tool_arguments(self, event: ToolArguments) -> None:
        self._blocks[event.block].pieces.append(event.text)

    def _on_block_end(self, event: BlockEnd) -> None:
        folded = self._blocks[event.block]
        native, text = folded.native, "".join(folded.pieces)
        kind = native["type"]
        if kind == "tool_use":
            # DI-166: a free text travels as the one field of an object.
            native["input"] = {"input": text} if folded.custom else parse(text)
        elif kind == "text":
            native["text"] = text
            folded.shown = folded.shown or bool(text)
        else:
            self._end_reasoning(folded, text, event)

    def _end_reasoning(self, folded: Folded, text: str, event: BlockEnd) -> None:
        if not self._proofs.shown:
            self._answering.losses.hint("reasoning")
            return
        proof = self._proofs.of(event) if text or event.opaque is not None else ""
        folded.shown = bool(text or proof)
        if self._identity.native and event.opaque_kind == "redacted" and not text:
            folded.native.update(type="redacted_thinking", data=proof)
        else:
            folded.native.update(thinking=text, signature=proof)

    def _on_foreign(self, event: Foreign) -> None:
        if self._identity.native and event.native is not None:
            self._order.append(Folded(event.native, shown=True))
        else:
            # DI-158
            self._answering.losses.hint(event.kind)

    def _on_usage(self, event: Usage) -> None:
        self._usage.update(event)

    def _on_finish(self, event: Finish) -> None:
        self._finish = event

    def _body(self) -> bytes:
        finish = write_finish(self._finish, native=self._identity.native, tools=self._tools, refused=self._refused)
        content: list[Any] = [folded.native for folded in self._order if folded.shown]
        if self._usage.output is None:
            # TR-U1: the zero means unknown, and is counted.
            self._answering.losses.hint("usage")
        return orjson.dumps(self._identity.message(content, finish, write_usage(self._usage)))


Fold = Callable[[MessagesBodyEncoder, Any], None]

FOLDS: Final[Mapping[type[Event], Fold]] = {
    Started: MessagesBodyEncoder._on_started,
    BlockStart: MessagesBodyEncoder._on_block_start,
    Text: MessagesBodyEncoder._on_text,
    Reasoning: MessagesBodyEncoder._on_reasoning,
    Refusal: MessagesBodyEncoder._on_text,
    ToolStart: MessagesBodyEncoder._on_tool_start,
    ToolArguments: MessagesBodyEncoder._on_tool_arguments,
    Citation: MessagesBodyEncoder._on_citation,
    BlockEnd: MessagesBodyEncoder._on_block_end,
    Foreign: MessagesBodyEncoder._on_foreign,
    Usage: MessagesBodyEncoder._on_usage,
    Finish: MessagesBodyEncoder._on_finish,
}
