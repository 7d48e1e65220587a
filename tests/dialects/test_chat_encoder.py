"""Events as Chat streams, judged by the official SDK; what a relay hands on; and how both fail."""

from __future__ import annotations

from typing import Any

import openai
import orjson
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
from tests.dialects.chat_kit import DONE, answering, chunk, decode, encode, event, neutral, payloads, with_usage
from tests.support.neutral import Block
from tests.support.neutral import Usage as Counted

TEXT: list[Event] = [BlockStart(0, "text"), Text(0, "Hé"), Text(0, "y"), BlockEnd(0)]
END: list[Event] = [Finish("stop"), End()]


def deltas(data: bytes) -> list[Any]:
    return [each["choices"][0]["delta"] for each in payloads(data) if each["choices"]]


def test_a_text_is_a_role_chunk_pieces_a_finish_chunk_the_usage_and_the_mark_DI_31_DI_32_DI_36() -> None:
    data = encode([Started("chatcmpl-9", "m-1", 7), *TEXT, Finish("stop"), Usage(3, 2, 5), End()])
    chunks = payloads(data)
    assert {(each["id"], each["object"], each["created"], each["model"]) for each in chunks} == {
        ("chatcmpl-9", "chat.completion.chunk", 7, "m-1")
    }
    assert deltas(data) == [{"role": "assistant", "content": ""}, {"content": "Hé"}, {"content": "y"}, {}]
    assert [each["choices"][0]["finish_reason"] for each in chunks[:-1]] == [None, None, None, "stop"]
    # TR-U5: usage stands on the extra chunk, null on all others.
    assert [each["usage"] for each in chunks] == [None] * 4 + [{"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}]
    assert data.endswith(DONE)
    assert neutral(data).usage == Counted(3, 2, 5)


def test_who_did_not_ask_for_the_usage_sees_none_TR_U5() -> None:
    data = encode([Started(), *TEXT, Usage(3, 2, 5), *END], answering())
    assert b"usage" not in data
    assert neutral(data).said() == "Héy"


def test_unknown_usage_stays_unknown_TR_U1() -> None:
    assert neutral(encode([Started(), *TEXT, Usage(), *END])).usage is None


def test_an_id_of_another_dialect_becomes_one_of_the_request_and_a_missing_time_a_real_one_TR_C31_TR_M14() -> None:
    first = payloads(encode([Started("msg_1", None, None), *TEXT, *END]))[0]
    assert (first["id"], first["created"], first["model"]) == ("chatcmpl-req_0a1B", 1_700_000_000, "m")


def test_an_answer_without_content_has_no_invented_text_DI_254() -> None:
    assert deltas(encode([Started(), *END])) == [{"role": "assistant", "content": ""}, {}]


def test_calls_are_counted_from_0_in_order_whatever_their_blocks_DI_243() -> None:
    data = encode(
        [
            Started(),
            BlockStart(0, "reasoning"),
            Reasoning(0, "hm"),
            BlockEnd(0),
            ToolStart(1, "a", "f"),
            ToolArguments(1, '{"x":'),
            ToolStart(2, "b", "g"),
            ToolArguments(2, '{"y":2}'),
            ToolArguments(1, "1}"),
            BlockEnd(1),
            BlockEnd(2),
            Finish("tool_calls"),
            End(),
        ]
    )
    assert deltas(data)[0] == {"role": "assistant", "content": None}
    answer = neutral(data)
    assert [block.kind for block in answer.blocks] == ["reasoning", "tool", "tool"]
    assert [(block.id, block.name, block.arguments) for block in answer.tools] == [("a", "f", {"x": 1}), ("b", "g", {"y": 2})]
    assert answer.stop == "tool_calls"


def test_a_call_without_arguments_is_a_call_with_none_DI_165() -> None:
    data = encode([Started(), ToolStart(0, "a", "f"), BlockEnd(0), *END])
    assert deltas(data)[-2] == {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}
    # DI-179
    assert neutral(data).stop == "tool_calls"


def test_a_custom_call_keeps_its_text_DI_34() -> None:
    data = encode([Started(), ToolStart(0, "a", "patch", custom=True), ToolArguments(0, "*** x"), BlockEnd(0), *END])
    assert neutral(data, lenient=True).tools == [Block("tool", id="a", name="patch", arguments="*** x", custom=True)]


def test_a_refusal_stands_in_its_field_and_ends_as_the_service_ends_it_DI_174() -> None:
    data = encode([Started(), BlockStart(0, "refusal"), Refusal(0, "No."), BlockEnd(0), Finish("refusal"), End()])
    answer = neutral(data)
    assert (answer.said("refusal"), answer.said(), answer.stop) == ("No.", "", "stop")
    assert neutral(encode([Started(), *TEXT, Finish("refusal"), End()])).stop == "content_filter"


def test_log_probabilities_stand_beside_the_delta_DI_30() -> None:
    tokens = [{"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}]
    data = encode([Started(), BlockStart(0, "text"), Text(0, "a", tokens), *END])
    assert [each["choices"][0].get("logprobs") for each in payloads(data)][1] == {"content": tokens, "refusal": None}
    assert neutral(data).said() == "a"


def test_sources_come_in_one_piece_with_the_span_that_they_stand_behind_DI_159() -> None:
    data = encode(
        [
            Started(),
            BlockStart(0, "text"),
            Text(0, "Intro. "),
            BlockEnd(0),
            BlockStart(1, "text"),
            Text(1, "Claim."),
            Citation(1, "http://a.test", "A"),
            Citation(1, "http://b.test", None, 1, 3),
            Citation(1, None, "a file"),
            BlockEnd(1),
            *END,
        ]
    )
    told = [each["annotations"] for each in deltas(data) if "annotations" in each]
    assert told == [
        [
            {"type": "url_citation", "url_citation": {"start_index": 7, "end_index": 13, "title": "A", "url": "http://a.test"}},
            {"type": "url_citation", "url_citation": {"start_index": 8, "end_index": 10, "title": "", "url": "http://b.test"}},
        ]
    ]
    assert neutral(data).blocks[-1].citations == [("http://a.test", "A"), ("http://b.test", "")]


def test_what_the_dialect_cannot_say_is_dropped_by_name_DI_158() -> None:
    asked = with_usage()
    encode([Started(), Foreign("web_search_call"), Unknown("x"), BlockStart(0, "text"), Citation(0, None, "t"), *END], asked)
    assert asked.losses.dropped == ["web_search_call", "citation"]


def test_paragraphs_of_a_summary_are_told_apart() -> None:
    data = encode([Started(), BlockStart(0, "reasoning"), Reasoning(0, "a", 0), Reasoning(0, "b", 1), BlockEnd(0), *END])
    assert neutral(data).said("reasoning") == "a\n\nb"


def test_proofs_of_reasoning_come_sealed_and_can_be_told_apart_again_DI_161() -> None:
    asked = with_usage(seal=lambda kind, value: f"{kind}.{value}")
    made: list[Event] = [
        Started(),
        BlockStart(0, "reasoning"),
        Reasoning(0, "hé"),
        BlockEnd(0, "s1", "signature"),
        BlockStart(1, "reasoning"),
        BlockEnd(1, "s2", "redacted"),
        *END,
    ]
    told = "".join(each.get("reasoning_signature", "") for each in deltas(encode(made, asked)))
    assert told == "2:signature.s1\n0:redacted.s2"
    body = orjson.loads(CHAT.body_encoder(asked).feed(Batch(made)))
    assert body["choices"][0]["message"]["reasoning_signature"] == told


def test_a_proof_that_nobody_can_seal_is_dropped_by_name_DI_160() -> None:
    asked = with_usage()
    encode([Started(), BlockStart(0, "reasoning"), BlockEnd(0, "s1", "signature"), *END], asked)
    assert asked.losses.dropped == ["reasoning.signature"]


def test_a_ping_is_a_comment_once_the_answer_began_DI_246() -> None:
    encoder = CHAT.encoder(answering())
    assert encoder.feed(Batch([Ping()])) == b""
    encoder.feed(Batch([BlockStart(0, "text"), Text(0, "a")]))
    assert encoder.feed(Batch([Ping()])).startswith(b":")


# ------------------------------------------------------------------------------------------------------------- failing


def test_a_failed_answer_ends_in_an_error_that_the_sdk_raises_and_in_no_mark_TR_E1_DI_120() -> None:
    encoder = CHAT.encoder(with_usage())
    data = encoder.feed(Batch([Started(), *TEXT])) + encoder.fail(GatewayError(Kind.CUT))
    assert DONE not in data
    assert b'"finish_reason":"' not in data
    with pytest.raises(openai.APIError) as raised:
        neutral(data)
    assert raised.value.code == "stream_ended_early"
    assert raised.value.body == {"message": Kind.CUT.text, "type": "server_error", "param": None, "code": "stream_ended_early"}
    assert encoder.fail(GatewayError(Kind.CUT)) == b""


def test_a_finished_answer_that_loses_its_last_mark_is_ended_well() -> None:
    encoder = CHAT.encoder(with_usage())
    data = encoder.feed(Batch([Started(), *TEXT, Usage(3, 2, 5), Finish("length")])) + encoder.fail(
        GatewayError(Kind.UNREACHABLE)
    )
    assert (neutral(data).stop, neutral(data).usage) == ("length", Counted(3, 2, 5))
    assert data.endswith(DONE)


# ------------------------------------------------------------------------------------------------------------ relaying


def relayed(wire: bytes) -> bytes:
    relay, batch = CHAT.relay(answering()), decode(wire)
    data = relay.feed(batch)
    return data + relay.fail(batch.error) if isinstance(batch.error, GatewayError) else data


def test_a_relay_hands_on_unknown_fields_and_comments_as_they_are() -> None:
    wire = b": hi\n\n" + chunk({"content": "a", "new": [1]}, brand="x") + chunk({}, "stop") + DONE
    assert relayed(wire) == wire


def test_a_relay_adds_the_mark_that_a_provider_left_out_F11() -> None:
    wire = chunk({"content": "a"}) + chunk({}, "stop")
    assert relayed(wire) == wire + DONE
    assert relayed(wire.rstrip()) == wire + DONE
    assert relayed(wire + b"data: [DONE]") == wire + DONE


def test_a_relay_hands_on_the_provider_s_own_error_event() -> None:
    bad = event({"error": {"message": "x", "code": 502, "metadata": {"provider": "p"}}})
    assert relayed(chunk({"content": "a"}) + bad + DONE) == chunk({"content": "a"}) + bad


def test_a_relay_says_in_band_that_a_stream_was_cut_and_never_that_it_ended_well_F08() -> None:
    data = relayed(chunk({"content": "a"}) + chunk({"content": "b"})[:20])
    assert data.startswith(chunk({"content": "a"}) + b'data: {"error":{"message":')
    assert DONE not in data


def test_a_relay_ends_a_finished_answer_well_when_the_connection_breaks() -> None:
    relay = CHAT.relay(answering())
    batch = CHAT.decoder().feed(chunk({"content": "a"}) + chunk({}, "stop"))
    assert relay.feed(batch) + relay.fail(GatewayError(Kind.UNREACHABLE)) == batch.raw + DONE
    assert relay.fail(GatewayError(Kind.UNREACHABLE)) == b""
