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
from pipeline.dialects.chat.words import FAILURE_OF_WORD, read_usage, reason_of
from pipeline.dialects.openai_errors import read_in_band
from pipeline.errors import GatewayError, Kind
from pipeline.events import Batch, End, Event, Finish, Foreign, Ping, Unknown
from pipeline.wire.sse import SseEvent, SseReader


class ChatDecoder:
    """See :class:`pipeline.dialects.codec.Decoder`."""

    __slots__ = ("_blocks", "_choices", "_finished", "_over", "_reader", "_started", "_usage")

    def __init__(self) -> None:
        self._reader = SseReader()
        self._blocks = Blocks()
        self._started = False
        self._finished = False
        # Choices that began; True: finished.
        self._choices: dict[int, bool] = {}
        self._usage: dict[str, Any] | None = None
        self._over = False

    def feed(self, data: bytes) -> Batch:
        if self._over:
            return Batch([])
        return self._read(self._reader.feed(data))

    def close(self) -> Batch:
        if self._over:
            return Batch([])
        # TR-S5: a last event without its blank line counts when it is whole.
        batch = self._read(self._reader.close(), last=True)
        self._over = True
        if batch.ends or batch.error is not None:
            return batch
        if self._complete():
            # F11: a missing [DONE] alone is tolerated.
            failed = self._end(batch.events)
            return Batch(batch.events, batch.raw, failed)
        return Batch(batch.events, batch.raw, GatewayError(Kind.CUT))

    def _read(self, items: list[SseEvent], *, last: bool = False) -> Batch:
        events: list[Event] = []
        for place, (name, data) in enumerate(items):
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
        if not events and self._reader.raw:
            events.append(Ping())
        return Batch(events, self._reader.raw)

    def _done(self, place: int, events: list[Event]) -> Batch:
        if not self._complete() and (not self._choices or any(self._choices.values()) or self._blocks.torn):
            return self._fail(place, events, GatewayError(Kind.CUT))
        failed = self._end(events)
        if failed is not None:
            return self._fail(place, events, failed)
        self._over = True
        return Batch(events, self._reader.raw[: self._reader.head(place + 1)])

    def _end(self, events: list[Event]) -> GatewayError | None:
        mark = len(events)
        try:
            if not self._complete():
                self._finish(None, events)
            # Nothing is open after a finish, unless the provider went on behind it.
            self._blocks.finish(events)
        except ValueError:
            del events[mark:]
            return GatewayError(Kind.BAD_REPLY)
        events.append(End())
        return None

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
