"""Chat streams as events: the grammar, the accents of providers, every way to end, and garbage."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dialects.chat import CHAT
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
    Refusal,
    Started,
    Text,
    ToolArguments,
    ToolStart,
    Unknown,
    Usage,
)
from tests.dialects.chat_kit import DONE, call, chunk, decode, event, transcript

USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def events(*wire: bytes) -> list[Event]:
    """Everything between Started and End of a good stream."""
    batch = decode(b"".join(wire))
    assert batch.error is None
    assert isinstance(batch.events[0], Started)
    assert batch.events[-1] == End()
    return batch.events[1:-1]


def failure(*wire: bytes) -> GatewayError:
    batch = decode(b"".join(wire))
    assert isinstance(batch.error, GatewayError)
    assert End() not in batch.events
    return batch.error


def test_a_stream_of_text_is_one_block_with_the_values_of_the_first_chunk_DI_29() -> None:
    batch = decode(
        chunk({"role": "assistant", "content": ""})
        + chunk({"content": "Hé"})
        + chunk({"content": "y"})
        + chunk({}, "stop")
        + DONE
    )
    assert batch.events == [
        Started("chatcmpl-1", "m-1", 7),
        BlockStart(0, "text"),
        Text(0, "Hé"),
        Text(0, "y"),
        BlockEnd(0),
        Finish("stop", "stop"),
        End(),
    ]


def test_a_role_delta_does_not_commit_and_a_text_does() -> None:
    decoder = CHAT.decoder()
    assert not decoder.feed(chunk({"role": "assistant", "content": ""})).commits
    assert decoder.feed(chunk({"content": "a"})).commits


def test_text_reasoning_and_refusal_never_overlap() -> None:
    assert events(
        chunk({"reasoning_content": "hm"}), chunk({"content": "a"}), chunk({"refusal": "no"}), chunk({}, "stop"), DONE
    ) == [
        BlockStart(0, "reasoning"),
        Reasoning(0, "hm"),
        BlockEnd(0),
        BlockStart(1, "text"),
        Text(1, "a"),
        BlockEnd(1),
        BlockStart(2, "refusal"),
        Refusal(2, "no"),
        BlockEnd(2),
        Finish("refusal", "stop"),
    ]


def test_parallel_calls_one_after_the_other_end_when_the_next_begins_DI_241() -> None:
    got = events(
        chunk(call(0, "a", "f", "")),
        chunk(call(0, arguments='{"x":')),
        chunk(call(0, arguments="1}")),
        chunk(call(1, "b", "g", "{}")),
        chunk({}, "tool_calls"),
        DONE,
    )
    assert got == [
        ToolStart(0, "a", "f"),
        ToolArguments(0, '{"x":'),
        ToolArguments(0, "1}"),
        BlockEnd(0),
        ToolStart(1, "b", "g"),
        ToolArguments(1, "{}"),
        BlockEnd(1),
        Finish("tool_calls", "tool_calls"),
    ]


def test_interleaved_calls_keep_every_piece_and_stay_open_until_the_finish_DI_242() -> None:
    got = events(
        chunk(call(0, "a", "f", '{"x":')),
        chunk(call(1, "b", "g", '{"y":')),
        chunk(call(0, arguments="1}")),
        chunk(call(1, arguments="2}")),
        chunk({}, "tool_calls"),
        DONE,
    )
    assert [each for each in got if isinstance(each, ToolArguments)] == [
        ToolArguments(0, '{"x":'),
        ToolArguments(1, '{"y":'),
        ToolArguments(0, "1}"),
        ToolArguments(1, "2}"),
    ]
    assert got[-3:] == [BlockEnd(0), BlockEnd(1), Finish("tool_calls", "tool_calls")]


def test_a_text_ends_when_calls_begin_and_a_whole_call_when_text_begins() -> None:
    got = events(chunk({"content": "a"}), chunk(call(0, "i", "f", "{}")), chunk({"content": "b"}), chunk({}, "stop"), DONE)
    assert [type(each) for each in got] == [
        BlockStart,
        Text,
        BlockEnd,
        ToolStart,
        ToolArguments,
        BlockEnd,
        BlockStart,
        Text,
        BlockEnd,
        Finish,
    ]


@pytest.mark.parametrize(
    "pieces",
    [
        [call(None, "a", "f", '{"x":1}')],
        [call(0, "a", "f", None), call(0, "a", "f", '{"x":1}')],
        [call(0, "a", "f", ""), call(0, "", "", '{"x":1}')],
        [call(0, "a", None, None), call(0, None, "f", '{"x":1}')],
        [{"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}}]}],
        [{"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": None}}]}, call(0, None, None, '{"x":1}')],
    ],
    ids=["no index", "id and name again", "empty id and name", "name later", "object", "null first"],
)
def test_a_call_in_any_accent_is_one_call(pieces: list[dict[str, Any]]) -> None:
    got = events(*(chunk(piece) for piece in pieces), chunk({}, "tool_calls"), DONE)
    assert [each for each in got if isinstance(each, ToolStart)] == [ToolStart(0, "a", "f")]
    assert "".join(each.text for each in got if isinstance(each, ToolArguments)) == '{"x":1}'


def test_another_id_on_the_same_index_is_another_call() -> None:
    got = events(chunk(call(0, "a", "f", "{}")), chunk(call(0, "b", "f", "{}")), chunk({}, "tool_calls"), DONE)
    assert [each for each in got if isinstance(each, (ToolStart, BlockEnd))] == [
        ToolStart(0, "a", "f"),
        BlockEnd(0),
        ToolStart(1, "b", "f"),
        BlockEnd(1),
    ]


def test_a_call_without_an_id_gets_one_that_is_the_same_each_time_it_is_read() -> None:
    wire = chunk(call(0, None, "f", "{}")) + chunk({}, "tool_calls") + DONE
    starts = [each for each in decode(wire).events + decode(wire, 3).events if isinstance(each, ToolStart)]
    assert starts[0].id
    assert starts[0] == starts[1]


def test_a_custom_call_has_free_text_DI_34() -> None:
    entry = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}
    got = events(chunk({"tool_calls": [entry]}), chunk({}, "tool_calls"), DONE)
    assert got[:3] == [ToolStart(0, "a", "patch", custom=True), ToolArguments(0, "*** Begin"), BlockEnd(0)]


def test_the_old_function_call_is_a_call_DI_177() -> None:
    got = events(
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": "{}"}}),
        chunk({}, "function_call"),
        DONE,
    )
    assert isinstance(got[0], ToolStart)
    assert (got[0].name, got[1:]) == ("f", [ToolArguments(0, "{}"), BlockEnd(0), Finish("function_call", "function_call")])


def test_stop_beside_calls_is_a_tool_turn_DI_179() -> None:
    assert events(chunk(call(0, "a", "f", "{}")), chunk({}, "stop"), DONE)[-1] == Finish("tool_calls", "stop")


@pytest.mark.parametrize(
    ("word", "reason"),
    [("length", "length"), ("content_filter", "content_filter"), ("model_length", "context_window"), ("nonsense", "other")],
)
def test_reasons_to_stop_keep_their_meaning_DI_170_to_DI_178(word: str, reason: str) -> None:
    finish = events(chunk({"content": "a"}), chunk({}, word), DONE)[-1]
    assert isinstance(finish, Finish)
    assert (finish.reason, finish.native) == (reason, word)


@pytest.mark.parametrize(("word", "kind"), [("error", Kind.PROVIDER), ("insufficient_system_resource", Kind.OVERLOADED)])
def test_a_finish_reason_that_says_failure_is_one(word: str, kind: Kind) -> None:
    assert failure(chunk({"content": "a"}), chunk({}, word), DONE).kind is kind


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
        {"reasoning": "hm", "reasoning_content": "hm"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
    ],
)
def test_reasoning_in_any_field_is_told_once_DI_38(delta: dict[str, Any]) -> None:
    assert events(chunk(delta), chunk({}, "stop"), DONE)[:3] == [BlockStart(0, "reasoning"), Reasoning(0, "hm"), BlockEnd(0)]


def test_a_summary_is_told_as_one() -> None:
    delta = {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]}
    assert events(chunk(delta), chunk({}, "stop"), DONE)[1] == Reasoning(0, "hm", 0, True)


def test_a_signature_belongs_to_the_reasoning_before_it_DI_161() -> None:
    proof = {"reasoning_details": [{"type": "reasoning.text", "signature": "sig"}]}
    got = events(chunk({"reasoning": "hm"}), chunk(proof), chunk({"content": "a"}), chunk({}, "stop"), DONE)
    assert got[2] == BlockEnd(0, "sig", "signature")


def test_a_proof_behind_the_text_does_not_cut_the_text() -> None:
    proof = {"content": "b", "reasoning_details": [{"type": "reasoning.encrypted", "data": "gA"}]}
    got = events(chunk({"content": "a"}), chunk(proof), chunk({}, "stop"), DONE)
    assert got == [
        BlockStart(0, "text"),
        Text(0, "a"),
        Text(0, "b"),
        BlockEnd(0),
        BlockStart(1, "reasoning"),
        BlockEnd(1, "gA", "encrypted"),
        Finish("stop", "stop"),
    ]


def test_sources_and_log_probabilities_stay_with_the_text() -> None:
    source = {"type": "url_citation", "url_citation": {"url": "http://a.test", "title": "A", "start_index": 0, "end_index": 1}}
    choice = {"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [{"token": "a"}]}}
    got = events(event({"id": "x", "choices": [choice]}), chunk({"annotations": [source]}), chunk({}, "stop"), DONE)
    assert got[1:3] == [Text(0, "a", [{"token": "a"}]), Citation(0, "http://a.test", "A", 0, 1, source)]


def test_usage_is_told_where_it_is_news_and_what_is_missing_is_unknown_DI_180_TR_U3() -> None:
    more = USAGE | {"prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens_details": {"reasoning_tokens": 2}}
    got = events(
        chunk({"content": "a"}, usage=USAGE),
        chunk({"content": "b"}, usage=USAGE),
        chunk({}, "stop", usage=None),
        event({"id": "x", "choices": [], "usage": more}),
        DONE,
    )
    assert [each for each in got if isinstance(each, Usage)] == [Usage(9, 4, 13), Usage(9, 4, 13, 5, None, 2)]
    assert got[-1] == Usage(9, 4, 13, 5, None, 2)
    assert events(chunk({}, "stop", usage={"prompt_tokens": None, "completion_tokens": "4"}), DONE)[-1] == Usage()


def test_further_choices_are_foreign_and_must_finish_too_DI_35() -> None:
    second = {"index": 1, "delta": {"content": "x"}, "finish_reason": None}
    end = {"index": 1, "delta": {}, "finish_reason": "stop"}
    wire = chunk({"content": "a"}) + event({"choices": [second]}) + chunk({}, "stop")
    assert Foreign("choice", second) in events(wire, event({"choices": [end]}), DONE)
    assert failure(wire).kind is Kind.CUT
    assert failure(wire, DONE).kind is Kind.CUT


def test_a_whole_message_in_the_place_of_deltas_is_read_and_one_beside_them_is_not() -> None:
    message = {"role": "assistant", "content": "whole"}
    whole = event({"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    beside = event({"id": "x", "choices": [{"index": 0, "delta": {"content": "a"}, "message": message}]})
    assert Text(0, "whole") in events(whole, DONE)
    assert [each for each in events(beside, chunk({}, "stop"), DONE) if isinstance(each, Text)] == [Text(0, "a")]


def test_a_finish_is_told_once_and_an_empty_first_chunk_says_nothing() -> None:
    first = event({"id": "", "model": "", "created": 0, "choices": [], "prompt_filter_results": []})
    batch = decode(first + chunk({"content": "a"}) + chunk({"content": ""}, "stop") + chunk({"content": ""}, "stop") + DONE)
    assert batch.events[0] == Started("chatcmpl-1", "m-1", 7)
    assert [each for each in batch.events if isinstance(each, Finish)] == [Finish("stop", "stop")]


def test_what_is_no_chunk_is_told_as_unknown_and_fails_nothing() -> None:
    assert Unknown("status") in events(chunk({"content": "a"}), event({"object": "status"}), chunk({}, "stop"), DONE)


# ---------------------------------------------------------------------------------------------------------------- ends


@pytest.mark.parametrize(
    "tail",
    [DONE, b"data: [DONE]\n", b"data:[DONE]", b"", b"data: [DO", b": bye\n\n", b"data: [DONE] \r\n\r\n"],
)
def test_after_a_finish_reason_done_or_the_close_is_the_end_TR_E6_F11(tail: bytes) -> None:
    assert decode(chunk({"content": "a"}) + chunk({}, "stop", usage=USAGE) + tail).events[-1] == End()


def test_a_last_chunk_without_its_blank_line_counts_when_it_is_whole_TR_S5() -> None:
    wire = chunk({"content": "a"}) + chunk({}, "stop").rstrip()
    batch = decode(wire)
    assert (batch.events[-1], batch.raw) == (End(), wire)
    assert failure(wire[:-3]).kind is Kind.CUT


@pytest.mark.parametrize(
    "wire",
    [b"", b": hello\n\n", chunk({"role": "assistant"}), chunk({"content": "a"}), chunk(call(0, "a", "f", "{}")), DONE],
    ids=["nothing", "comment", "role", "text", "call", "done alone"],
)
def test_a_stream_without_its_mark_was_cut_TR_E6(wire: bytes) -> None:
    assert failure(wire).kind is Kind.CUT


def test_done_is_the_mark_of_a_provider_that_never_says_why_it_stopped_DI_37() -> None:
    assert events(chunk({"content": "a"}), DONE)[-1] == Finish("stop", None)
    assert events(chunk(call(0, "a", "f", "{}")), DONE)[-1] == Finish("tool_calls", None)
    # In the middle of a call's arguments nobody is done.
    assert failure(chunk(call(0, "a", "f", '{"x":')), DONE).kind is Kind.CUT


def test_nothing_is_read_behind_the_end() -> None:
    decoder = CHAT.decoder()
    batch = decoder.feed(chunk({}, "stop") + DONE + chunk({"content": "late"}))
    assert batch.events[-1] == End()
    assert batch.raw.endswith(DONE)
    assert decoder.feed(chunk({"content": "late"})).events == []
    assert decoder.close().events == []


def test_content_behind_a_finish_is_kept_and_closed() -> None:
    batch = decode(chunk({"content": "a"}) + chunk({}, "stop") + chunk({"content": "b"}) + DONE)
    assert batch.events[-4:] == [BlockStart(1, "text"), Text(1, "b"), BlockEnd(1), End()]


# -------------------------------------------------------------------------------------------------------------- errors


def test_an_error_event_fails_behind_what_came_before_and_keeps_its_own_bytes_DI_11() -> None:
    bad = event({"error": {"message": "Slow down.", "code": "rate_limit_exceeded"}})
    batch = decode(chunk({"content": "a"}) + bad + DONE)
    error = batch.error
    assert isinstance(error, GatewayError)
    assert (error.kind, error.raw, error.dialect, error.from_provider) == (Kind.RATE_LIMIT, bad, "chat", True)
    assert batch.raw == chunk({"content": "a"})
    assert batch.events[-1] == Text(0, "a")


def test_an_error_event_by_name_is_an_error_whatever_its_object() -> None:
    assert failure(b'event: error\ndata: {"message":"x","code":"server_error"}\n\n').kind is Kind.PROVIDER
    assert failure(transcript("named_error_event")).code == "tool_use_failed"


def test_a_null_error_is_none() -> None:
    assert events(chunk({"content": "a"}, error=None), chunk({}, "stop"), DONE)


@pytest.mark.parametrize(
    "data",
    [
        b"{nonsense",
        b"[]",
        b"7",
        b'{"choices":5}',
        b'{"choices":[7]}',
        b'{"choices":[{"delta":7}]}',
        b'{"choices":[{"delta":{"content":7}}]}',
        b'"\xff"',
    ],
)
def test_an_event_that_is_no_chunk_fails_behind_the_good_ones_F10(data: bytes) -> None:
    batch = decode(chunk({"content": "a"}) + b"data: " + data + b"\n\n" + chunk({"content": "b"}))
    assert isinstance(batch.error, GatewayError)
    assert batch.error.kind is Kind.BAD_REPLY
    assert batch.events[-1] == Text(0, "a")
    assert batch.raw == chunk({"content": "a"})


def test_a_call_that_nobody_named_is_no_call() -> None:
    assert failure(chunk(call(0, "a", None, "{}")), chunk({}, "tool_calls"), DONE).kind is Kind.BAD_REPLY


def test_comments_are_a_sign_of_life_and_pass_in_the_same_dialect() -> None:
    batch = CHAT.decoder().feed(b": OPENROUTER PROCESSING\n\n")
    assert (batch.events, batch.raw, batch.commits) == ([Ping()], b": OPENROUTER PROCESSING\n\n", False)


# -------------------------------------------------------------------------------------------------- the short way to read


@pytest.mark.parametrize("padding", [{}, {"obfuscation": "abc"}, {"p": "a-_.b"}])
@pytest.mark.parametrize("field", ["content", "reasoning", "reasoning_content", "arguments"])
def test_pieces_that_differ_in_their_text_only_are_read_to_the_same_events(field: str, padding: dict[str, str]) -> None:
    texts = ["a", 'quote " and \\', "}}],", "é😀\u0000", '","obfuscation":"', "b" * 300]
    deltas = [call(0, None, None, text) if field == "arguments" else {field: text} for text in texts]
    wire = chunk(call(0, "i", "f", "")) if field == "arguments" else b""
    wire += b"".join(
        chunk(delta, **{name: value * number for name, value in padding.items()}) for number, delta in enumerate(deltas)
    )
    got = decode(wire + chunk({}, "stop") + DONE, 100_000)
    single = CHAT.decoder()
    pieces = [part + b"\n\n" for part in (wire + chunk({}, "stop") + DONE).split(b"\n\n")[:-1]]
    assert [each for piece in pieces for each in single.feed(piece).events] == got.events
    assert [each.text for each in got.events if isinstance(each, (Text, Reasoning, ToolArguments))] == texts


@pytest.mark.parametrize(
    "odd",
    [
        chunk({"content": "x"}, obfuscation="a").replace(b'"x"', b'"x","role":"y"'),
        chunk({"content": "x"}, obfuscation="a").replace(b'"x"', b"null"),
        chunk({"content": "x"}, obfuscation="a").replace(b'"x"', b'["x"]'),
        chunk({"content": "x"}, obfuscation="a", error={"message": "boom"}),
        chunk({"content": "x"}, obfuscation="a").replace(b'"a"', b'"a","error":{"message":"boom"},"p":"a"'),
        chunk({"content": "x"}, "stop", obfuscation="a"),
        chunk({"content": "x"}, obfuscation="a").replace(b'"x"', b'"x'),
    ],
)
def test_a_chunk_that_only_looks_like_the_one_before_is_read_in_full(odd: bytes) -> None:
    before = [chunk({"content": text}, obfuscation="a") for text in "abc"]
    quick, slow = CHAT.decoder(), CHAT.decoder()
    for piece in before:
        quick.feed(piece)
    got = quick.feed(odd)
    # One that has not learned the shape yet: other bytes between all pieces.
    for number, piece in enumerate(before):
        slow.feed(piece.replace(b'"m-1"', f'"m-{number}"'.encode()))
    expected = slow.feed(odd)
    assert got.events == expected.events
    assert (got.error is None) == (expected.error is None)


DELTAS = st.sampled_from(
    [
        {"content": "a"},
        {"content": "b"},
        {"role": "assistant", "content": "c"},
        {"content": ""},
        {"reasoning": "d"},
        {"reasoning": "e"},
        {"refusal": "f"},
        call(0, "i", "f", ""),
        call(0, arguments='{"x":'),
        call(0, arguments='"y"'),
        call(0, arguments="}"),
        call(1, "j", "g", "{"),
        call(1, arguments="}"),
        call(0, "k", "h", "{}"),
    ]
)


@given(st.lists(DELTAS, max_size=14), st.booleans(), st.booleans())
def test_the_short_way_and_the_long_way_read_the_same(deltas: list[dict[str, Any]], padded: bool, singly: bool) -> None:
    more = {"obfuscation": "x"} if padded else {}
    short = [chunk(delta, **more) for delta in deltas]
    # Other bytes in each chunk, so that none is like the one before.
    long = [chunk(delta, number=number, **more) for number, delta in enumerate(deltas)]
    batches = []
    for wire in (short, long):
        decoder = CHAT.decoder()
        pieces = wire if singly else [b"".join(wire)]
        batches.append([decoder.feed(piece) for piece in pieces] + [decoder.feed(chunk({}, "stop") + DONE), decoder.close()])
    one, other = ([each for batch in way for each in batch.events if type(each) is not Ping] for way in batches)
    assert one == other
    assert [str(batch.error) for batch in batches[0]] == [str(batch.error) for batch in batches[1]]
    assert [batch.raw.count(b"\n\n") for batch in batches[0]] == [batch.raw.count(b"\n\n") for batch in batches[1]]


# ------------------------------------------------------------------------------------------------------------- garbage

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "stop", "text", "thinking", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "content",
                    "reasoning",
                    "reasoning_details",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "id",
                    "index",
                    "type",
                    "text",
                    "annotations",
                    "refusal",
                    "custom",
                    "error",
                    "usage",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
CHUNKS = st.fixed_dictionaries(
    {},
    optional={
        "id": ANYTHING,
        "choices": ANYTHING
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "index": ANYTHING,
                    "delta": ANYTHING,
                    "finish_reason": ANYTHING,
                    "logprobs": ANYTHING,
                    "message": ANYTHING,
                },
            ),
            max_size=2,
        ),
        "usage": ANYTHING,
        "error": ANYTHING,
    },
)


@given(st.lists(CHUNKS.map(lambda value: event(value)) | st.just(DONE) | st.binary(max_size=20), max_size=5), st.integers(1, 40))
def test_no_wire_makes_the_decoder_raise_and_every_failure_is_typed(pieces: list[bytes], step: int) -> None:
    batch = decode(b"".join(pieces), step)
    assert batch.error is None or isinstance(batch.error, GatewayError)
    assert (batch.error is None) == (End() in batch.events)
    for each in batch.events:
        if isinstance(each, (Text, Reasoning, Refusal, ToolArguments)):
            assert type(each.text) is str


@given(st.binary(max_size=300), st.integers(1, 40))
def test_a_body_of_garbage_is_a_typed_failure(data: bytes, step: int) -> None:
    batch = decode(data, step, CHAT.body_decoder())
    assert isinstance(batch.error, GatewayError)
