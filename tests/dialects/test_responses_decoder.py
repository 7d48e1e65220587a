"""The Responses decoder: order, nothing twice, nothing lost, and no wire that makes it raise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dialects.responses import RESPONSES
from pipeline.errors import GatewayError, Kind
from pipeline.events import (
    Batch,
    BlockEnd,
    BlockStart,
    Citation,
    End,
    Event,
    Finish,
    Foreign,
    Ping,
    Reasoning,
    Refusal,
    Started,
    Text,
    ToolArguments,
    ToolStart,
    Unknown,
    Usage,
)
from tests.dialects.responses_kit import TRANSCRIPTS, completed, created, decode, transcript, wire

MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}


def added(index: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def said(text: str, index: int = 0, content: int = 0) -> dict[str, Any]:
    place = {"item_id": f"msg_{index}", "output_index": index, "content_index": content}
    return {"type": "response.output_text.delta", **place, "delta": text, "logprobs": []}


def message(*texts: str, id: str = "msg_1") -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {**MESSAGE, "id": id, "status": "completed", "content": content}


def call(arguments: str, id: str = "fc_1", call_id: str = "call_1") -> dict[str, Any]:
    return {"id": id, "type": "function_call", "call_id": call_id, "name": "look", "arguments": arguments}


def content(batch: Batch) -> list[Event]:
    """The events without the frame around them."""
    return [event for event in batch.events if not isinstance(event, (Started, Finish, End, Ping))]


def told(batch: Batch) -> str:
    return "".join(event.text for event in batch.events if isinstance(event, Text))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_every_byte_comes_out_again_and_every_cut_gives_the_same_events(path: Any) -> None:
    data = path.read_bytes()
    whole = decode(data)
    for size in (1, 7, 97, 1031):
        decoder = RESPONSES.decoder()
        batches = [decoder.feed(data[i : i + size]) for i in range(0, len(data), size)]
        batches.append(decoder.close())
        assert [event for batch in batches for event in batch.events] == whole.events
        errors = [batch.error for batch in batches if batch.error is not None]
        assert [str(error) for error in errors] == ([str(whole.error)] if whole.error else [])
        raw = b"".join(batch.raw for batch in batches)
        assert data.startswith(raw)
        assert data[len(raw) :].strip() in (b"", b"data: [DONE]") or whole.error is not None


def test_a_text_answer_is_one_block_between_start_and_end() -> None:
    batch = decode(transcript("text"))
    assert [type(event) for event in batch.events if type(event) is not Text] == [
        Started, Ping, BlockStart, BlockEnd, Usage, Finish, End,
    ]  # fmt: skip
    assert batch.events[0].id.startswith("resp_")  # type: ignore[attr-defined]
    assert batch.ends


def test_parallel_calls_are_blocks_with_the_ids_of_the_provider_and_end_as_a_tool_turn() -> None:
    batch = decode(transcript("parallel_tools"))
    calls = [event for event in batch.events if isinstance(event, ToolStart)]
    assert [each.block for each in calls] == [0, 1]
    assert all(each.id.startswith("call_") and (each.item_id or "").startswith("fc_") for each in calls)
    finish = next(event for event in batch.events if isinstance(event, Finish))
    assert finish.reason == "tool_calls"  # DI-172


def test_di_252_arguments_that_come_only_at_the_end_are_one_piece() -> None:
    batch = decode(transcript("raw_reasoning_whole_arguments"))
    pieces = [event.text for event in batch.events if isinstance(event, ToolArguments)]
    assert len(pieces) == 1
    assert isinstance(json.loads(pieces[0]), dict)
    thought = [event for event in batch.events if isinstance(event, Reasoning)]
    assert thought
    assert not any(event.summary for event in thought)


def test_di_69_the_proof_of_reasoning_is_that_of_the_finished_item() -> None:
    item = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "early"}
    data = wire(created(), added(0, item), done(0, {**item, "encrypted_content": "late"}), completed())
    assert content(decode(data)) == [BlockStart(0, "reasoning", "rs_1"), BlockEnd(0, "late", "encrypted")]


def test_summary_parts_keep_their_index() -> None:
    delta = {"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 0}
    item = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": t} for t in ("one", "two")]}
    data = wire(
        created(),
        added(0, {**item, "summary": []}),
        {**delta, "summary_index": 0, "delta": "one"},
        {**delta, "summary_index": 1, "delta": "two"},
        done(0, item),
        completed(item),
    )
    assert content(decode(data)) == [
        BlockStart(0, "reasoning", "rs_1"),
        Reasoning(0, "one", 0, True),
        Reasoning(0, "two", 1, True),
        BlockEnd(0),
    ]


def test_content_that_only_the_last_event_holds_is_not_lost() -> None:
    batch = decode(wire(created(), completed(message("all of it"), call("{}"))))
    assert content(batch) == [
        BlockStart(0, "text", "msg_1"),
        Text(0, "all of it"),
        BlockEnd(0),
        ToolStart(1, "call_1", "look", False, "fc_1"),
        ToolArguments(1, "{}"),
        BlockEnd(1),
    ]


def test_content_that_was_streamed_is_not_told_again() -> None:
    data = wire(created(), added(0, MESSAGE), said("hel"), said("lo"), done(0, message("hello")), completed(message("hello")))
    assert told(decode(data)) == "hello"


def test_a_final_text_that_goes_on_after_the_deltas_is_completed() -> None:
    data = wire(created(), added(0, MESSAGE), said("hel"), done(0, message("hello")), completed(message("hello")))
    assert told(decode(data)) == "hello"


def test_di_253_deltas_win_over_a_final_text_that_contradicts_them() -> None:
    data = wire(created(), added(0, MESSAGE), said("hello"), done(0, message("bye")), completed(message("bye")))
    assert told(decode(data)) == "hello"


def test_an_empty_output_in_the_last_event_takes_nothing_away() -> None:
    batch = decode(transcript("empty_output_at_end"))
    assert sum(isinstance(event, ToolStart) for event in batch.events) == 1
    assert batch.ends


def test_di_73_interleaved_items_come_out_one_after_the_other() -> None:
    data = wire(
        created(),
        added(0, {**MESSAGE, "id": "msg_0"}),
        added(1, {**MESSAGE, "id": "msg_1"}),
        said("a", 0),
        said("x", 1),
        said("b", 0),
        done(1, message("x", id="msg_1")),
        done(0, message("ab", id="msg_0")),
        completed(message("ab", id="msg_0"), message("x", id="msg_1")),
    )
    assert content(decode(data)) == [
        BlockStart(0, "text", "msg_0"),
        Text(0, "a"),
        Text(0, "b"),
        BlockEnd(0),
        BlockStart(1, "text", "msg_1"),
        Text(1, "x"),
        BlockEnd(1),
    ]


def test_thousands_of_interleaved_items_neither_lose_their_order_nor_our_footing() -> None:
    count = 3000
    starts = [said(f"{index} ", index) for index in range(count)]
    ends = [done(index, message(f"{index} ", id=f"msg_{index}")) for index in reversed(range(count))]
    batch = decode(wire(created(), *starts, *ends, completed()))
    assert batch.ends
    assert told(batch) == "".join(f"{index} " for index in range(count))


def test_each_content_part_is_a_block_and_a_refusal_is_a_refusal() -> None:
    refusal = {"type": "response.refusal.delta", "item_id": "msg_0", "output_index": 0, "content_index": 1, "delta": "no"}
    data = wire(created(), added(0, MESSAGE), said("well"), refusal, completed())
    batch = decode(data)
    assert content(batch) == [
        BlockStart(0, "text", "msg_1"), Text(0, "well"), BlockEnd(0),
        BlockStart(1, "refusal", "msg_1"), Refusal(1, "no"), BlockEnd(1),
    ]  # fmt: skip
    assert batch.events[-2] == Finish("refusal", "completed")


def test_sources_stand_in_the_block_that_they_belong_to() -> None:
    batch = decode(transcript("web_search_citations"))
    sources = [event for event in batch.events if isinstance(event, Citation)]
    assert sources
    assert all(each.url and each.title and each.native and each.start is not None for each in sources)
    end = next(index for index, event in enumerate(batch.events) if isinstance(event, BlockEnd))
    assert all(batch.events.index(each) < end for each in sources)


def test_di_158_a_hosted_item_is_told_once_and_completed_in_place() -> None:
    search = {"id": "ws_1", "type": "web_search_call", "status": "in_progress"}
    working = {"type": "response.web_search_call.searching", "item_id": "ws_1", "output_index": 0}
    data = wire(created(), added(0, search), working, done(0, {**search, "status": "completed"}), completed())
    batch = decode(data)
    assert content(batch) == [Foreign("web_search_call", {**search, "status": "completed"})]


def test_an_item_of_a_kind_that_nobody_knows_is_foreign_under_a_bounded_name() -> None:
    batch = decode(wire(created(), added(0, {"id": "x_1", "type": "brand_new_thing"}), completed()))
    assert [event.kind for event in batch.events if isinstance(event, Foreign)] == ["other"]


def test_di_80_an_unknown_event_passes() -> None:
    batch = decode(wire(created(), {"type": "response.brand_new"}, completed()))
    assert Unknown("response.brand_new") in batch.events
    assert batch.ends


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter"), ("steered", "other")],
)
def test_tr_e5_an_incomplete_response_says_why(reason: str, expected: str) -> None:
    batch = decode(wire(created(), completed(status="incomplete", incomplete_details={"reason": reason})))
    assert batch.events[-2] == Finish(expected, reason, details={"reason": reason})  # type: ignore[arg-type]


@pytest.mark.parametrize("details", [5, "max_output_tokens", []])
def test_details_that_are_no_object_are_no_details(details: Any) -> None:
    batch = decode(wire(created(), completed(status="incomplete", incomplete_details=details)))
    assert batch.events[-2] == Finish("other", "incomplete")


def test_usage_details_that_are_missing_stay_unknown() -> None:
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 6, "input_tokens_details": {"cached_tokens": 1}}
    batch = decode(wire(created(), completed(usage=usage)))
    assert Usage(input=3, output=2, total=6, cache_read=1) in batch.events


FLAT = {"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": None}
NESTED = {"type": "error", "error": {"type": "requests", "code": "rate_limit_exceeded", "message": "slow down"}}
FAILED: dict[str, Any] = {
    "type": "response.failed",
    "response": {"id": "resp_1", "error": {"code": "rate_limit_exceeded", "message": "slow down"}},
}


@pytest.mark.parametrize("event", [FLAT, NESTED, FAILED], ids=["flat", "nested", "failed"])
def test_tr_e22_an_error_is_read_in_every_shape_and_keeps_its_own_bytes(event: dict[str, Any]) -> None:
    before = wire(created(), added(0, MESSAGE), said("half"))
    own = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
    batch = decode(before + own)
    assert isinstance(batch.error, GatewayError)
    assert batch.error.kind is Kind.RATE_LIMIT
    assert (batch.error.raw, batch.error.dialect, batch.error.from_provider) == (own, "responses", True)
    assert batch.raw == before
    assert told(batch) == "half"


def test_what_a_failed_response_cost_is_known_too() -> None:
    failed = {**FAILED["response"], "usage": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}}
    batch = decode(wire(created(), {"type": "response.failed", "response": failed}))
    assert batch.events[-1] == Usage(input=3, output=1, total=4)
    assert isinstance(batch.error, GatewayError)


def test_an_error_event_and_the_failed_response_behind_it_are_handed_on_together() -> None:
    data = transcript("failed")
    batch = decode(data)
    assert isinstance(batch.error, GatewayError)
    assert batch.error.kind is Kind.BILLING
    assert batch.raw + (batch.error.raw or b"") == data


def test_tr_e6_a_stream_without_a_terminal_event_was_cut() -> None:
    batch = decode(wire(created(), added(0, MESSAGE), said("half")))
    assert isinstance(batch.error, GatewayError)
    assert batch.error.kind is Kind.CUT
    assert told(batch) == "half"


def test_tr_s10_the_marker_of_chat_is_no_terminal_event() -> None:
    batch = decode(wire(created()) + b"data: [DONE]\n\n")
    assert isinstance(batch.error, GatewayError)
    assert batch.error.kind is Kind.CUT


def test_tr_s5_a_last_event_without_its_blank_line_counts() -> None:
    assert decode(transcript("text").rstrip(b"\n")).ends


def test_f10_an_event_that_is_not_json_is_a_bad_reply_behind_what_came_before() -> None:
    before = wire(created(), added(0, MESSAGE), said("half"))
    batch = decode(before + b"data: {oops\n\n" + wire(completed()))
    assert isinstance(batch.error, GatewayError)
    assert batch.error.kind is Kind.BAD_REPLY
    assert batch.raw == before


BROKEN: list[Any] = [
    {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": 5},
    {"type": "response.output_text.delta", "delta": "x"},
    {"type": "response.output_item.added", "output_index": 0, "item": None},
    {"type": "response.output_item.done", "output_index": [], "item": {"type": "message"}},
    {"type": "response.completed", "response": None},
    {"type": "response.completed", "response": {"output": [5]}},
    {"type": "response.created", "response": {"created_at": 1e400}},
    {"type": 5},
    {},
    [],
    "text",
    None,
]


@pytest.mark.parametrize("event", BROKEN, ids=lambda event: str(event)[:40])
def test_an_event_that_is_not_what_its_type_says_is_an_error_and_never_an_exception(event: Any) -> None:
    batch = decode(wire(created()) + b"data: " + json.dumps(event).encode() + b"\n\n")
    assert isinstance(batch.error, GatewayError)


KINDS = st.sampled_from(
    [
        "response.output_text.delta",
        "response.output_item.added",
        "response.output_item.done",
        "response.completed",
        "response.reasoning_summary_text.delta",
        "response.function_call_arguments.delta",
        "error",
        "x",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "item", "response", "output", "delta", "output_index", "content", "id", "name", "call_id", "text"]
            ),
            inner | KINDS,
            max_size=5,
        )
    ),
    max_leaves=12,
)
EVENTS = st.fixed_dictionaries({"type": KINDS}, optional={"item": JSON, "response": JSON, "delta": JSON, "output_index": JSON})


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(EVENTS | JSON, max_size=6), st.binary(max_size=30))
def test_garbage_gives_named_errors_only(events: list[Any], tail: bytes) -> None:
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + tail
    batch = decode(data)
    assert batch.ends or isinstance(batch.error, GatewayError)


def test_after_the_end_everything_is_ignored() -> None:
    decoder = RESPONSES.decoder()
    assert decoder.feed(transcript("text")).ends
    rest = decoder.feed(b"data: {oops\n\n")
    assert (rest.events, rest.error, decoder.close().error) == ([], None, None)
