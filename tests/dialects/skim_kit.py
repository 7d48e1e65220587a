"""What the tests of skimming share: events that are alike, and the comparison of skimming decoders with the bare ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Final

from pipeline.dialects import DIALECTS, Decoder
from pipeline.dialects.chat.decoder import ChatDecoder
from pipeline.dialects.messages.decoder import MessagesDecoder
from pipeline.dialects.responses.decoder import StreamDecoder
from pipeline.errors import GatewayError
from pipeline.events import Batch, Event, Ping, Reasoning, Text
from pipeline.wire.sse import SseEvent, SseReader
from tests.dialects import chat_kit, messages_kit, responses_kit

BARE: Final[dict[str, Callable[[], Decoder]]] = {
    "chat": ChatDecoder,
    "responses": StreamDecoder,
    "messages": MessagesDecoder,
}


def pieces(wire: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The wire cut into reads of these sizes, over and over."""
    reads, at, number = [], 0, 0
    while at < len(wire):
        reads.append(wire[at : at + cuts[number % len(cuts)]])
        at += len(reads[-1])
        number += 1
    return reads


def read(decoder: Decoder, reads: Sequence[bytes]) -> list[Batch]:
    return [*(decoder.feed(piece) for piece in reads), decoder.close()]


def said(batches: list[Batch], *, joined: bool) -> list[object]:
    """All events without signs of life; joined: what is said by runs of like events."""
    events = [event for batch in batches for event in batch.events if type(event) is not Ping]
    if not joined:
        return [*events]
    told: list[object] = []
    for like, run in groupby(events, _likeness):
        same = [*run]
        told += [(like, "".join(event.text for event in same if isinstance(event, (Text, Reasoning))))] if like else same
    return told


def _likeness(event: Event) -> tuple[object, ...] | None:
    if type(event) is Text and not event.logprobs:
        return (Text, event.block)
    return (Reasoning, event.block, event.part, event.summary) if type(event) is Reasoning else None


def failure(batches: list[Batch]) -> tuple[object, ...] | None:
    errors = [batch.error for batch in batches if batch.error is not None]
    assert len(errors) < 2
    if not errors:
        return None
    error = errors[0]
    assert isinstance(error, GatewayError)
    return error.kind, str(error), events_in(error.raw or b""), error.from_provider


def same(dialect: str, reads: Sequence[bytes]) -> None:
    """Raises AssertionError unless both skimming decoders say the same as the bare one, and hand on the same bytes."""
    bare = read(BARE[dialect](), reads)
    for joined, make in ((False, DIALECTS[dialect].decoder), (True, DIALECTS[dialect].relay_decoder)):
        got = read(make(), reads)
        assert said(got, joined=joined) == said(bare, joined=joined)
        whole, handed = (b"".join(batch.raw for batch in batches) for batches in (bare, got))
        if bare_ends(bare):
            # What stands behind the end is nobody's; a comment there may pass.
            assert whole.startswith(handed) or (handed.startswith(whole) and not events_in(handed[len(whole) :]))
        elif failure(bare):
            # Comments in front of what is broken may go either way.
            assert events_in(handed) == events_in(whole)
        else:
            assert handed == whole
        assert failure(got) == failure(bare)
        for batch in got:
            # What is known of it without a look at its events is what a look tells.
            looked = Batch(batch.events, batch.raw, batch.error)
            for known in ("commits", "ends", "usages", "size"):
                assert getattr(batch, known) == getattr(looked, known)
        assert [batch.ends for batch in got].count(True) == [batch.ends for batch in bare].count(True)


def events_in(wire: bytes) -> list[SseEvent]:
    reader = SseReader()
    return reader.feed(wire) + reader.close()


def bare_ends(batches: list[Batch]) -> bool:
    return any(batch.ends for batch in batches)


def events_of(wire: bytes) -> list[bytes]:
    """One event a read."""
    return [part for part in (each + b"\n\n" for each in wire.split(b"\n\n")) if part != b"\n\n"]


def chat_event(text: str, number: int) -> bytes:
    return chat_kit.chunk({"content": text})


def chat_padded(text: str, number: int) -> bytes:
    return chat_kit.chunk({"content": text}, obfuscation="ab" * (number % 3))


def chat_thought(text: str, number: int) -> bytes:
    return chat_kit.chunk({"reasoning_content": text})


def responses_event(text: str, number: int) -> bytes:
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    return named("response.output_text.delta", sequence_number=number, **place, delta=text, logprobs=[], obfuscation="x" * number)


def responses_bare(text: str, number: int) -> bytes:
    return named("response.output_text.delta", output_index=0, content_index=0, delta=text)


def messages_event(text: str, number: int) -> bytes:
    return named("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def named(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


MAKERS: Final[dict[str, list[Callable[[str, int], bytes]]]] = {
    "chat": [chat_event, chat_padded, chat_thought],
    "responses": [responses_event, responses_bare],
    "messages": [messages_event],
}
STARTS: Final = {
    "chat": chat_kit.chunk({"role": "assistant", "content": ""}),
    "responses": responses_kit.wire(responses_kit.created()),
    "messages": messages_kit.start() + named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
}
