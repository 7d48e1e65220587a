"""The small closed set of things that can happen in an answer, whatever dialect it came in.

A decoder turns a provider's wire into these events, an encoder turns them into the client's wire: N dialects are 2N codecs.

Rules that every decoder keeps and every encoder may rely on:

- A *block* is one ordered part of the answer: a run of text, of reasoning, of refusal, or one tool call. Blocks are numbered
  from 0 in the order in which they began. ``block`` of each event names its block.
- A block begins with :class:`BlockStart` or :class:`ToolStart` and ends with :class:`BlockEnd`. Text, reasoning and refusal
  blocks never overlap each other. Tool calls may overlap when the provider interleaves them; an encoder whose dialect forbids
  that holds the later one back.
- ``Started`` comes first (after ``Opened``); then blocks, ``Usage`` at any point (it overwrites what was known, field by
  field, ``None`` meaning unknown), then one ``Finish``, perhaps another ``Usage``, and ``End`` when the provider said, by
  whatever its dialect offers, that the answer is complete. No ``End``: the answer was cut.
- The commit is a property of the event (:attr:`Event.phase`), not of anybody's memory: ``SETUP`` events do not commit.

Events are plain and mutable for speed: there is one for every token. Treat them as immutable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

if TYPE_CHECKING:
    from pipeline.request import Sent

SETUP: Final = 0
SEMANTIC: Final = 1
TERMINAL: Final = 2

BlockKind = Literal["text", "reasoning", "refusal"]
OpaqueKind = Literal["signature", "redacted", "encrypted"]
FinishReason = Literal[
    "stop",  # DI-170 natural end
    "length",  # DI-171
    "tool_calls",  # DI-172
    "stop_sequence",  # DI-173
    "content_filter",  # DI-174 the provider's filter
    "refusal",  # DI-174 the model itself refused
    "context_window",  # DI-175
    "pause",  # DI-176
    "function_call",  # DI-177
    "other",  # DI-178
]


class Event:
    """Anything that can happen in an answer."""

    __slots__ = ()
    phase: ClassVar[int] = SETUP


@dataclass(slots=True)
class Opened(Event):
    """A provider accepted the request (2xx). Made by the gateway, the first event of every attempt."""

    candidate: str
    """``provider/model`` as configured."""
    sent: Sent
    """The request that it accepted."""
    dialect: str
    """Dialect of the bytes that follow; "" for providers that speak neutral events."""
    label: str = ""
    """The candidate as a metric's label: as configured, so bounded."""
    relay: bool = False
    """The bytes that follow are in the client's own form: they pass unchanged."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """Only the headers that may reach the client; names in lower case."""


@dataclass(slots=True)
class Started(Event):
    """``message_start``, ``response.created``, the first chunk. Values as the provider gave them; None: it did not."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    native: dict[str, Any] | None = None
    """The provider's own object (response, message), for what only its dialect knows."""


@dataclass(slots=True)
class Ping(Event):
    """A sign of life without content."""


@dataclass(slots=True)
class BlockStart(Event):
    """A run of text, reasoning or refusal begins. Not yet content: it does not commit."""

    block: int
    kind: BlockKind
    id: str | None = None
    """The provider's id of the item, where it has one (``msg_``, ``rs_``)."""


@dataclass(slots=True)
class ToolStart(Event):
    """A tool call begins: its id and name are known (DI-163: the id passes unchanged)."""

    phase: ClassVar[int] = SEMANTIC
    block: int
    id: str
    name: str
    custom: bool = False
    """A free-text tool: the arguments are a plain text, not JSON."""
    item_id: str | None = None


@dataclass(slots=True)
class Text(Event):
    """A piece of the answer's text."""

    phase: ClassVar[int] = SEMANTIC
    block: int
    text: str
    logprobs: Sequence[Any] | None = None
    """Token log probabilities in the shape that Chat and Responses share ({token, logprob, bytes, top_logprobs})."""


@dataclass(slots=True)
class Reasoning(Event):
    """A piece of visible reasoning."""

    phase: ClassVar[int] = SEMANTIC
    block: int
    text: str
    part: int = 0
    """Which summary part (Responses ``summary_index``) or content part; 0 where the dialect has no parts."""
    summary: bool = False
    """True for a summary of the reasoning (Responses), False for the reasoning itself."""


@dataclass(slots=True)
class Refusal(Event):
    """A piece of the model's refusal."""

    phase: ClassVar[int] = SEMANTIC
    block: int
    text: str


@dataclass(slots=True)
class ToolArguments(Event):
    """A piece of a tool call's arguments: JSON text, or free text for a custom tool."""

    phase: ClassVar[int] = SEMANTIC
    block: int
    text: str


@dataclass(slots=True)
class Citation(Event):
    """A source of the text block it belongs to (DI-159: url and title cross dialects, the rest does not)."""

    phase: ClassVar[int] = SEMANTIC
    block: int
    url: str | None
    title: str | None
    start: int | None = None
    end: int | None = None
    native: dict[str, Any] | None = None


@dataclass(slots=True)
class BlockEnd(Event):
    """A block is complete. Reasoning brings its opaque proof here (signature, encrypted content, redacted data)."""

    block: int
    opaque: str | None = None
    opaque_kind: OpaqueKind | None = None


