"""A Messages provider's answer as events, streamed or whole: any cut gives the same, and nothing it sends can make us raise.

What ends an answer (TR-E6): ``message_stop``. A stream without it is cut, whatever else it said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from pipeline.dialects.messages.errors import read_in_band
from pipeline.dialects.messages.outcome import Counts, Native, read_finish
from pipeline.dialects.messages.reading import Reading
from pipeline.errors import GatewayError, Kind
from pipeline.events import Batch, End, Event, Finish, Ping, Started, Unknown
from pipeline.wire.sse import SseEvent, SseReader

# What a handler raises for an event that is not what its type says.
MALFORMED: Final = (KeyError, TypeError, ValueError, AttributeError)


class MessagesDecoder:
    """See :class:`pipeline.dialects.codec.Decoder`."""

    __slots__ = ("_answer", "_over", "_reader")

    def __init__(self) -> None:
        self._reader = SseReader()
        self._answer = Answer()
        self._over = False

    def feed(self, data: bytes) -> Batch:
        if self._over:
            return Batch([])
        return self._read(self._reader.feed(data))

    def close(self) -> Batch:
        if self._over:
            return Batch([])
        # TR-S5: an event that lacks only its blank line still counts.
        batch = self._read(self._reader.close(), last=True)
        if not self._over:
            self._over = True
            batch.error = GatewayError(Kind.CUT)
        return batch

    def _read(self, items: list[SseEvent], *, last: bool = False) -> Batch:
        events: list[Event] = []
        answer = self._answer
        delta = answer.content.delta
        loads = orjson.loads
        for place, (name, data) in enumerate(items):
            mark = len(events)
            try:
                event = loads(data)
                kind = event["type"]
                if kind == "content_block_delta":
                    delta(event, events)
                    continue
                if kind == "error":
                    return self._failed(place, event, events)
                answer.take(kind, event, events)
            except MALFORMED as cause:
                # Half an event says nothing.
                del events[mark:]
                return self._malformed(place, name, data, events, cause, last=last)
            if kind == "message_stop":
                self._over = True
                # What stands behind the mark (other dialects' [DONE]) is nothing for clients of this one (TR-S10).
                whole = place == len(items) - 1
                return Batch(events, self._reader.raw if whole else self._reader.raw[: self._reader.head(place + 1)])
        if not events and self._reader.raw:
            events.append(Ping())
        return Batch(events, self._reader.raw)

    def _failed(self, place: int, event: Any, events: list[Event]) -> Batch:
        """The provider's own error (DI-125)."""
        self._over = True
        reader = self._reader
        start = reader.head(place)
        return Batch(events, reader.raw[:start], read_in_band(event, reader.raw[start : reader.head(place + 1)]))

    def _malformed(self, place: int, name: bytes, data: bytes, events: list[Event], cause: Exception, *, last: bool) -> Batch:
        """Not JSON, not an event, or an event that is not what its type says."""
        try:
            event: Any = orjson.loads(data)
        except orjson.JSONDecodeError:
            event = None
        if name == b"error" or (isinstance(event, dict) and event.get("error")):
            # An error is one whatever stands around it; what is no JSON is its words.
            return self._failed(place, data.decode("utf-8", "replace") if event is None else event, events)
        self._over = True
        raw = self._reader.raw[: self._reader.head(place)]
        if event is None and (last or data.startswith(b"[DONE]")):
            # Torn in the middle of its last event, or ended by another dialect's mark (TR-S10).
            return Batch(events, raw, GatewayError(Kind.CUT))
        error = GatewayError(Kind.BAD_REPLY, "The provider sent an event that cannot be read.", from_provider=True)
        error.__cause__ = cause
        return Batch(events, raw, error)


class MessagesBodyDecoder:
    """A whole message, decoded when the wire ends. See :class:`pipeline.dialects.codec.Decoder`."""

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
        answer = Answer()
        events: list[Event] = []
        try:
            body = orjson.loads(raw)
            _judge(body)
            answer.start({"message": body}, events)
            answer.stop({}, events)
        except GatewayError as failure:
            return Batch([], b"", failure)
        except MALFORMED as cause:
            error = GatewayError(Kind.BAD_REPLY, from_provider=True)
            error.__cause__ = cause
            return Batch([], b"", error)
        return Batch(events, raw)


