"""The clients: keep-alive connections in a process of their own, which time the first event and read every answer to its end.

``python -m tests.bench.load`` takes orders, one JSON object a line on stdin, and answers each with one on stdout. An answer
that is not exactly what the provider said fails the order.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from itertools import count
from time import perf_counter
from typing import Any, Final, cast
from urllib.parse import urlsplit

import orjson
import uvloop

from tests.bench.replies import WrongAnswer, check_body, check_stream
from tests.bench.wires import PATHS, request_body

PATIENCE: Final = 60.0
"""Seconds in which one answer must be whole."""
SETTLE: Final = 0.05
"""Seconds for a target to take all connections in, before it is asked."""
DRIFT: Final = 1.037
"""Requests that begin one after another drift against the provider's ticks, so that they meet them at any point."""
OPENING: Final = 64
"""Connections that are opened at the same time where many are held."""


@dataclass(frozen=True)
class Order:
    """Who is asked for what, how often, by how many clients at a time."""

    url: str
    client: str
    provider: str
    scenario: str
    """``json``, ``burst-N``, ``paced-N`` or ``idle``."""
    count: int
    clients: int = 1
    stagger: float = 0.0
    """Seconds over which as many requests as there are clients begin, one after another; 0: each client asks without a pause."""
    prefix: str = ""
    """What stands before the scenario in the model's name."""

    @property
    def stream(self) -> bool:
        return self.scenario != "json"

    @property
    def number(self) -> int:
        """Wire events in one of the provider's streams."""
        return int(self.scenario.partition("-")[2] or 0)


@dataclass
class Result:
    """What came of an order."""

    answers: int = 0
    seconds: float = 0.0
    first_event: list[float] = field(default_factory=list)
    """Seconds from the request to the first bytes of each answer's body."""
    error: str = ""


