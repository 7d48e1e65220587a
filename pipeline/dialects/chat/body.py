"""Whole Chat answers: a provider's body as events, and events folded to one body, by the same rules as the streams (DI-255)."""

from __future__ import annotations

from typing import Any

import orjson

from pipeline.dialects.chat.blocks import Blocks
from pipeline.dialects.chat.reading import read_message, read_started
from pipeline.dialects.chat.shape import Sources, identity, sealed_line
from pipeline.dialects.chat.words import ANSWER, FAILURE_OF_WORD, read_usage, reason_of, word_of, write_usage
from pipeline.dialects.openai_errors import read_in_band
from pipeline.errors import GatewayError, Kind
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


class ChatBodyDecoder:
    """See :class:`pipeline.dialects.codec.Decoder`: everything comes at ``close``."""

    __slots__ = ("_over", "_parts")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._over = False

    def feed(self, data: bytes) -> Batch:
        if not self._over:
            self._parts.append(data)
        return Batch([])

    def close(self) -> Batch:
        if self._over:
            return Batch([])
        self._over = True
        raw = b"".join(self._parts)
        self._parts.clear()
        if not raw.strip():
            return Batch([], b"", GatewayError(Kind.CUT))
        events: list[Event] = []
        try:
            error = _read(orjson.loads(raw), events)
        except (ValueError, TypeError, AttributeError):
            error = GatewayError(Kind.BAD_REPLY)
        return Batch(events, raw) if error is None else Batch([], b"", error)


def _read(payload: dict[str, Any], events: list[Event]) -> GatewayError | None:
    if payload.get("error"):
        # Routers answer 200 before they know how it ends.
        return read_in_band(payload, b"", "chat")
    blocks = Blocks()
    started = read_started(payload)
    blocks.seed = started.id or ""
    events.append(started)
    word: str | None = None
    first = True
    for choice in payload.get("choices") or ():
        if first:
            first = False
            word = choice.get("finish_reason")
            read_message(choice.get("message") or {}, choice.get("logprobs"), blocks, events)
        else:
            # DI-35
            events.append(Foreign("choice", choice))
    if first:
        return GatewayError(Kind.BAD_REPLY)
    kind = FAILURE_OF_WORD.get(word) if word else None
    if kind is not None:
        return GatewayError(kind)
    blocks.finish(events)
    usage = payload.get("usage")
    if type(usage) is dict:
        events.append(read_usage(usage))
    events += (Finish(reason_of(word, tools=blocks.tools, refused=blocks.refused), word or None), End())
    return None


def outline(payload: dict[str, Any]) -> list[Event]:
    """See ``Dialect.outline``."""
    if payload.get("error"):
        raise read_in_band(payload, b"", "chat")
    choice = payload["choices"][0]
    word = choice.get("finish_reason")
    kind = FAILURE_OF_WORD.get(word) if word else None
    if kind is not None:
        raise GatewayError(kind)
    message = choice.get("message") or {}
    reason = reason_of(word, tools=bool(message.get("tool_calls")), refused=bool(message.get("refusal")))
    usage = payload.get("usage")
    known: list[Event] = [read_usage(usage)] if type(usage) is dict else []
    return [*known, Finish(reason, word or None), End()]


