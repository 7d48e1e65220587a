"""Streamed events that differ from the one before only in their text are checked all at once: never wrongly, whatever comes.

Most events of a stream are one event again with another piece of text (and another number, and other padding). Once the decoder
read one of them by itself, the bytes around these values are known. A read that is nothing but such events is turned into one
JSON array by replacing the known bytes, and parsed in one go: so every value is still checked to be JSON of the right type, every
byte around them to be what it was. Anything else goes to the decoder, and behind it nothing is known until the decoder has again
read such an event by itself: what an event means depends on what came before it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import Final

from pipeline.dialects.codec import Decoder
from pipeline.dialects.shape import END, Plain, Shape, learn, told
from pipeline.events import Batch, Event, Reasoning, Text, all_said, as_one, said

# Shapes that are learned before one must have proved useful: some providers change an id or a time in each event.
_PATIENCE: Final = 4
# Runs of like events that are looked for in one read, and how many events are looked at for each of them.
_RUNS: Final = 8
_AHEAD: Final = 8
# Most bytes, and no more than ``_AHEAD`` events, of an answer's first read for which looking for runs is not worth it.
_SMALL: Final = 4096
# Bytes of the beginning of an event that wait here for the rest.
_WAITING: Final = 4096


class Skim:
    """See :class:`pipeline.dialects.codec.Decoder`.

    Args:
        decoder: reads whatever is not skimmed.
        plain: see :data:`pipeline.dialects.shape.Plain`.
        marks: an event of text has one of these in its bytes; others are not looked at.
        joined: one event for all the text that is skimmed in one read; otherwise one for each piece, as the provider cut it.
        skipped: told the skimmed text, where the decoder has to remember what was said.
    """

    __slots__ = (
        "_armed",
        "_decoder",
        "_first",
        "_joined",
        "_last",
        "_marks",
        "_patience",
        "_pending",
        "_plain",
        "_rest",
        "_shape",
        "_skipped",
    )

    def __init__(
        self,
        decoder: Decoder,
        plain: Plain,
        marks: tuple[bytes, ...],
        *,
        joined: bool = False,
        skipped: Callable[[str], None] | None = None,
    ) -> None:
        self._decoder = decoder
        self._plain = plain
        self._marks = marks
        self._joined = joined
        self._skipped = skipped
        self._shape: Shape | None = None
        self._armed: Shape | None = None
        """The shape of the last event that came, whole and nothing behind it: only then its like means the like."""
        self._last: Batch | None = None
        """What the decoder read last, of which nothing was learned yet."""
        self._first = True
        """Nothing came yet: an answer's first read is read as it is, where it is small."""
        self._rest = b""
        """The beginning of an event: the decoder gets whole ones."""
        self._pending = 0
        """Bytes that wait in the decoder nevertheless: of a long event, or behind another kind of line end."""
        self._patience = _PATIENCE

    def feed(self, data: bytes) -> Batch:
        if self._rest:
            data = self._rest + data
            self._rest = b""
        shape = self._armed if self._last is None else self._arm()
        if shape is not None:
            # A read that is exactly one more event, as most of a slow stream are.
            text = shape.only(data)
            if text:
                self._patience = _PATIENCE
                skipped, make = self._skipped, shape.make
                if skipped is not None:
                    skipped(text)
                return said(make(shape.block, text), data)
        elif self._pending or (self._shape is None and not self._patience):
            return self._read(data)
        return self._apart(data)

    def close(self) -> Batch:
        self._armed = self._last = None
        rest, self._rest = self._rest, b""
        return as_one([self._decoder.feed(rest), self._decoder.close()]) if rest else self._decoder.close()

    def _arm(self) -> Shape | None:
        """What is known now. An event is learned from when another one came: the first word of an answer does not wait for it."""
        last, self._last = self._last, None
        if last is not None:
            self._armed = self._known(last)
        return self._armed

    def _apart(self, data: bytes) -> Batch:
        """Take a read apart: what is skimmed, what the decoder has to read, and what has to wait."""
        last = data.rfind(END)
        whole = 0 if last < 0 else last + 2
        if len(data) - whole > _WAITING or data.find(b"\r", whole) >= 0:
            whole = len(data)
        self._rest = data[whole:]
        first, self._first = self._first, False
        if (
            whole
            and self._armed is None
            and (data.find(END) == whole - 2 or (first and whole <= _SMALL and data.count(END) <= _AHEAD))
        ):
            return self._read(data[:whole])
        batches: list[Batch] = []
        at, runs = 0, _RUNS
        while at < whole:
            shape = self._arm()
            batch = None if shape is None else self._skim(shape, data, at, whole)
            if batch is None:
                end = self._next(data, at, whole) if runs else whole
                runs -= 1
                batch = self._read(data[at:end])
                at = end
            else:
                at += len(batch.raw)
            batches.append(batch)
            if batch.error is not None or batch.ends:
                break
        return batches[0] if len(batches) == 1 else as_one(batches)

    def _next(self, data: bytes, at: int, whole: int) -> int:
        """How far the decoder has to read: up to an event that may begin a run, or behind it when it comes first."""
        start = at
        for _ in range(_AHEAD):
            mark = self._marked(data, start, whole)
            if mark < 0:
                break
            begin = max(data.rfind(END, start, mark) + 2, start)
            end = data.find(END, mark, whole) + 2
            if end < mark:
                # Another kind of line end made all of it be read at once: this event is not whole.
                break
            if self._patience or (self._shape is not None and self._shape.only(data[begin:end])):
                return end if begin == at else begin
            start = end
        return whole

    def _marked(self, data: bytes, start: int, whole: int) -> int:
        """Where the first mark is."""
        found = -1
        for mark in self._marks:
            place = data.find(mark, start, whole)
            if place >= 0:
                found = whole = place
        return found

    def _skim(self, shape: Shape, data: bytes, at: int, whole: int) -> Batch | None:
        run = shape.run(data[at:whole])
        if run is None:
            return None
        texts, length = run
        self._patience = _PATIENCE
        text = "".join(texts)
        if self._skipped is not None:
            self._skipped(text)
        events: list[Event] = []
        if self._joined:
            if text:
                events.append(shape.make(shape.block, text))
        else:
            events += map(shape.make, repeat(shape.block), filter(None, texts))
        return all_said(events, data[at : at + length])

    def _read(self, data: bytes) -> Batch:
        batch = self._decoder.feed(data)
        self._pending += len(data) - len(batch.raw)
        self._armed = None
        self._last = None if self._pending or batch.error is not None else batch
        return batch

    def _known(self, batch: Batch) -> Shape | None:
        """The shape of a batch that is one event, where it is the one that is known, or can be learned."""
        events = batch.events
        if len(events) != 1:
            return None
        event = events[0]
        if type(event) is not Text and type(event) is not Reasoning:
            return None
        shape = self._shape
        if shape is not None and shape.make is type(event) and shape.only(batch.raw) == event.text:
            shape.block = event.block
            return shape
        self._shape = None
        if self._patience:
            self._patience -= 1
            self._shape = learn(event, batch.raw, told(batch.raw, self._plain), self._plain)
        return self._shape
