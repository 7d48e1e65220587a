"""Skimming says what the decoder says: for every wire, good or broken, however it is cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dialects import DIALECTS, Decoder
from pipeline.dialects.chat.decoder import ChatDecoder
from pipeline.dialects.messages.decoder import MessagesDecoder
from pipeline.dialects.responses import RESPONSES
from pipeline.dialects.responses.decoder import StreamDecoder
from pipeline.errors import GatewayError, Kind
from pipeline.events import Batch, Event, Ping, Reasoning, Text
from pipeline.wire.sse import SseEvent, SseReader
from tests.corpus.recordings import CORPUS, recordings
from tests.dialects import chat_kit, messages_kit, responses_kit
from tests.support.neutral import Answer, Block, Usage
from tests.support.wire import EVENTS

BARE: Final[dict[str, Callable[[], Decoder]]] = {
    "chat": ChatDecoder,
    "responses": StreamDecoder,
    "messages": MessagesDecoder,
}
TRANSCRIPTS: Final = [
    (name, path) for name in BARE for path in sorted((chat_kit.ROOT / "tests/transcripts" / name).glob("*.sse"))
]


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
            # What stands behind the end is nobody's.
            assert whole.startswith(handed)
        elif failure(bare):
            # Comments in front of what is broken may go either way.
            assert events_in(handed) == events_in(whole)
        else:
            assert handed == whole
        assert failure(got) == failure(bare)
        assert [batch.ends for batch in got].count(True) == [batch.ends for batch in bare].count(True)


def events_in(wire: bytes) -> list[SseEvent]:
    reader = SseReader()
    return reader.feed(wire) + reader.close()


def bare_ends(batches: list[Batch]) -> bool:
    return any(batch.ends for batch in batches)


# ---------------------------------------------------------------------------------------------------------- recorded answers

CUTS: Final = ([1_000_000], [65536], [1400], [400], [97], [3000, 1, 2, 700])


@pytest.mark.parametrize(("dialect", "path"), TRANSCRIPTS, ids=lambda value: value.stem if isinstance(value, Path) else value)
def test_a_recorded_answer_reads_the_same_however_it_is_cut(dialect: str, path: Path) -> None:
    wire = path.read_bytes()
    for cuts in (*CUTS, [13]):
        same(dialect, pieces(wire, cuts))
    same(dialect, events_of(wire))
    same(dialect, pieces(wire.replace(b"\n", b"\r\n"), [150]))
    same(dialect, pieces(b"\xef\xbb\xbf" + wire, [2000]))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the recordings are not here")
@pytest.mark.parametrize("dialect", list(BARE))
def test_all_recordings_read_the_same(dialect: str) -> None:
    for recording in recordings(dialects=(dialect,)):
        if recording.stream:
            for cuts in ([65536], [1400], [300], list(recording.chunk_sizes) or [50]):
                same(dialect, pieces(recording.response, cuts))
            same(dialect, events_of(recording.response))


def events_of(wire: bytes) -> list[bytes]:
    """One event a read."""
    return [part for part in (each + b"\n\n" for each in wire.split(b"\n\n")) if part != b"\n\n"]


# --------------------------------------------------------------------------------------------------------- generated answers

TEXTS: Final = st.sampled_from(
    ["a", "bc", "", 'q"uo\\te', "é😀", "\n\n", "\x00", '"}}],"x":{"y":"', '","obfuscation":"', "x" * 300]
)


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
OTHERS: Final[dict[str, list[bytes]]] = {
    "chat": [
        chat_kit.chunk(chat_kit.call(0, "i", "f", "")),
        chat_kit.chunk(chat_kit.call(0, arguments="{}")),
        chat_kit.chunk({"content": "z", "reasoning": "y"}),
        chat_kit.chunk({"refusal": "no"}),
        chat_kit.event({"choices": [{"index": 1, "delta": {"content": "other"}}]}),
        chat_kit.chunk({"content": "x"}, logprobs=None).replace(
            b'"finish_reason"', b'"logprobs":{"content":[{"token":"x"}]},"finish_reason"'
        ),
        chat_kit.event({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}),
        chat_kit.chunk({}, "stop"),
        chat_kit.DONE,
    ],
    "responses": [
        named("response.output_text.delta", output_index=1, content_index=0, delta="a", item_id="msg_2"),
        named("response.output_text.delta", output_index=0, content_index=1, delta="a"),
        named("response.output_text.delta", output_index=0, content_index=0, delta="a", logprobs=[{"token": "a"}]),
        named("response.output_text.done", output_index=0, content_index=0, text="abc"),
        named("response.output_item.added", output_index=0, item={"type": "web_search_call", "id": "ws_1"}),
        named("response.output_item.done", output_index=0, item={"type": "web_search_call", "id": "ws_1"}),
        named("response.output_item.done", output_index=0, item={"type": "message", "id": "msg_1", "content": []}),
        named("response.output_item.added", output_index=2, item={"type": "function_call", "call_id": "c", "name": "f"}),
        named("response.refusal.delta", output_index=0, content_index=0, delta="no"),
        named("response.reasoning_summary_text.delta", output_index=3, summary_index=0, delta="hm"),
        named("error", message="boom"),
        responses_kit.wire(responses_kit.completed()),
    ],
    "messages": [
        messages_kit.event("ping"),
        named("content_block_stop", index=0),
        messages_kit.text(0, "a"),
        named("content_block_start", index=0, content_block={"type": "text", "text": "b"}),
        named("content_block_start", index=0, content_block={"type": "container_upload", "text": ""}),
        named("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""}),
        named("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "t"}),
        named("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "s"}),
        messages_kit.call(1, "{}"),
        named("error", error={"type": "overloaded_error", "message": "boom"}),
        messages_kit.END,
    ],
}
ANYWHERE: Final = (
    b": keep-alive\n\n",
    b"\n",
    b"\n\n",
    b"\r\n",
    b"\r\r",
    b"id: 7\n\n",
    b"data: {}\n\n",
    b"garbage\n\n",
    b"data: [1\n\n",
)


@st.composite
def streams(draw: st.DrawFn, dialect: str) -> list[bytes]:
    """Reads of a stream: runs of like events, other events and garbage between them, sometimes damaged."""
    parts = [STARTS[dialect]]
    for _ in range(draw(st.integers(1, 4))):
        make = draw(st.sampled_from(MAKERS[dialect]))
        parts += [make(text, number) for number, text in enumerate(draw(st.lists(TEXTS, max_size=6)))]
        other: Sequence[bytes] = draw(st.sampled_from([OTHERS[dialect], OTHERS[dialect], ANYWHERE]))
        parts.append(draw(st.sampled_from(other)))
    wire = b"".join(parts)
    if draw(st.booleans()):
        at, size = draw(st.integers(0, len(wire))), draw(st.integers(0, 3))
        wire = wire[:at] + draw(st.sampled_from(DAMAGE)) + wire[at + size :]
    if draw(st.booleans()):
        return events_of(wire)
    return pieces(wire, draw(st.lists(st.integers(1, 900), min_size=1, max_size=5)))


DAMAGE: Final = (
    b"",
    b"\n",
    b"\r",
    b"\t",
    b'"',
    b",",
    b'","',
    b"\\",
    b"\xff",
    b"\\ud800",
    b"\\x",
    b"\n\n",
    b"null",
    b"{",
    b"[",
    b"0",
)


@pytest.mark.parametrize("dialect", list(BARE))
def test_every_wire_reads_the_same(dialect: str) -> None:
    @settings(deadline=None)
    @given(streams(dialect))
    def holds(reads: list[bytes]) -> None:
        same(dialect, reads)

    holds()


# ------------------------------------------------------------------------------------------- wires made to look like the known

# What stands where the text of an event should: ``%`` is what stands between the texts of two events.
DISGUISES: Final = (
    b'"a","b"',
    b'"a" ',
    b' "a"',
    b'\t"a"',
    b'"a"\n',
    b'\n"a"',
    b'"a"\r',
    b'"a"\r\n',
    b"null",
    b"7",
    b"true",
    b"[]",
    b'["a"]',
    b"{}",
    b"",
    b'"',
    b'"a',
    b'a"',
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"\\ud800"',
    b'"\\ud83d\\ude00"',
    b'"\\q"',
    b'"a\nb"',
    b'"a\tb"',
    b'"a%b","c"',
    b'"a","b%c"',
    b'"a%","b"',
    b'["a"%"b"]',
    b'"a"%',
    b'%"a"',
    b'"a"%"b","c"%',
    b'"a",\t"b"%',
    b'"a"],["b"',
    b'"a","content":"b"',
    b'"a","error":{"message":"boom"}',
    b'"a"}}',
    b"%",
)


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("make", [make for makers in MAKERS.values() for make in makers])
def test_what_stands_in_the_place_of_a_text_is_read_as_the_decoder_reads_it(
    make: Callable[[str, int], bytes], disguise: bytes
) -> None:
    dialect = next(name for name, makers in MAKERS.items() if make in makers)
    known = [make(text, 1) for text in ("w", "x", "y", "z")]
    hole = make("HOLE", 1)
    head, tail = hole.split(b'"HOLE"')
    odd = hole.replace(b'"HOLE"', disguise.replace(b"%", tail + head))
    for reads in (
        [STARTS[dialect], *known, odd, *known],
        [STARTS[dialect], *known, odd + b"".join(known)],
        [STARTS[dialect], *known, b"".join([*known, odd, *known])],
        [STARTS[dialect] + b"".join([*known, odd])],
        [STARTS[dialect], *known, odd[:-9], odd[-9:]],
    ):
        same(dialect, reads)


def test_values_in_another_order_are_not_taken_for_each_other() -> None:
    know = [responses_event(text, number) for number, text in enumerate(("a", "b", "c"), 1)]
    begin, end = b'"content_index": 0, "delta": ', b', "logprobs": [], "obfuscation": '
    gap = know[0][know[0].find(b', "item_id"') : know[0].find(begin) + len(begin)]
    assert gap in know[0]
    assert end in know[0]
    swapped = know[0].replace(gap, b"GAP").replace(end, gap).replace(b"GAP", end)
    for odd in ([know[0], swapped], [swapped, know[0]], [know[0], swapped, know[1]]):
        same("responses", [STARTS["responses"], *know, b"".join(odd)])
    # A gap that one event has twice and the next one lacks.
    twice, without = know[0].replace(end, end + b'"x"' + end), know[0].replace(end, b",")
    same("responses", [STARTS["responses"], *know, twice + without])


def test_what_stands_between_two_values_does_not_hide_in_a_text() -> None:
    known = chat_padded("HOLE", 1)
    gap = known[known.find(b'"HOLE"') + 6 : known.rfind(b'"ab"')]
    odd = known.replace(b'"HOLE"' + gap + b'"ab"', b'"x' + gap + b'y",null,"z"')
    assert odd != known
    for reads in ([odd], [odd + odd], [known + odd + known]):
        same("chat", [STARTS["chat"], *[known] * 3, *reads])


def test_an_event_of_the_known_bytes_means_something_else_behind_another_block() -> None:
    """The shape is the same, the block is not."""
    first, call = chat_kit.chunk({"content": "a"}), chat_kit.chunk(chat_kit.call(0, "i", "f", "{}"))
    run = [first] * 3
    for reads in (
        [STARTS["chat"], *run, first + call, *run],
        [STARTS["chat"], *run, call, *run, b"".join(run)],
        [b"".join([STARTS["chat"], *run, call, *run])],
    ):
        same("chat", reads)


PADDED: Final = chat_kit.chunk({"content": "x"}, obfuscation="a")


@pytest.mark.parametrize(
    "odd",
    [
        PADDED.replace(b'"x"', b'"x","role":"y"'),
        PADDED.replace(b'"a"', b"7"),
        PADDED.replace(b'"a"', b'"a","error":{"message":"boom"},"p":"a"'),
        PADDED.replace(b"null", b'"stop"'),
        PADDED.replace(b'"x"', b'"x\xff"'),
        chat_kit.chunk({"content": "x"}, obfuscation="a", error={"message": "boom"}),
    ],
)
def test_a_chunk_that_only_looks_like_the_one_before_is_read_in_full(odd: bytes) -> None:
    run = [chat_padded(text, 1) for text in "abc"]
    same("chat", [STARTS["chat"], *run, odd, *run])
    same("chat", [STARTS["chat"], *run, b"".join([*run, odd, *run])])
    same("chat", [STARTS["chat"], *run, b"".join([*run, odd])])


# --------------------------------------------------------------------------------------------------------- what it is there for


class Counting:
    """A decoder that counts its bytes."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.count = 0

    def feed(self, data: bytes) -> Batch:
        self.count += len(data)
        return self._decoder.feed(data)

    def close(self) -> Batch:
        return self._decoder.close()