@dataclass(slots=True)
class Foreign(Event):
    """Content that only the provider's own dialect can say: hosted tool items, server tool blocks, further choices.

    It occupies no block number. Another dialect drops it and counts it under ``kind`` (DI-158).
    """

    phase: ClassVar[int] = SEMANTIC
    kind: str
    native: dict[str, Any] | None = None


@dataclass(slots=True)
class Unknown(Event):
    """An event that we do not know. It never fails a stream; it passes in the same dialect and is dropped in another."""

    name: str


@dataclass(slots=True)
class Usage(Event):
    """Tokens, in one identity: ``input = uncached + cache_read + cache_write``; ``output`` includes ``reasoning``.

    Each dialect's own arithmetic lives at its border (DI-180 to DI-184). None is unknown, never zero.
    """

    input: int | None = None
    output: int | None = None
    total: int | None = None
    """The provider's own total where it gave one (TR-U8)."""
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None

    def update(self, other: Usage) -> None:
        """Overwrite with every value that ``other`` knows (DI-185: cumulative, it does not add)."""
        if other.input is not None:
            self.input = other.input
        if other.output is not None:
            self.output = other.output
        if other.total is not None:
            self.total = other.total
        if other.cache_read is not None:
            self.cache_read = other.cache_read
        if other.cache_write is not None:
            self.cache_write = other.cache_write
        if other.reasoning is not None:
            self.reasoning = other.reasoning

    def plus(self, other: Usage) -> Usage:
        """Both together, of what is known of them. Who gave no total counts for it with what is known of input and output."""
        total = None
        if self.total is not None or other.total is not None:
            total = self._whole() + other._whole()
        return Usage(
            _sum(self.input, other.input),
            _sum(self.output, other.output),
            total,
            _sum(self.cache_read, other.cache_read),
            _sum(self.cache_write, other.cache_write),
            _sum(self.reasoning, other.reasoning),
        )

    def _whole(self) -> int:
        return (self.input or 0) + (self.output or 0) if self.total is None else self.total

    def updated(self, other: Usage) -> Usage:
        """A copy with every value that ``other`` knows."""
        known = replace(self)
        known.update(other)
        return known


def _sum(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return one + other


UNKNOWN: Final = Usage()
"""The usage of which nothing is known."""


@dataclass(slots=True)
class Finish(Event):
    """Why the model stopped. Encoders hold it until ``End`` (usage may follow)."""

    phase: ClassVar[int] = TERMINAL
    reason: FinishReason
    native: str | None = None
    """The provider's own word."""
    stop_sequence: str | None = None
    details: dict[str, Any] | None = None
    """Messages ``stop_details``, Responses ``incomplete_details``."""


@dataclass(slots=True)
class End(Event):
    """The provider said that the answer is complete."""

    phase: ClassVar[int] = TERMINAL
    native: dict[str, Any] | None = None
    """The provider's final object (Responses), where it sends one."""


class Batch:
    """What one read of the wire brought: the unit that flows through a chain.

    One batch may hold many events, so that a fast provider costs one pass through the chain a read, not one a token.
    """

    __slots__ = ("alone", "commits", "ends", "error", "events", "raw", "size", "usages")

    def __init__(self, events: list[Event], raw: bytes = b"", error: Exception | None = None) -> None:
        self.events = events
        self.raw = raw
        """The wire bytes of exactly these events, whole events only; the same dialect hands them on untouched."""
        self.size = len(raw)
        """Bytes, for guards that count them."""
        self.alone = False
        """Whether it is sure to be one piece of content and nothing else, in wire bytes of its own (``said``)."""
        self.error = error
        """What went wrong behind the last of these events. The decode station hands the events on and then fails."""
        self.commits = False
        """Whether any of the events is semantic or terminal."""
        for event in events:
            if event.phase:
                self.commits = True
                break
        self.ends = bool(events) and type(events[-1]) is End
        self.usages: tuple[Usage, ...] = ()
        """Those of the events that tell usage: few batches hold one, and who wants it need not look at all events."""
        for event in events:
            if type(event) is Usage:
                self.usages += (event,)

    def __repr__(self) -> str:
        return f"Batch({self.events!r}, {len(self.raw)} bytes{', error' if self.error else ''})"


def said(event: Event, raw: bytes) -> Batch:
    """A batch of one piece of content that came alone, as most of a slow stream do: made without looking at it again."""
    batch = _new(Batch)
    batch.events = [event]
    batch.raw = raw
    batch.size = len(raw)
    batch.error = None
    batch.alone = batch.commits = True
    batch.ends = False
    batch.usages = ()
    return batch


def all_said(events: list[Event], raw: bytes) -> Batch:
    """A batch of nothing but content: none of the events is looked at again."""
    batch = _new(Batch)
    batch.events = events
    batch.raw = raw
    batch.size = len(raw)
    batch.error = None
    batch.commits = bool(events)
    batch.alone = batch.ends = False
    batch.usages = ()
    return batch


def as_one(batches: Sequence[Batch]) -> Batch:
    """Several as one, with the error of the last: what is known of them is known of it."""
    batch = _new(Batch)
    batch.events = events = []
    batch.alone = batch.commits = False
    batch.usages = ()
    for each in batches:
        events += each.events
        batch.usages += each.usages
        if each.commits:
            batch.commits = True
    batch.raw = b"".join([each.raw for each in batches])
    batch.size = len(batch.raw)
    batch.error = batches[-1].error if batches else None
    batch.ends = bool(events) and type(events[-1]) is End
    return batch


_new: Final = object.__new__
