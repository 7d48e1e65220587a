"""A provider that does exactly what a test tells it: a real HTTP server on a free port, in a thread with a loop of its own.

A test opens a *lane*: a model name of its own with the scripts that answer the requests for that model, one after another.
So tests share one server (and one gateway in front of it) without seeing each other. Everything that a request brought, how
much could be written to it and when its connection was closed from the other side is kept for the test to look at.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

PATIENCE: Final = 10.0
"""Seconds that a test waits for something that must happen, before it gives up."""


@dataclass(frozen=True)
class Send:
    """Write bytes, in pieces of these sizes where given (the last size repeats); each piece is drained by itself."""

    data: bytes
    sizes: Sequence[int] = ()

    def pieces(self) -> Iterator[bytes]:
        """The data in order, cut as told."""
        if not self.sizes:
            yield self.data
            return
        start = 0
        for size in itertools.chain(self.sizes, itertools.repeat(max(self.sizes[-1], 1))):
            if start >= len(self.data):
                return
            yield self.data[start : start + size]
            start += size


class Gate:
    """Opened by the test's thread, awaited by the server's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def open(self) -> None:
        with self._lock:
            self._open = True
            for loop, event in self._waiting:
                loop.call_soon_threadsafe(event.set)

    async def passed(self) -> None:
        event = asyncio.Event()
        with self._lock:
            if self._open:
                return
            self._waiting.append((asyncio.get_running_loop(), event))
        await event.wait()


@dataclass(frozen=True)
class Wait:
    """Go on when the test opens the gate."""

    gate: Gate


@dataclass(frozen=True)
class Hang:
    """Say nothing more, until the other side closes."""


@dataclass(frozen=True)
class Reset:
    """Break the TCP connection (RST)."""


Step = Send | Wait | Hang | Reset


@dataclass(frozen=True)
class Script:
    """One answer: what happens before the headers, the headers, and what happens after them. Then it closes cleanly."""

    steps: Sequence[Step] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    before: Sequence[Step] = ()


def sse(data: bytes, *then: Step, sizes: Sequence[int] = ()) -> Script:
    """A streamed answer of these bytes, then these steps."""
    return Script([Send(data, sizes), *then], headers={"content-type": "text/event-stream; charset=utf-8"})


def body(data: bytes | dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Script:
    """A whole answer in JSON (or whatever the bytes are)."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Script([Send(raw)], status, {"content-type": "application/json", **(headers or {})})


@dataclass
class Received:
    """One request as the provider saw it, and what became of its connection."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    raw: bytes
    body: Any
    """The decoded JSON."""
    at: float = field(default_factory=time.monotonic)
    written: int = 0
    """Bytes of the answer that the socket has taken so far."""
    closed: threading.Event = field(default_factory=threading.Event)
    """Set when the other side closed the connection before the script was through."""
    closed_at: float = 0.0
    """Monotonic time of that."""
    done: threading.Event = field(default_factory=threading.Event)
    """Set when the script is through or the connection is gone."""

    def left(self) -> float:
        """Wait until the other side has closed, and tell when (monotonic). Raises AssertionError when it never does."""
        assert self.closed.wait(PATIENCE), "the provider's connection was never closed"
        return self.closed_at


Answerer = Callable[[Received], Script]


class Lane:
    """One model name, its scripts and the requests that came for it."""

    def __init__(self, model: str, scripts: Iterable[Script], answer: Answerer | None) -> None:
        self.model = model
        self.requests: list[Received] = []
        self._scripts = list(scripts)
        self._answer = answer
        self._arrived: queue.Queue[Received] = queue.Queue()

    def script(self, received: Received) -> Script:
        """What answers this request; the last script answers all that come after it."""
        self.requests.append(received)
        self._arrived.put(received)
        if self._answer is not None:
            return self._answer(received)
        return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]

    def arrived(self) -> Received:
        """Wait for the next request that was not looked at yet."""
        return self._arrived.get(timeout=PATIENCE)

    @property
    def last(self) -> Received:
        """The request that came last."""
        return self.requests[-1]


class ScriptedProvider:
    """The server. ``start`` returns when it listens, ``stop`` when its thread is gone."""

    def __init__(self, answer: Answerer | None = None) -> None:
        self.port = 0
        self._answer = answer
        self._lanes: dict[str, Lane] = {}
        self._numbers = itertools.count(1)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="scripted-provider", daemon=True)

    @property
    def url(self) -> str:
        """Without ``/v1``: the base of a Messages provider; the OpenAI dialects add ``/v1``."""
        return f"http://127.0.0.1:{self.port}"

    def base_url(self, dialect: str) -> str:
        """What a configuration or an SDK calls ``base_url``."""
        return self.url if dialect == "messages" else f"{self.url}/v1"

    def lane(self, *scripts: Script, answer: Answerer | None = None, name: str = "m") -> Lane:
        """A new model name that is answered by these scripts, or by a function of the request."""
        lane = Lane(f"{name}-{next(self._numbers)}", scripts, answer)
        self._lanes[lane.model] = lane
        return lane

    def start(self) -> ScriptedProvider:
        self._thread.start()
        assert self._ready.wait(PATIENCE), "the scripted provider did not start"
        return self

    def stop(self) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)

    def __enter__(self) -> ScriptedProvider:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=512)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        with contextlib.suppress(ValueError):
            parsed = json.loads(raw) if raw else None
        received = Received(request.path, {k.lower(): v for k, v in request.headers.items()}, raw, parsed)
        try:
            return await self._play(request, received, self._script_for(received))
        except (asyncio.CancelledError, ConnectionError):
            received.closed_at = time.monotonic()
            received.closed.set()
            raise
        finally:
            received.done.set()

    def _script_for(self, received: Received) -> Script:
        model = received.body.get("model") if isinstance(received.body, dict) else None
        lane = self._lanes.get(str(model))
        if lane is not None:
            return lane.script(received)
        if self._answer is not None:
            return self._answer(received)
        return body({"error": {"message": f"no lane for model {model!r}", "type": "test_setup"}}, status=418)

    async def _play(self, request: web.Request, received: Received, script: Script) -> web.StreamResponse:
        for step in script.before:
            await self._step(step, request, received, None)
        response = web.StreamResponse(status=script.status, headers=script.headers)
        await response.prepare(request)
        for step in script.steps:
            await self._step(step, request, received, response)
        await response.write_eof()
        return response

    @staticmethod
    async def _step(step: Step, request: web.Request, received: Received, response: web.StreamResponse | None) -> None:
        if isinstance(step, Send):
            assert response is not None, "nothing can be sent before the headers"
            for piece in step.pieces():
                await response.write(piece)
                received.written += len(piece)
        elif isinstance(step, Wait):
            await step.gate.passed()
        elif isinstance(step, Hang):
            await asyncio.Event().wait()
        else:
            transport = request.transport
            assert transport is not None
            # Linger 0 makes the close a reset instead of an orderly end.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
            raise ConnectionResetError("as the script told")