def outline(body: dict[str, Any]) -> list[Event]:
    """See ``Dialect.outline``."""
    _judge(body)
    tools = any(block["type"] == "tool_use" for block in body["content"])
    usage = Counts().read(body.get("usage"))
    known: list[Event] = [] if usage is None else [usage]
    return [*known, read_finish(body, tools=tools), End()]


def _judge(body: dict[str, Any]) -> None:
    """Raises GatewayError for an error where a message should be, TypeError for anything else."""
    if body.get("type") == "error" or body.get("error"):
        raise read_in_band(body, b"")
    if type(body["content"]) is not list:
        raise TypeError("content is not a list")


class Answer:
    """One answer: its frame (start, usage, reason to stop, end) around the content."""

    __slots__ = ("_counts", "_message", "_started", "content")

    def __init__(self) -> None:
        self.content = Reading()
        self._counts = Counts()
        self._message: Native = {}
        self._started = False

    def take(self, kind: Any, event: Native, out: list[Event]) -> None:
        """Any event but a delta or an error."""
        handler = HANDLERS.get(kind)
        if handler is not None:
            handler(self, event, out)
        elif type(kind) is str:
            # DI-101
            out.append(Unknown(kind))
        else:
            raise TypeError("not a type")

    def start(self, event: Native, out: list[Event]) -> None:
        """``message_start``. Some answers are complete in it: content and reason to stop stand there."""
        message = event["message"]
        if self._started:
            raise ValueError("a second start")
        self._started = True
        self._message = message
        ident, model = message.get("id"), message.get("model")
        out.append(
            Started(
                ident if type(ident) is str and ident else None,
                model if type(model) is str and model else None,
                None,
                message,
            )
        )
        self._usage(message, out)
        self.content.whole(message.get("content") or [], out)

    def block_start(self, event: Native, out: list[Event]) -> None:
        self._begun()
        self.content.start(event["index"], event["content_block"], out)

    def block_stop(self, event: Native, out: list[Event]) -> None:
        self.content.stop(event["index"], out)

    def delta(self, event: Native, out: list[Event]) -> None:
        """``message_delta``: usage that overwrites, and once the reason to stop."""
        self._begun()
        self._usage(event, out)
        delta = event.get("delta") or {}
        if delta.get("stop_reason"):
            self._finish(delta, out)

    def stop(self, event: Native, out: list[Event]) -> None:
        """``message_stop``."""
        self._begun()
        self._finish(self._message, out)
        out.append(End())

    def ping(self, event: Native, out: list[Event]) -> None:
        out.append(Ping())

    def _begun(self) -> None:
        if not self._started:
            raise ValueError("an answer without its start")

    def _usage(self, source: Native, out: list[Event]) -> None:
        usage = self._counts.read(source.get("usage"))
        if usage is not None:
            out.append(usage)

    def _finish(self, source: Native, out: list[Event]) -> None:
        if not self.content.finished:
            self.content.end(out)
            self.content.finished = True
            finish: Finish = read_finish(source, tools=self.content.tools)
            out.append(finish)


HANDLERS: Final[Mapping[Any, Callable[[Answer, Native, list[Event]], None]]] = {
    "message_start": Answer.start,
    "content_block_start": Answer.block_start,
    "content_block_stop": Answer.block_stop,
    "message_delta": Answer.delta,
    "message_stop": Answer.stop,
    "ping": Answer.ping,
}


def plain(event: dict[str, Any]) -> str | None:
    """The text of a delta of text or thinking (see ``dialects.skim``)."""
    delta = event.get("delta")
    if event.get("type") != "content_block_delta" or type(delta) is not dict:
        return None
    text: str | None = delta.get(_SAID.get(delta.get("type", ""), ""))
    return text


_SAID: Final = {"text_delta": "text", "thinking_delta": "thinking"}
