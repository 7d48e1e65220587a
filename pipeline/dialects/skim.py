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
from pipeline.events import Batch, Event, Reasoning, Text, said

# Shapes that are learned before one must have proved useful: some providers change an id or a time in each event.
_PATIENCE: Final = 4
# Runs of like events that are looked for in one read, and how many events each of them may be away.
_RUNS: Final = 8
_AHEAD: Final = 8
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
        "_heard",
        "_joined",
        "_last",
        "_looked",
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
        self._looked = b""
        """The event that was looked at last, and what it told."""
        self._heard: str | None = None
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
        shape = self._arm()
        if shape is not None:
            # A read that is exactly one more event, as most of a slow stream are.
            text = shape.only(data)
            if text:
                self._patience = _PATIENCE
                if self._skipped is not None:
                    self._skipped(text)
                return said(shape.make(shape.block, text), data)
        elif self._pending or (self._shape is None and not self._patience):
            return self._read(data)
        return self._apart(data)

    def close(self) -> Batch:
        self._armed = self._last = None
        rest, self._rest = self._rest, b""
        return _merged([self._decoder.feed(rest), self._decoder.close()]) if rest else self._decoder.close()

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
        if whole and self._armed is None and (data.count(END) <= _AHEAD if first else data.find(END) == whole - 2):
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
        return batches[0] if len(batches) == 1 else _merged(batches)

    def _next(self, data: bytes, at: int, whole: int) -> int:
        """How far the decoder has to read: up to an event that may begin a run, or behind it when it comes first."""
        start = at
        for _ in range(_AHEAD):
            end = data.find(END, start, whole) + 2
            if end < 2:
                break
            if self._likely(data[start:end]):
                return end if start == at else start
            start = end
        return whole

    def _likely(self, wire: bytes) -> bool:
        if self._shape is not None and self._shape.only(wire):
            return True
        return self._patience > 0 and any(mark in wire for mark in self._marks) and bool(self._told(wire))

    def _told(self, wire: bytes) -> str | None:
        if wire != self._looked:
            self._looked, self._heard = wire, told(wire, self._plain)
        return self._heard

    def _skim(self, shape: Shape, data: bytes, at: int, whole: int) -> Batch | None:
        end = shape.last_end(data, at, whole)
        texts = shape.texts(data, at, end) if end else None
        if texts is None:
            return None
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
        return Batch(events, data[at:end] if at or end < len(data) else data)

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
            self._shape = learn(event, batch.raw, self._told(batch.raw), self._plain)
        return self._shape


def _merged(batches: list[Batch]) -> Batch:
    events: list[Event] = []
    for batch in batches:
        events += batch.events
    return Batch(events, b"".join([batch.raw for batch in batches]), batches[-1].error if batches else None)
