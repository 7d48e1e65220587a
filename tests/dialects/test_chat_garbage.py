"""Whatever stands where a Chat answer should be is read, or a typed failure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dialects.chat import CHAT
from pipeline.errors import GatewayError
from pipeline.events import (
    End,
    Reasoning,
    Refusal,
    Text,
    ToolArguments,
)
from tests.dialects.chat_kit import DONE, call, chunk, decode, event

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


@pytest.mark.parametrize("ending", [b"", DONE])
@pytest.mark.parametrize("before", [chunk({"content": "a"}, "stop"), chunk({"content": "a"})])
def test_a_call_without_a_name_is_a_typed_failure_also_at_the_end(before: bytes, ending: bytes) -> None:
    wire = before + chunk(call(0, arguments="{}")) + ending
    batch = decode(wire)
    assert isinstance(batch.error, GatewayError)
    assert End() not in batch.events
