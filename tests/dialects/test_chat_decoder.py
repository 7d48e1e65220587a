"""Chat streams as events: the grammar, and the accents of providers."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.dialects.chat import CHAT
from pipeline.errors import Kind
from pipeline.events import (
    BlockEnd,
    BlockStart,
    Citation,
    End,
    Finish,
    Foreign,
    Reasoning,
    Refusal,
    Started,
    Text,
    ToolArguments,
    ToolStart,
    Unknown,
    Usage,
)
from tests.dialects.chat_kit import DONE, call, chunk, decode, event, events, failure

USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


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
