"""Where a continuation is joined to what was said before it: the client hears no seam.

Each candidate that is asked to go on has a joint of its own, so that whoever chooses among them sees what the client would.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from pipeline.events import (
    UNKNOWN,
    Batch,
    BlockEnd,
    BlockStart,
    Citation,
    End,
    Event,
    Finish,
    Foreign,
    Opened,
    Started,
    Text,
    ToolStart,
    Usage,
)


class Joined:
    """Codec: a continuation's batches as the client shall see them: no second beginning, its blocks behind ours, one usage.

    Args:
        joint: where it is joined.
        first: the dialect of who began the answer.
        client: the client's.
    """

    def __init__(self, joint: Joint, first: str, client: str) -> None:
        self._joint = joint
        self._first = first
        self._client = client

    def feed(self, batch: Batch) -> Iterable[Batch]:
        """What becomes of a batch. Who goes on is still told, for whoever chooses."""
        events: list[Event] = []
        for event in batch.events:
            if isinstance(event, Opened):
                self._go_on(event)
                events.append(event)
            else:
                events.extend(self._joint.spliced(event))
        return (Batch(events),) if events else ()

    def close(self) -> Iterable[Batch]:
        return ()

    def _go_on(self, opened: Opened) -> None:
        own = self._first == self._client
        if not (own and opened.dialect == self._client):
            self._joint.translate(reasoning=not (own and self._client == "messages"))


@dataclass(slots=True)
class OpenBlock:
    number: int
    kind: str
    length: int = 0
    """Characters of its text."""


class Joint:
    """Where a continuation is joined to what was said before.

    Args:
        open_block: what was broken off; a text is gone on with, anything else ends here.
        following: the number of its next block.
        usage: of what was said before.
        blanks: what was said behind the text that it was asked to continue (providers refuse a turn that ends in blanks).
    """

    def __init__(self, open_block: OpenBlock | None, following: int, usage: Usage, blanks: str) -> None:
        self._open = open_block
        self._following = following
        self._before = usage
        self._blanks = blanks
        self._own = UNKNOWN
        self._blocks: dict[int, int] = {}
        self._silenced: set[int] = set()
        """Blocks that the client does not see."""
        self._taken_up: int | None = None
        """The block, by its number in the whole answer, that goes on with a text, """
        self._offset = 0
        """and how many characters that text has before it."""
        self._translated = False
        self._reasoning = True

    def translate(self, *, reasoning: bool) -> None:
        """Who goes on speaks another dialect than who began or than the client: what only that one can say is left out.

        Args:
            reasoning: whether its reasoning is shown. Its proof never is: it would pass for one of who began.
        """
        self._translated = True
        self._reasoning = reasoning

    def spliced(self, event: Event) -> Iterable[Event]:
        """What becomes of an event."""
        if isinstance(event, Started) or getattr(event, "block", None) in self._silenced:
            return ()
        if isinstance(event, Usage):
            self._own = self._own.updated(event)
            return (self._before.plus(self._own),)
        if isinstance(event, End):
            # The provider's own final object knows its part only.
            return (End(),)
        if isinstance(event, BlockStart | ToolStart):
            return self._begun(event)
        if isinstance(event, Text) and self._blanks:
            text = self._unrepeated(event.text)
            self._offset -= len(event.text) - len(text)
            if not text:
                return ()
            event = replace(event, text=text)
        if self._translated:
            event = _translated(event)
        return (self._moved(event),)

    def _begun(self, event: Any) -> Iterable[Event]:
        kind = event.kind if type(event) is BlockStart else "tool"
        if kind == "reasoning" and not self._reasoning:
            self._silenced.add(event.block)
            return ()
        broken_off, self._open = self._open, None
        if broken_off is not None and broken_off.kind == kind == "text":
            self._blocks[event.block] = self._taken_up = broken_off.number
            self._offset = broken_off.length
            return ()
        self._blocks[event.block] = self._following
        self._following += 1
        begun = self._moved(event)
        return (begun,) if broken_off is None else (BlockEnd(broken_off.number), begun)

    def _moved(self, event: Any) -> Event:
        """The event with its place in the whole answer."""
        block = getattr(event, "block", None)
        if block is None:
            return event  # type: ignore[no-any-return]
        block = self._blocks[block]
        if type(event) is Citation and block == self._taken_up:
            event = _behind(event, self._offset)
        return event if event.block == block else replace(event, block=block)  # type: ignore[no-any-return]

    def _unrepeated(self, text: str) -> str:
        """Blanks that were said already are not said again."""
        pairs = enumerate(zip(self._blanks, text, strict=False))
        common = next((place for place, (said, new) in pairs if said != new), min(len(self._blanks), len(text)))
        self._blanks = self._blanks[common:] if common == len(text) else ""
        return text[common:]


def _translated(event: Event) -> Event:
    """The event without what only its provider's dialect can say; encoders would take it for the words of who began."""
    if isinstance(event, BlockEnd):
        return BlockEnd(event.block)
    if isinstance(event, Citation | Finish | Foreign):
        return replace(event, native=None)
    return event


def _behind(citation: Citation, offset: int) -> Citation:
    """A source of a text that has ``offset`` characters before it."""
    start = None if citation.start is None else citation.start + offset
    end = None if citation.end is None else citation.end + offset
    native = citation.native
    if native is not None:
        moved = {"start_index": start, "end_index": end}
        native = {**native, **{name: place for name, place in moved.items() if type(native.get(name)) is int}}
    return replace(citation, start=start, end=end, native=native)
