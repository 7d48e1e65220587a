"""Recorded Messages answers: nothing of them is lost, however they are cut, and what is written anew says the same."""

from __future__ import annotations

import pytest

from pipeline.errors import GatewayError
from pipeline.events import (
    BlockEnd,
    BlockStart,
    End,
    Event,
    Finish,
    Started,
    ToolArguments,
    ToolStart,
)
from tests.dialects.messages_kit import (
    CORPUS,
    Recorded,
    accumulate,
    decode,
    encode,
    recorded,
    said,
    typed,
)
from tests.support.neutral import Answer

pytestmark = [
    pytest.mark.corpus,
    # Providers name tools and blocks that the SDK's models do not know.
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
]
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the recorded traffic is not beside this checkout")
SHARES = 4


def share(number: int, *, stream: bool) -> list[Recorded]:
    return [each for each in recorded() if each.status == 200 and each.stream is stream][number::SHARES]


def assert_blocks_are_well_formed(events: list[Event]) -> None:
    opened: dict[int, str] = {}
    count, finished = 0, False
    for event in events:
        if isinstance(event, (BlockStart, ToolStart)):
            assert event.block == count
            assert not finished
            count += 1
            kind = event.kind if isinstance(event, BlockStart) else "tool"
            assert kind == "tool" or not set(opened.values()) - {"tool"}
            opened[event.block] = kind
        elif isinstance(event, BlockEnd):
            del opened[event.block]
        elif hasattr(event, "block"):
            assert event.block in opened
        elif isinstance(event, Finish):
            assert not finished
            assert not opened
            finished = True
    assert finished
    assert events[-1] == End()
    assert isinstance(events[0], Started)


def torn(events: list[Event]) -> bool:
    """Whether the limit cut a call in the middle of its arguments."""
    calls: dict[int, str] = {}
    for event in events:
        if isinstance(event, ToolArguments):
            calls[event.block] = calls.get(event.block, "") + event.text
    return any(not text.endswith("}") for text in calls.values())


def as_another_dialect_would(events: list[Event]) -> list[Event]:
    """The same answer without what only this dialect says."""
    kept = []
    for event in events:
        if isinstance(event, Started):
            event = Started("chatcmpl-1", event.model)
        elif isinstance(event, BlockEnd) and event.opaque:
            event = BlockEnd(event.block, event.opaque, "encrypted")
        elif isinstance(event, Finish):
            event = Finish(event.reason, stop_sequence=event.stop_sequence)
        kept.append(event)
    return kept


def in_another_dialect(answer: Answer) -> Answer:
    """What of it a client gets when no provider of this dialect stands behind (DI-158, DI-159, DI-161)."""
    if answer.stop == "stop" and answer.tools:
        # DI-179
        answer.stop = "tool_calls"
    answer.blocks = [block for block in answer.blocks if block.kind != "foreign" and (block.kind != "text" or block.text)]
    for block in answer.blocks:
        block.citations = []
        if block.kind == "reasoning":
            block.opaque = f"sealed:encrypted:{block.opaque}" if block.opaque else "sealed:none:"
    return answer


@needs_corpus
@pytest.mark.parametrize("number", range(SHARES))
def test_every_recorded_stream_is_read_whole_and_says_the_same_when_written_anew(number: int) -> None:
    for each in share(number, stream=True):
        data = each.response
        batch = decode(data)
        assert batch.error is None, each.name
        assert data.startswith(batch.raw), each.name
        # TR-S10: one provider says [DONE] behind the end.
        assert data[len(batch.raw) :].strip() in (b"", b"event: data\ndata: [DONE]"), each.name
        assert_blocks_are_well_formed(batch.events)
        if torn(batch.events):
            with pytest.raises(GatewayError, match="invalid tool arguments"):
                encode(batch.events)
            continue
        original = accumulate(batch.raw)
        assert said(accumulate(encode(batch.events))) == said(original), each.name
        other = accumulate(encode(as_another_dialect_would(batch.events)))
        assert said(typed(other)) == in_another_dialect(said(original)), each.name
