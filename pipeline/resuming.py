"""What ``resume`` remembers of an answer, and how another candidate goes on with it, so that the client sees one stream.

A continuation is asked for with the beginning of the answer as an assistant's turn (DI-92). Only text is continued: a tool call,
reasoning with its proof, a refusal or structured output cannot be taken up by somebody else, so the original error stands.

What it costs: where a chain has ``resume`` and one candidate may go on with another's answer, the gateway writes every stream of
that model itself, from its first event on: two voices have no common bytes, and what only the provider's own dialect can say
(further choices of Chat) is lost as it is between dialects. Without the step, and for whole answers, bytes pass as they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from reactivex import Observable

from operators.failover import failover
from operators.inject import inject
from operators.through import through
from pipeline.chain import Attempt, each
from pipeline.dialects.amend import with_answer
from pipeline.errors import GatewayError
from pipeline.events import (
    UNKNOWN,
    Batch,
    BlockEnd,
    BlockStart,
    Citation,
    Event,
    Opened,
    Ping,
    Reasoning,
    Started,
    Text,
    Unknown,
    Usage,
)
from pipeline.exchange import Exchange
from pipeline.joint import Joined, Joint, OpenBlock

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
        self._open: OpenBlock | None = None
        """The block that has no end yet."""
        self._next = 0
        """The number of the block that follows."""
        self._usage = UNKNOWN
        self._speaker: Opened | None = None
        """Who answers."""
        self._follower: Opened | None = None
        """Who goes on, as soon as anything of it is seen."""
        self._heard: set[str] = set()
        """The labels of all who answered. Nobody is asked to go on with what itself broke off."""
        self._error: Exception | None = None

    def note(self, batch: Batch) -> None:
        """What the client sees."""
        if self._follower is not None:
            self._go_on(self._follower)
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
            self._open = OpenBlock(event.block, event.kind)
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
        """Other candidates that continue, each asked to go on from here. None: there is nobody, or this cannot be continued.

        Each way has a joint of its own, below the choice: a candidate of which nothing would be seen has not answered.
        """
        exchange = self._exchange
        text = "".join(self._texts)
        start = text.rstrip()
        ways = [way for way in exchange.ways if way.candidate.continues and way.candidate.label not in self._heard]
        first = self._speaker
        if first is None or not (ways and start and self._continuable) or _structured(exchange):
            return None
        amended = exchange.amended(with_answer(exchange.dialect.name, exchange.body, start))
        amended.rewritten = True
        self._error = error
        self._follower = None
        joint = partial(Joint, self._open, self._next, self._usage, text[len(start) :])
        joined = through(lambda: Joined(joint(), first.dialect, exchange.dialect.name))
        spliced = [Attempt(way.candidate, joined(way)) for way in ways]
        return inject(lambda _: amended)(failover(when=self._when)(each(spliced, noted=False)))

    def splice(self, batch: Batch) -> Iterable[Batch]:
        """What was joined already, without the word of who says it: the client has heard that the answer began."""
        events = batch.events
        opened = next((event for event in events if isinstance(event, Opened)), None)
        if opened is None:
            return (batch,)
        self._follower = opened
        rest = [event for event in events if event is not opened]
        return (Batch(rest),) if rest else ()

    def _go_on(self, opened: Opened) -> None:
        earlier, self._follower = self._speaker, None
        assert earlier is not None
        assert self._error is not None
        self._on_resumed(earlier.label, opened.label, self._error)
        # Encoders go by who began; so does who continues a continuation.
        self._heard.add(opened.label)
        self._speaker = replace(opened, dialect=earlier.dialect)


def _structured(exchange: Exchange) -> bool:
    """Whether the answer has a form that only who began it can complete; also where the request cannot be read."""
    try:
        form = exchange.request.format
    except GatewayError:
        return True
    return form is not None and form.kind != "text"
