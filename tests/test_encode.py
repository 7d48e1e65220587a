"""The encode station: what reaches a client before, at and after an answer's end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from operators.clock import Clock
from pipeline.dialects import DIALECTS
from pipeline.encode import BEAT, Encode
from pipeline.errors import GatewayError, Kind
from pipeline.events import Batch, BlockStart, End, Finish, Opened, Started, Text
from pipeline.exchange import Exchange
from pipeline.request import Losses, Sent

NAMES = ("chat", "responses", "messages")
# Passes the cheap look that every body gets, and would not survive the strict one that only a translation needs.
ALIEN: dict[str, Any] = {
    "chat": {"messages": [{"role": "alien", "content": "Hello"}]},
    "responses": {"input": [{"type": "message", "role": "alien", "content": "Hello"}]},
    "messages": {"max_tokens": 8, "messages": [{"role": "user", "content": [{"type": "text"}]}]},
}


@pytest.fixture
def clock() -> Iterator[Clock]:
    loop = asyncio.new_event_loop()
    yield Clock(loop)
    loop.close()


def an_exchange(clock: Clock, dialect: str, **fields: Any) -> Exchange:
    body = {"model": "m", "stream": True, **ALIEN[dialect], **fields}
    DIALECTS[dialect].check(body)
    return Exchange(clock, id="req_1", dialect=DIALECTS[dialect], body=body, raw=b"", headers={})


def an_encoder(exchange: Exchange) -> Encode:
    return Encode(lambda candidate: lambda kind, value: None, exchange)


def answer(*events: Any) -> Batch:
    return Batch([Opened("p/m", Sent(1, Losses()), ""), Started(id="a"), BlockStart(0, "text"), Text(0, "Hi"), *events])


@pytest.mark.parametrize("dialect", NAMES)
def test_a_failure_after_a_heartbeat_is_told_in_band_however_little_of_the_request_was_read(clock: Clock, dialect: str) -> None:
    exchange = an_exchange(clock, dialect)
    with pytest.raises(GatewayError):
        _ = exchange.request
    encode = an_encoder(exchange)
    assert list(encode.feed(BEAT)) == [DIALECTS[dialect].keepalive]
    (told,) = encode.fail(GatewayError(Kind.CUT))
    assert b"error" in told
    assert b"The provider ended the stream early." in told


@pytest.mark.parametrize("dialect", NAMES)
def test_nothing_beats_after_the_end(clock: Clock, dialect: str) -> None:
    exchange = an_exchange(clock, dialect, messages=[{"role": "user", "content": "Hello"}], input="Hello")
    encode = an_encoder(exchange)
    assert list(encode.feed(answer(Finish("stop"), End())))
    assert exchange.ended
    assert list(encode.feed(BEAT)) == []


def test_an_error_of_the_encoder_itself_is_remembered(clock: Clock) -> None:
    exchange = an_exchange(clock, "chat", messages=[{"role": "user", "content": "Hello"}])
    encode = an_encoder(exchange)
    assert list(encode.feed(answer()))
    error = GatewayError(Kind.BAD_REPLY)
    assert list(encode.fail(error))
    assert exchange.error is error
