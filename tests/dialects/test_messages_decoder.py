"""Messages answers as events: blocks, usage and ends as the provider means them; nothing it sends makes the reader raise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dialects.messages import MESSAGES
from pipeline.errors import GatewayError, Kind
from pipeline.events import (
    BlockEnd,
    BlockStart,
    Citation,
    End,
    Event,
    Finish,
    Foreign,
    Ping,
    Reasoning,
    Started,
    Text,
    ToolArguments,
    ToolStart,
    Unknown,
    Usage,
)
from tests.dialects.messages_kit import END, STOP, block, call, decode, decode_body, event, finish, start, text, transcript

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}


def events(*wire: bytes) -> list[Event]:
    batch = decode(b"".join(wire))
    assert batch.error is None
    return batch.events


def body(*content: Any, **more: Any) -> dict[str, Any]:
    message: dict[str, Any] = {
        "id": "msg_p1",
        "type": "message",
        "role": "assistant",
        "model": "claude-1",
        "content": list(content),
    }
    message |= {"stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 5}}
    return message | more


def failure(*wire: bytes) -> GatewayError:
    error = decode(b"".join(wire)).error
    assert isinstance(error, GatewayError)
    return error


# -------------------------------------------------------------------------------------------------------------- blocks


def test_a_text_is_started_told_finished_and_ended_DI_101() -> None:
    got = events(start(), text(0, "Hel", "lo"), END)
    started = got.pop(0)
    assert isinstance(started, Started)
    assert (started.id, started.model) == ("msg_p1", "claude-1")
    assert got == [
        Usage(input=10, output=1),
        BlockStart(0, "text"),
        Text(0, "Hel"),
        Text(0, "lo"),
        BlockEnd(0),
        Usage(input=10, output=5),
        Finish("stop", "end_turn"),
        End(),
    ]


def test_thinking_brings_its_signature_at_its_end_and_redacted_thinking_its_data_DI_103() -> None:
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = [{"type": "thinking_delta", "thinking": "hm"}, {"type": "signature_delta", "signature": "c2ln"}]
    got = events(start(), block(0, thinking, *deltas), block(1, {"type": "redacted_thinking", "data": "eA=="}), END)
    assert got[2:7] == [
        BlockStart(0, "reasoning"),
        Reasoning(0, "hm"),
        BlockEnd(0, "c2ln", "signature"),
        BlockStart(1, "reasoning"),
        BlockEnd(1, "eA==", "redacted"),
    ]


def test_a_call_s_arguments_come_in_pieces_without_the_empty_ones() -> None:
    got = events(start(), call(0, "", '{"a":', " 1}"), finish("tool_use"), STOP)
    assert got[2:6] == [ToolStart(0, "toolu_1", "look"), ToolArguments(0, '{"a":'), ToolArguments(0, " 1}"), BlockEnd(0)]
    assert got[-2] == Finish("tool_calls", "tool_use")


def test_a_block_that_is_not_empty_at_its_start_loses_nothing() -> None:
    whole = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1]}}
    thinking = {"type": "thinking", "thinking": "so", "signature": "c2ln"}
    got = events(start(), block(0, {"type": "text", "text": "Hi"}), block(1, thinking), block(2, whole), END)
    assert Text(0, "Hi") in got
    assert [Reasoning(1, "so"), BlockEnd(1, "c2ln", "signature")] == [each for each in got if getattr(each, "block", 0) == 1][1:]
    assert ToolArguments(2, '{"a":[1]}') in got


def test_pieces_of_arguments_stand_for_what_the_start_held() -> None:
    whole = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    got = events(start(), block(0, whole, {"type": "input_json_delta", "partial_json": '{"a": 1}'}), END)
    assert [each for each in got if isinstance(each, ToolArguments)] == [ToolArguments(0, '{"a": 1}')]


def test_a_source_belongs_to_its_text_and_only_a_web_page_has_an_address_DI_159() -> None:
    web = {"type": "web_search_result_location", "url": "https://a.test", "title": "A", "encrypted_index": "x", "cited_text": "y"}
    place = {"type": "char_location", "cited_text": "y", "document_index": 0, "document_title": None}
    deltas = [{"type": "citations_delta", "citation": each} for each in (web, place)]
    got = events(start(), block(0, {"type": "text", "text": "", "citations": []}, *deltas), END)
    assert got[3:5] == [Citation(0, "https://a.test", "A", native=web), Citation(0, None, None, native=place)]


def test_server_tool_blocks_are_foreign_without_a_number_and_whole_with_their_deltas_DI_158() -> None:
    pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", '{"query":', '"x"}')]
    got = events(start(), block(0, SEARCH, *pieces), block(1, FOUND), text(2, "Found."), END)
    foreign = [each for each in got if isinstance(each, Foreign)]
    assert [each.kind for each in foreign] == ["server_tool_use", "web_search_tool_result"]
    assert foreign[0].native == SEARCH | {"input": {"query": "x"}}
    assert Text(0, "Found.") in got


def test_a_compaction_is_foreign_and_whole() -> None:
    [foreign] = [each for each in decode(transcript("compaction")).events if isinstance(each, Foreign)]
    assert foreign.kind == "compaction"
    assert foreign.native is not None
    assert foreign.native["content"].startswith("The user provided")


def test_content_in_the_start_is_told_and_its_reason_is_the_end_s() -> None:
    got = decode(transcript("content_in_message_start")).events
    assert [type(each) for each in got] == [Started, Usage, ToolStart, ToolArguments, BlockEnd, Finish, End]
    assert got[3] == ToolArguments(0, '{"player":"player2"}')
    assert got[5] == Finish("tool_calls", "tool_use")


def test_a_text_whose_end_is_left_out_ends_where_the_next_begins() -> None:
    first = block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "a"}, stop=False)
    got = events(start(), first, text(1, "b"), event("content_block_stop", index=0), END)
    assert got[2:8] == [
        BlockStart(0, "text"),
        Text(0, "a"),
        BlockEnd(0),
        BlockStart(1, "text"),
        Text(1, "b"),
        BlockEnd(1),
    ]


def test_calls_that_interleave_keep_their_pieces() -> None:
    def piece(index: int, json_text: str) -> bytes:
        return event("content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": json_text})

    begun = [block(index, {"type": "tool_use", "id": f"t{index}", "name": "f", "input": {}}, stop=False) for index in (0, 1)]
    got = events(start(), *begun, piece(0, "{"), piece(1, "{ "), piece(0, "}"), piece(1, "}"), finish("tool_use"), STOP)
    assert "".join(each.text for each in got if isinstance(each, ToolArguments) and each.block == 1) == "{ }"
    assert [each for each in got if isinstance(each, BlockEnd)] == [BlockEnd(0), BlockEnd(1)]


def test_deltas_in_any_layout_are_read_the_same() -> None:
    """The short way of reading a delta may never change what is read."""
    layouts: list[dict[str, Any]] = [{}, {"separators": (",", ":")}, {"sort_keys": True}, {"indent": None, "ensure_ascii": False}]
    pieces = ["a", 'q"}}', "\\", "é😀", "{", "}", " } ", "\n", "x" * 300]
    for layout in layouts:
        for padding in ("", "   "):
            deltas = [
                json.dumps({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}, **layout)
                for piece in pieces * 3
            ]
            wire = [f"event: content_block_delta\ndata: {delta[:-1]}{padding}}}\n\n".encode() for delta in deltas]
            got = events(start(), block(0, {"type": "text", "text": ""}, stop=False), *wire, END)
            assert [each.text for each in got if isinstance(each, Text)] == pieces * 3


def test_a_delta_like_the_last_one_but_of_another_block_is_read_in_full() -> None:
    def piece(index: int, said: str, **more: str) -> bytes:
        return event("content_block_delta", index=index, delta={"type": "text_delta", "text": said, **more})

    decoder = MESSAGES.decoder()
    for each in (start(), block(0, {"type": "text", "text": ""}, stop=False), piece(0, "a"), piece(0, "b")):
        decoder.feed(each)
    assert decoder.feed(piece(0, "c", more="d")).events == [Text(0, "c")]
    assert decoder.feed(piece(0, "")).events == [Ping()]
    assert decoder.feed(piece(0, "e") + piece(0, "f")).events == [Text(0, "e"), Text(0, "f")]
    assert decoder.feed(piece(1, "g")).error is not None
    assert decoder.feed(piece(0, "h")).events == []


# --------------------------------------------------------------------------------------------------------------- frame


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("stop_sequence", "stop_sequence"),
        ("refusal", "refusal"),
        ("pause_turn", "pause"),
        ("model_context_window_exceeded", "context_window"),
        ("compaction", "other"),
    ],
)
def test_every_reason_to_stop_has_its_meaning_DI_99(word: str, reason: str) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    got = events(start(), text(0, "a"), finish(word, stop_sequence="X", stop_details=details), STOP)
    assert got[-2] == Finish(reason, word, "X", details)  # type: ignore[arg-type]
    assert decode_body(body(stop_reason=word)).events[-2] == Finish(reason, word)  # type: ignore[arg-type]


def test_a_natural_end_with_calls_is_a_tool_turn_DI_179() -> None:
    assert events(start(), call(0), END)[-2] == Finish("tool_calls", "end_turn")


def test_an_end_without_any_reason_is_an_end_for_another_reason_DI_178() -> None:
    assert events(start(), text(0, "a"), STOP)[-2:] == [Finish("other"), End()]


def test_usage_overwrites_and_what_is_absent_stays_DI_181_DI_185() -> None:
    first = {"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 1000, "output_tokens": 1}
    last = {"output_tokens": 7, "cache_creation_input_tokens": None, "output_tokens_details": {"thinking_tokens": 3}}
    got = [each for each in events(start(usage=first), finish(usage=last), STOP) if isinstance(each, Usage)]
    assert got == [
        Usage(input=1110, output=1, cache_read=100, cache_write=1000),
        Usage(input=1110, output=7, cache_read=100, cache_write=1000, reasoning=3),
    ]


def test_usage_that_nobody_told_is_unknown_TR_U1_TR_U3() -> None:
    got = events(start(usage=None), finish(usage={"output_tokens": "7"}), STOP)
    assert not [each for each in got if isinstance(each, Usage)]


def test_reasons_told_twice_count_once() -> None:
    got = events(start(), text(0, "a"), finish(None, {"output_tokens": 2}), finish("max_tokens"), finish("end_turn"), STOP)
    assert [each for each in got if isinstance(each, Finish)] == [Finish("length", "max_tokens")]


def test_signs_of_life_are_pings_and_their_bytes_pass() -> None:
    decoder = MESSAGES.decoder()
    for read in (b": hello\n\n", b'event: ping\ndata: {"type": "ping"}\n\n'):
        batch = decoder.feed(read)
        assert (batch.events, batch.raw, batch.commits) == ([Ping()], read, False)


def test_unknown_events_and_deltas_are_tolerated_DI_101() -> None:
    strange = block(0, {"type": "text", "text": ""}, {"type": "mood_delta", "mood": 1})
    got = events(start(), event("weather", wind=7), strange, END)
    assert [each for each in got if isinstance(each, Unknown)] == [Unknown("weather"), Unknown("mood_delta")]


def test_after_the_end_everything_is_ignored() -> None:
    decoder = MESSAGES.decoder()
    whole = start() + text(0, "a") + END
    batch = decoder.feed(whole + b"data: [DONE]\n\n")
    assert batch.ends
    assert batch.raw == whole
    for rest in (decoder.feed(start()), decoder.feed(b"data: {oops\n\n"), decoder.close()):
        assert (rest.events, rest.raw, rest.error) == ([], b"", None)


# -------------------------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        start(),
        start() + text(0, "a"),
        start() + text(0, "a") + finish(),
        start() + text(0, "a") + finish() + b'event: message_stop\ndata: {"type": "mess',
        start() + text(0, "a") + b"data: [DONE]\n\n",
    ],
    ids=["nothing", "start", "text", "reason", "torn mark", "another dialect's mark"],
)
def test_a_stream_without_its_mark_was_cut_TR_E6(wire: bytes) -> None:
    assert failure(wire).kind is Kind.CUT
    assert wire.startswith(decode(wire).raw)


@pytest.mark.parametrize(
    ("wire", "kind"),
    [
        (b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Busy"}}\n\n', Kind.OVERLOADED),
        (b'event: error\ndata: {"error":{"type":"rate_limit_error","message":"Slow"}}\n\n', Kind.RATE_LIMIT),
        (b'data: {"error":{"message":"prompt is too long: 9 tokens"}}\n\n', Kind.CONTEXT_LENGTH),
        (b"event: error\ndata: upstream connect error\n\n", Kind.PROVIDER),
    ],
    ids=["own", "no type", "another dialect's", "plain text"],
)
def test_an_error_in_the_stream_is_typed_and_keeps_its_bytes(wire: bytes, kind: Kind) -> None:
    before = start() + text(0, "a")
    for step in (None, 7):
        batch = decode(before + wire, step)
        assert isinstance(batch.error, GatewayError)
        assert (batch.error.kind, batch.error.raw, batch.error.dialect) == (kind, wire, "messages")
        assert batch.error.from_provider
        assert batch.raw == before
        assert batch.events[-1] == BlockEnd(0)


OPEN = block(0, {"type": "text", "text": ""}, stop=False)


@pytest.mark.parametrize(
    "wire",
    [
        b"data: {oops\n\n",
        b"data: 7\n\n",
        b"data: {}\n\n",
        b'data: {"type": 7}\n\n',
        b'data: {"type": ["ping"]}\n\n',
        start(),
        OPEN + OPEN,
        event("content_block_start", index=0),
        event("content_block_start", index="0", content_block={"type": "text", "text": ""}),
        event("content_block_start", index=0, content_block={"type": "tool_use", "id": "", "name": "f"}),
        event("content_block_start", index=0, content_block={"type": "redacted_thinking"}),
        event("content_block_delta", index=4, delta={"type": "text_delta", "text": "a"}),
        OPEN + event("content_block_delta", index=0, delta={"type": "text_delta", "text": 7}),
        OPEN + event("content_block_delta", index=0, delta={"type": "citations_delta", "citation": None}),
        block(0, SEARCH, {"type": "input_json_delta", "partial_json": "{oops"}),
        finish() + text(0, "behind the reason"),
        event("message_delta", delta=[1], usage={}),
    ],
)
def test_what_no_event_can_be_is_a_bad_reply_behind_the_good_events(wire: bytes) -> None:
    batch = decode(start() + wire)
    assert isinstance(batch.error, GatewayError)
    assert batch.error.kind is Kind.BAD_REPLY
    assert isinstance(batch.events[0], Started)
    assert batch.raw.startswith(start())


@pytest.mark.parametrize("wire", [text(0, "a"), finish(), STOP, event("message_start")])
def test_an_answer_without_its_start_is_a_bad_reply(wire: bytes) -> None:
    assert failure(wire).kind is Kind.BAD_REPLY


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "id", "usage"]), inner, max_size=3)
    ),
    max_leaves=6,
)
TYPES = st.sampled_from(
    [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
    ]
)
KINDS = st.sampled_from(
    ["text", "thinking", "tool_use", "redacted_thinking", "x", "text_delta", "input_json_delta", "citations_delta"]
)
PART = st.fixed_dictionaries({"type": KINDS | JSON}, optional=dict.fromkeys(("text", "id", "name", "input", "citation"), JSON))
GARBAGE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"type": TYPES | JSON},
    optional={
        "index": st.integers(0, 2) | JSON,
        "content_block": PART | JSON,
        "delta": PART | JSON,
        "message": st.just({"content": []}) | st.fixed_dictionaries({"content": st.lists(PART, max_size=2)}) | JSON,
        "usage": JSON,
        "error": JSON,
    },
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(GARBAGE, max_size=6), st.binary(max_size=12), st.integers(1, 40))
def test_garbage_gives_named_errors_only(wire: list[Any], tail: bytes, step: int) -> None:
    data = b"".join(f"event: x\ndata: {json.dumps(each)}\n\n".encode() for each in wire) + tail
    for begin in (b"", start()):
        whole, small = decode(begin + data), decode(begin + data, step)
        assert whole.ends or isinstance(whole.error, GatewayError)
        assert small.events == whole.events
        assert type(small.error) is type(whole.error)


# ---------------------------------------------------------------------------------------------------------------- body


def test_a_body_gives_the_events_of_the_stream_that_says_the_same() -> None:
    content: list[Any] = [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "text", "text": "Hi"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
    ]
    batch = decode_body(body(*content, stop_reason="tool_use"))
    assert batch.error is None
    assert batch.events[2:] == [
        BlockStart(0, "reasoning"),
        Reasoning(0, "hm"),
        BlockEnd(0, "c2ln", "signature"),
        BlockStart(1, "text"),
        Text(1, "Hi"),
        BlockEnd(1),
        ToolStart(2, "t", "f"),
        ToolArguments(2, '{"a":1}'),
        BlockEnd(2),
        Finish("tool_calls", "tool_use"),
        End(),
    ]


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}, Kind.OVERLOADED),
        ({"error": "broken"}, Kind.PROVIDER),
        (b"", Kind.CUT),
        (b" \n", Kind.CUT),
        (b'{"id": "msg_1", "content": [', Kind.BAD_REPLY),
        (b"<html>", Kind.BAD_REPLY),
        ([1], Kind.BAD_REPLY),
        ({"id": "msg_1"}, Kind.BAD_REPLY),
        (body({"type": "text", "text": 7}), Kind.BAD_REPLY),
        (body(7), Kind.BAD_REPLY),
    ],
)
def test_a_body_that_is_no_message_is_an_error(payload: Any, kind: Kind) -> None:
    batch = decode_body(payload)
    assert isinstance(batch.error, GatewayError)
    assert (batch.error.kind, batch.events, batch.raw) == (kind, [], b"")


def test_the_outline_of_a_body_tells_usage_reason_and_end_only() -> None:
    whole = body({"type": "tool_use", "id": "t", "name": "f", "input": {}})
    assert MESSAGES.outline(whole) == [Usage(input=10, output=5), Finish("tool_calls", "end_turn"), End()]
    with pytest.raises(GatewayError) as raised:
        MESSAGES.outline({"type": "error", "error": {"type": "rate_limit_error", "message": "Slow"}})
    assert raised.value.kind is Kind.RATE_LIMIT


def test_a_foreign_block_that_nobody_knows_is_counted_as_other_and_kept_whole_DI_158() -> None:
    native = {"type": "x" * 300, "say": "it"}
    [foreign] = [each for each in decode(start() + block(0, native) + finish()).events if isinstance(each, Foreign)]
    assert foreign == Foreign("other", native)
