"""Providers behind HTTP, over real sockets: what they are asked beside answers ends, too, whatever the other side does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from operators.clock import Clock
from operators.errors import TooLarge
from pipeline.dialects import DIALECTS
from pipeline.errors import GatewayError, Kind
from pipeline.exchange import Exchange
from pipeline.providers import http
from pipeline.providers.pool import Pool
from pipeline.request import Target
from pipeline.resolve import Candidate
from tests.support.scripted import Hang, Script, ScriptedProvider, Send

HEADERS = {"content-type": "application/json", "content-length": "19"}
BODY_LIMIT = 1000


def asked(script: Script, ask: Callable[[http.HttpProvider, Exchange, Candidate], Awaitable[None]]) -> int:
    """Ask a provider that answers as scripted; the connections that were still counted as open in the end."""
    opened: list[int] = []

    async def run(base_url: str, model: str) -> None:
        async with Pool() as pool:
            provider = http.HttpProvider(
                "claude",
                "messages",
                base_url,
                credential=None,
                headers={},
                body_limit=BODY_LIMIT,
                connect_timeout=5,
                pool=pool,
                gauge=opened.append,
            )
            candidate = Candidate(provider, model, Target("messages", model), f"claude/{model}")
            body = {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "Hello."}]}
            raw = orjson.dumps(body)
            exchange = Exchange(Clock(), id="req_1", dialect=DIALECTS["messages"], body=body, raw=raw, headers={})
            await ask(provider, exchange, candidate)

    with ScriptedProvider() as server:
        lane = server.lane(script)
        asyncio.run(run(server.base_url("messages"), lane.model))
        lane.last.left()
    return sum(opened)


async def count(provider: http.HttpProvider, exchange: Exchange, candidate: Candidate) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await provider.count_tokens(exchange.raw, exchange, candidate)
    return caught.value


@pytest.mark.parametrize(
    "script", [Script(before=[Hang()]), Script([Send(b'{"input'), Hang()], headers=HEADERS)], ids=["no headers", "half a body"]
)
def test_a_count_is_not_waited_for_for_ever(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "COUNT_PATIENCE", 0.05)

    async def ask(*who: Any) -> None:
        assert (await count(*who)).kind is Kind.TIMEOUT

    asked(script, ask)


ENDLESS_REDIRECT = Script([Send(b"elsewhere"), Hang()], status=302, headers={"location": "/elsewhere"})
TOO_LONG = Script([Send(b" " * (BODY_LIMIT + 1)), Hang()], headers={"content-type": "application/json"})


@pytest.mark.parametrize("script", [ENDLESS_REDIRECT, TOO_LONG], ids=["a redirect", "too long"])
def test_a_count_that_is_of_no_use_is_a_bad_reply_at_once(script: Script) -> None:
    async def ask(*who: Any) -> None:
        assert (await count(*who)).kind is Kind.BAD_REPLY

    asked(script, ask)


@pytest.mark.parametrize(
    ("script", "error"), [(ENDLESS_REDIRECT, GatewayError), (TOO_LONG, TooLarge)], ids=["a redirect", "too long"]
)
def test_what_is_no_answer_ends_the_attempt_although_its_body_does_not_end(script: Script, error: type[Exception]) -> None:
    async def ask(provider: http.HttpProvider, exchange: Exchange, candidate: Candidate) -> None:
        ended: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        provider.open(candidate).subscribe(on_error=ended.set_result, scheduler=exchange)
        assert type(await ended) is error

    assert asked(script, ask) == 0
