"""The short way to read a chunk says what the long way says; and garbage, on either way, is a typed failure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dialects.chat import CHAT
from pipeline.errors import GatewayError
from pipeline.events import (
    End,
    Ping,
    Reasoning,
    Refusal,
    Text,
    ToolArguments,
)
from tests.dialects.chat_kit import DONE, call, chunk, decode, event


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
