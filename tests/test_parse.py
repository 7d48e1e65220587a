"""The parse station: what is wrong with a request is said in few words, however large it is."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from operators.clock import Clock
from pipeline.dialects import DIALECTS
from pipeline.errors import GatewayError
from pipeline.parse import parse


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("model", None, "missing"),
        ("model", 7, "it is 7"),
        ("model", [0] * 100_000, "an array of 100000"),
        ("stream", {"a": 1}, "an object of 1"),
        ("stream", "false", "it is 'false'"),
        ("stream", "x" * 100_000, "xxx"),
    ],
)
def test_a_wrong_model_or_stream_is_named_and_shown_in_short(name: str, value: Any, words: str) -> None:
    async def read() -> None:
        raw = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], name: value})
        parse(DIALECTS["chat"], raw, Clock(), id="r", headers={})

    with pytest.raises(GatewayError) as caught:
        asyncio.run(read())
    assert caught.value.status == 400
    assert caught.value.param == name
    assert words in caught.value.message
    assert len(caught.value.message) < 150
