"""Recorded Chat answers: nothing of them is lost, however they are cut, and what is written anew says the same."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from pipeline.dialects.chat import CHAT
from pipeline.errors import GatewayError
from pipeline.events import Batch, BlockEnd, BlockStart, End, Event, Finish, Ping, Started, ToolStart
from tests.dialects.chat_kit import (
    CORPUS,
    DONE,
    TRANSCRIPTS,
    Recorded,
    answering,
    completion,
    decode,
    encode,
    encode_body,
    neutral,
    recorded,
)
from tests.support.chat import from_chat
from tests.support.neutral import Answer
from tests.support.project import differences, project

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the recorded traffic is not beside this checkout")
SHARES = 4
# A recording that somebody glued of two answers: content comes after a finish reason.
GLUED = "odd:content_after_finish"


def share(number: int, *, stream: bool) -> list[Recorded]:
    return [each for each in recorded() if each.status == 200 and each.stream is stream][number::SHARES]


def assert_blocks_are_well_formed(events: list[Event], *, glued: bool = False) -> None:
    opened: dict[int, str] = {}
    count, finished = 0, False
    for event in events:
        if isinstance(event, (BlockStart, ToolStart)):
            assert event.block == count
            count += 1
            kind = event.kind if isinstance(event, BlockStart) else "tool"
            assert kind == "tool" or not set(opened.values()) - {"tool"}
            assert not finished or glued
            opened[event.block] = kind
        elif isinstance(event, BlockEnd):
            del opened[event.block]
        elif hasattr(event, "block"):
            assert event.block in opened
        elif isinstance(event, Finish):
            assert not finished
            assert not opened
            finished = True
    assert not opened
    assert events[-1] == End()
    assert isinstance(events[0], Started)


@pytest.mark.corpus
@needs_corpus
@pytest.mark.parametrize("number", range(SHARES))
def test_every_recorded_stream_is_read_whole_and_says_the_same_when_written_anew(number: int) -> None:
    for each in share(number, stream=True):
        data = each.response
        batch = decode(data)
        assert data.startswith(batch.raw), each.name
        if "error_in_stream" in each.features:
            assert isinstance(batch.error, GatewayError), each.name
            assert batch.error.from_provider
            assert batch.error.raw is not None
            assert batch.raw + batch.error.raw == data[: len(batch.raw) + len(batch.error.raw)]
            continue
        assert batch.error is None, each.name
        assert not data[len(batch.raw) :].strip(), each.name
        glued = GLUED in each.features
        assert_blocks_are_well_formed(batch.events, glued=glued)
        if not glued:
            assert changes(neutral(data, lenient=True), neutral(encode(batch.events)), stream=True) == [], each.name


def told(batch: Batch) -> tuple[bytes, object]:
    """Every byte that was handed on, the error's own event included."""
    error = batch.error
    return batch.raw + (getattr(error, "raw", None) or b""), error and (type(error), str(error))


def changes(before: Answer, after: Answer, *, stream: bool) -> list[str]:
    """What got lost from Chat to Chat by way of events, which is as to any dialect whose other end is Chat."""
    before = project(before, "messages", "chat", stream=stream)
    # One service leaves its name empty.
    before.model = before.model or after.model
    if before.usage is not None and before.usage.total is None:
        # DI-28: the dialect has no usage without a total.
        before.usage.total = (before.usage.input or 0) + (before.usage.output or 0)
    for one, other in zip(before.tools, after.tools, strict=False):
        # A call that came without an id has one made for it.
        one.id = one.id or other.id
    return differences(before, after)


@pytest.mark.corpus
@needs_corpus
@pytest.mark.parametrize("number", range(SHARES))
def test_every_recorded_stream_gives_the_same_events_in_small_reads(number: int) -> None:
    for each in share(number, stream=True):
        data = each.response
        whole, small = decode(data), decode(data, 61)
        assert small.events == whole.events, each.name
        assert told(small) == told(whole), each.name


@pytest.mark.corpus
@needs_corpus
@pytest.mark.parametrize("number", range(SHARES))
def test_every_recorded_body_is_read_whole_and_says_the_same_when_written_anew(number: int) -> None:
    for each in share(number, stream=False):
        data = each.response
        batch = decode(data, None, CHAT.body_decoder())
        if "error" in each.features:
            assert isinstance(batch.error, GatewayError), each.name
            continue
        assert batch.error is None, each.name
        assert batch.raw == data
        assert_blocks_are_well_formed(batch.events)
        after = from_chat(completion(encode_body(batch.events)))
        content: object = completion(data).choices[0].message.content
        if isinstance(content, dict):
            # An object in the place of a text: structured output of one provider.
            assert orjson.loads(after.said()) == content
            continue
        assert changes(from_chat(completion(data)), after, stream=False) == [], each.name


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_every_cut_of_a_transcript_gives_the_same_events_and_bytes(path: Path) -> None:
    data = path.read_bytes()
    data = data if len(data) < 6000 else data[:3000] + data[data.index(b"\n\n", len(data) - 3000) + 2 :]
    whole = decode(data)
    assert whole.events or whole.error
    for place in range(len(data) + 1):
        decoder = CHAT.decoder()
        batches = [decoder.feed(data[:place]), decoder.feed(data[place:]), decoder.close()]
        got = [each for batch in batches for each in batch.events]
        assert [each for each in got if type(each) is not Ping] == whole.events, place
        error = next((batch.error for batch in batches if batch.error), None)
        assert told(Batch(got, b"".join(batch.raw for batch in batches), error)) == told(whole), place


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_relayed_transcript_is_the_provider_s_own_bytes_and_ends_in_the_mark(path: Path) -> None:
    data = path.read_bytes()
    relay, decoder, out = CHAT.relay(answering()), CHAT.decoder(), b""
    error = None
    for at in range(0, len(data), 997):
        batch = decoder.feed(data[at : at + 997])
        out += relay.feed(batch)
        error = error or batch.error
    last = decoder.close()
    out += relay.feed(last)
    error = error or last.error
    if error is None:
        assert out.rstrip() == data.rstrip() or out == data.rstrip() + b"\n\n" + DONE
        return
    assert isinstance(error, GatewayError)
    out += relay.fail(error)
    # The provider may end its failure well; that is not handed on.
    assert out.rstrip() == data.rstrip().removesuffix(b"data: [DONE]").rstrip()
    assert DONE not in out
