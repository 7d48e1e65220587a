"""Skimming says what the decoder says: for every wire, good or broken, however it is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dialects import DIALECTS, Decoder
from pipeline.dialects.responses import RESPONSES
from pipeline.dialects.responses.decoder import StreamDecoder
from pipeline.errors import GatewayError, Kind
from pipeline.events import Batch, Text
from tests.corpus.recordings import CORPUS, recordings
from tests.dialects import chat_kit, messages_kit, responses_kit
from tests.dialects.skim_kit import (
    BARE,
    MAKERS,
    STARTS,
    chat_event,
    chat_thought,
    events_of,
    named,
    pieces,
    read,
    responses_event,
    same,
)
from tests.support.neutral import Answer, Block, Usage
from tests.support.wire import EVENTS

TRANSCRIPTS: Final = [
    (name, path) for name in BARE for path in sorted((chat_kit.ROOT / "tests/transcripts" / name).glob("*.sse"))
]

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


# --------------------------------------------------------------------------------------------------------- generated answers

TEXTS: Final = st.sampled_from(
    ["a", "bc", "", 'q"uo\\te', "é😀", "\n\n", "\x00", '"}}],"x":{"y":"', '","obfuscation":"', "x" * 300]
)


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


@pytest.mark.parametrize("dialect", list(BARE))
def test_half_an_event_behind_another_kind_of_line_end_is_no_event(dialect: str) -> None:
    make = MAKERS[dialect][0]
    wire = STARTS[dialect] + b"\r\n" + make("a", 1) + make("b", 2)
    for cut in range(len(STARTS[dialect]), len(wire)):
        same(dialect, [wire[:1], wire[1:cut], wire[cut:]])


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
    said = "abcdefghij"
    run = [chat_event(text, 0) for text in said]
    wire = b"".join([STARTS["chat"], *run])
    texts = [event.text for event in DIALECTS["chat"].decoder().feed(wire).events if type(event) is Text]
    assert texts == [*said]
    texts = [event.text for event in DIALECTS["chat"].relay_decoder().feed(wire).events if type(event) is Text]
    # The first begins the block, the second shows what all have in common.
    assert texts == ["a", "b", "cdefghij"]


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
