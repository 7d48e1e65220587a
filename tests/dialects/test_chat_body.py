"""Whole Chat bodies, both ways: the same content as a stream, judged by the official SDK."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.dialects.chat import CHAT
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
    Reasoning,
    Refusal,
    Started,
    Text,
    ToolArguments,
    ToolStart,
    Usage,
)
from tests.dialects.chat_kit import answering, completion, decode, decode_body, encode_body
from tests.support.chat import from_chat


def body(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "m-1", "choices": [choice], **more}


def test_a_body_is_reasoning_text_refusal_and_calls_in_this_order_and_comes_at_the_close() -> None:
    message = {
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        "refusal": "no",
        "content": "text",
        "reasoning_content": "hm",
    }
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    batch = decode_body(body(message, "tool_calls", usage=usage))
    assert batch.events == [
        Started("chatcmpl-1", "m-1", 7),
        BlockStart(0, "reasoning"),
        Reasoning(0, "hm"),
        BlockEnd(0),
        BlockStart(1, "text"),
        Text(1, "text"),
        BlockEnd(1),
        BlockStart(2, "refusal"),
        Refusal(2, "no"),
        BlockEnd(2),
        ToolStart(3, "a", "f"),
        ToolArguments(3, "{}"),
        BlockEnd(3),
        Usage(1, 2, 3),
        Finish("tool_calls", "tool_calls"),
        End(),
    ]


def test_placeholders_of_typed_servers_say_nothing() -> None:
    message = {"content": "a", "refusal": "", "audio": {"id": "", "data": ""}, "function_call": {"name": ""}, "tool_calls": None}
    events = decode_body(body(message, "")).events
    assert events[1:] == [BlockStart(0, "text"), Text(0, "a"), BlockEnd(0), Finish("stop", None), End()]


def test_sound_and_further_choices_are_foreign() -> None:
    payload = body({"content": None, "audio": {"id": "audio_1", "data": "AA=="}})
    payload["choices"].append({"index": 1, "message": {"content": "b"}, "finish_reason": "stop"})
    kinds = [each.kind for each in decode_body(payload).events if isinstance(each, Foreign)]
    assert kinds == ["message.audio", "choice"]


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"", Kind.CUT),
        (b"<html>", Kind.BAD_REPLY),
        (b'{"id":', Kind.BAD_REPLY),
        ([], Kind.BAD_REPLY),
        ({"choices": []}, Kind.BAD_REPLY),
        ({"error": {"message": "Provider returned error", "code": 502}}, Kind.BAD_REPLY),
        ({"error": {"message": "Slow", "code": 429}}, Kind.RATE_LIMIT),
        (body({"content": "a"}, "error"), Kind.PROVIDER),
    ],
)
def test_a_body_that_is_no_answer_is_a_typed_failure_and_hands_nothing_on(payload: Any, kind: Kind) -> None:
    batch = decode_body(payload)
    assert isinstance(batch.error, GatewayError)
    assert (batch.error.kind, batch.events, batch.raw) == (kind, [], b"")


def test_the_bytes_of_a_body_are_handed_on_whole_and_once() -> None:
    decoder = CHAT.body_decoder()
    assert decoder.feed(b'{"choices":[{"message":').raw == b""
    decoder.feed(b'{"content":"a"}}]}')
    assert decoder.close().raw == b'{"choices":[{"message":{"content":"a"}}]}'
    assert decoder.close().raw == b""
    assert decode(b'{"choices":', None, CHAT.body_decoder()).raw == b""


EVENTS: list[Event] = [
    Started("msg_1", "m-1", None),
    BlockStart(0, "reasoning"),
    Reasoning(0, "hm", 0),
    Reasoning(0, "so", 1),
    BlockEnd(0),
    BlockStart(1, "text"),
    Text(1, "One. ", [{"token": "One", "logprob": -0.5, "bytes": None, "top_logprobs": []}]),
    Text(1, "Two."),
    Citation(1, "http://a.test", "A"),
    BlockEnd(1),
    ToolStart(2, "a", "f"),
    BlockEnd(2),
    ToolStart(3, "b", "patch", custom=True),
    ToolArguments(3, "*** x"),
    BlockEnd(3),
    Usage(10, 5, None, 4, 3, 2),
    Finish("stop"),
    End(),
]


def test_a_body_is_what_the_sdk_would_have_of_the_stream_DI_255() -> None:
    final = completion(encode_body(EVENTS))
    answer = from_chat(final)
    assert (final.id, final.created, final.model) == ("chatcmpl-req_0a1B", 1_700_000_000, "m-1")
    assert answer.said("reasoning") == "hm\n\nso"
    assert answer.said() == "One. Two."
    assert [(block.id, block.arguments) for block in answer.tools] == [("a", {}), ("b", "*** x")]
    assert answer.stop == "tool_calls"
    assert final.choices[0].logprobs is not None
    assert [citation for block in answer.blocks for citation in block.citations] == [("http://a.test", "A")]
    assert final.usage is not None
    assert final.usage.model_dump(exclude_none=True) == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }


def test_an_answer_without_content_has_null_and_no_usage_that_nobody_knows_TR_E18_TR_U1() -> None:
    final = completion(encode_body([Started(), Finish("content_filter"), End()]))
    message = final.choices[0].message
    assert (message.content, message.refusal, message.tool_calls, final.usage) == (None, None, None, None)
    assert final.choices[0].finish_reason == "content_filter"


def test_a_body_comes_with_the_end_and_what_it_cannot_say_is_dropped_by_name() -> None:
    asked = answering()
    encoder = CHAT.body_encoder(asked)
    assert encoder.feed(Batch([Started(), Foreign("web_search_call"), BlockStart(0, "text"), Citation(0, None, "t")])) == b""
    assert encoder.fail(GatewayError(Kind.CUT)) == b""
    assert encoder.feed(Batch([Finish("stop"), End()]))
    assert asked.losses.dropped == ["web_search_call", "citation"]