@pytest.mark.parametrize("make", [make for makers in MAKERS.values() for make in makers])
@pytest.mark.parametrize("cuts", [[100_000], [1400], [500], [90]])
def test_of_a_long_run_of_like_events_the_decoder_reads_the_first_only(
    make: Callable[[str, int], bytes], cuts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = next(name for name, makers in MAKERS.items() if make in makers)
    run = b"".join(make(f"piece {number}", number % 10) for number in range(200))
    for decoder in (DIALECTS[dialect].decoder(), DIALECTS[dialect].relay_decoder()):
        counting = Counting(decoder._decoder)  # type: ignore[attr-defined]
        monkeypatch.setattr(decoder, "_decoder", counting)
        batches = [decoder.feed(piece) for piece in pieces(STARTS[dialect] + run, cuts)]
        assert b"".join(batch.raw for batch in batches) == STARTS[dialect] + run
        assert counting.count < len(STARTS[dialect]) + 2000


@pytest.mark.parametrize("cuts", [[100_000], [16384], [1400], [320]])
def test_the_text_behind_a_run_of_reasoning_is_skimmed_as_well(cuts: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [b"".join(make(f"piece {number}", number) for number in range(200)) for make in (chat_thought, chat_event)]
    wire = STARTS["chat"] + b"".join(runs)
    decoder = DIALECTS["chat"].decoder()
    counting = Counting(decoder._decoder)  # type: ignore[attr-defined]
    monkeypatch.setattr(decoder, "_decoder", counting)
    assert b"".join(decoder.feed(piece).raw for piece in pieces(wire, cuts)) + decoder.close().raw == wire
    assert counting.count < 4000
    same("chat", pieces(wire, cuts))


def test_a_client_of_another_dialect_gets_the_pieces_as_the_provider_cut_them() -> None:
    run = [chat_event(text, 0) for text in "abcdef"]
    wire = b"".join([STARTS["chat"], *run])
    texts = [event.text for event in DIALECTS["chat"].decoder().feed(wire).events if type(event) is Text]
    assert texts == [*"abcdef"]
    texts = [event.text for event in DIALECTS["chat"].relay_decoder().feed(wire).events if type(event) is Text]
    # The first begins the block, the second shows what all have in common.
    assert texts == ["a", "b", "cdef"]


def test_events_that_differ_in_more_than_their_text_are_left_to_the_decoder() -> None:
    run = [chat_kit.event({"id": f"c-{number}", "choices": [{"delta": {"content": "a"}}]}) for number in range(50)]
    same("chat", [b"".join(run[:25]), *run[25:], chat_kit.chunk({}, "stop"), chat_kit.DONE])


def behind(event: bytes) -> bytes:
    """The event's name behind its data, as one provider sends it."""
    lines = event.split(b"\n")
    return b"\n".join([*reversed(lines[:-2]), *lines[-2:]])


@pytest.mark.parametrize("cuts", [[10_000_000], [5000], [700]], ids=["one read", "long reads", "short reads"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_events_that_are_named_behind_their_data_are_read_the_same(dialect: str, cuts: list[int]) -> None:
    answer = Answer([Block("text", "All of it, piece by piece, " * 40)], "stop", Usage(5, 9, 14, 0, 0, 0))
    events = list(EVENTS[dialect](answer))
    same(dialect, pieces(b"".join(events), cuts))
    same(dialect, pieces(b"".join(map(behind, events)), cuts))


def halves() -> Iterator[bytes]:
    parts = events_of(responses_kit.transcript("text"))
    return (b"".join(parts[:count]) for count in range(1, len(parts)))


@pytest.mark.parametrize("cuts", [[100_000], [300]])
def test_di_121_a_failure_behind_skimmed_text_repeats_all_of_it(cuts: list[int]) -> None:
    for half in halves():
        failed = []
        for decoder in (StreamDecoder(), RESPONSES.relay_decoder()):
            relay = RESPONSES.relay(responses_kit.answering())
            out = b"".join(relay.feed(decoder.feed(piece)) for piece in pieces(half, cuts))
            failed.append(out + relay.fail(GatewayError(Kind.CUT)))
        assert failed[0] == failed[1]


def test_di_253_the_final_text_of_a_part_is_not_told_twice_behind_skimmed_pieces() -> None:
    run = b"".join(responses_event(text, 1) for text in "abcdef")
    done = named("response.output_text.done", output_index=0, content_index=0, text="abcdefgh")
    for decoder in (RESPONSES.decoder(), RESPONSES.relay_decoder()):
        batch = decoder.feed(STARTS["responses"] + run + done)
        assert "".join(event.text for event in batch.events if type(event) is Text) == "abcdefgh"


@pytest.mark.parametrize("dialect", list(BARE))
def test_nothing_comes_behind_the_end_of_the_wire(dialect: str) -> None:
    decoder = DIALECTS[dialect].decoder()
    event = MAKERS[dialect][0]("a", 1)
    read(decoder, [STARTS[dialect], event, event, event, event[:20]])
    after = decoder.feed(event * 2)
    assert (after.events, after.raw, after.error) == ([], b"", None)
