"""The Responses encoder: its streams pass through the official SDK's accumulator and say what the events said."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from openai.types.responses import Response

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
from pipeline.request import Answering, Losses, Request
from tests.dialects.responses_kit import TRANSCRIPTS, TYPED, accumulate, answering, decode, encode, neutral, parsed

START = Started("chatcmpl-1", "gpt-9", 1_600_000_000)
TEXT: list[Event] = [BlockStart(0, "text"), Text(0, "Hel"), Text(0, "lo"), BlockEnd(0)]
CALL: list[Event] = [ToolStart(1, "call_1", "look"), ToolArguments(1, '{"a"'), ToolArguments(1, ":1}"), BlockEnd(1)]
KNOWN = Usage(input=10, output=5, cache_read=4)


def whole(*events: Event, reason: FinishReason = "stop") -> list[Event]:
    return [START, *events, KNOWN, Finish(reason), End()]


def types(data: bytes) -> list[str]:
    return [event["type"].removeprefix("response.") for event in parsed(data)]


def response(data: bytes) -> dict[str, Any]:
    final: dict[str, Any] = parsed(data)[-1]["response"]
    return final


@pytest.mark.parametrize("path", [path for path in TRANSCRIPTS if path.stem != "failed"], ids=lambda path: path.stem)
def test_what_the_sdk_has_from_ours_is_what_it_has_from_the_original(path: Any) -> None:
    data = path.read_bytes()
    assert neutral(encode(decode(data).events)) == neutral(data)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_every_event_is_well_typed_and_the_numbers_have_no_gap(path: Any) -> None:
    batch = decode(path.read_bytes())
    for event in batch.events:
        if isinstance(event, (Started, End)):
            event.native = None  # as if another dialect had answered
        elif isinstance(event, Citation):
            event.native = None
    ours = parsed(encode(batch.events))
    assert [each["sequence_number"] for each in ours] == list(range(len(ours)))  # DI-50
    for each in ours:
        TYPED.validate_python(each)


def test_the_grammar_of_a_text_and_a_call() -> None:
    data = encode(whole(*TEXT, *CALL, reason="tool_calls"))
    assert types(data) == [
        "created", "in_progress",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    answer = neutral(data)
    assert [(block.kind, block.text, block.id, block.arguments) for block in answer.blocks] == [
        ("text", "Hello", None, None),
        ("tool", "", "call_1", {"a": 1}),
    ]
    assert answer.stop == "tool_calls"
    assert answer.model == "gpt-9"


def test_di_12_each_event_names_its_type() -> None:
    for block in encode(whole(*TEXT)).decode().strip().split("\n\n"):
        name, data = block.split("\n")
        assert name == f"event: {json.loads(data.removeprefix('data: '))['type']}"


def test_di_244_text_after_a_call_is_an_item_of_its_own() -> None:
    later: list[Event] = [BlockStart(2, "text"), Text(2, "more"), BlockEnd(2)]
    data = encode(whole(*TEXT, *CALL, *later, reason="tool_calls"))
    assert [item["type"] for item in response(data)["output"]] == ["message", "function_call", "message"]
    assert neutral(data).said() == "Hellomore"


def test_tr_c29_nothing_is_announced_before_it_has_content() -> None:
    data = encode(whole(BlockStart(0, "text"), BlockEnd(0), *CALL, reason="tool_calls"))
    assert [item["type"] for item in response(data)["output"]] == ["function_call"]


def test_di_254_an_answer_without_content_has_no_items() -> None:
    data = encode(whole())
    assert types(data) == ["created", "in_progress", "completed"]
    assert response(data)["output"] == []


def test_calls_that_overlap_are_kept_apart() -> None:
    events: list[Event] = [
        ToolStart(0, "call_1", "a"), ToolStart(1, "call_2", "b", custom=True),
        ToolArguments(1, "free "), ToolArguments(0, "{}"), BlockEnd(0), ToolArguments(1, "text"), BlockEnd(1),
    ]  # fmt: skip
    calls = neutral(encode(whole(*events, reason="tool_calls"))).blocks
    assert [(call.id, call.custom, call.arguments) for call in calls] == [("call_1", False, {}), ("call_2", True, "free text")]


def test_di_165_no_arguments_are_written_as_the_empty_object() -> None:
    data = encode(whole(ToolStart(0, "call_1", "a"), BlockEnd(0), reason="tool_calls"))
    assert response(data)["output"][0]["arguments"] == "{}"
    assert "function_call_arguments.delta" in types(data)


def test_di_251_reasoning_becomes_summary_parts_whose_indices_have_no_gap() -> None:
    events: list[Event] = [
        BlockStart(0, "reasoning"), Reasoning(0, "raw"), Reasoning(0, "one", 0, True), Reasoning(0, "two", 3, True), BlockEnd(0),
    ]  # fmt: skip
    data = encode(whole(*events))
    parts = [event["summary_index"] for event in parsed(data) if event["type"].endswith("summary_part.added")]
    assert parts == [0, 1, 2]
    assert [part["text"] for part in response(data)["output"][0]["summary"]] == ["raw", "one", "two"]
    accumulate(data)


def test_di_161_a_proof_of_another_dialect_is_sealed_and_one_of_ours_passes_as_it_is() -> None:
    sealed = answering(seal=lambda kind, value: f"sealed({kind},{value})")
    events: list[Event] = [
        BlockStart(0, "reasoning"), Reasoning(0, "hm"), BlockEnd(0, "sig", "signature"),
        BlockStart(1, "reasoning"), BlockEnd(1, "data", "redacted"),
        BlockStart(2, "reasoning"), BlockEnd(2, "enc", "encrypted"),
        BlockStart(3, "reasoning"), BlockEnd(3),
    ]  # fmt: skip
    output = response(encode(whole(*events), sealed))["output"]
    assert [item["encrypted_content"] for item in output] == ["sealed(signature,sig)", "sealed(redacted,data)", "enc"]


def test_a_proof_that_cannot_be_sealed_is_dropped_by_name() -> None:
    asked = answering()
    output = response(encode(whole(BlockStart(0, "reasoning"), Reasoning(0, "hm"), BlockEnd(0, "sig", "signature")), asked))[
        "output"
    ]
    assert "encrypted_content" not in output[0]
    assert asked.losses.dropped == ["reasoning_signature"]


def test_di_159_a_source_has_its_place_in_the_text_so_far() -> None:
    events: list[Event] = [BlockStart(0, "text"), Text(0, "Hello"), Citation(0, "https://a.example", None), BlockEnd(0)]
    data = encode(whole(*events))
    note = {"type": "url_citation", "url": "https://a.example", "title": "", "start_index": 0, "end_index": 5}
    assert response(data)["output"][0]["content"][0]["annotations"] == [note]
    accumulate(data)


def test_a_source_that_comes_after_its_text_was_closed_is_dropped_by_name() -> None:
    asked = answering()
    data = encode(whole(*TEXT, *CALL, Citation(0, "https://a.example", "A"), reason="tool_calls"), asked)
    assert asked.losses.dropped == ["citations"]
    assert len(response(data)["output"]) == 2


def test_di_158_what_only_another_dialect_can_say_is_dropped_by_name() -> None:
    asked = answering()
    data = encode(whole(Foreign("server_tool_use", {"id": "x"}), Citation(0, None, "page 3"), *TEXT, Unknown("x"), Ping()), asked)
    assert asked.losses.dropped == ["server_tool_use", "citations"]
    assert neutral(data).said() == "Hello"


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("stop_sequence", "completed", None),
        ("function_call", "completed", None),
        ("pause", "completed", None),
        ("other", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("context_window", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
        ("refusal", "incomplete", "content_filter"),
    ],
)
def test_di_170_reasons_to_stop(reason: FinishReason, status: str, why: str | None) -> None:
    data = encode(whole(*TEXT, reason=reason))
    final = response(data)
    assert types(data)[-1] == status
    assert final["status"] == status
    assert final["incomplete_details"] == (None if why is None else {"reason": why})
    assert final["output"][0]["status"] == status, "an item that was cut is not complete"


def test_di_174_a_refusal_in_words_is_a_completed_answer_with_a_refusal_part() -> None:
    data = encode(whole(BlockStart(0, "refusal"), Refusal(0, "I "), Refusal(0, "cannot"), BlockEnd(0), reason="refusal"))
    final = response(data)
    assert final["status"] == "completed"
    assert final["output"][0]["content"] == [{"type": "refusal", "refusal": "I cannot"}]
    accumulate(data)


def test_di_183_unknown_details_are_zero_and_the_total_is_the_providers() -> None:
    events: list[Event] = [START, *TEXT, Usage(input=10), Finish("stop"), Usage(output=5, total=99), End()]
    assert response(encode(events))["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 99,
    }


def test_tr_u1_unknown_usage_is_null() -> None:
    assert response(encode([START, *TEXT, Finish("stop"), End()]))["usage"] is None


def test_log_probabilities_reach_the_deltas_and_the_part() -> None:
    token = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}
    data = encode(whole(BlockStart(0, "text"), Text(0, "Hi", [token]), Text(0, "!"), BlockEnd(0)))
    assert [event["logprobs"] for event in parsed(data) if event["type"].endswith("text.delta")] == [[token], []]
    assert response(data)["output"][0]["content"][0]["logprobs"] == [token]


BODY: dict[str, Any] = {
    "model": "m",
    "input": "hello",
    "instructions": "be kind",
    "tools": [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}, {"type": "web_search"}],
    "tool_choice": {"type": "function", "name": "look"},
    "parallel_tool_calls": False,
    "temperature": 0.5,
    "top_p": 0.9,
    "metadata": {"a": "b"},
    "text": {"verbosity": "low"},
    "reasoning": {"effort": "low"},
    "max_output_tokens": 100,
    "store": False,
    "truncation": "auto",
    "user": "u-1",
}


def test_di_60_the_response_is_complete_and_echoes_the_request() -> None:
    final = response(encode(whole(*TEXT), answering(BODY)))
    Response.model_validate(final, strict=True)
    for name in ("instructions", "tool_choice", "parallel_tool_calls", "temperature", "top_p", "metadata", "max_output_tokens",
                 "store", "truncation", "user"):  # fmt: skip
        assert final[name] == BODY[name], name
    assert final["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert final["reasoning"] == {"effort": "low", "summary": None}
    assert [tool["type"] for tool in final["tools"]] == ["function", "web_search"]
    assert final["created_at"] == 1_600_000_000


def test_a_body_that_was_never_read_whole_can_still_be_failed() -> None:
    odd: dict[str, Any] = {"model": "m", "input": "x", "tools": [5], "text": "x", "reasoning": []}
    relay = RESPONSES.relay(Answering(Request("responses", "m", True, odd), "req_1", Losses(), 1))
    assert types(relay.fail(GatewayError(Kind.CUT)))[-1] == "failed"


def test_ids_are_made_of_the_request_id_and_stay_the_same() -> None:
    data = encode(whole(*TEXT, *CALL, reason="tool_calls"))
    ids = Counter(event["response"]["id"] for event in parsed(data) if "response" in event)
    assert ids == {"resp_0a1B": 3}
    assert [item["id"] for item in response(data)["output"]] == ["msg_0a1B_0", "fc_0a1B_1"]
    assert encode(whole(*TEXT, *CALL, reason="tool_calls")) == data


def fail(events: list[Event], error: GatewayError) -> bytes:
    encoder = RESPONSES.encoder(answering())
    return encoder.feed(Batch(events)) + encoder.fail(error)


def test_di_121_tr_e19_a_failure_closes_open_items_exactly_as_they_were_streamed() -> None:
    data = fail([START, *TEXT, *CALL[:2]], GatewayError(Kind.CUT))
    final = response(data)
    assert types(data)[-1] == "failed"
    assert "completed" not in types(data)
    assert final["status"] == "failed"
    assert final["error"] == {"code": "server_error", "message": Kind.CUT.text}
    assert [(item["type"], item["status"]) for item in final["output"]] == [
        ("message", "completed"),
        ("function_call", "incomplete"),
    ]
    assert final["output"][1]["arguments"] == '{"a"'
    accumulate(data)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (GatewayError(Kind.CONTEXT_LENGTH, "too long"), "context_length_exceeded", "too long"),
        (GatewayError(Kind.BILLING, "no money"), "insufficient_quota", "no money"),
        (GatewayError(Kind.BILLING, code="usage_not_included"), "usage_not_included", Kind.BILLING.text),
        (GatewayError(Kind.RATE_LIMIT, "slow", retry_after=2.5), "rate_limit_exceeded", "slow Please try again in 2.5s."),
        (GatewayError(Kind.RATE_LIMIT, "Try again in 9s", retry_after=2), "rate_limit_exceeded", "Try again in 9s"),
        (GatewayError(Kind.BAD_REQUEST, "bad", code="unsupported_by_provider"), "invalid_prompt", "bad"),
        (GatewayError(Kind.TIMEOUT), "server_error", Kind.TIMEOUT.text),
        (GatewayError(Kind.PROVIDER, "stack trace", from_provider=True), "server_error", Kind.PROVIDER.text),
    ],
)
def test_di_123_clients_get_the_codes_that_they_act_on(error: GatewayError, code: str, words: str) -> None:
    assert response(fail([START], error))["error"] == {"code": code, "message": words}


def test_a_failure_before_anything_was_sent_still_begins_with_created() -> None:
    data = fail([], GatewayError(Kind.TIMEOUT))
    assert types(data) == ["created", "in_progress", "failed"]
    accumulate(data)


def test_an_answer_that_lacks_only_its_last_mark_is_ended_well() -> None:
    data = fail([START, *TEXT, KNOWN, Finish("stop")], GatewayError(Kind.CUT))
    assert types(data)[-1] == "completed"
    assert neutral(data).said() == "Hello"


def test_after_the_end_there_is_nothing_to_fail() -> None:
    encoder = RESPONSES.encoder(answering())
    encoder.feed(Batch(whole(*TEXT)))
    assert encoder.fail(GatewayError(Kind.CUT)) == b""
