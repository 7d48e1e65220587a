"""Pieces of text, reasoning, refusal and arguments become our blocks: in order, each once, none lost.

Items may interleave on this wire (DI-73), our blocks of text, reasoning and refusal may not. So the item whose block is open
*owns* the answer; events for a later message or reasoning item wait until the owner is done.
"""

from __future__ import annotations

from typing import Any, Final

from pipeline.dialects.lenient import count, filled, word
from pipeline.dialects.responses.runs import Item, Run, text_of
from pipeline.events import BlockEnd, BlockStart, Citation, Event, Reasoning, Refusal, Started, Text, ToolArguments, ToolStart

Native = dict[str, Any]

# Items that are a tool call, and where their arguments stand.
CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
# Unix seconds; beyond it the value is no time.
MAX_TIME: Final = 2**40


class BlockReader:
    """The content of one answer. Every method appends to ``out``.

    Raises KeyError, TypeError, ValueError or AttributeError for events that are not what they should be.
    """

    __slots__ = ("_blocks", "_called", "_held", "_items", "_live", "_owner", "_refused", "_releasing", "_started", "out")

    def __init__(self) -> None:
        self.out: list[Event] = []
        self._started = False
        self._blocks = 0
        self._items: dict[int, Item] = {}
        self._live: Run | None = None
        self._owner: Item | None = None
        self._held: dict[int, list[Native]] = {}
        self._releasing = False
        self._called = False
        self._refused = False

    def start(self, response: Native) -> None:
        """The answer has begun, if it had not."""
        if self._started:
            return
        self._started = True
        created: Any = response.get("created_at")
        made = int(created) if type(created) in (int, float) and 0 < created < MAX_TIME else None
        self.out.append(Started(word(response.get("id")), word(response.get("model")), made, response or None))

    def _add(self, index: int, native: Native) -> Item:
        item = self._items[index] = Item(index, native["type"], word(native.get("id")))
        return item

    def _block(self) -> int:
        if not self._started:
            self.start({})
        self._blocks += 1
        return self._blocks - 1

    def _close_live(self, item: Item) -> None:
        live = self._live
        if live is not None and self._owner is item:
            self.out.append(BlockEnd(live.block))
            self._live = None

    # ------------------------------------------------------------------------------------------- text, refusal, reasoning

    def _enter(self, event: Native, kind: str, place: str) -> Run | None:
        """The run that this event adds to, its block open; None when the event has to wait for its turn."""
        index = event["output_index"]
        reasoning = kind not in ("text", "refusal")
        item = self._items.get(index)
        if item is None:
            item = self._add(index, {"type": "reasoning" if reasoning else "message", "id": event.get("item_id")})
        if self._owner is not None and self._owner is not item:
            self._hold(item, event)
            return None
        run = item.run(kind, event.get(place, 0))
        if run is not self._live:
            if reasoning:
                if item.block < 0:
                    item.block = self._block()
                    self.out.append(BlockStart(item.block, "reasoning", item.id))
                run.block = item.block
            else:
                self._close_live(item)
                run.block = self._block()
                self.out.append(BlockStart(run.block, "text" if kind == "text" else "refusal", item.id))
        self._live = run
        self._owner = item
        return run

    def _hold(self, item: Item, event: Native) -> None:
        self._held.setdefault(item.index, []).append(event)

    def text_delta(self, event: Native) -> None:
        """The hot path: one call for every token of an answer."""
        text = event["delta"]
        if not text:
            return
        run = self._live
        if (
            run is None
            or event["output_index"] != run.output
            or event.get("content_index", 0) != run.content
            or run.kind != "text"
            or type(text) is not str
        ):
            run = self._enter(event, "text", "content_index")
            if run is None:
                return
            _string(text)
        run.pieces.append(text)
        logprobs = event.get("logprobs")
        self.out.append(Text(run.block, text, filled(logprobs)) if logprobs else Text(run.block, text))

    def said(self, text: str) -> None:
        """More text of the part that is open, of which no event has to be made."""
        live = self._live
        if live is not None:
            live.pieces.append(text)

    def text_done(self, event: Native) -> None:
        self._rest(event, "text", event["text"])

    def refusal_delta(self, event: Native) -> None:
        self._tell(event, "refusal", "content_index", event["delta"])

    def refusal_done(self, event: Native) -> None:
        self._rest(event, "refusal", event["refusal"])

    def summary_delta(self, event: Native) -> None:
        self._tell(event, "summary", "summary_index", event["delta"])

    def summary_done(self, event: Native) -> None:
        self._rest(event, "summary", event["text"], "summary_index")

    def reasoning_delta(self, event: Native) -> None:
        self._tell(event, "reasoning", "content_index", event["delta"])

    def reasoning_done(self, event: Native) -> None:
        self._rest(event, "reasoning", event["text"])

    def _tell(self, event: Native, kind: str, place: str, text: str) -> None:
        if not text:
            return
        run = self._enter(event, kind, place)
        if run is None:
            return
        run.pieces.append(_string(text))
        if kind == "text":
            self.out.append(Text(run.block, text, filled(event.get("logprobs"))))
        elif kind == "refusal":
            self._refused = True
            self.out.append(Refusal(run.block, text))
        else:
            self.out.append(Reasoning(run.block, text, run.content, kind == "summary"))

    def _rest(self, event: Native, kind: str, whole: str, place: str = "content_index") -> None:
        """DI-252: a whole text that came without deltas is one delta; DI-253: otherwise only what they left out."""
        item = self._items.get(event["output_index"])
        run = None if item is None else item.runs.get((kind, event.get(place, 0)))
        if item is not None and self._owner is not None and self._owner is not item:
            self._hold(item, event)
        elif run is None or not run.pieces:
            self._tell(event, kind, place, whole)
        else:
            self._tell({**event, "logprobs": None}, kind, place, run.missing(whole))

    def _complete_message(self, item: Item, native: Native) -> None:
        parts = native.get("content") or ()
        places = sorted(place for _, place in item.runs)
        # As many runs as parts are these parts, also where a provider numbered its deltas in another way.
        for index, part in zip(places if len(places) == len(parts) else range(len(parts)), parts, strict=True):
            place = {"output_index": item.index, "content_index": index, "item_id": item.id, "logprobs": part.get("logprobs")}
            if part["type"] == "refusal":
                self._rest(place, "refusal", text_of(part.get("refusal")))
            elif part["type"] == "output_text":
                self._rest(place, "text", text_of(part.get("text")))
                run = item.runs.get(("text", index))
                if run is not None and run is self._live:
                    for annotation in (part.get("annotations") or ())[run.citations :]:
                        self._cite(run, annotation)

    def _complete_reasoning(self, item: Item, native: Native) -> None:
        for index, part in enumerate(native.get("summary") or ()):
            place = {"output_index": item.index, "summary_index": index, "item_id": item.id}
            self._rest(place, "summary", text_of(part.get("text")), "summary_index")
        for index, part in enumerate(native.get("content") or ()):
            place = {"output_index": item.index, "content_index": index, "item_id": item.id}
            self._rest(place, "reasoning", text_of(part.get("text")))

    def annotation(self, event: Native) -> None:
        """A source of the text before it."""
        run = self._enter(event, "text", "content_index")
        if run is not None:
            self._cite(run, event["annotation"])

    def _cite(self, run: Run, annotation: Native) -> None:
        # DI-159
        run.citations += 1
        title = word(annotation.get("title")) or word(annotation.get("filename"))
        start, end = count(annotation.get("start_index")), count(annotation.get("end_index"))
        self.out.append(Citation(run.block, word(annotation.get("url")), title, start, end, annotation))

    # ------------------------------------------------------------------------------------------------------------- calls

    def _start_call(self, item: Item, native: Native) -> None:
        # A call is told when its name and id are known; that may be as late as its end.
        name, call = word(native.get("name")), word(native.get("call_id")) or item.id
        if item.block < 0 and name and call:
            item.block = self._block()
            self._called = True
            self.out.append(ToolStart(item.block, call, name, item.kind == "custom_tool_call", item.id))

    def call_delta(self, event: Native) -> None:
        """A piece of a call's arguments."""
        item, piece = self._items.get(event["output_index"]), event["delta"]
        if item is not None and item.block >= 0 and not item.done and piece:
            item.run("call").pieces.append(_string(piece))
            self.out.append(ToolArguments(item.block, piece))

    def call_done(self, event: Native) -> None:
        """A call's arguments are complete."""
        item = self._items.get(event["output_index"])
        if item is not None and item.kind in CALLS and not item.done:
            self._tell_call(item, text_of(event.get(CALLS[item.kind])))

    def _tell_call(self, item: Item, whole: str) -> None:
        run = item.run("call")
        rest = run.missing(whole)
        if rest and item.block >= 0:
            run.pieces.append(rest)
            self.out.append(ToolArguments(item.block, rest))


def _string(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("a delta is not a string")
    return value
