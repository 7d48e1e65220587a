"""Guards that change what is said, over our batches: a person's function sees events, a redactor the text of each block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import replace
from typing import Any, Final

from operators.redactor import Redactor
from pipeline.encode import BEAT
from pipeline.events import Batch, BlockEnd, Citation, End, Event, Finish, Foreign, Reasoning, Refusal, Text, ToolArguments

_SPOKEN: Final = (Text, Reasoning, Refusal, ToolArguments)

# Which text an event goes on with: its kind, its block, its part.
Key = tuple[type, int, int]


def over_events(function: Callable[[Any], Any]) -> Callable[[Batch], Batch]:
    """Lift a function on events to one on batches: it gives an event, None to drop it, or a list of events."""

    def edit(batch: Batch) -> Batch:
        if batch is BEAT:
            return batch
        events: list[Event] = []
        for event in batch.events:
            # The provider's own final object would say everything as it was.
            edited = function(End() if isinstance(event, End) else event)
            if isinstance(edited, list):
                events.extend(edited)
            elif edited is not None:
                events.append(edited)
        return _said_anew(batch, events)

    return edit


class Redacting:
    """One answer's batches with everything that is said redacted, each block a text of its own (a codec, see ``through``).

    What a block holds back is said before its end, or before the answer fails. What carries the same words in another form (token
    probabilities, the provider's own final object) is left out; quotations and items of the provider's own are redacted text by
    text.
    """

    __slots__ = ("_make", "_open")

    def __init__(self, make: Callable[[], Redactor]) -> None:
        self._make = make
        self._open: dict[Key, tuple[Redactor, Any]] = {}
        """Of each text that may go on: its redactor, and an event of its kind."""

    def feed(self, batch: Batch) -> tuple[Batch, ...]:
        """The batch as it may be said now."""
        if batch is BEAT:
            return (batch,)
        events: list[Event] = []
        for event in batch.events:
            if isinstance(event, _SPOKEN):
                events.extend(self._say(event))
            else:
                if isinstance(event, BlockEnd):
                    events.extend(self._rest(event.block))
                elif isinstance(event, End):
                    events.extend(self._rest())
                events.append(self._elsewhere(event))
        return (_said_anew(batch, events),) if events else ()

    def close(self) -> Iterable[Batch]:
        """What was still held back."""
        events = list(self._rest())
        return (Batch(events),) if events else ()

    def fail(self, error: Exception) -> Iterator[Batch]:
        """The client gets what it would have got of a longer answer, then the error."""
        yield from self.close()
        raise error

    def _say(self, event: Any) -> Iterator[Event]:
        key = (type(event), event.block, getattr(event, "part", 0))
        if key not in self._open:
            # Another part of the same block: the one before is over.
            yield from self._rest(event.block)
            self._open[key] = (self._make(), event)
        text = self._open[key][0].feed(event.text)
        if text:
            yield _saying(event, text)

    def _elsewhere(self, event: Event) -> Event:
        """What is said beside the texts: sources with their quotations, the provider's own objects."""
        if isinstance(event, End):
            # The provider's own final object says everything once more.
            return End()
        if isinstance(event, Citation):
            return replace(event, url=self._all(event.url), title=self._all(event.title), native=self._all(event.native))
        if isinstance(event, Foreign):
            return replace(event, native=self._all(event.native))
        if isinstance(event, Finish):
            return replace(event, details=self._all(event.details))
        return event

    def _all(self, value: Any) -> Any:
        """A value with each text in it redacted by itself."""
        if isinstance(value, str):
            redactor = self._make()
            return redactor.feed(value) + redactor.close()
        if isinstance(value, dict):
            return {name: self._all(item) for name, item in value.items()}
        return [self._all(item) for item in value] if isinstance(value, list) else value

    def _rest(self, block: int | None = None) -> Iterator[Event]:
        for key in [key for key in self._open if block is None or key[1] == block]:
            redactor, event = self._open.pop(key)
            text = redactor.close()
            if text:
                yield _saying(event, text)


def _saying(event: Any, text: str) -> Event:
    said = copy(event)
    said.text = text
    if type(said) is Text:
        said.logprobs = None
    return said  # type: ignore[no-any-return]


def _said_anew(batch: Batch, events: list[Event]) -> Batch:
    """The bytes say the old thing, so they are gone; their number still counts for the guards that count bytes."""
    anew = Batch(events)
    anew.size = batch.size
    return anew
