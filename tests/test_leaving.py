"""The client leaves, in every phase of a request: the provider's connection is closed within 100 ms, and nothing stays open.

The client is a bare socket, so that what it does and when is certain; the times are those of one monotonic clock.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import psutil
import pytest

from tests.support.clients import DIALECTS, KEY, hello
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import PATIENCE, Hang, Script, ScriptedProvider, Send, sse
from tests.support.wire import BODIES, EVENTS

LIMIT: Final = 0.1
"""Seconds from the client's leaving to the close of the provider's connection."""
TRIES: Final = 10
LOOK: Final = 0.003
"""Seconds between two looks at what only the gateway or the kernel can tell."""
PATHS: Final = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
SETUP: Final = {"chat": 1, "responses": 4, "messages": 3}
"""Events of each dialect that come before the first piece of text."""
OPEN_THINGS: Final = ("penstock_in_flight", "penstock_upstream_open", "penstock_queue_depth", "penstock_buffered_bytes")
WHOLE: Final = Answer([Block("text", "One, two, three, four, five, six, seven.")], "stop", Usage(input=3, output=9, total=12))
PAIRS: Final = [(client, provider) for client in DIALECTS for provider in DIALECTS]


def events(dialect: str, start: int, end: int) -> bytes:
    return b"".join(list(EVENTS[dialect](WHOLE))[start:end])


def body_cut_in_half(dialect: str) -> Script:
    body = BODIES[dialect](WHOLE)
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    return Script([Send(body[: len(body) // 2]), Hang()], headers=headers)


def only_setup(dialect: str) -> Script:
    return sse(events(dialect, 0, SETUP[dialect]), Hang())


def some_text(dialect: str) -> Script:
    return sse(events(dialect, 0, SETUP[dialect] + 2), Hang())


@dataclass(frozen=True)
class Phase:
    """How far an answer has come when the client leaves."""

    script: Callable[[str], Script]
    stream: bool = True
    shown: bool = False
    """Whether the client has already seen some of it."""


PHASES: Final = {
    "waiting for headers": Phase(lambda _: Script(before=[Hang()])),
    "before the first event": Phase(only_setup),
    "mid-stream": Phase(some_text, shown=True),
    "whole answer, waiting for headers": Phase(lambda _: Script(before=[Hang()]), stream=False),
    "whole answer, body under way": Phase(body_cut_in_half, stream=False),
}


class Client:
    """One request on a bare socket."""

    def __init__(self, gateway: Gateway, dialect: str, model: str, *, stream: bool = True) -> None:
        request: dict[str, Any] = {**hello(dialect, model), "stream": stream}
        if dialect == "messages":
            request["max_tokens"] = 64
        body = json.dumps(request).encode()
        head = f"POST {PATHS[dialect]} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket = socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2])), PATIENCE)
        self._socket.sendall(head.encode() + body)

    def read_until(self, text: bytes) -> None:
        """Read until ``text`` has come."""
        seen = b""
        while text not in seen:
            data = self._socket.recv(65536)
            assert data, f"the gateway closed after {seen!r}"
            seen += data

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def leave(self) -> float:
        """Close, and tell when (monotonic)."""
        left = time.monotonic()
        self._socket.close()
        return left


def until(true: Callable[[], bool], what: Callable[[], object]) -> float:
    """Look again and again until it is so; tells when (monotonic). Raises AssertionError when it never is."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"still {what()}"
        time.sleep(LOOK)
    return time.monotonic()


def assert_soon(leave: Callable[[], float]) -> None:
    """``leave`` gives the seconds that letting go took; a busy machine may spoil a try, but not every one."""
    taken: list[float] = []
    while not taken or taken[-1] >= LIMIT:
        assert len(taken) < TRIES, f"{TRIES} times late: {taken}"
        taken.append(leave())


def open_things(gateway: Gateway) -> Mapping[str, float]:
    """The gauges that are not 0."""
    return {name: value for name, value in gateway.metrics().items() if name.startswith(OPEN_THINGS) and value}


def assert_nothing_open(gateway: Gateway) -> None:
    until(lambda: not open_things(gateway), lambda: open_things(gateway))


@pytest.fixture(scope="module")
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as server:
        yield server


@pytest.fixture(scope="module")
def deaf() -> Iterator[int]:
    """A port whose queue of connections is full and never emptied: whoever connects stays in the middle of it."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        fill: list[socket.socket] = []
        for _ in range(2):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
            fill.append(waiting)
        yield port
        for waiting in fill:
            waiting.close()


@pytest.fixture(scope="module")
def gateway(provider: ScriptedProvider, deaf: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    providers: dict[str, Any] = {}
    for dialect in DIALECTS:
        common = {"dialect": dialect, "base_url": provider.base_url(dialect), "api_key": "k"}
        providers[dialect] = common
        providers[f"{dialect}-narrow"] = {**common, "max_in_flight": 1, "queue_timeout": "60s"}
        providers[f"{dialect}-deaf"] = {**common, "base_url": f"http://127.0.0.1:{deaf}", "connect_timeout": "60s"}
    with Gateway({"providers": providers}, tmp_path_factory.mktemp("leaving")) as gateway:
        yield gateway


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(("client", "dialect"), PAIRS)
def test_the_providers_connection_is_closed_when_the_client_leaves(
    provider: ScriptedProvider, gateway: Gateway, client: str, dialect: str, phase: str
) -> None:
    how = PHASES[phase]
    script = how.script(dialect)
    sent = sum(len(step.data) for step in script.steps if isinstance(step, Send))
    lane = provider.lane(script)

    def leave() -> float:
        with Client(gateway, client, f"{dialect}/{lane.model}", stream=how.stream) as leaver:
            received = lane.arrived()
            until(lambda: received.written == sent, lambda: received.written)
            if how.shown:
                leaver.read_until(b"One")
            left = leaver.leave()
            return received.left() - left

    assert_soon(leave)
    assert_nothing_open(gateway)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "body"])
@pytest.mark.parametrize("client", DIALECTS)
def test_whoever_leaves_the_queue_never_reaches_the_provider(
    provider: ScriptedProvider, gateway: Gateway, client: str, stream: bool
) -> None:
    lane = provider.lane(some_text(client))
    model = f"{client}-narrow/{lane.model}"

    def queued(depth: int) -> float:
        return until(lambda: gateway.gauge("penstock_queue_depth") == depth, gateway.metrics)

    def leave() -> float:
        with Client(gateway, client, model, stream=stream) as leaver:
            queued(1)
            left = leaver.leave()
            return queued(0) - left

    with Client(gateway, client, model) as first:
        lane.arrived()
        assert_soon(leave)
        with Client(gateway, client, model) as last:
            queued(1)
            first.leave()
            lane.arrived()
            assert len(lane.requests) == 2
            last.leave()
    assert_nothing_open(gateway)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "body"])
@pytest.mark.parametrize("client", DIALECTS)
def test_a_connection_under_way_is_given_up_when_the_client_leaves(
    gateway: Gateway, deaf: int, client: str, stream: bool
) -> None:
    process = psutil.Process(gateway.pid)

    def connecting() -> list[str]:
        return [each.status for each in process.net_connections("tcp4") if each.raddr and each.raddr.port == deaf]

    def leave() -> float:
        with Client(gateway, client, f"{client}-deaf/any", stream=stream) as leaver:
            until(lambda: connecting() == [psutil.CONN_SYN_SENT], connecting)
            left = leaver.leave()
            return until(lambda: not connecting(), connecting) - left

    assert_soon(leave)
    assert_nothing_open(gateway)
