"""A whole answer on its way to its client: nobody sees anything of it before all of it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from reactivex import Observable

from operators.clock import Clock
from operators.stream import Stream
from pipeline.awaited import LINGER
from pipeline.dialects import DIALECTS
from pipeline.errors import GatewayError, Kind
from pipeline.exchange import Exchange
from pipeline.whole import Gathering


class Said:
    """An answer that the test says, and whether anybody still listens."""

    def __init__(self) -> None:
        self.observer: Any = None
        self.let_go = asyncio.Event()
        self.stream: Observable[bytes] = Stream(self._subscribe)

    def _subscribe(self, observer: Any, scheduler: Any) -> Callable[[], None]:
        self.observer = observer
        return self.let_go.set


async def begun() -> tuple[Said, Exchange, asyncio.Task[Any]]:
    """A whole answer that somebody waits for."""
    said = Said()
    exchange = Exchange(Clock(), id="r", dialect=DIALECTS["chat"], body={"model": "m"}, raw=b"", headers={})
    work = Gathering(exchange).run(said.stream, make_mocked_request("POST", "/"), {"x-request-id": "r"})
    task = asyncio.get_running_loop().create_task(work)
    while said.observer is None:
        await asyncio.sleep(0)
    return said, exchange, task


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_it_is_there_with_what_was_said() -> None:
    async def play() -> None:
        said, exchange, task = await begun()
        exchange.ended = True
        said.observer.on_next(b"{}")
        said.observer.on_completed()
        assert (await task).status == 200

    asyncio.run(play())


def test_nothing_said_is_no_answer_yet() -> None:
    async def play() -> None:
        said, _, task = await begun()
        said.observer.on_next(b"")
        await turns()
        assert not task.done()
        said.observer.on_error(GatewayError(Kind.CUT))
        with pytest.raises(GatewayError):
            await task

    asyncio.run(play())


def test_what_fails_in_the_moment_in_which_it_was_said_is_an_error() -> None:
    async def play() -> None:
        said, _, task = await begun()
        said.observer.on_next(b"{}")
        said.observer.on_error(OSError("broken"))
        with pytest.raises(GatewayError):
            await task

    asyncio.run(play())


def test_who_leaves_lets_go_of_it_at_once() -> None:
    async def play() -> None:
        said, _, task = await begun()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert said.let_go.is_set()

    asyncio.run(play())


def test_a_provider_that_does_not_close_its_answer_is_let_go_a_moment_later() -> None:
    async def play() -> float:
        said, exchange, task = await begun()
        exchange.ended = True
        said.observer.on_next(b"{}")
        await task
        assert not said.let_go.is_set()
        before = exchange.loop.time()
        await asyncio.wait_for(said.let_go.wait(), 5 * LINGER)
        return exchange.loop.time() - before

    assert asyncio.run(play()) > LINGER / 2
