"""Events as a Chat stream that the official SDKs accumulate to the same answer; a cut one never looks whole.

Every byte of a chunk that does not change is made once, so a piece of text costs one string escape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

from pipeline.dialects.chat.shape import Sources, identity, sealed_line
from pipeline.dialects.chat.words import CHUNK, word_of, write_usage
from pipeline.dialects.openai_errors import error_object
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
from pipeline.wire.sse import DONE, comment, message

_dumps = orjson.dumps
KEEPALIVE: Final = comment(b"keep-alive")


class ChatEncoder:
    """See :class:`pipeline.dialects.codec.Encoder`."""

    __slots__ = (
        "_answering",
        "_bare",
        "_calls",
        "_finish",
        "_head",
        "_lines",
        "_open",
        "_over",
        "_part",
        "_refused",
        "_sources",
        "_started",
        "_tail",
        "_text_head",
        "_thought",
        "_usage",
    )

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._started: Started | None = None
        self._open = False
        self._over = False
        self._head = self._text_head = self._tail = b""
        # Block number of a call -> the bytes before its arguments.
        self._calls: dict[int, bytes] = {}
        # Calls of functions that had no arguments yet.
        self._bare: set[int] = set()
        self._sources = Sources()
        self._refused = False
        self._thought = 0
        self._part = 0
        self._lines = 0
        self._usage = Usage()
        self._finish: Finish | None = None

    def feed(self, batch: Batch) -> bytes:
        out: list[bytes] = []
        for event in batch.events:
            if type(event) is Text and self._open and event.logprobs is None:
                self._sources.length += len(event.text)
                out.append(self._text_head + _dumps(event.text) + self._tail)
            else:
                handler = HANDLERS.get(type(event))
                if handler is not None:
                    handler(self, event, out)
        return out[0] if len(out) == 1 else b"".join(out)

    def fail(self, error: GatewayError) -> bytes:
        if self._over:
            return b""
        if self._finish is not None:
            return self._ending()
        self._over = True
        # DI-120, TR-E1: no finish chunk, no [DONE].
        return message(_dumps({"error": error_object(error)}))

    def _begin(self, content: str | None, out: list[bytes]) -> None:
        """The chunk with the role, before anything else (DI-31)."""
        self._open = True
        answering = self._answering
        ident, created, model = identity(self._started, answering)
        head = _dumps({"id": ident, "object": CHUNK, "created": created, "model": model})
        self._head = b"data: " + head[:-1] + b',"choices":[{"index":0,"delta":'
        # TR-U5, DI-32: only who asked for the usage sees the field.
        usage = b',"usage":null' if answering.request.include_usage else b""
        self._tail = b'},"finish_reason":null}]' + usage + b"}\n\n"
        self._text_head = self._head + b'{"content":'
        out.append(self._head + b'{"role":"assistant","content":' + _dumps(content) + self._tail)

    def _delta(self, name: bytes, value: Any, out: list[bytes]) -> None:
        if not self._open:
            self._begin(None, out)
        out.append(self._head + b'{"' + name + b'":' + _dumps(value) + self._tail)

    def _on_started(self, event: Started, out: list[bytes]) -> None:
        if not self._open:
            self._started = event

    def _on_ping(self, event: Ping, out: list[bytes]) -> None:
        # DI-246. Before the first chunk a sign of life is the heartbeat's business.
        if self._open:
            out.append(KEEPALIVE)

    def _on_block_start(self, event: BlockStart, out: list[bytes]) -> None:
        if event.kind == "text":
            self._sources.begin()
        elif event.kind == "reasoning":
            self._thought = self._part = 0

    def _on_text(self, event: Text, out: list[bytes]) -> None:
        if not event.text and not event.logprobs:
            return
        if not self._open:
            self._begin("", out)
        self._sources.length += len(event.text)
        head, tail = self._text_head + _dumps(event.text), self._tail
        if event.logprobs is not None:
            # DI-30
            tail = b'},"logprobs":' + _dumps({"content": event.logprobs, "refusal": None}) + tail[1:]
        out.append(head + tail)

    def _on_reasoning(self, event: Reasoning, out: list[bytes]) -> None:
        text = event.text
        if event.part != self._part:
            # Parts of a summary are paragraphs.
            self._part = event.part
            text = "\n\n" + text if self._thought else text
        self._thought += len(text)
        self._delta(b"reasoning_content", text, out)

    def _on_refusal(self, event: Refusal, out: list[bytes]) -> None:
        self._refused = True
        self._delta(b"refusal", event.text, out)

    def _on_tool_start(self, event: ToolStart, out: list[bytes]) -> None:
        # DI-243, DI-33, DI-34
        index = len(self._calls)
        kind, field = ("custom", "input") if event.custom else ("function", "arguments")
        start = {"index": index, "id": event.id, "type": kind, kind: {"name": event.name, field: ""}}
        self._delta(b"tool_calls", [start], out)
        self._calls[event.block] = self._head + f'{{"tool_calls":[{{"index":{index},"{kind}":{{"{field}":'.encode()
        if not event.custom:
            self._bare.add(event.block)

    def _on_tool_arguments(self, event: ToolArguments, out: list[bytes]) -> None:
        if event.text:
            self._bare.discard(event.block)
            out.append(self._calls[event.block] + _dumps(event.text) + b"}}]" + self._tail)

    def _on_citation(self, event: Citation, out: list[bytes]) -> None:
        if not self._sources.add(event):
            self._answering.losses.hint("citation")

    def _on_block_end(self, event: BlockEnd, out: list[bytes]) -> None:
        if event.block in self._bare:
            # DI-165: a call without arguments is a call with none; programs parse the text.
            self._on_tool_arguments(ToolArguments(event.block, "{}"), out)
        self._sources.end()
        line = sealed_line(event, self._thought, self._answering) if event.opaque else None
        if line is not None:
            self._delta(b"reasoning_signature", "\n" + line if self._lines else line, out)
            self._lines += 1

    def _on_foreign(self, event: Foreign, out: list[bytes]) -> None:
        self._answering.losses.hint(event.kind)

    def _on_usage(self, event: Usage, out: list[bytes]) -> None:
        self._usage.update(event)

    def _on_finish(self, event: Finish, out: list[bytes]) -> None:
        self._finish = event

    def _on_end(self, event: End, out: list[bytes]) -> None:
        out.append(self._ending())

    def _ending(self) -> bytes:
        """Sources, finish chunk, usage chunk where it was asked for, ``[DONE]`` (TR-E10, DI-32, DI-36, DI-37)."""
        self._over = True
        out: list[bytes] = []
        if not self._open:
            self._begin("", out)
        annotations = self._sources.annotations()
        if annotations:
            self._delta(b"annotations", annotations, out)
        reason = self._finish.reason if self._finish is not None else "stop"
        word = word_of(reason, tools=bool(self._calls), refused=self._refused)
        out.append(self._head + b"{" + self._tail.replace(b"null", _dumps(word), 1))
        usage = write_usage(self._usage) if self._answering.request.include_usage else None
        if usage is not None:
            out.append(self._head.partition(b'[{"index"')[0] + b'[],"usage":' + _dumps(usage) + b"}\n\n")
        out.append(DONE)
        return b"".join(out)


Handler = Callable[[ChatEncoder, Any, list[bytes]], None]

HANDLERS: Final[dict[type[Event], Handler]] = {
    Started: ChatEncoder._on_started,
    Ping: ChatEncoder._on_ping,
    BlockStart: ChatEncoder._on_block_start,
    ToolStart: ChatEncoder._on_tool_start,
    Text: ChatEncoder._on_text,
    Reasoning: ChatEncoder._on_reasoning,
    Refusal: ChatEncoder._on_refusal,
    ToolArguments: ChatEncoder._on_tool_arguments,
    Citation: ChatEncoder._on_citation,
    BlockEnd: ChatEncoder._on_block_end,
    Foreign: ChatEncoder._on_foreign,
    Usage: ChatEncoder._on_usage,
    Finish: ChatEncoder._on_finish,
    End: ChatEncoder._on_end,
}
