"""A streamed Chat answer, in whatever accent, as batches of events: any cut gives the same events, and nothing is lost.

What ends an answer (TR-E6): ``[DONE]``, or the close of the wire, once every choice that began has its finish reason. A few
services never send a finish reason; then ``[DONE]`` alone is their mark (DI-37), unless a call stands torn in the middle of its
arguments. What has neither is cut.
"""

from __future__ import annotations

from typing import Any

import orjson

from pipeline.dialects.chat.blocks import Blocks
from pipeline.dialects.chat.reading import read_message, read_started
from pipeline.dialects.chat.template import PATIENCE, Template, learn
from pipeline.dialects.chat.words import FAILURE_OF_WORD, read_usage, reason_of
from pipeline.dialects.openai_errors import read_in_band
from pipeline.errors import GatewayError, Kind
from pipeline.events import Batch, End, Event, Finish, Foreign, Ping, Reasoning, Text, Unknown
from pipeline.wire.sse import SseEvent, SseReader


class ChatDecoder:
    """See :class:`pipeline.dialects.codec.Decoder`."""

    __slots__ = ("_blocks", "_choices", "_clean", "_finished", "_over", "_patience", "_reader", "_started", "_template", "_usage")

    def __init__(self) -> None:
        self._reader = SseReader()
        self._blocks = Blocks()
        self._started = False
        self._finished = False
        # Choices that began; True: finished.
        self._choices: dict[int, bool] = {}
        self._usage: dict[str, Any] | None = None
        self._template: Template | None = None
        self._patience = PATIENCE
        self._over = False
        # Whether no bytes wait in the reader.
        self._clean = False

    def feed(self, data: bytes) -> Batch:
        template = self._template
        if template is not None and self._clean and template.run.open:
            # A read that is exactly one more piece of the running block, as most are.
            text = template.read(data, True)
            if text:
                return Batch([self._again(template, text)], data)
        if self._over:
            return Batch([])
        batch = self._read(self._reader.feed(data))
        self._clean = self._reader.raw is data and not self._over
        return batch

    def close(self) -> Batch:
        if self._over:
            return Batch([])
        # TR-S5: a last event without its blank line counts when it is whole.
        batch = self._read(self._reader.close(), last=True)
        self._over, self._clean = True, False
        if batch.ends or batch.error is not None:
            return batch
        if self._complete():
            # F11: a missing [DONE] alone is tolerated.
            return Batch(self._end(batch.events), batch.raw)
        return Batch(batch.events, batch.raw, GatewayError(Kind.CUT))

    def _read(self, items: list[SseEvent], *, last: bool = False) -> Batch:
        events: list[Event] = []
        for place, (name, data) in enumerate(items):
            template = self._template
            if template is not None and template.run.open:
                text = template.read(data, False)
                if text:
                    events.append(self._again(template, text))
                    continue
            mark = len(events)
            try:
                chunk = orjson.loads(data)
            except orjson.JSONDecodeError:
                # TR-S10
                if data.startswith(b"[DONE]"):
                    return self._done(place, events)
                if last:
                    return Batch(events, self._reader.raw[: self._reader.head(place)])
                return self._fail(place, events, GatewayError(Kind.BAD_REPLY))
            try:
                error = self._chunk(chunk, name, events)
            except (ValueError, TypeError, AttributeError):
                # JSON, but nothing that a chunk can be.
                del events[mark:]
                error = GatewayError(Kind.BAD_REPLY)
            if error is not None:
                return self._fail(place, events, error)
            if len(events) == mark + 1 and self._patience:
                self._learn(data, events[mark])
        if not events and self._reader.raw:
            events.append(Ping())
        return Batch(events, self._reader.raw)

    def _again(self, template: Template, text: str) -> Event:
        """One more piece of a block that is open, which changes nothing else."""
        self._patience = PATIENCE
        if template.pieces is not None:
            template.pieces.append(text)
        return template.make(template.run.block, text)

    def _learn(self, data: bytes, event: Event) -> None:
        if event.phase and not (type(event) is Text and event.logprobs) and not (type(event) is Reasoning and event.summary):
            self._patience -= 1
            self._template = learn(data, event, self._blocks.run)

    def _done(self, place: int, events: list[Event]) -> Batch:
        if not self._complete():
            if not self._choices or any(self._choices.values()) or self._blocks.torn:
                return self._fail(place, events, GatewayError(Kind.CUT))
            self._finish(None, events)
        self._over = True
        return Batch(self._end(events), self._reader.raw[: self._reader.head(place + 1)])

    def _end(self, events: list[Event]) -> list[Event]:
        # Nothing is open after a finish, unless the provider went on behind it.
        self._blocks.finish(events)
        events.append(End())
        return events

    def _fail(self, place: int, events: list[Event], error: GatewayError) -> Batch:
        self._over = True
        start = self._reader.head(place)
        if error.from_provider:
            error.raw = self._reader.raw[start : self._reader.head(place + 1)]
        return Batch(events, self._reader.raw[:start], error)

    def _complete(self) -> bool:
        return bool(self._choices) and all(self._choices.values())

    def _chunk(self, chunk: Any, name: bytes, events: list[Event]) -> GatewayError | None:
        # DI-11; a named error event may hold the bare object.
        if name == b"error" or chunk.get("error"):
            self._take_usage(chunk, events)
            return read_in_band(chunk, b"", "chat")
        if not self._started:
            self._start(chunk, events)
        choices = chunk.get("choices")
        failed: GatewayError | None = None
        for choice in choices or ():
            failed = self._choice(choice, events) or failed
        if "usage" in chunk:
            self._take_usage(chunk, events)
        elif choices is None:
            events.append(Unknown(str(chunk.get("object") or chunk.get("type") or "")))
        return failed

    def _start(self, chunk: dict[str, Any], events: list[Event]) -> None:
        # Some services lead with an empty chunk about the prompt, before the answer has an id.
        if chunk.get("id") or chunk.get("choices") or chunk.get("usage"):
            self._started = True
            started = read_started(chunk)
            self._blocks.seed = started.id or ""
            events.append(started)

    def _choice(self, choice: dict[str, Any], events: list[Event]) -> GatewayError | None:
        delta, word, index = choice.get("delta"), choice.get("finish_reason"), choice.get("index") or 0
        if index:
            # DI-35
            self._choices[index] = bool(word) or self._choices.get(index, False)
            if delta:
                events.append(Foreign("choice", choice))
            return None
        if not self._choices:
            self._choices[0] = False
        blocks = self._blocks
        if delta is None and not blocks.begun:
            # A whole message in the place of its pieces.
            delta = choice.get("message")
        if delta:
            read_message(delta, choice.get("logprobs"), blocks, events)
        if word:
            kind = FAILURE_OF_WORD.get(word)
            if kind is not None:
                return GatewayError(kind)
            if not self._finished:
                self._finish(word, events)
        return None

    def _finish(self, word: str | None, events: list[Event]) -> None:
        blocks = self._blocks
        blocks.finish(events)
        self._choices[0] = self._finished = True
        events.append(Finish(reason_of(word, tools=blocks.tools, refused=blocks.refused), word))

    def _take_usage(self, chunk: dict[str, Any], events: list[Event]) -> None:
        usage = chunk.get("usage")
        if type(usage) is dict and usage != self._usage:
            self._usage = usage
            events.append(read_usage(usage))
