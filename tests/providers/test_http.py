"""Providers behind HTTP, over real sockets: what they are asked beside answers ends, too, whatever the other side does."""

from __future__ import annotations

import asyncio

import pytest

from operators.clock import Clock
from pipeline.dialects import DIALECTS
from pipeline.errors import GatewayError, Kind
from pipeline.exchange import Exchange
from pipeline.providers import http
from pipeline.providers.pool import Pool
from pipeline.request import Target
from pipeline.resolve import Candidate
from tests.support.scripted import Hang, Script, ScriptedProvider, Send

HEADERS = {"content-type": "application/json", "content-length": "19"}


@pytest.mark.parametrize(
    "script", [Script(before=[Hang()]), Script([Send(b'{"input'), Hang()], headers=HEADERS)], ids=["no headers", "half a body"]
)
def test_a_count_is_not_waited_for_for_ever(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "COUNT_PATIENCE", 0.05)

    async def run(base_url: str, model: str) -> None:
        async with Pool() as pool:
            provider = http.HttpProvider(
                "claude",
                "messages",
                base_url,
                credential=None,
                headers={},
                body_limit=1 << 20,
                connect_timeout=5,
                pool=pool,
                gauge=print,
            )
            candidate = Candidate(provider, model, Target("messages", model), f"claude/{model}")
            body = {"model": model, "messages": []}
            exchange = Exchange(Clock(), id="req_1", dialect=DIALECTS["messages"], body=body, raw=b"{}", headers={})
            with pytest.raises(GatewayError) as caught:
                await provider.count_tokens(f'{{"model": "{model}"}}'.encode(), exchange, candidate)
            assert caught.value.kind is Kind.TIMEOUT

    with ScriptedProvider() as server:
        lane = server.lane(script)
        asyncio.run(run(server.base_url("messages"), lane.model))
        lane.last.left()
