"""The decode station of an attempt that is traced: what came of the wire, what was read in it, and how far it went at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from reactivex import Observable, abc

from operators.stream import Left, Link, Operator, Stream
from operators.through import Through
from pipeline.decode import Decode
from pipeline.events import Batch
from pipeline.exchange import Exchange
from pipeline.noting import OTHER, code_of, failed, how_it_ended, kind_of, note_batch, settled, spoilt
from pipeline.providers.frame import Frame, Head, Whole
from pipeline.resolve import Candidate
from pipeline.traces import ANSWER, CLIENT, Trace
from pipeline.traces.log import AT_ONCE, BOTH, RUN, WHOLE, pack
from pipeline.traces.record import MANY
from pipeline.traces.row import CODES

_BYTES: Final = CODES["bytes"]
_HEAD: Final = CODES["head"]
_COMPLETED: Final = CODES["completed"]
_ERROR: Final = CODES["error"]
_DISPOSE: Final = CODES["dispose"]


def decoding(candidate: Candidate, rewritten: bool, exchange: Exchange, *, read: bool = False) -> Decode:
    """The codec of one attempt: one that takes notes where the exchange has a trace under way."""
    trace = exchange.trace
    if trace is None or trace.ended is not None:
        return Decode(candidate, rewritten, exchange, read=read)
    try:
        return NotedDecode(candidate, rewritten, exchange, trace, read=read)
    except Exception:
        spoilt(trace)
        return Decode(candidate, rewritten, exchange, read=read)


class NotedDecode(Decode):
    """The decode station of an attempt that is traced: it notes what came of the wire and what was read in it."""

    __slots__ = ("ahead", "attempt", "heard", "now", "trace", "wire")

    def __init__(self, candidate: Candidate, rewritten: bool, exchange: Exchange, trace: Trace, *, read: bool) -> None:
        Decode.__init__(self, candidate, rewritten, exchange, read=read)
        self.trace = trace
        self.now = trace.now
        self.ahead: Batch | None = None
        """What the next read says: its link decoded it."""
        self.heard: int | None = None
        """How the source said itself that it is over."""
        self.attempt = attempt = trace.attempt(candidate.name, trace.now())
        attempt.tried = True
        attempt.label = candidate.label
        attempt.dialect = candidate.target.dialect
        if exchange.shared:
            attempt.shared = True
        self.wire = attempt.place
        for around in reversed(trace.guards):
            if around.candidate == candidate.name:
                around.tried(attempt)
                break

    def feed(self, frame: Frame) -> Iterable[Batch]:
        # Those, and reads that hold events and no error, the link sends on itself.
        assert not isinstance(frame, Head | Whole)
        now = self.now
        at = now()
        batches: Iterable[Batch]
        if type(frame) is bytes:
            batch, self.ahead = self.ahead, None
            assert batch is not None
            batches = self._read_in(batch)
        else:
            batches = Decode.feed(self, frame)
        size = len(frame) if isinstance(frame, bytes) else frame.size
        log = self.trace.log
        log.append(pack(self.wire, at, _BYTES, size, 0))
        if len(log) >= MANY:
            settled(self.trace)
        if type(batches) is not tuple:
            return self._noted(batches)
        if batches:
            self._batch(at, batches[0])
        return batches

    def _noted(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self._batch(self.now(), batch)
            yield batch

    def _batch(self, at: float, batch: Batch) -> None:
        try:
            self.looked(batch)
            note_batch(self.trace.log, self.wire + 1, at, batch)
        except Exception:
            spoilt(self.trace)

    def passes(self, batch: Batch) -> None:
        """The batch is sent on its way by the link, past ``feed``."""
        self.looked(batch)
        if batch.ends:
            self._over = True

    def looked(self, batch: Batch) -> None:
        """How far the attempt came with this batch."""
        if batch.commits:
            self.attempt.committed = True
            if batch.ends:
                self.attempt.whole = True

    def close(self) -> Iterable[Batch]:
        if self.heard is None:
            self.heard = _COMPLETED
        batches = Decode.close(self)
        return self._noted(batches) if batches else ()

    def fail(self, error: Exception) -> Iterable[Batch]:
        if self.heard is None:
            self.heard = _ERROR
        return self._noted(Decode.fail(self, error))


class NotedThrough(Through[Frame, Batch]):
    """Runs a decode station that takes notes. Heads, whole answers and reads it sends on itself, and notes what came of them, and
    how the attempt ended.
    """

    __slots__ = ("_now", "_read", "_trace", "_wire")

    _codec: NotedDecode

    def __init__(self, codec: NotedDecode) -> None:
        Through.__init__(self, codec)
        self._trace = codec.trace
        self._now = codec.now
        self._wire = codec.wire
        self._read: Callable[[bytes], Batch] | None = None
        """Reads a piece of a stream, once one was there."""

    def on_next(self, frame: Frame) -> None:
        if self.stopped:
            return
        if type(frame) is not bytes:
            if type(frame) is Head:
                self._head(frame)
            elif type(frame) is Whole:
                self._whole(frame)
            else:
                Through.on_next(self, frame)
            return
        now = self._now
        at = now()
        try:
            read = self._read or self._reader()
            batch = read(frame)
        except Exception as error:
            self.on_error(error)
            return
        if not batch.alone:
            # What is alone comes behind content that did not: it changes nothing of how far the attempt came.
            if batch.error is not None or not batch.events:
                self._codec.ahead = batch
                Through.on_next(self, frame)
                return
            self._codec.passes(batch)
        trace = self._trace
        trace.passing = batch
        trace.came = at
        try:
            self.receiver.on_next(batch)
        finally:
            trace.passing = None
            log, written = trace.log, trace.written
            trace.written = None
            if written is not None and batch.raw is frame and (batch.alone or _is_one(batch)):
                log.append(pack(self._wire, at, kind_of(type(batch.events[0]), OTHER) | AT_ONCE, batch.size, written))
            else:
                self._note_run(at, len(frame), batch, written)
            if len(log) >= MANY:
                settled(trace)

    def _note_run(self, at: float, read: int, batch: Batch, written: int | None) -> None:
        """What is more or less than one event in bytes of its own, or did not come to the answer. ``written``: see the trace."""
        try:
            log, code = self._trace.log, code_of(batch)
            log.append(pack(self._wire, at, _BYTES, read, 0))
            log.append(pack(self._wire + 1, at, code if written is None else code | RUN, batch.size, len(batch.events)))
            if written:
                log.append(pack(CLIENT, at, _BYTES, written, 0))
        except Exception:
            spoilt(self._trace)

    def _head(self, head: Head) -> None:
        """The provider accepted: one note for that and for what it is decoded as, before a guard may let go of it."""
        trace, at = self._trace, self._now()
        self._codec.attempt.opened = at
        try:
            batch = self._codec.accept(head)
        except Exception as error:
            trace.log.append(pack(self._wire, at, _HEAD, 0, 0))
            self.on_error(error)
            return
        trace.log.append(pack(self._wire, at, _HEAD | BOTH, 0, 0))
        self.receiver.on_next(batch)

    def _whole(self, frame: Whole) -> None:
        """All of an answer at once: where it comes to the client's answer as it is, one note tells all.

        Its time is that at which it came: how long it takes to read and to translate is told by the request's own times.
        """
        codec, trace, at = self._codec, self._trace, self._now()
        codec.attempt.opened = at
        try:
            batch = codec.whole(frame)
        except Exception as error:
            trace.log.append(pack(self._wire, at, _HEAD, len(frame.body), 0))
            self.on_error(error)
            return
        codec.looked(batch)
        trace.passing, trace.came = batch, at
        try:
            self.receiver.on_next(batch)
        finally:
            trace.passing = None
            reached, trace.written = trace.written is not None, None
            try:
                self._note_whole(at, frame, batch, reached=reached)
            except Exception:
                spoilt(trace)

    def _note_whole(self, at: float, frame: Whole, batch: Batch, *, reached: bool) -> None:
        trace, size = self._trace, len(frame.body)
        if reached and batch.size == size and len(batch.events) > 1:
            trace.log.append(pack(self._wire, at, code_of(batch) | WHOLE, size, len(batch.events)))
        else:
            trace.log.append(pack(self._wire, at, _HEAD, size, 0))
            note_batch(trace.log, self._wire + 1, at, batch)
            if reached:
                note_batch(trace.log, ANSWER, at, batch)
        if len(trace.log) >= MANY:
            settled(trace)

    def ended(self, how: Exception | Left | None) -> None:
        """How the attempt ended, as far as can be seen from here: a guard above may have let it go for a reason."""
        trace, codec = self._trace, self._codec
        if trace.ended is not None:
            return
        at, attempt, heard = self._now(), codec.attempt, codec.heard
        decoded = how_it_ended(how)
        if heard is None:
            heard = _DISPOSE
        if heard == decoded:
            trace.log.append(pack(self._wire, at, heard | BOTH, 0, 0))
        else:
            trace.log.append(pack(self._wire, at, heard, 0, 0))
            trace.log.append(pack(self._wire + 1, at, decoded, 0, 0))
        if isinstance(how, Exception):
            failed(attempt, at, how)
        else:
            attempt.end(at, "ok" if attempt.whole or how is None else "let_go")

    def _reader(self) -> Callable[[bytes], Batch]:
        decoder = self._codec._decoder
        assert decoder is not None
        self._read = decoder.feed
        return self._read


def _is_one(batch: Batch) -> bool:
    """Whether it is one event, behind which the stream goes on."""
    return len(batch.events) == 1 and not batch.ends


def decoded(candidate: Candidate, rewritten: bool, *, read: bool) -> Operator[Frame, Batch]:
    """The decode station as an operator; each subscription decodes one attempt of the exchange that is its scope."""

    def operator(source: Observable[Frame]) -> Stream[Batch]:
        def subscribe(observer: abc.ObserverBase[Batch], scheduler: abc.SchedulerBase | None) -> Link[Frame, Batch]:
            assert isinstance(scheduler, Exchange)
            codec = decoding(candidate, rewritten, scheduler, read=read)
            link = NotedThrough(codec) if isinstance(codec, NotedDecode) else Through(codec)
            return link.connect(source, observer, scheduler)

        return Stream(subscribe, linked=True)

    return operator
