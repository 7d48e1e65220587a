"""A client that reads slowly slows the provider down: memory stays bounded, nothing is lost, and leaving lets go at once."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from tests.support.clients import DIALECTS, KEY, hello
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block
from tests.support.scripted import PATIENCE, Hang, Received, ScriptedProvider, Send, body, sse
from tests.support.wire import EVENTS

PATHS: Final = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
SETUP: Final = {"chat": 1, "responses": 4, "messages": 3}
"""Events of each dialect that come before the first piece of text."""
PAIRS: Final = [(client, client) for client in DIALECTS] + [
    ("chat", "messages"),
    ("messages", "responses"),
    ("responses", "chat"),
]

MB: Final = 1_000_000
OFFERED: Final = 200 * MB
BLOCK: Final = 1 * MB
SPEED: Final = 100_000
"""Bytes a second that the client reads."""
STEP: Final = 0.05
READING: Final = 2.0
"""Seconds of slow reading."""
GROWTH: Final = 8 * MB
"""Most that the gateway's memory may grow."""
TAKEN: Final = 32 * MB
"""Most that is taken from the provider: nearly all of it lies in the kernel, whose buffers for a fast loopback grow to 10 MB."""
LIMIT: Final = 0.1
"""Seconds from the client's leaving to the close of the provider's connection."""


def numbered(dialect: str) -> tuple[bytes, bytes, int]:
    """The start of a stream, and about 1 MB of events whose texts are numbers in a row; how many they are."""
    start = SETUP[dialect]
    number = BLOCK // len(list(EVENTS[dialect](Answer([Block("text", "000000 ")], "stop", None)))[start])
    text = "".join(f"{each:06} " for each in range(number))
    events = list(EVENTS[dialect](Answer([Block("text", text)], "stop", None)))
    assert events[start].count(b"000000 ") == 1, "a piece of text is no longer one number long"
    return b"".join(events[:start]), b"".join(events[start : start + number]), number


class SlowClient:
    """One request on a bare socket with a small buffer."""

    def __init__(self, gateway: Gateway, dialect: str, model: str, *, stream: bool = True) -> None:
        request: dict[str, Any] = {**hello(dialect, model), "stream": stream}
        if dialect == "messages":
            request["max_tokens"] = 64
        body = json.dumps(request).encode()
        head = f"POST {PATHS[dialect]} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.data = bytearray()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(("127.0.0.1", int(gateway.url.rpartition(":")[2])))
        self._socket.sendall(head.encode() + body)

    def __enter__(self) -> SlowClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def take(self, size: int) -> None:
        """Read exactly so many bytes more."""
        end = len(self.data) + size
        while len(self.data) < end:
            more = self._socket.recv(end - len(self.data))
            assert more, f"the gateway closed after {bytes(self.data[-300:])!r}"
            self.data += more

    def leave(self) -> float:
        """Close, and tell when (monotonic)."""
        left = time.monotonic()
        self._socket.close()
        return left

    def body(self) -> bytes:
        """What has come of the answer's body, without the chunks' own lines."""
        head, _, rest = bytes(self.data).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        parts: list[bytes] = []
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size or b"0", 16)
            parts.append(rest[:length])
            rest = rest[length + 2 :]
        return b"".join(parts)


@pytest.fixture(scope="module")
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(provider: ScriptedProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    providers = {d: {"dialect": d, "base_url": provider.base_url(d), "api_key": "k"} for d in DIALECTS}
    # What bounds the memory shall be the client's pace, not the limit of an answer's size.
    chains = {"default": {"request": [{"output_limit": {"bytes": "1GiB"}}]}}
    with Gateway({"providers": providers, "chains": chains}, tmp_path_factory.mktemp("slow")) as gateway:
        yield gateway


@pytest.mark.parametrize(("client", "dialect"), PAIRS)
def test_a_slow_reader_stops_the_provider_and_costs_no_memory(
    provider: ScriptedProvider, gateway: Gateway, client: str, dialect: str
) -> None:
    setup, block, number = numbered(dialect)
    lane = provider.lane(sse(setup, *[Send(block, [32768])] * (OFFERED // len(block)), Hang()))
    process = psutil.Process(gateway.pid)
    model = f"{dialect}/{lane.model}"
    # The first answer of a pair brings in what every later one uses.
    with SlowClient(gateway, client, model) as quick:
        quick.take(MB)
    lane.arrived().left()
    before = process.memory_info().rss
    with SlowClient(gateway, client, model) as slow:
        received = lane.arrived()
        taken, most = read_slowly(slow, process, received)
        assert most - before < GROWTH
        assert taken[-1] < TAKEN
        # Behind a full pipe no more is taken than is read at its other end, and what the kernel still widens its pipes by.
        half = len(taken) // 2
        assert taken[-1] - taken[half] < SPEED * STEP * (len(taken) - half) + 4 * MB
        assert_in_a_row(slow.body(), number)
        left = slow.leave()
        assert received.left() - left < LIMIT


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_takes_nothing_is_let_go(provider: ScriptedProvider, tmp_path: Path, stream: bool) -> None:
    setup, block, _ = numbered("chat")
    if stream:
        lane = provider.lane(sse(setup, *[Send(block, [32768])] * 40, Hang()))
    else:
        message = {"role": "assistant", "content": "x" * 12 * MB}
        lane = provider.lane(body({"id": "a", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
    server = {"send_timeout": "300ms"}
    providers = {"chat": {"dialect": "chat", "base_url": provider.base_url("chat"), "api_key": "k"}}
    tripped = 'penstock_guard_trips_total{chain="server",operator="send_timeout"}'
    with (
        Gateway({"server": server, "providers": providers}, tmp_path) as gateway,
        SlowClient(gateway, "chat", f"chat/{lane.model}", stream=stream),
    ):
        received = lane.arrived()
        gateway.wait_for_metric(tripped, lambda value: value == 1)
        gateway.wait_for_metric('penstock_in_flight{dialect="chat"}', lambda value: value == 0)
        if stream:
            received.left()


def test_a_stop_waits_for_no_client_that_takes_nothing(provider: ScriptedProvider, tmp_path: Path) -> None:
    setup, block, _ = numbered("chat")
    lane = provider.lane(sse(setup, *[Send(block, [32768])] * 40, Hang()))
    providers = {"chat": {"dialect": "chat", "base_url": provider.base_url("chat"), "api_key": "k"}}
    with (
        Gateway({"server": {"drain": "100ms"}, "providers": providers}, tmp_path) as gateway,
        SlowClient(gateway, "chat", f"chat/{lane.model}") as client,
    ):
        lane.arrived()
        client.take(1000)
        began = time.monotonic()
        assert gateway.stop() == 0
        # The drain, and two seconds for last words; not those of each step of the stop.
        assert time.monotonic() - began < 5


def read_slowly(client: SlowClient, process: psutil.Process, received: Received) -> tuple[list[int], int]:
    """Read at the client's pace; the bytes that were taken from the provider at each step, and the most memory."""
    taken: list[int] = []
    most = 0
    began = time.monotonic()
    for step in range(round(READING / STEP)):
        client.take(round(SPEED * STEP))
        most = max(most, process.memory_info().rss)
        taken.append(received.written)
        time.sleep(max(0.0, began + (step + 1) * STEP - time.monotonic()))
    return taken, most


def assert_in_a_row(body: bytes, number: int) -> None:
    """Every piece of text, once, in its place."""
    numbers = [int(each) for each in re.findall(rb"(\d{6}) ", body)]
    assert len(numbers) > 100
    assert numbers == [place % number for place in range(len(numbers))]
