"""A mixed load with faults: everything that a dashboard asks about happens in each round."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pipeline.exchange import HIGH_WATER
from tests.chains.bench import FROM_A, FROM_B, TEXT_A, Bench, answered, halves, serving
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import PATIENCE, Hang, Lane, Received, Reset, Script, body, sse
from tests.support.wire import EVENTS, error_body

FULL: Final = Answer(
    [Block("text", TEXT_A)], "stop", Usage(input=1000, output=120, total=1120, cached=400, cache_write=100, reasoning=20)
)
PRICE: Final = {"input": 3, "output": 15, "cached": 0.3}
BREAKER: Final = {"breaker": {"failures": 1, "cool_down": 0.5}}

CHAINS: Final[dict[str, Any]] = {
    "plain": {"attempt": [{"retry": {"times": 1, "wait": 0.001}}]},
    "fragile": {"candidates": [BREAKER]},
    "hedged": {"answer": [{"hedge": {"delay": 0.02, "budget": 100}}]},
    "idle": {"attempt": [{"idle_timeout": {"seconds": 0.1}}]},
    "queued": {"request": [{"admit": {"limit": 1, "queue": 2}}]},
    "cached": {"request": [{"cache": {"seconds": 60}}]},
    "mirrored": {"request": [{"mirror": {"to": "b-chat/mirrored-one", "percent": 100}}]},
    "resumed": {"answer": ["failover", {"resume": {"times": 1}}]},
}
SERVER: Final = {"keys": [{"name": "test-key", "key": "test-key"}, {"name": "poor", "key": "poor", "requests_per_minute": 1}]}
MODELS: Final[dict[str, Any]] = {
    "plain": {"candidates": [{"use": "a-chat/*", "price": PRICE}, "b-chat/*"]},
    "resumed": {"candidates": ["a-chat/*", {"use": "b-chat/*", "continues": True}]},
}


def failing(dialect: str, status: int = 503, **headers: str) -> Script:
    return body(error_body(dialect, "server_error", "down"), status, headers)


class Traffic:
    """Rounds of requests until ``stop``, by some clients at the same time."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self.rounds = 0
        self.errors: list[BaseException] = []
        start = opening("chat")
        event = next(event for event in EVENTS["chat"](FROM_A) if b"From" in event)
        lane = bench.lane
        self._lanes: list[tuple[str, Lane, dict[str, Any]]] = [
            ("chat", lane("plain", "chat", [answered("chat", FULL)]), {}),
            ("responses", lane("hedged", "responses", [answered("responses", FULL)]), {"stream": False}),
            ("messages", lane("hedged", "messages", [sse(next(iter(EVENTS["messages"](FROM_A))), Hang())]), {}),
            # Tools, images and parameters that the provider's dialect does not know.
            ("chat", lane("idle", "messages"), {"extra_body": {"repetition_penalty": 1.1, "xyzzy": 1}}),
            ("responses", lane("idle", "messages"), {"tools": [{"type": "web_search"}]}),
            ("chat", lane("plain", "chat", [failing("chat")]), {}),
            ("chat", lane("plain", "chat", [Script(before=[Reset()])]), {}),
            ("chat", lane("plain", "chat", [sse(start)]), {}),
            ("chat", lane("idle", "chat", [sse(start, Hang())]), {}),
            ("responses", lane("fragile", "responses", [failing("responses")]), {}),
            ("messages", lane("fragile", "messages", [failing("messages", 429, **{"retry-after": "1"})]), {}),
            ("chat", lane("resumed", "chat", [sse(start)]), {}),
            ("chat", lane("cached", "chat"), {"stream": False}),
            ("chat", lane("queued", "chat", [late]), {}),
            ("chat", lane("queued", "chat", [late]), {}),
            ("chat", lane("plain", "chat"), {"key": "poor"}),
        ]
        bench.provider.lane(answer=answered("chat", FROM_B), name="unused")
        self._mirrored = lane("mirrored", "chat")
        self._slow = lane("plain", "chat", [sse(start + event * 40_000, Hang())])

    def _run(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            while not self._stopping.is_set():
                try:
                    # The first round goes one by one: threads that meet there would each make an SDK client, and keep one.
                    list((pool.map if self.rounds else map)(lambda work: work(), self._round()))
                except Exception as error:
                    self.errors.append(error)
                    return
                self.rounds += 1

    def _round(self) -> Iterator[Callable[[], Any]]:
        for client, lane, more in self._lanes:
            yield lambda client=client, lane=lane, more=more: self._bench.ask(client, lane, **more)  # type: ignore[misc]
        yield lambda: self._bench.ask("chat", self._mirrored)
        yield self._read_slowly
        yield self._guess_a_key

    def _read_slowly(self) -> None:
        """Until the gateway holds more for this client than it may, and its provider pauses."""
        gateway = self._bench.gateway
        data = b'{"model":"%s","stream":true,"messages":[{"role":"user","content":"hi"}]}' % self._slow.model.encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: test-key\r\ncontent-length: %d\r\n\r\n"
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(PATIENCE)
            slow.connect(("127.0.0.1", int(gateway.url.rpartition(":")[2])))
            slow.sendall(head % len(data) + data)
            until = time.monotonic() + PATIENCE
            while gateway.gauge("penstock_buffered_bytes") <= HIGH_WATER and time.monotonic() < until:
                slow.recv(4096)

    def _guess_a_key(self) -> None:
        port = int(self._bench.gateway.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10, source_address=("127.0.0.9", 0)) as stranger:
            stranger.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: no\r\nconnection: close\r\n\r\n")
            while stranger.recv(65536):
                pass

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        self._thread.join(30)


def opening(dialect: str) -> bytes:
    """The first two pieces of text."""
    return halves(dialect, FROM_A)[0]


def late(received: Received) -> Script:
    """Long enough that another request waits behind it."""
    return Script([*sse(opening("chat")).steps, *sse(halves("chat", FROM_A)[1]).steps], headers=sse(b"").headers)


@contextmanager
def busy(folder: Path) -> Iterator[tuple[Bench, Traffic]]:
    """A gateway under this load."""
    with serving(folder, CHAINS, SERVER, **MODELS) as bench, Traffic(bench) as traffic:
        yield bench, traffic
