"""Answers of any provider as Messages: what the official SDK accumulates is what was said, as a stream and as a body."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.dialects.messages import MESSAGES
from pipeline.errors import GatewayError, Kind
from pipeline.events import (
    Batch,
    BlockEnd,
    BlockStart,
    Citation,
    End,
    Event,
    Finish,
    FinishReason,
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
from pipeline.request import Answering
from tests.dialects.messages_kit import accumulate, answering, encode, encode_body, message, no_seal, payloads, said, typed
from tests.support.neutral import Block

OPEN: list[Event] = [Started("chatcmpl-1", "gpt-9", 7)]
CLOSE: list[Event] = [Finish("stop"), Usage(input=12, output=5), End()]


def text(block: int, *pieces: str) -> list[Event]:
    return [BlockStart(block, "text"), *(Text(block, piece) for piece in pieces), BlockEnd(block)]


def thought(block: int, *pieces: str, opaque: str | None = None) -> list[Event]:
    end = BlockEnd(block, opaque, "encrypted") if opaque else BlockEnd(block)
    return [BlockStart(block, "reasoning"), *(Reasoning(block, piece) for piece in pieces), end]


def call(block: int, *pieces: str, custom: bool = False) -> list[Event]:
    start = ToolStart(block, f"call_{block}", "look", custom)
    return [start, *(ToolArguments(block, piece) for piece in pieces), BlockEnd(block)]


def both(*parts: list[Event], asked: Answering | None = None) -> list[Block]:
    """What the SDK holds, typed, after stream and body: the same (DI-255)."""
    events = [*OPEN, *(event for part in parts for event in part), *CLOSE]
    streamed = said(typed(accumulate(encode(events, asked))))
    assert said(typed(message(encode_body(events, asked)))) == streamed
    return streamed.blocks


def told(*parts: list[Event], asked: Answering | None = None) -> list[Any]:
    return payloads(encode([*OPEN, *(event for part in parts for event in part), *CLOSE], asked))


# --------------------------------------------------------------------------------------------------------------- frame


def test_the_frame_is_what_the_dialect_asks_for_DI_101_DI_184() -> None:
    start, *_, delta, stop = told(text(0, "Hi"))
    assert start == {
        "type": "message_start",
        "message": {
            "id": "msg_0a1B",
            "type": "message",
            "role": "assistant",
            "model": "gpt-9",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        },
    }
    assert delta == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None, "stop_details": None},
        "usage": {"input_tokens": 12, "output_tokens": 5},
    }
    assert stop == {"type": "message_stop"}


def test_the_start_goes_out_with_the_usage_that_is_known_then() -> None:
    encoder = MESSAGES.encoder(answering())
    [start] = payloads(encoder.feed(Batch([Started("x", "m"), Usage(input=9, cache_read=4)])))
    assert start["message"]["usage"] == {"input_tokens": 5, "cache_read_input_tokens": 4, "output_tokens": 0}
    assert encoder.feed(Batch([Usage(output=1)])) == b""


def test_an_answer_that_nobody_started_has_the_request_s_model_and_id() -> None:
    start = payloads(encode([*text(0, "Hi"), *CLOSE]))[0]["message"]
    assert (start["id"], start["model"]) == ("msg_0a1B", "m")


def test_a_provider_of_this_dialect_keeps_its_id_DI_256() -> None:
    native = Started("msg_theirs", "claude", None, {"type": "message"})
    assert payloads(encode([native, *CLOSE]))[0]["message"]["id"] == "msg_theirs"


def test_an_answer_without_content_has_no_blocks_DI_254() -> None:
    assert both() == []
    assert both(text(0), text(1, "")) == []


def test_a_ping_is_a_ping_but_not_before_the_start() -> None:
    encoder = MESSAGES.encoder(answering())
    assert encoder.feed(Batch([Ping()])) == b""
    encoder.feed(Batch(OPEN))
    assert encoder.feed(Batch([Ping()])) == MESSAGES.keepalive == b'event: ping\ndata: {"type":"ping"}\n\n'


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        ("refusal", "refusal"),
        ("context_window", "model_context_window_exceeded"),
        ("pause", "pause_turn"),
        ("function_call", "tool_use"),
        ("other", "end_turn"),
        # DI-173: which sequence it was, Chat does not say.
        ("stop_sequence", "end_turn"),
    ],
)
def test_every_reason_to_stop_has_its_word(reason: FinishReason, word: str) -> None:
    events = [*OPEN, *text(0, "a"), Finish(reason, "theirs"), End()]
    assert accumulate(encode(events)).stop_reason == message(encode_body(events)).stop_reason == word


def test_a_stop_sequence_is_named_where_it_is_known() -> None:
    events = [*OPEN, *text(0, "a"), Finish("stop_sequence", None, "END"), End()]
    for answer in (accumulate(encode(events)), message(encode_body(events))):
        assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "END")


def test_details_of_another_dialect_do_not_get_in_and_its_own_do() -> None:
    own = {"type": "refusal", "category": "cyber", "explanation": None}
    for details, expected in ((own, own), ({"reason": "content_filter"}, None)):
        events = [*OPEN, Finish("content_filter", None, None, details), End()]
        assert payloads(encode(events))[-2]["delta"]["stop_details"] == expected


def test_calls_make_a_tool_turn_of_a_natural_end_DI_179() -> None:
    events = [*OPEN, *call(0, "{}"), *CLOSE]
    assert accumulate(encode(events)).stop_reason == message(encode_body(events)).stop_reason == "tool_use"


def test_usage_is_told_in_the_dialect_s_own_arithmetic_DI_182() -> None:
    usage = Usage(input=1200, output=340, total=1540, cache_read=1024, cache_write=128, reasoning=64)
    events: list[Event] = [*OPEN, *text(0, "a"), Finish("stop"), usage, End()]
    for answer in (accumulate(encode(events)), message(encode_body(events))):
        assert answer.usage.to_dict() == {
            "input_tokens": 48,
            "cache_read_input_tokens": 1024,
            "cache_creation_input_tokens": 128,
            "output_tokens": 340,
            "output_tokens_details": {"thinking_tokens": 64},
        }


def test_more_in_the_cache_than_was_read_is_not_below_nothing() -> None:
    assert accumulate(encode([*OPEN, Finish("stop"), Usage(input=3, output=1, cache_read=9), End()])).usage.input_tokens == 0


@pytest.mark.parametrize("whole", [False, True])
def test_usage_that_nobody_told_is_zero_and_counted_TR_U1(whole: bool) -> None:
    asked = answering()
    events: list[Event] = [*OPEN, Finish("stop"), End()]
    answer = message(encode_body(events, asked)) if whole else accumulate(encode(events, asked))
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (0, 0)
    assert asked.losses.dropped == ["usage"]


# -------------------------------------------------------------------------------------------------------------- blocks


def test_text_reasoning_and_calls_keep_their_order_and_their_blocks() -> None:
    blocks = both(thought(0, "hm", opaque="proof"), text(1, "Let ", "me."), call(2, '{"a":', "1}"), text(3, "Done 😀"), call(4))
    assert [(each.kind, each.text, each.arguments) for each in blocks] == [
        ("reasoning", "hm", None),
        ("text", "Let me.", None),
        ("tool", "", {"a": 1}),
        ("text", "Done 😀", None),
        ("tool", "", {}),
    ]
    assert [(each.id, each.name) for each in blocks if each.kind == "tool"] == [("call_2", "look"), ("call_4", "look")]


def test_indices_have_no_gap_and_every_block_is_opened_with_its_content_DI_102_DI_240() -> None:
    events = told(text(0), thought(1), text(2, "a"), call(3))
    kinds = [(each["type"], each["index"]) for each in events if "index" in each]
    assert kinds == [
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_stop", 1),
    ]


def test_a_block_that_begins_while_another_is_open_waits_for_its_end_DI_242() -> None:
    events: list[Event] = [
        ToolStart(0, "a", "f"),
        ToolArguments(0, '{"x":'),
        ToolStart(1, "b", "g"),
        ToolArguments(1, "{"),
        BlockStart(2, "text"),
        Text(2, "be"),
        ToolArguments(0, "1"),
        ToolArguments(1, "}"),
        Text(2, "hind"),
        BlockEnd(1),
        ToolArguments(0, "}"),
        BlockEnd(0),
        BlockEnd(2),
    ]
    blocks = both(events)
    assert [(each.kind, each.id, each.arguments, each.text) for each in blocks] == [
        ("tool", "a", {"x": 1}, ""),
        ("tool", "b", {}, ""),
        ("text", None, None, "behind"),
    ]
    open_now: set[int] = set()
    for each in told(events):
        if each["type"] == "content_block_start":
            assert not open_now
            open_now.add(each["index"])
        elif each["type"] == "content_block_stop":
            open_now.remove(each["index"])


def test_a_thousand_calls_that_wait_for_one_another_come_out_in_order() -> None:
    count = 1000
    starts: list[Event] = [ToolStart(number, f"c{number}", "f") for number in range(count)]
    ends: list[Event] = [BlockEnd(number) for number in reversed(range(count))]
    assert [each.id for each in both([*starts, *ends])] == [f"c{number}" for number in range(count)]


def test_blocks_that_only_this_dialect_knows_pass_in_their_turn_DI_257() -> None:
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    events: list[Event] = [
        Started("msg_theirs", "claude", None, {"type": "message"}),
        ToolStart(0, "a", "f"),
        Foreign("web_search_tool_result", found),
        Foreign("web_search_tool_result", found),
        BlockEnd(0),
        Foreign("web_search_tool_result", found),
        *CLOSE,
    ]
    asked = answering()
    assert [each.kind for each in said(accumulate(encode(events, asked))).blocks] == ["tool", "foreign", "foreign", "foreign"]
    assert [each.kind for each in said(message(encode_body(events, asked))).blocks] == ["tool", "foreign", "foreign", "foreign"]
    assert asked.losses.dropped == []


def test_a_refusal_is_text_and_the_reason_of_the_end_DI_156_DI_174() -> None:
    events = [*OPEN, BlockStart(0, "refusal"), Refusal(0, "I "), Refusal(0, "won't."), BlockEnd(0), *CLOSE]
    for answer in (accumulate(encode(events)), message(encode_body(events))):
        assert said(answer).said() == "I won't."
        assert answer.stop_reason == "refusal"


def test_log_probabilities_and_sources_are_named_when_they_are_dropped() -> None:
    for encoded in (encode, encode_body):
        asked = answering()
        block: list[Event] = [
            BlockStart(0, "text"),
            Text(0, "a", [{"token": "a"}]),
            Text(0, "b"),
            Citation(0, "https://a.test", "A"),
            BlockEnd(0),
            Foreign("web_search_call", {"type": "web_search_call"}),
            Unknown("weather"),
        ]
        data = encoded([*OPEN, *block, *CLOSE], asked)
        assert asked.losses.dropped == ["logprobs", "citations", "web_search_call"]
        assert said(accumulate(data) if encoded is encode else message(data)).said() == "ab"


# ------------------------------------------------------------------------------------------------------------ thinking


def test_a_foreign_proof_travels_sealed_DI_161() -> None:
    [block] = both(thought(0, "hm", opaque="proof"))
    assert (block.text, block.opaque) == ("hm", "sealed:encrypted:proof")
    deltas = [each["delta"] for each in told(thought(0, "hm", opaque="proof")) if each["type"] == "content_block_delta"]
    assert deltas == [
        {"type": "thinking_delta", "thinking": "hm"},
        {"type": "signature_delta", "signature": "sealed:encrypted:proof"},
    ]


def test_a_proof_without_a_text_is_thinking_without_a_text() -> None:
    [block] = both(thought(0, opaque="proof"))
    assert (block.kind, block.text, block.opaque) == ("reasoning", "", "sealed:encrypted:proof")


def test_reasoning_without_a_proof_is_shown_under_an_empty_seal() -> None:
    [block] = both(thought(0, "hm"))
    assert (block.text, block.opaque) == ("hm", "sealed:none:")


def test_reasoning_that_says_and_proves_nothing_is_no_block() -> None:
    assert both(thought(0), thought(1, "")) == []


def test_without_a_seal_reasoning_is_dropped_by_name_DI_160() -> None:
    for reasons in (thought(0, "hm"), thought(0, "hm", opaque="proof"), thought(0, opaque="proof")):
        asked = answering(seal=no_seal)
        assert [each.kind for each in both(reasons, text(1, "a"), asked=asked)] == ["text"]
        assert asked.losses.dropped == ["reasoning"]


def test_without_a_seal_an_operator_may_let_it_go_unsigned_DI_160() -> None:
    asked = answering(seal=no_seal, unsigned_thinking=True)
    [block] = both(thought(0, "hm"), asked=asked)
    assert (block.text, block.opaque) == ("hm", None)
    assert asked.losses.dropped == []
    start = told(thought(0, "hm"), asked=asked)[1]
    assert start["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}


def test_a_proof_alone_that_cannot_be_sealed_is_no_block() -> None:
    asked = answering(seal=no_seal, unsigned_thinking=True)
    assert both(thought(0, opaque="proof"), asked=asked) == []
    assert asked.losses.dropped == ["reasoning"]


def test_the_parts_of_reasoning_are_paragraphs() -> None:
    pieces = [Reasoning(0, "a", 0, True), Reasoning(0, "b", 0, True), Reasoning(0, "c", 1, True), Reasoning(0, "d", 0, False)]
    [block] = both([BlockStart(0, "reasoning"), *pieces, BlockEnd(0)])
    assert block.text == "ab\n\nc\n\nd"


# --------------------------------------------------------------------------------------------------------------- calls


def test_a_free_text_tool_s_call_is_an_object_with_one_field_DI_166() -> None:
    [block] = both(call(0, 'say "', "hi\n\\", '"', custom=True))
    assert block.arguments == {"input": 'say "hi\n\\"'}
    [empty] = both(call(0, custom=True))
    assert empty.arguments == {"input": ""}


@pytest.mark.parametrize("pieces", [["not json"], ['{"a": ', "oops"], ['{"a": 1'], ["[1]"], ["{}", "{}"], ["null"]])
def test_arguments_that_are_no_object_end_the_answer_before_the_block_is_complete_DI_165_DI_283(pieces: list[str]) -> None:
    events = [*OPEN, *text(0, "Let me."), *call(1, *pieces), *CLOSE]
    encoder = MESSAGES.encoder(answering())
    data = b""
    with pytest.raises(GatewayError, match="invalid tool arguments from model") as raised:
        encoder.feed(Batch(events))
    # What was said before goes out with the error.
    data += encoder.fail(raised.value)
    told = payloads(data)
    assert told[-1]["error"] == {"type": "api_error", "message": "invalid tool arguments from model"}
    assert {"type": "text_delta", "text": "Let me."} in [each.get("delta") for each in told]
    assert [each["index"] for each in told if each["type"] == "content_block_stop"] == [0]
    with pytest.raises(GatewayError, match="invalid tool arguments from model"):
        encode_body(events)


def test_blanks_alone_are_no_arguments() -> None:
    [block] = both(call(0, " ", "\n"))
    assert block.arguments == {}


# ------------------------------------------------------------------------------------------------------------- the end


def test_a_failure_in_the_middle_is_an_error_event_and_no_end_DI_125_TR_E1() -> None:
    encoder = MESSAGES.encoder(answering())
    data = encoder.feed(Batch([*OPEN, *text(0, "Hi")[:2]]))
    data += encoder.fail(GatewayError(Kind.OVERLOADED, "busy on node 7", from_provider=True))
    told = payloads(data)
    assert told[-1] == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": Kind.OVERLOADED.text},
        "request_id": "req_0a1B",
    }
    assert "message_stop" not in [each["type"] for each in told]
    assert encoder.fail(GatewayError(Kind.CUT)) == b""


def test_an_answer_that_lacks_only_its_last_mark_is_ended_well() -> None:
    encoder = MESSAGES.encoder(answering())
    data = encoder.feed(Batch([*OPEN, *text(0, "Hi"), Finish("length")])) + encoder.fail(GatewayError(Kind.CUT))
    assert (said(accumulate(data)).said(), accumulate(data).stop_reason) == ("Hi", "max_tokens")
    whole = MESSAGES.body_encoder(answering())
    assert whole.feed(Batch([*OPEN, *text(0, "Hi"), Finish("length")])) == b""
    assert said(message(whole.fail(GatewayError(Kind.CUT)))).said() == "Hi"


def test_a_body_that_breaks_before_its_end_is_nothing() -> None:
    whole = MESSAGES.body_encoder(answering())
    whole.feed(Batch([*OPEN, *text(0, "Hi")]))
    assert whole.fail(GatewayError(Kind.CUT)) == b""


def test_nothing_follows_the_end() -> None:
    encoder = MESSAGES.encoder(answering())
    encoder.feed(Batch([*OPEN, *CLOSE]))
    assert encoder.fail(GatewayError(Kind.INTERNAL)) == b""