class ChatBodyEncoder:
    """See :class:`pipeline.dialects.codec.Encoder`: the body comes with ``End``."""

    __slots__ = (
        "_answering",
        "_calls",
        "_finish",
        "_lines",
        "_logprobs",
        "_part",
        "_reasoning",
        "_refusal",
        "_sources",
        "_started",
        "_text",
        "_thought",
        "_usage",
    )

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._started: Started | None = None
        self._text: list[str] = []
        self._logprobs: list[Any] = []
        self._sources = Sources()
        self._refusal: list[str] = []
        self._reasoning: list[str] = []
        self._lines: list[str] = []
        self._thought = 0
        self._part = 0
        self._calls: dict[int, tuple[ToolStart, list[str]]] = {}
        self._usage = Usage()
        self._finish: Finish | None = None

    def feed(self, batch: Batch) -> bytes:
        for event in batch.events:
            kind = type(event)
            if kind in _FOLDS:
                _FOLDS[kind](self, event)
        return self._body() if batch.ends else b""

    def fail(self, error: GatewayError) -> bytes:
        return b""

    def _on_started(self, event: Started) -> None:
        self._started = event

    def _on_block_start(self, event: BlockStart) -> None:
        if event.kind == "text":
            self._sources.begin()
        elif event.kind == "reasoning":
            self._thought = self._part = 0

    def _on_text(self, event: Text) -> None:
        self._text.append(event.text)
        self._sources.length += len(event.text)
        if event.logprobs is not None:
            self._logprobs += event.logprobs

    def _on_reasoning(self, event: Reasoning) -> None:
        text = event.text
        if event.part != self._part:
            self._part = event.part
            text = "\n\n" + text if self._thought else text
        self._thought += len(text)
        self._reasoning.append(text)

    def _on_refusal(self, event: Refusal) -> None:
        self._refusal.append(event.text)

    def _on_tool_start(self, event: ToolStart) -> None:
        self._calls[event.block] = (event, [])

    def _on_tool_arguments(self, event: ToolArguments) -> None:
        self._calls[event.block][1].append(event.text)

    def _on_citation(self, event: Citation) -> None:
        if not self._sources.add(event):
            self._answering.losses.hint("citation")

    def _on_block_end(self, event: BlockEnd) -> None:
        self._sources.end()
        line = sealed_line(event, self._thought, self._answering)
        if line is not None:
            self._lines.append(line)

    def _on_foreign(self, event: Foreign) -> None:
        self._answering.losses.hint(event.kind)

    def _on_usage(self, event: Usage) -> None:
        self._usage.update(event)

    def _on_finish(self, event: Finish) -> None:
        self._finish = event

    def _body(self) -> bytes:
        ident, created, model = identity(self._started, self._answering)
        reason = self._finish.reason if self._finish is not None else "stop"
        body: dict[str, Any] = {
            "id": ident,
            "object": ANSWER,
            "created": created,
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "message": self._message(),
                    "logprobs": {"content": self._logprobs, "refusal": None} if self._logprobs else None,
                    "finish_reason": word_of(reason, tools=bool(self._calls), refused=bool(self._refusal)),
                }
            ],
        }
        usage = write_usage(self._usage)
        if usage is not None:
            body["usage"] = usage
        return orjson.dumps(body)

    def _message(self) -> dict[str, Any]:
        """DI-26. An answer without text has null, never an invented one (TR-E18)."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(self._text) if self._text else None,
            "refusal": "".join(self._refusal) if self._refusal else None,
        }
        annotations = self._sources.annotations()
        if annotations:
            message["annotations"] = annotations
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if self._lines:
            message["reasoning_signature"] = "\n".join(self._lines)
        if self._calls:
            message["tool_calls"] = [_call(start, "".join(pieces)) for start, pieces in self._calls.values()]
        return message


def _call(start: ToolStart, text: str) -> dict[str, Any]:
    if start.custom:
        return {"id": start.id, "type": "custom", "custom": {"name": start.name, "input": text}}
    # DI-165
    return {"id": start.id, "type": "function", "function": {"name": start.name, "arguments": text or "{}"}}


_FOLDS: dict[type[Event], Any] = {
    Started: ChatBodyEncoder._on_started,
    BlockStart: ChatBodyEncoder._on_block_start,
    Text: ChatBodyEncoder._on_text,
    Reasoning: ChatBodyEncoder._on_reasoning,
    Refusal: ChatBodyEncoder._on_refusal,
    ToolStart: ChatBodyEncoder._on_tool_start,
    ToolArguments: ChatBodyEncoder._on_tool_arguments,
    Citation: ChatBodyEncoder._on_citation,
    BlockEnd: ChatBodyEncoder._on_block_end,
    Foreign: ChatBodyEncoder._on_foreign,
    Usage: ChatBodyEncoder._on_usage,
    Finish: ChatBodyEncoder._on_finish,
}
