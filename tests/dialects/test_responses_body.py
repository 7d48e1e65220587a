"""Whole Responses bodies: the same answer as the stream, both ways."""

from __future__ import annotations

import json
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
    Foreign,
    Ping,
    Reasoning,
    Refusal,
    Started,
    Text,
    ToolArguments,
    Usage,
)
from tests.dialects.responses_kit import TRANSCRIPTS, answering, decode, parsed, transcript


def body_of(stream: bytes) -> dict[str, Any]:
    """The final response of a recorded stream, which is what a body would have been."""
    final: dict[str, Any] = parsed(stream)[-1]["response"]
    return final


def decode_body(data: bytes) -> Batch:
    decoder = RESPONSES.body_decoder()
    for i in range(0, len(data), 100):
        assert decoder.feed(data[i : i + 100]).events == []
    return decoder.close()


def folded(batch: Batch) -> list[Any]:
    """The answer without its cuts into pieces: what each block said, its sources, then what stands outside of blocks."""
    blocks: dict[int, list[Any]] = {}
    others: list[Any] = []
    for event in batch.events:
        block = getattr(event, "block", None)
        if isinstance(event, (BlockEnd, Started, Ping, End)):
            continue
        if block is None:
            others.append(event.kind if isinstance(event, Foreign) else event)
        elif isinstance(event, (Text, Reasoning, ToolArguments, Refusal)):
            told = blocks[block][1]
            key = (type(event).__name__, getattr(event, "part", 0))
            told[key] = told.get(key, "") + event.text
        elif isinstance(event, Citation):
            blocks[block][2].append((event.url, event.title))
        else:
            blocks[block] = [event, {}, []]
    return [*blocks.values(), *others]


WHOLE = [path for path in TRANSCRIPTS if path.stem not in ("failed", "empty_output_at_end")]


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_a_body_says_what_the_stream_said(path: Any) -> None:
    stream = path.read_bytes()
    batch = decode_body(json.dumps(body_of(stream)).encode())
    assert batch.ends
    assert folded(batch) == folded(decode(stream))


def test_log_probabilities_of_a_body_are_kept() -> None:
    batch = decode_body(json.dumps(body_of(transcript("raw_reasoning_whole_arguments"))).encode())
    assert any(event.logprobs for event in batch.events if isinstance(event, Text))


def test_the_raw_bytes_of_a_body_pass() -> None:
    data = json.dumps(body_of(WHOLE[0].read_bytes())).encode()
    assert decode_body(data).raw == data


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_di_255_the_body_encoder_makes_a_valid_response(path: Any) -> None:
    batch = decode(path.read_bytes())
    for event in batch.events:
        if isinstance(event, (Started, End)):
            event.native = None  # as if another dialect had answered
    encoder = RESPONSES.body_encoder(answering())
    body = encoder.feed(batch)
    response = Response.model_validate(json.loads(body), strict=True)
    original = body_of(path.read_bytes())
    assert response.status == original["status"]
    assert response.model == original["model"]
    texts = [part["text"] for item in original["output"] if item["type"] == "message"
             for part in item["content"] if part["type"] == "output_text"]  # fmt: skip
    assert response.output_text == "".join(texts)


def test_di_257_a_collected_stream_of_this_dialect_is_the_providers_own_response() -> None:
    for path in TRANSCRIPTS:
        batch = decode(path.read_bytes())
        if batch.error is None:
            encoder = RESPONSES.body_encoder(answering())
            parts = [encoder.feed(Batch([event])) for event in batch.events]
            body = json.loads(parts[-1])
            assert b"".join(parts[:-1]) == b""
            assert body["output"], "an empty output at the end takes nothing away"
            original = body_of(path.read_bytes())
            if original["output"]:
                assert body == original


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelled"])
def test_a_response_that_is_not_finished_passes_as_it_is(status: str) -> None:
    data = json.dumps({"id": "resp_1", "object": "response", "status": status, "model": "m", "output": []}).encode()
    batch = decode_body(data)
    assert batch.events[-2] == Finish("other", status)
    assert (batch.ends, batch.raw) == (True, data)


def test_di_82_a_failed_response_is_an_error_with_its_own_body() -> None:
    data = json.dumps(
        {"id": "resp_1", "status": "failed", "output": [], "error": {"code": "rate_limit_exceeded", "message": "no"}}
    )
    error = decode_body(data.encode()).error
    assert isinstance(error, GatewayError)
    assert (error.kind, error.raw) == (Kind.RATE_LIMIT, data.encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"output": 5}', b'{"output": [null]}', b"<html>"])
def test_a_body_that_is_no_response_is_a_bad_reply(data: bytes) -> None:
    error = decode_body(data).error
    assert isinstance(error, GatewayError)
    assert error.kind is Kind.BAD_REPLY


def test_an_error_object_with_status_200_is_an_error() -> None:
    error = decode_body(b'{"error": {"message": "the model is too busy", "code": "server_is_overloaded"}}').error
    assert isinstance(error, GatewayError)
    assert error.kind is Kind.OVERLOADED


def test_a_failure_leaves_the_body_to_the_status_unless_only_the_last_mark_is_missing() -> None:
    said: list[Event] = [Started(), BlockStart(0, "text"), Text(0, "hi"), BlockEnd(0), Usage(input=1, output=1)]
    encoder = RESPONSES.body_encoder(answering())
    assert encoder.feed(Batch(said)) == b""
    assert encoder.fail(GatewayError(Kind.CUT)) == b""
    encoder = RESPONSES.body_encoder(answering())
    encoder.feed(Batch([*said, Finish("stop")]))
    assert json.loads(encoder.fail(GatewayError(Kind.CUT)))["status"] == "completed"
