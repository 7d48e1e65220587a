"""Guards that change what is said, over our batches: a person's function sees events, a redactor the text of each block."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import replace
from typing import Any, Final

import orjson

from operators.redactor import Redactor
from pipeline.encode import BEAT
from pipeline.events import (
    Batch,
    BlockEnd,
    Citation,
    End,
    Event,
    Finish,
    Foreign,
    Reasoning,
    Refusal,
    Text,
    ToolArguments,
    ToolStart,
)

_SPOKEN: Final = (Text, Reasoning, Refusal, ToolArguments)

_LITERAL: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
"""A text of JSON that is valid."""

_CODE: Final = re.compile(r"(?<!\\)((?:\\\\)*\\u)([0-9a-f]{4})")
"""A character by its number, in a text of JSON."""

# Which text an event goes on with: its kind, its block, its part.
Key = tuple[type, int, int]


def over_events(function: Callable[[Any], Any]) -> Callable[[Batch], Batch]:
    """Lift a function on events to one on batches: it gives an event, None to drop it, or a list of events."""

    def edit(batch: Batch) -> Batch:
        if batch is BEAT:
            return batch
        events: list[Event] = []
        for event in batch.events:
            # A copy: others may hold the same event. The provider's own final object would say everything as it was.
            events.extend(_events(function(End() if isinstance(event, End) else copy(event))))
        return _said_anew(batch, events)

    return edit


def _events(edited: Any) -> list[Event]:
    """What a person's function gave, as a list."""
    found = [] if edited is None else edited if isinstance(edited, list) else [edited]
    wrong = next((each for each in found if not isinstance(each, Event)), None)
    if wrong is not None:
        raise TypeError(f"edit: the function gave {type(wrong).__name__}; expected an event, None, or a list of events")
    return found


def spelled(word: str) -> Iterator[str]:
    r"""How JSON may write a word: an answer that is JSON is a text like any other, and comes in pieces that are none yet.

    >>> list(spelled("Müller")), list(spelled("Orion"))
    (['M\\u00fcller', 'M\\u00FCller'], [])
    """
    plain = json.dumps(word, ensure_ascii=False)[1:-1]
    small = json.dumps(word)[1:-1]
    large = _CODE.sub(lambda found: found[1] + found[2].upper(), small)
    spellings = dict.fromkeys((plain, small, large))
    spellings.update(dict.fromkeys(each.replace("/", "\\/") for each in tuple(spellings)))
    yield from (each for each in spellings if each != word)


class Redacting:
    """One answer's batches with everything that is said redacted, each block a text of its own (a codec, see ``through``).

    What a block holds back is said before its end; where the answer fails it is dropped. The arguments of a tool are said at the
    end of the call, because in JSON one word has many spellings: each text in them is redacted as it is meant. What carries the
    same words in another form (token probabilities, the provider's own final object) is left out; quotations and items of the
    provider's own are redacted text by text. A source in a text where something was replaced is one of all of the text so far:
    its own place is no longer there.
    """

    __slots__ = ("_arguments", "_make", "_open", "_replaced", "_said")

    def __init__(self, make: Callable[[], Redactor]) -> None:
        self._make = make
        self._open: dict[Key, tuple[Redactor, Any]] = {}
        """Of each text that may go on: its redactor, and an event of its kind."""
        self._arguments: dict[int, list[str]] = {}
        """Of each call that is under way: the pieces of its JSON."""
        self._said: dict[int, int] = {}
        """How many characters of each block of text were said."""
        self._replaced: set[int] = set()
        """The blocks of text in which something was replaced."""

    def feed(self, batch: Batch) -> tuple[Batch, ...]:
        """The batch as it may be said now."""
        if batch is BEAT:
            return (batch,)
        events: list[Event] = []
        for event in batch.events:
            if isinstance(event, ToolArguments) and event.block in self._arguments:
                self._arguments[event.block].append(event.text)
            elif isinstance(event, _SPOKEN):
                events.extend(self._say(event))
            else:
                if isinstance(event, ToolStart) and not event.custom:
                    self._arguments[event.block] = []
                elif isinstance(event, BlockEnd):
                    events.extend(self._rest(event.block))
                elif isinstance(event, End):
                    events.extend(self._rest())
                events.append(self._elsewhere(event))
        # Without events it still tells how many bytes came.
        return (_said_anew(batch, events),)

    def close(self) -> Iterable[Batch]:
        """What was still held back."""
        events = list(self._rest())
        return (Batch(events),) if events else ()

    def _say(self, event: Any) -> Iterator[Event]:
        key = (type(event), event.block, getattr(event, "part", 0))
        if key not in self._open:
            # Another part of the same block: the one before is over.
            yield from self._rest(event.block)
            self._open[key] = (self._make(), event)
        redactor = self._open[key][0]
        text = redactor.feed(event.text)
        self._note(event, redactor, text)
        if text:
            yield _saying(event, text)

    def _note(self, event: Any, redactor: Redactor, text: str) -> None:
        """For sources, which stand in texts only."""
        if type(event) is Text:
            self._said[event.block] = self._said.get(event.block, 0) + len(text)
            if redactor.changed:
                self._replaced.add(event.block)

    def _elsewhere(self, event: Event) -> Event:
        """What is said beside the texts: sources with their quotations, the provider's own objects."""
        if isinstance(event, End):
            # The provider's own final object says everything once more.
            return End()
        if isinstance(event, Citation):
            return self._cited(event)
        if isinstance(event, Foreign):
            return replace(event, native=self._all(event.native))
        if isinstance(event, Finish):
            return replace(event, details=self._all(event.details))
        return event

    def _cited(self, event: Citation) -> Citation:
        """A source, with a place that is its own in what is said."""
        said = replace(event, url=self._all(event.url), title=self._all(event.title), native=self._all(event.native))
        length = self._said.get(event.block, 0)
        waits = (event.end or 0) > length and (Text, event.block, 0) in self._open
        if event.block in self._replaced or waits:
            said.start = said.end = None
            if said.native is not None and "start_index" in said.native:
                said.native.update(start_index=0, end_index=length)
        return said

    def _json(self, text: str) -> str:
        """JSON with each text in it redacted, and all else as it came; a plain text where it is no JSON."""
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError:
            return str(self._all(text))
        return _LITERAL.sub(self._literal, text)

    def _literal(self, found: re.Match[str]) -> str:
        said = orjson.loads(found[0])
        redacted = self._all(said)
        return found[0] if redacted == said else orjson.dumps(redacted).decode()

    def _all(self, value: Any) -> Any:
        """A value with each text in it redacted by itself."""
        if isinstance(value, str):
            redactor = self._make()
            return redactor.feed(value) + redactor.close()
        if isinstance(value, dict):
            return {self._all(name): self._all(item) for name, item in value.items()}
        return [self._all(item) for item in value] if isinstance(value, list) else value

    def _rest(self, block: int | None = None) -> Iterator[Event]:
        for call in [call for call in self._arguments if block in (None, call)]:
            text = self._json("".join(self._arguments.pop(call)))
            if text:
                yield ToolArguments(call, text)
        for key in [key for key in self._open if block is None or key[1] == block]:
            redactor, event = self._open.pop(key)
            text = redactor.close()
            self._note(event, redactor, text)
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
