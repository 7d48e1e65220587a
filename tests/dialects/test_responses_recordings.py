"""Every recorded Responses exchange: bytes that come out as they came, and the same answer in the official SDK's eyes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.dialects.responses import RESPONSES
from pipeline.errors import GatewayError
from pipeline.events import Citation, End, Started
from pipeline.request import Answering, Losses
from tests.dialects.responses_kit import CORPUS, TYPED, Recorded, decode, encode, neutral, parsed, recorded

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the recorded traffic is not here"),
    # Providers name tools and items that the SDK's models do not know.
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
]

ALL = list(recorded())
STREAMS = [each for each in ALL if each.stream and each.status == 200]
BODIES = [each for each in ALL if not each.stream and each.status == 200]
REQUESTS = [each for each in ALL if each.request is not None]
REFUSED = {
    "openai__gpt-5-codex__err400__cd3c20d273": "tools[0].name",
    "openai__o1-pro__err400__4c613bfec1": "input[2].role",
}

# The recorder changed ids or texts in some events of these and not in others, so that not even the SDK takes the original.
INCONSISTENT = {
    "copilot__gpt-5-3-codex__stream__3e619bfa58",
    "openai__gpt-5-4-2026-03-05__stream__e61aad40b2",
    "bedrock-mantle__openai-gpt-oss-20b__stream__8ca5443002",
}
# DI-253: what the recorder changed in the final texts contradicts the deltas.
CONTRADICTING = {
    "openai__gpt-5-2-2025-12-11__stream__87a8bc6c24",
    "openai__gpt-5-4-nano-2026-03-17__stream__296247e621",
    "openai__gpt-5-4-nano-2026-03-17__stream__3b229020a8",
    "openai__gpt-5-4-nano-2026-03-17__stream__40d8abfa59",
    "openai__gpt-5-4-nano-2026-03-17__stream__7dd166d49d",
    "openai__gpt-5-4-nano-2026-03-17__stream__a560e146ad",
}


def asked(body: dict[str, Any] | None) -> Answering:
    request = RESPONSES.parse({"input": "x", **(body or {"model": "m"})})
    return Answering(request, "req_1", Losses(), 1)


def as_another_dialect_would(events: list[Any]) -> list[Any]:
    for event in events:
        if isinstance(event, (Started, End, Citation)):
            event.native = None
    return events


@pytest.mark.parametrize("each", STREAMS, ids=lambda each: each.name)
def test_a_recorded_stream_keeps_its_bytes_and_its_answer(each: Recorded) -> None:
    data = each.response
    batch = decode(data)
    if batch.error is not None:
        assert isinstance(batch.error, GatewayError)
        assert "error_in_stream" in each.features
        assert batch.raw + (batch.error.raw or b"") == data
        return
    assert batch.raw == data
    ours = encode(as_another_dialect_would(batch.events), asked(each.request))
    # One of each type: the SDK's union is slow, and the transcripts' events are all judged elsewhere.
    for event in {event["type"]: event for event in parsed(ours) if "response" not in event}.values():
        TYPED.validate_python(event)
    answer = neutral(ours)
    if each.name not in INCONSISTENT | CONTRADICTING:
        assert answer == neutral(data)


@pytest.mark.parametrize("each", BODIES, ids=lambda each: each.name)
def test_a_recorded_body_is_read_whole(each: Recorded) -> None:
    decoder = RESPONSES.body_decoder()
    decoder.feed(each.response)
    batch = decoder.close()
    assert batch.error is None
    assert (batch.ends, batch.raw) == (True, each.response)
    encoder = RESPONSES.body_encoder(asked(each.request))
    assert json.loads(encoder.feed(batch))["output"] == json.loads(each.response)["output"]


@pytest.mark.parametrize("each", REQUESTS, ids=lambda each: each.name)
def test_a_recorded_request_parses_unless_its_provider_refused_it_too(each: Recorded) -> None:
    param = REFUSED.get(each.name)
    if param is None:
        RESPONSES.parse(each.request or {})
    else:
        with pytest.raises(GatewayError) as caught:
            RESPONSES.parse(each.request or {})
        assert caught.value.param == param
