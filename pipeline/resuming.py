"""What ``resume`` remembers of an answer, and how another candidate goes on with it, so that the client sees one stream.

A continuation is asked for with the beginning of the answer as an assistant's turn (DI-92). Only text is continued: a tool call,
reasoning with its proof, a refusal or structured output cannot be taken up by somebody else, so the original error stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any, Final

from reactivex import Observable

from operators.failover import failover
from operators.inject import inject
from pipeline.chain import each
from pipeline.dialects.amend import with_answer
from pipeline.errors import GatewayError
from pipeline.events import (
    UNKNOWN,
    Batch,
    BlockEnd,
    BlockStart,
    Citation,
    End,
    Event,
    Opened,
    Ping,
    Reasoning,
    Started,
    Text,
    ToolStart,
    Unknown,
    Usage,
)
from pipeline.exchange import Exchange

# What may have been said before text that is continued. Anything else belongs to who began it.
_TAKEN_UP: Final = frozenset({Opened, Started, Ping, BlockStart, BlockEnd, Text, Reasoning, Citation, Usage, Unknown})

OnResumed = Callable[[str, str, Exception], None]
"""Probe: (label of the candidate that was cut, label of the one that goes on, error)."""


class Said:
    """The memory of one answer (``operators.resume.Memory``).

    Args:
        exchange: whose answer it is.
        when: which errors of a continuation are worth another candidate.
        on_resumed: called when a continuation is accepted.
    """

    def __init__(self, exchange: Exchange, when: Callable[[Exception], bool], on_resumed: OnResumed) -> None:
        self._exchange = exchange
        self._when = when
        self._on_resumed = on_resumed
        self._texts: list[str] = []
        self._continuable = True
        self._open: int | None = None
        """The text block that has no end yet."""
        self._next = 0
        """The number of the block that follows."""
        self._usage = UNKNOWN
        self._joint: _Joint | None = None
        self._speaker = ""
        """Who answers, by its label."""
        self._error: Exception | None = None

    def note(self, batch: Batch) -> None:
        """What the client sees."""
        for event in batch.events:
            kind = type(event)
            if kind is Text:
                self._texts.append(event.text)  # type: ignore[attr-defined]
            elif kind not in _TAKEN_UP:
                self._continuable = False
            else:
                self._note(event)

    def _note(self, event: Event) -> None:
        if isinstance(event, BlockStart):
            self._next = event.block + 1
            self._open = event.block if event.kind == "text" else None
            # Reasoning alone is no text to go on from, and a refusal is no answer.
            self._continuable = self._continuable and event.kind != "refusal"
        elif isinstance(event, BlockEnd):
            self._open = None
            self._continuable = self._continuable and event.opaque is None
        elif isinstance(event, Usage):
            self._usage = self._usage.updated(event)
        elif isinstance(event, Opened):
            self._speaker = event.label

    def continuation(self, error: Exception) -> Observable[Batch] | None:
        """Other candidates that continue, each asked to go on from here. None: there is nobody, or this cannot be continued."""
        exchange = self._exchange
        text = "".join(self._texts)
        start = text.rstrip()
        ways = [way for way in exchange.ways if way.candidate.continues and way.candidate.label != self._speaker]
        if not (ways and start and self._continuable) or _structured(exchange):
            return None
        amended = exchange.amended(with_answer(exchange.dialect.name, exchange.body, start))
        self._joint = _Joint(self._open, self._next, self._usage, text[len(start) :])
        self._error = error
        return inject(lambda _: amended)(failover(when=self._when)(each(ways)))

    def splice(self, batch: Batch) -> Iterable[Batch]:
        """A continuation's batch as the client shall see it: no second beginning, its blocks behind ours, one usage."""
        joint = self._joint
        assert joint is not None
        events: list[Event] = []
        for event in batch.events:
            if isinstance(event, Opened):
                assert self._error is not None
                self._on_resumed(self._speaker, event.label, self._error)
                self._speaker = event.label
            else:
                events.extend(joint.spliced(event))
        return (Batch(events),) if events else ()


class _Joint:
    """Where a continuation is joined to what was said before.

    Args:
        open_block: the text block that it goes on with.
        following: the number of its next block.
        usage: of what was said before.
        blanks: what was said behind the text that it was asked to continue (providers refuse a turn that ends in blanks).
    """

    def __init__(self, open_block: int | None, following: int, usage: Usage, blanks: str) -> None:
        self._open = open_block
        self._following = following
        self._before = usage
        self._blanks = blanks
        self._own = UNKNOWN
        self._blocks: dict[int, int] = {}

    def spliced(self, event: Event) -> Iterable[Event]:
        """What becomes of an event."""
        if isinstance(event, Started):
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
            event = _shorter(event, self._unrepeated(event.text))
            if not event.text:
                return ()
        return (self._moved(event),)

    def _begun(self, event: Any) -> Iterable[Event]:
        open_block, self._open = self._open, None
        if open_block is not None and type(event) is BlockStart and event.kind == "text":
            self._blocks[event.block] = open_block
            return ()
        self._blocks[event.block] = self._following
        self._following += 1
        begun = self._moved(event)
        return (begun,) if open_block is None else (BlockEnd(open_block), begun)

    def _moved(self, event: Any) -> Event:
        """The event with its block's number in the whole answer."""
        block = getattr(event, "block", None)
        if block is None or self._blocks.get(block, block) == block:
            return event  # type: ignore[no-any-return]
        moved = copy(event)
        moved.block = self._blocks[block]
        return moved  # type: ignore[no-any-return]

    def _unrepeated(self, text: str) -> str:
        """Blanks that were said already are not said again."""
        pairs = enumerate(zip(self._blanks, text, strict=False))
        common = next((place for place, (said, new) in pairs if said != new), min(len(self._blanks), len(text)))
        self._blanks = self._blanks[common:] if common == len(text) else ""
        return text[common:]


def _structured(exchange: Exchange) -> bool:
    """Whether the answer has a form that only who began it can complete; also where the request cannot be read."""
    try:
        return exchange.request.format is not None
    except GatewayError:
        return True


def _shorter(event: Text, text: str) -> Text:
    shorter = copy(event)
    shorter.text = text
    return shorter