class Client(asyncio.Protocol):
    """One connection: writes a request, gathers the answer's body, notes when its first bytes came."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begin()
        self._done: asyncio.Future[bytes] = self._loop.create_future()
        self.first: asyncio.Future[float] = self._loop.create_future()
        self.closed = True

    def _begin(self) -> None:
        self._rest = b""
        self._body: list[bytes] = []
        self._left = -1
        self._chunked = False
        self._headed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.closed = cast(asyncio.Transport, transport), False

    def send(self, request: bytes) -> asyncio.Future[bytes]:
        """Ask; the future gives the whole body. ``first`` gives the seconds until its first bytes."""
        self._begin()
        self._done, self.first = self._loop.create_future(), self._loop.create_future()
        self._sent = perf_counter()
        self._transport.write(request)
        return self._done

    def close(self) -> None:
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        error = WrongAnswer(f"the connection was closed within an answer ({exc})")
        for future in (self._done, self.first):
            if not future.done():
                future.set_exception(error)
                future.exception()

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if not self._headed:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return
            self._head(data[:end].lower())
            data = data[end + 4 :]
        if data and not self.first.done():
            self.first.set_result(now - self._sent)
        if self._chunked:
            self._take_chunks(data)
        else:
            self._body.append(data)
            self._left -= len(data)
            if not self._left:
                self._finish()

    def _head(self, head: bytes) -> None:
        self._headed = True
        if not head.startswith(b"http/1.1 200"):
            error = WrongAnswer(f"the answer is {head[:1000]!r}")
            for future in (self._done, self.first):
                if not future.done():
                    future.set_exception(error)
                    future.exception()
            self._transport.abort()
        _, _, length = head.partition(b"\r\ncontent-length:")
        self._chunked = not length
        self._left = int(length.partition(b"\r\n")[0]) if length else 0

    def _take_chunks(self, data: bytes) -> None:
        place, end, left, take = 0, len(data), max(self._left, 0), self._body.append
        while place < end:
            if left:
                piece = data[place : place + left]
                left -= len(piece)
                place += len(piece)
                take(piece)
                continue
            line = data.find(b"\r\n", place)
            if line == place:
                # The end of the chunk before.
                place += 2
                continue
            if line < 0:
                break
            left = int(data[place:line], 16)
            if not left:
                if end - line < 4:
                    break
                self._left = 0
                self._finish()
                return
            place = line + 2
        self._left = left
        self._rest = data[place:]

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(b"".join(self._body))


async def connect(url: str) -> Client:
    """A new connection to a target."""
    host, _, port = urlsplit(url).netloc.partition(":")
    _, client = await asyncio.get_running_loop().create_connection(Client, host, int(port))
    return client


def request(order: Order) -> bytes:
    """The HTTP request of an order."""
    body = request_body(order.client, order.prefix + order.scenario, stream=order.stream)
    head = (
        f"POST {PATHS[order.client]} HTTP/1.1\r\nHost: {urlsplit(order.url).netloc}\r\nContent-Type: application/json\r\n"
        f"Accept: */*\r\nUser-Agent: bench/1\r\nAuthorization: Bearer sk-bench\r\nanthropic-version: 2023-06-01\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def check(order: Order, data: bytes, known: set[bytes]) -> None:
    """Raises WrongAnswer unless the answer is right; one that is byte for byte like a checked one is not read again."""
    if data in known:
        return
    if order.stream:
        check_stream(order.client, order.provider, order.number, data)
    else:
        check_body(order.client, data)
    if len(known) < 8:
        known.add(data)


async def run(order: Order) -> Result:
    """Ask ``order.count`` times, by ``order.clients`` clients at a time, each on its own connection."""
    result, known, data, numbers = Result(), set[bytes](), request(order), count()
    free, connected = asyncio.Queue[Client](), list[Client]()

    async def connection() -> Client:
        connected.append(await connect(order.url))
        return connected[-1]

    async def ask() -> None:
        client = await free.get()
        if client.closed:
            client = await connection()
        async with asyncio.timeout(PATIENCE):
            answer = await client.send(data)
        result.first_event.append(client.first.result())
        check(order, answer, known)
        result.answers += 1
        free.put_nowait(client)

    async def ask_on() -> None:
        while next(numbers) < order.count:
            await ask()

    # All connections are there before the first request: accepting them is no part of anybody's time to first event.
    try:
        for _ in range(order.clients):
            free.put_nowait(await connection())
        await asyncio.sleep(SETTLE)
        began = perf_counter()
        async with asyncio.TaskGroup() as group:
            if order.stagger:
                async with aclosing(arrivals(order.count, order.stagger / order.clients * DRIFT)) as moments:
                    async for _ in moments:
                        group.create_task(ask())
            else:
                for _ in range(order.clients):
                    group.create_task(ask_on())
        result.seconds = perf_counter() - began
    finally:
        for client in connected:
            client.close()
    return result


async def arrivals(number: int, pause: float) -> AsyncGenerator[None, None]:
    """So many moments, each ``pause`` seconds after the one before.

    A thread tells them: the loop knows only milliseconds, like that of the provider, so that requests would come at the very
    moment of its ticks, and meet them or just miss them.
    """
    loop, due, over = asyncio.get_running_loop(), asyncio.Queue[None](), threading.Event()

    def tell() -> None:
        began = perf_counter()
        for place in range(number):
            if over.wait(max(0.0, began + place * pause - perf_counter())):
                return
            loop.call_soon_threadsafe(due.put_nowait, None)

    telling = loop.run_in_executor(None, tell)
    try:
        for _ in range(number):
            await due.get()
            yield
    finally:
        over.set()
        await telling


_held: list[Client] = []


async def hold(order: Order) -> Result:
    """Open ``order.count`` streams and keep them open after their first event, until ``release``."""
    result, data, numbers = Result(), request(order), count()

    async def opening() -> None:
        while next(numbers) < order.count:
            client = await connect(order.url)
            _held.append(client)
            client.send(data)
            async with asyncio.timeout(PATIENCE):
                result.first_event.append(await client.first)
            result.answers += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(OPENING):
            group.create_task(opening())
    return result


async def release(order: Order) -> Result:
    """Close every held stream. Fails when one of them had been closed from the other side."""
    closed = sum(client.closed for client in _held)
    answers = len(_held)
    for client in _held:
        client.close()
    _held.clear()
    return Result(answers=answers, error=f"{closed} of {answers} idle streams were closed by the target" if closed else "")


ORDERS: Final[dict[str, Callable[[Order], Awaitable[Result]]]] = {"run": run, "hold": hold, "release": release}


async def obey(line: str) -> Result:
    """Carry out one order; whatever goes wrong stands in the result."""
    order: dict[str, Any] = orjson.loads(line)
    try:
        return await ORDERS[order.pop("do")](Order(**order))
    except ExceptionGroup as group:
        return Result(error="; ".join(f"{type(error).__name__}: {error}" for error in group.exceptions[:3]))


async def serve() -> None:
    """Take orders until stdin ends."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        result = await obey(line)
        sys.stdout.buffer.write(orjson.dumps(asdict(result)) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(serve())
