"""A Responses provider's answer as events, streamed or whole: any cut gives the same, and nothing it sends can make us raise."""

from __future__ import annotations

from typing import Any, Final

import orjson

from pipeline.dialects.responses.errors import read_failure
from pipeline.dialects.responses.reader import HANDLERS, AnswerReader, finish_of
from pipeline.dialects.responses.usage import read_usage
from pipeline.dialects.skim import Skim
from pipeline.errors import GatewayError, Kind
from pipeline.events import Batch, End, Event
from pipeline.wire.sse import SseEvent, SseReader

# What a handler raises for an event that is not what its type says.
MALFORMED: Final = (KeyError, TypeError, ValueError, AttributeError)


class StreamDecoder:
    """``feed`` the bytes of an event stream; see :class:`pipeline.dialects.codec.Decoder`."""

    __slots__ = ("_answer", "_over", "_reader")

    def __init__(self) -> None:
        self._reader = SseReader()
        self._answer = AnswerReader()
        self._over = False

    def feed(self, data: bytes) -> Batch:
        if self._over:
            return Batch([])
        return self._read(self._reader.feed(data))

    def close(self) -> Batch:
        if self._over:
            return Batch([])
        # TR-S5: an event that lacks only its blank line still counts.
        batch = self._read(self._reader.close())
        if not self._over:
            self._over = True
            batch.error = GatewayError(Kind.CUT)
        return batch

    def _read(self, frames: list[SseEvent]) -> Batch:
        answer = self._answer
        out: list[Event] = []
        answer.out = out
        handlers = HANDLERS
        loads = orjson.loads
        index = 0
        try:
            for _, data in frames:
                event = loads(data)
                handler = handlers.get(event["type"])
                if handler is not None:
                    handler(answer, event)
                    if answer.over:
                        self._over = True
                        break
                else:
                    answer.unknown(event)
                index += 1
        except MALFORMED as cause:
            return self._malformed(frames, index, out, cause)
        if answer.failure is not None:
            return self._provider_failed(frames, index, out, answer.failure)
        raw = self._reader.raw
        if self._over and not all(data.startswith(b"[DONE]") for _, data in frames[index + 1 :]):
            # Behind the end only another dialect's last mark is harmless; a second answer would be told as part of this one.
            raw = raw[: self._reader.head(index + 1)]
        return Batch(out, raw)

    def _provider_failed(self, frames: list[SseEvent], index: int, out: list[Event], failure: dict[str, Any]) -> Batch:
        last = index + 1
        # The service says `error` and then `response.failed`: clients act on either, so both are handed on.
        if failure.get("type") == "error" and last < len(frames) and b"response.failed" in frames[last][1][:200]:
            last += 1
        before, own = self._cut(index, last)
        return Batch(out, before, read_failure(failure, own))

    def _cut(self, index: int, last: int) -> tuple[bytes, bytes]:
        """(the bytes before the event of this number, its own up to the one before ``last``)."""
        reader = self._reader
        start = reader.head(index)
        return reader.raw[:start], reader.raw[start : reader.head(last)]

    def _malformed(self, frames: list[SseEvent], index: int, out: list[Event], cause: Exception) -> Batch:
        """Not JSON, not an event, or an event that is not what its type says."""
        self._over = True
        before, own = self._cut(index, index + 1)
        data = frames[index][1]
        if data.startswith(b"[DONE]"):
            # TR-S10: another dialect's last mark. This dialect's own did not come.
            return Batch(out, before, GatewayError(Kind.CUT))
        try:
            event: Any = orjson.loads(data)
        except orjson.JSONDecodeError:
            event = None
        # DI-11: an error object is one whatever stands around it.
        if isinstance(event, dict) and event.get("error") and "type" not in event:
            return Batch(out, before, read_failure(event, own))
        error = GatewayError(Kind.BAD_REPLY, "The provider sent an event that cannot be read.", from_provider=True)
        error.__cause__ = cause
        return Batch(out, before, error)


def skimming(*, joined: bool = False) -> Skim:
    """Of the final text of an item, what was skimmed is not told again (DI-253). ``joined``: see ``dialects.skim``."""
    decoder = StreamDecoder()
    return Skim(decoder, _plain, (b"response.output_text.delta",), joined=joined, skipped=decoder._answer.said)


def _plain(event: dict[str, Any]) -> str | None:
    if event.get("type") != "response.output_text.delta" or event.get("logprobs"):
        return None
    text: str | None = event["delta"]
    return text


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


def outline(body: dict[str, Any]) -> list[Event]:
    """See ``Dialect.outline``."""
    if _failed(body):
        raise read_failure({"response": body}, orjson.dumps(body))
    called = any(item["type"] in ("function_call", "custom_tool_call") for item in body["output"])
    usage = read_usage(body.get("usage"))
    known: list[Event] = [] if usage is None else [usage]
    return [*known, finish_of(body, called=called, refused=False), End()]


def _failed(body: dict[str, Any]) -> bool:
    """DI-82: a response that failed; or an error object where a response should be."""
    return body.get("status") == "failed" or (bool(body.get("error")) and "output" not in body)
