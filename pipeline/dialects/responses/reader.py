"""Native events of a Responses answer become ours: when it begins, which items it has, how it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pipeline.dialects.lenient import word
from pipeline.dialects.responses.blocks import CALLS, BlockReader, Native
from pipeline.dialects.responses.items import FOREIGN_ITEMS
from pipeline.dialects.responses.runs import Item, text_of
from pipeline.dialects.responses.usage import read_usage
from pipeline.events import BlockEnd, BlockStart, End, Finish, FinishReason, Foreign, Ping, Unknown

# DI-75
INCOMPLETE: Final[Mapping[str, FinishReason]] = {"max_output_tokens": "length", "content_filter": "content_filter"}


class AnswerReader(BlockReader):
    """One answer. The owner of the reader swaps ``out`` between reads.

    Raises KeyError, TypeError, ValueError or AttributeError for events that are not what they should be.
    """

    __slots__ = ("failure", "over")

    def __init__(self) -> None:
        super().__init__()
        self.over = False
        """Whether the terminal event was read."""
        self.failure: Native | None = None
        """The terminal event, where it is an error."""

    # ---------------------------------------------------------------------------------------------- life of the response

    def lifecycle(self, event: Native) -> None:
        """``response.created``, ``.queued``, ``.in_progress``: the first of them starts the answer."""
        if self._started:
            self.out.append(Ping())
        else:
            self.start(event["response"])

    def end(self, event: Native) -> None:
        """``response.completed``, ``.incomplete``, or a whole body that did not fail."""
        response = event["response"]
        self.start(response)
        self._settle(response.get("output") or [])
        usage = read_usage(response.get("usage"))
        if usage is not None:
            self.out.append(usage)
        self.out.append(finish_of(response, called=self._called, refused=self._refused))
        self.out.append(End(response))
        self.over = True

    def failed(self, event: Native) -> None:
        """``response.failed``, or ``error`` in any shape (TR-E5)."""
        response = event.get("response")
        usage = read_usage(response.get("usage")) if self._started and isinstance(response, dict) else None
        if usage is not None:
            self.out.append(usage)
        self.failure = event
        self.over = True

    def _settle(self, output: list[Any]) -> None:
        """Tell what only the final response holds, and close what was never closed."""
        by_id = {item.id: item for item in self._items.values() if item.id}
        for position, native in enumerate(output):
            # Ids say more than places: some providers leave items out of the stream, others change the ids.
            item = by_id.get(native.get("id")) or self._items.get(position)
            if item is None or item.kind != native["type"]:
                item = self._add(max(self._items, default=-1) + 1, native)
            if not item.done:
                self.item_done({"type": "response.output_item.done", "output_index": item.index, "item": native})
        while self._owner is not None:
            self._close(self._owner, None)
        for item in self._items.values():
            if not item.done:
                self._close(item, None)

    # ------------------------------------------------------------------------------------------------------------- items

    def item_added(self, event: Native) -> None:
        """An item begins. Calls and foreign items are told at once, others with their first content (TR-C29)."""
        native = event["item"]
        item = self._add(event["output_index"], native)
        if item.kind in CALLS:
            self._start_call(item, native)
        elif item.kind not in ("message", "reasoning"):
            self._foreign(item, native)

    def item_done(self, event: Native) -> None:
        """An item is complete: what was not streamed of it is told now."""
        native = event["item"]
        item = self._items.get(event["output_index"]) or self._add(event["output_index"], native)
        if item.done:
            return
        if item.kind in ("message", "reasoning"):
            if self._owner is not None and self._owner is not item:
                self._hold(item, event)
                return
            (self._complete_message if item.kind == "message" else self._complete_reasoning)(item, native)
        elif item.kind in CALLS:
            self._start_call(item, native)
            self._tell_call(item, text_of(native.get(CALLS[item.kind])))
        else:
            self._foreign(item, native)
        self._close(item, native)

    def _close(self, item: Item, native: Native | None) -> None:
        item.done = True
        if item.kind == "message":
            self._close_live(item)
        elif item.kind == "reasoning":
            opaque = word((native or {}).get("encrypted_content"))
            if opaque and item.block < 0:
                item.block = self._block()
                self.out.append(BlockStart(item.block, "reasoning", item.id))
            if item.block >= 0:
                # DI-69: only the finished item's value counts.
                self.out.append(BlockEnd(item.block, opaque, "encrypted" if opaque else None))
        elif item.block >= 0:
            self.out.append(BlockEnd(item.block))
        if self._owner is item:
            self._owner = self._live = None
            if not self._releasing:
                self._release()

    def _release(self) -> None:
        """Tell what waited for the owner, item by item, until one of them is not done and so owns the answer."""
        self._releasing = True
        while self._held and self._owner is None:
            for event in self._held.pop(next(iter(self._held))):
                HANDLERS[event["type"]](self, event)
        self._releasing = False

    # ------------------------------------------------------------------------------------------------------------ others

    def _foreign(self, item: Item, native: Native) -> None:
        # DI-158. Told once, when it begins; the object is completed in place when the provider completes it.
        if item.native is None:
            if not self._started:
                self.start({})
            item.native = native
            self.out.append(Foreign(item.kind if item.kind in FOREIGN_ITEMS else "other", native))
        elif item.native is not native:
            item.native.clear()
            item.native.update(native)

    def alive(self, event: Native) -> None:
        """Known, and without content of its own (DI-79)."""
        self.out.append(Ping())

    def nothing(self, event: Native) -> None:
        """Known, and told by other events."""

    def unknown(self, event: Native) -> None:
        """DI-80: an unknown event never fails a stream."""
        kind = event["type"]
        if kind.startswith(HOSTED):
            self.out.append(Ping())
        else:
            self.out.append(Unknown(kind))


def finish_of(response: Native, *, called: bool, refused: bool) -> Finish:
    """Why it stopped, as its status and what was in it tell."""
    status = response.get("status")
    details = response.get("incomplete_details")
    if status == "incomplete" or details:
        # TR-E5, TR-E23
        details = details if isinstance(details, dict) else {}
        why = details.get("reason")
        return Finish(INCOMPLETE.get(why or "", "other"), why or status, details=details or None)
    if called:
        return Finish("tool_calls", status)
    if status not in ("completed", None):
        return Finish("other", status)
    return Finish("refusal" if refused else "stop", status)


# DI-79: progress of hosted tools; their items are told by output_item events.
HOSTED: Final = tuple(
    f"response.{name}"
    for name in (
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_call",
        "mcp_list_tools",
        "shell_call",
        "apply_patch_call",
        "compaction",
    )
)

HANDLERS: Final[Mapping[str, Callable[[AnswerReader, Native], None]]] = {
    "response.output_text.delta": AnswerReader.text_delta,
    "response.function_call_arguments.delta": AnswerReader.call_delta,
    "response.custom_tool_call_input.delta": AnswerReader.call_delta,
    "response.reasoning_summary_text.delta": AnswerReader.summary_delta,
    "response.reasoning_text.delta": AnswerReader.reasoning_delta,
    "response.refusal.delta": AnswerReader.refusal_delta,
    "response.created": AnswerReader.lifecycle,
    "response.queued": AnswerReader.lifecycle,
    "response.in_progress": AnswerReader.lifecycle,
    "response.output_item.added": AnswerReader.item_added,
    "response.output_item.done": AnswerReader.item_done,
    "response.output_text.done": AnswerReader.text_done,
    "response.output_text.annotation.added": AnswerReader.annotation,
    "response.refusal.done": AnswerReader.refusal_done,
    "response.reasoning_summary_text.done": AnswerReader.summary_done,
    "response.reasoning_text.done": AnswerReader.reasoning_done,
    "response.function_call_arguments.done": AnswerReader.call_done,
    "response.custom_tool_call_input.done": AnswerReader.call_done,
    "response.completed": AnswerReader.end,
    "response.incomplete": AnswerReader.end,
    "response.failed": AnswerReader.failed,
    "error": AnswerReader.failed,
    **dict.fromkeys(
        (
            "response.content_part.added",
            "response.content_part.done",
            "response.reasoning_part.added",
            "response.reasoning_part.done",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_part.done",
        ),
        AnswerReader.nothing,
    ),
}
