"""The provider's own bytes, untouched, and still a correct ``response.failed`` when the stream breaks (DI-121, DI-141).

While all goes well only references are kept; the items of a failed response are put together when they are needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from pipeline.dialects.responses.encoder import StreamEncoder
from pipeline.dialects.responses.errors import failure
from pipeline.dialects.responses.usage import write_usage
from pipeline.errors import GatewayError
from pipeline.events import (
    Batch,
    BlockEnd,
    BlockStart,
    Citation,
    Event,
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
from pipeline.wire.sse import whole

Native = dict[str, Any]

NUMBER: Final = re.compile(rb'"sequence_number"\s*:\s*(\d+)')


class StreamRelay:
    """``feed`` batches; see :class:`pipeline.dialects.codec.Encoder`."""

    __slots__ = ("_answering", "_begun", "_ended", "_ends", "_notes", "_numbered", "_pieces", "_response", "_thoughts", "_usage")

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._response: Native | None = None
        self._begun: list[BlockStart | ToolStart | Foreign] = []
        self._ends: dict[int, BlockEnd] = {}
        self._pieces: dict[int, list[str]] = {}
        self._thoughts: dict[int, list[Reasoning]] = {}
        self._notes: dict[int, list[Native]] = {}
        self._usage = Usage()
        self._numbered = b""
        self._ended = False

    def feed(self, batch: Batch) -> bytes:
        raw = batch.raw
        if batch.alone:
            word = batch.events[0]
            if type(word) is Text:
                # Most of a slow stream.
                self._numbered = raw
                self._pieces[word.block].append(word.text)
                return raw
        if batch.commits or b'"sequence_number"' in raw:
            self._numbered = raw
        pieces = self._pieces
        for event in batch.events:
            kind = type(event)
            if kind is Text or kind is ToolArguments:
                pieces[event.block].append(event.text)  # type: ignore[attr-defined]
            elif kind in TRACKED:
                TRACKED[kind](self, event)
        if batch.ends:
            self._ended = True
            return whole(raw)
        return raw

    def fail(self, error: GatewayError) -> bytes:
        if self._ended:
            return b""
        response = self._response
        if response is None:
            return StreamEncoder(self._answering).fail(error)
        own = whole(error.raw) if error.raw is not None and error.dialect == "responses" else b""
        if b"response.failed" in own and str(response.get("id")).encode() in own:
            # DI-121: the provider said it itself.
            return own
        numbers = NUMBER.findall(self._numbered + own)
        event = {
            "type": "response.failed",
            "sequence_number": max(map(int, numbers), default=-1) + 1,
            "response": {
                **response,
                "status": "failed",
                "error": failure(error),
                "output": self._output(),
                "usage": write_usage(self._usage),
            },
        }
        # DI-122: some clients act on this event only, so it follows a lone `error`.
        return own + b"event: response.failed\ndata: " + orjson.dumps(event) + b"\n\n"

    # ------------------------------------------------------------------------------------------------- what was handed on

    def _started(self, event: Started) -> None:
        self._response = event.native

    def _block(self, event: BlockStart | ToolStart) -> None:
        self._begun.append(event)
        self._pieces[event.block] = []

    def _refusal(self, event: Refusal) -> None:
        self._pieces[event.block].append(event.text)

    def _reasoning(self, event: Reasoning) -> None:
        self._thoughts.setdefault(event.block, []).append(event)

    def _citation(self, event: Citation) -> None:
        self._notes.setdefault(event.block, []).append(event.native or {})

    def _block_end(self, event: BlockEnd) -> None:
        self._ends[event.block] = event

    def _foreign(self, event: Foreign) -> None:
        self._begun.append(event)

    def _tokens(self, event: Usage) -> None:
        self._usage.update(event)

    # ----------------------------------------------------------------------------------------------- items as they stand

    def _output(self) -> list[Native]:
        """TR-E19: what was streamed, item by item; what was open is incomplete."""
        output: list[Native] = []
        for start in self._begun:
            if isinstance(start, Foreign):
                output.append(start.native or {})
            elif isinstance(start, ToolStart):
                output.append(self._call(start))
            elif start.kind == "reasoning":
                output.append(self._reason(start))
            else:
                part = self._part(start)
                last = output[-1] if output else {}
                if last.get("type") == "message" and last["id"] == start.id:
                    last["content"].append(part)
                else:
                    output.append({"id": start.id, "type": "message", "role": "assistant", "content": [part]})
                output[-1]["status"] = self._status(start.block)
        return output

    def _status(self, block: int) -> str:
        return "completed" if block in self._ends else "incomplete"

    def _part(self, start: BlockStart) -> Native:
        text = "".join(self._pieces[start.block])
        if start.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "text": text, "annotations": self._notes.get(start.block, [])}

    def _call(self, start: ToolStart) -> Native:
        kind, field = ("custom_tool_call", "input") if start.custom else ("function_call", "arguments")
        return {
            "id": start.item_id,
            "type": kind,
            "status": self._status(start.block),
            "call_id": start.id,
            "name": start.name,
            field: "".join(self._pieces[start.block]),
        }

    def _reason(self, start: BlockStart) -> Native:
        parts: dict[tuple[bool, int], str] = {}
        for event in self._thoughts.get(start.block, ()):
            place = (event.summary, event.part)
            parts[place] = parts.get(place, "") + event.text
        summary = [{"type": "summary_text", "text": text} for (short, _), text in parts.items() if short]
        content = [{"type": "reasoning_text", "text": text} for (short, _), text in parts.items() if not short]
        item: Native = {"id": start.id, "type": "reasoning", "summary": summary}
        if content:
            item["content"] = content
        end = self._ends.get(start.block)
        if end is not None and end.opaque is not None:
            item["encrypted_content"] = end.opaque
        return item


TRACKED: Final[Mapping[type[Event], Callable[[StreamRelay, Any], None]]] = {
    Started: StreamRelay._started,
    BlockStart: StreamRelay._block,
    ToolStart: StreamRelay._block,
    Refusal: StreamRelay._refusal,
    Reasoning: StreamRelay._reasoning,
    Citation: StreamRelay._citation,
    BlockEnd: StreamRelay._block_end,
    Foreign: StreamRelay._foreign,
    Usage: StreamRelay._tokens,
}
