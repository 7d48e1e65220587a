"""What ``resume`` remembers of an answer, and how another candidate goes on with it, so that the client sees one stream.

A continuation is asked for with the beginning of the answer as an assistant's turn (DI-92). Only text is continued: a tool call,
reasoning with its proof, a refusal or structured output cannot be taken up by somebody else, so the original error stands.

What it costs: where a chain has ``resume`` and one candidate may go on with another's answer, the gateway writes every stream of
that model itself, from its first event on: two voices have no common bytes, and what only the provider's own dialect can say
(further choices of Chat) is lost as it is between dialects. Without the step, and for whole answers, bytes pass as they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
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
    Finish,
    Foreign,
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
        self._open: _OpenBlock | None = None
        """The block that has no end yet."""
        self._next = 0
        """The number of the block that follows."""
        self._usage = UNKNOWN
        self._joint: _Joint | None = None
        self._speaker: Opened | None = None
        """Who answers."""
        self._heard: set[str] = set()
        """The labels of all who answered. Nobody is asked to go on with what itself broke off."""
        self._error: Exception | None = None

    def note(self, batch: Batch) -> None:
        """What the client sees."""
        for event in batch.events:
            kind = type(event)
            if kind is Text:
                self._texts.append(event.text)  # type: ignore[attr-defined]
                if self._open is not None:
                    self._open.length += len(event.text)  # type: ignore[attr-defined]
            elif kind not in _TAKEN_UP:
                self._continuable = False
            else:
                self._note(event)

    def _note(self, event: Event) -> None:
        if isinstance(event, BlockStart):
            self._next = event.block + 1
            self._open = _OpenBlock(event.block, event.kind)
            # Reasoning alone is no text to go on from, and a refusal is no answer.
            self._continuable = self._continuable and event.kind != "refusal"
        elif isinstance(event, BlockEnd):
            self._open = None
            self._continuable = self._continuable and event.opaque is None
        elif isinstance(event, Usage):
            self._usage = self._usage.updated(event)
        elif isinstance(event, Opened):
            self._speaks(event)

    def _speaks(self, opened: Opened) -> None:
        self._speaker = opened
        self._heard.add(opened.label)

    def continuation(self, error: Exception) -> Observable[Batch] | None:
        """Other candidates that continue, each asked to go on from here. None: there is nobody, or this cannot be continued."""
        exchange = self._exchange
        text = "".join(self._texts)
        start = text.rstrip()
        ways = [way for way in exchange.ways if way.candidate.continues and way.candidate.label not in self._heard]
        if not (ways and start and self._continuable) or _structured(exchange):
            return None
        amended = exchange.amended(with_answer(exchange.dialect.name, exchange.body, start))
        amended.rewritten = True
        self._joint = _Joint(self._open, self._next, self._usage, text[len(start) :])
        self._error = error
        return inject(lambda _: amended)(failover(when=self._when)(each(ways, noted=False)))

    def splice(self, batch: Batch) -> Iterable[Batch]:
        """A continuation's batch as the client shall see it: no second beginning, its blocks behind ours, one usage."""
        joint = self._joint
        assert joint is not None
        events: list[Event] = []
        for event in batch.events:
            if isinstance(event, Opened):
                self._go_on(event, joint)
            else:
                events.extend(joint.spliced(event))
        return (Batch(events),) if events else ()

    def _go_on(self, opened: Opened, joint: _Joint) -> None:
        earlier = self._speaker
        assert earlier is not None
        assert self._error is not None
        self._on_resumed(earlier.label, opened.label, self._error)
        client = self._exchange.dialect.name
        own = earlier.dialect == client
        if not (own and opened.dialect == client):
            joint.translate(reasoning=not (own and client == "messages"))
        # Encoders go by who began; so does who continues a continuation.
        self._heard.add(opened.label)
        self._speaker = replace(opened, dialect=earlier.dialect)


@dataclass(slots=True)
class _OpenBlock:
    number: int
    kind: str
    length: int = 0
    """Characters of its text."""


class _Joint:
    """Where a continuation is joined to what was said before.

    Args:
        open_block: what was broken off; a text is gone on with, anything else ends here.
        following: the number of its next block.
        usage: of what was said before.
        blanks: what was said behind the text that it was asked to continue (providers refuse a turn that ends in blanks).
    """

    def __init__(self, open_block: _OpenBlock | None, following: int, usage: Usage, blanks: str) -> None:
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


def _structured(exchange: Exchange) -> bool:
    """Whether the answer has a form that only who began it can complete; also where the request cannot be read."""
    try:
        form = exchange.request.format
    except GatewayError:
        return True
    return form is not None and form.kind != "text"
