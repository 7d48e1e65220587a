"""A Responses provider's answer as events, streamed or whole: any cut gives the same, and nothing it sends can make us raise."""

from __future__ import annotations

from typing import Any, Final

import orjson

from pipeline.dialects.responses.errors import read_failure
from pipeline.dialects.responses.reader import HANDLERS, AnswerReader
from pipeline.errors import GatewayError, Kind
from pipeline.events import Batch, Event
from pipeline.wire.sse import SseEvent, SseReader

FAILURES: Final = ("response.failed", "error")
# What a handler raises for an event that is not what its type says.
MALFORMED: Final = (KeyError, TypeError, ValueError, AttributeError)


class StreamDecoder:
    """``feed`` the bytes of an event stream; see :class:`pipeline.dialects.codec.Decoder`."""

    __slots__ = ("_answer", "_failed", "_reader")

    def __init__(self) -> None:
        self._reader = SseReader()
        self._answer = AnswerReader()
        self._failed = False

    def feed(self, data: bytes) -> Batch:
        if self._failed or self._answer.ended:
            return Batch([])
        reader = self._reader
        return self._read(reader.feed(data), reader.raw)

    def close(self) -> Batch:
        if self._failed or self._answer.ended:
            return Batch([])
        reader = self._reader
        # TR-S5: an event that lacks only its blank line still counts.
        batch = self._read(reader.close(), reader.raw)
        if batch.error is None and not batch.ends:
            self._failed = True
            batch.error = GatewayError(Kind.CUT)
        return batch

    def _read(self, frames: list[SseEvent], raw: bytes) -> Batch:
        answer = self._answer
        out: list[Event] = []
        answer.out = out
        handlers = HANDLERS
        loads = orjson.loads
        for index, frame in enumerate(frames):
            try:
                event = loads(frame[1])
                kind = event["type"]
                handler = handlers.get(kind)
                if handler is not None:
                    handler(answer, event)
                    if answer.ended:
                        break
                elif kind in FAILURES:
                    return self._provider_failed(frames, index, raw, out)
                else:
                    answer.unknown(event)
            except MALFORMED as error:
                # TR-S10: the marker of another dialect means nothing here.
                if frame[1].startswith(b"[DONE]"):
                    continue
                return self._malformed(frames, index, raw, out, error)
        return Batch(out, raw)

    def _provider_failed(self, frames: list[SseEvent], index: int, raw: bytes, out: list[Event]) -> Batch:
        self._failed = True
        before, own = _cut(raw, index)
        # The service says `error` and then `response.failed`: clients act on either, so both are handed on.
        event = orjson.loads(frames[index][1])
        if event["type"] == "error" and index + 1 < len(frames) and b"response.failed" in frames[index + 1][1][:200]:
            own += _cut(raw, index + 1)[1]
        return Batch(out, before, read_failure(event, own))

    def _malformed(self, frames: list[SseEvent], index: int, raw: bytes, out: list[Event], cause: Exception) -> Batch:
        """Not JSON, not an event, or an event that is not what its type says."""
        self._failed = True
        before, own = _cut(raw, index)
        try:
            event: Any = orjson.loads(frames[index][1])
        except orjson.JSONDecodeError:
            event = None
        # DI-11: an error object is one whatever stands around it.
        if isinstance(event, dict) and event.get("error") and "type" not in event:
            return Batch(out, before, read_failure(event, own))
        error = GatewayError(Kind.BAD_REPLY, "The provider sent an event that cannot be read.", from_provider=True)
        error.__cause__ = cause
        return Batch(out, before, error)


def _cut(raw: bytes, index: int) -> tuple[bytes, bytes]:
    """(the bytes before the event of this number, its own bytes)."""
    reader = SseReader()
    start = end = found = 0
    for line in raw.splitlines(keepends=True):
        end += len(line)
        for _ in reader.feed(line):
            if found == index:
                return raw[:start], raw[start:end]
            found += 1
            start = end
    return raw[:start], raw[start:]


class BodyDecoder:
    """A whole response object, decoded when the wire ends."""

    __slots__ = ("_closed", "_parts")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._closed = False

    def feed(self, data: bytes) -> Batch:
        if not self._closed:
            self._parts.append(data)
        return Batch([])

    def close(self) -> Batch:
        if self._closed:
            return Batch([])
        self._closed = True
        raw = b"".join(self._parts)
        answer = AnswerReader()
        try:
            body = orjson.loads(raw)
            if _failed(body):
                return Batch([], b"", read_failure({"response": body}, raw))
            if type(body["output"]) is not list:
                raise TypeError("output is not a list")
            answer.end({"response": body})
        except MALFORMED as cause:
            error = GatewayError(Kind.BAD_REPLY, from_provider=True)
            error.__cause__ = cause
            return Batch([], b"", error)
        return Batch(answer.out, raw)


def _failed(body: dict[str, Any]) -> bool:
    """DI-82: a response that failed; or an error object where a response should be."""
    return body.get("status") == "failed" or (bool(body.get("error")) and "output" not in body)
