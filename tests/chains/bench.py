"""One gateway with many chains in front of one scripted provider: what each step does for a client, over real sockets.

A chain is used by the models ``<chain>><dialect>>*``: their candidates A and B speak that dialect, whatever the client speaks.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import pytest

from tests.support.clients import DIALECTS, KEY, Outcome, ask, hello
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import PATIENCE, Answerer, Lane, Received, Script, ScriptedProvider, body, sse
from tests.support.wire import BODIES, EVENTS

PATHS: Final = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
TEXT_A: Final = "From A: one two three four five six seven."
TEXT_B: Final = "From B, the other one."
FROM_A: Final = Answer([Block("text", TEXT_A)], "stop", Usage(input=10, output=12, total=22))
FROM_B: Final = Answer([Block("text", TEXT_B)], "stop", Usage(input=7, output=5, total=12))

OTHER: Final = dict(zip(DIALECTS, (*DIALECTS[1:], DIALECTS[0]), strict=True))
"""Another dialect than this one."""

clients = pytest.mark.parametrize("client", DIALECTS)
streamed = pytest.mark.parametrize("stream", [True, False], ids=["stream", "body"])
crossing = pytest.mark.parametrize("cross", [False, True], ids=["same", "cross"])


def spoken(client: str, cross: bool) -> str:
    """The candidates' dialect."""
    return OTHER[client] if cross else client


@dataclass
class Bench:
    provider: ScriptedProvider
    gateway: Gateway

    def lane(
        self,
        chain: str,
        dialect: str,
        a: Sequence[Script | Answerer] | None = None,
        b: Sequence[Script | Answerer] | None = None,
    ) -> Lane:
        """A model of this chain whose candidates are answered by ``a`` and ``b``, one script a request; the last one repeats."""
        scripts = {"a": list(a or [answered(dialect, FROM_A)]), "b": list(b or [answered(dialect, FROM_B)])}

        def answer(received: Received) -> Script:
            waiting = scripts[received.path.split("/")[1]]
            script = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            return script if isinstance(script, Script) else script(received)

        return self.provider.lane(answer=answer, name=f"{chain}>{dialect}>")

    def ask(self, client: str, lane: Lane, *, stream: bool = True, text: str = "Hello", key: str = KEY, **more: Any) -> Outcome:
        """Ask with the SDK of the client's dialect."""
        return ask(client, self.gateway.base_url(client), {**hello(client, lane.model, text), **more}, stream=stream, key=key)

    def post(self, client: str, lane: Lane, *, stream: bool = True, key: str = KEY, **more: Any) -> Posted:
        """Ask by hand: for who wants to see bytes, or to leave."""
        return Posted(self.gateway.url, client, {**hello(client, lane.model), "stream": stream, **more}, key)

    def counted(self, name: str, **labels: str) -> float:
        """The value of a series now."""
        inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        return self.gateway.metrics().get(f"{name}{{{inside}}}" if inside else name, 0.0)


class Posted:
    """A request under way. Leaving the context closes the connection."""

    def __init__(self, url: str, client: str, request: Mapping[str, Any], key: str = KEY) -> None:
        port = int(url.rpartition(":")[2])
        data = json.dumps({"max_tokens": 100, **request} if client == "messages" else request).encode()
        head = f"POST {PATHS[client]} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\nconnection: close\r\n"
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.sendall(f"{head}content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data)
        self.seen = b""

    def until(self, words: bytes) -> bytes:
        """Read until these bytes came. Raises AssertionError when the answer ends before."""
        while words not in self.seen:
            data = self._socket.recv(65536)
            assert data, f"{words!r} never came: {self.seen!r}"
            self.seen += data
        return self.seen

    def rest(self) -> bytes:
        """The whole answer, its head included."""
        while data := self._socket.recv(65536):
            self.seen += data
        return self.seen

    @property
    def status(self) -> int:
        """After its head came."""
        return int(self.until(b"\r\n").split()[1])

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case."""
        lines = self.until(b"\r\n\r\n").partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def body(self) -> bytes:
        """All of it, out of its chunks."""
        data = self.rest().partition(b"\r\n\r\n")[2]
        if self.headers.get("transfer-encoding") != "chunked":
            return data
        whole = b""
        while data:
            size, _, data = data.partition(b"\r\n")
            length = int(size, 16)
            whole, data = whole + data[:length], data[length + 2 :]
        return whole

    def close(self) -> float:
        """Leave; the (monotonic) time of it."""
        self._socket.close()
        return time.monotonic()

    def __enter__(self) -> Posted:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()


def configuration(provider: ScriptedProvider, chains: Mapping[str, Any], **models: Mapping[str, Any]) -> dict[str, Any]:
    """``models``: further words of a chain's models."""
    providers = {}
    for who in "ab":
        for dialect in DIALECTS:
            base = f"{provider.url}/{who}" if dialect == "messages" else f"{provider.url}/{who}/v1"
            providers[f"{who}-{dialect}"] = {"dialect": dialect, "base_url": base, "api_key": f"key-{who}"}
    served = [
        {
            "name": f"{chain}>{dialect}>*",
            "candidates": [f"a-{dialect}/*", f"b-{dialect}/*"],
            "chain": chain,
            **models.get(chain, {}),
        }
        for chain in chains
        for dialect in DIALECTS
    ]
    quiet: dict[str, Any] = {"candidates": [], "attempt": []}
    return {"providers": providers, "models": served, "chains": {name: quiet | chain for name, chain in chains.items()}}


@contextmanager
def serving(
    folder: Path, chains: Mapping[str, Any], server: Mapping[str, Any] | None = None, **models: Mapping[str, Any]
) -> Iterator[Bench]:
    with ScriptedProvider() as provider:
        config = configuration(provider, chains, **models)
        if server is not None:
            config["server"] = server
        with Gateway(config, folder) as gateway:
            yield Bench(provider, gateway)


def answered(dialect: str, answer: Answer) -> Answerer:
    """A healthy candidate: streamed or whole, as the request asks."""

    def script(received: Received) -> Script:
        if received.body.get("stream"):
            return sse(b"".join(EVENTS[dialect](answer)))
        return body(BODIES[dialect](answer))

    return script


def halves(dialect: str, answer: Answer) -> tuple[bytes, bytes]:
    """The stream up to its second event with text, and what follows."""
    events = list(EVENTS[dialect](answer))
    texts = [place for place, event in enumerate(events) if b"elta" in event and answer.blocks[0].text[:5].encode() in event]
    cut = texts[0] + 2
    return b"".join(events[:cut]), b"".join(events[cut:])


def asked(lane: Lane, who: str) -> int:
    """How many requests a candidate got."""
    return sum(request.path.split("/")[1] == who for request in lane.requests)


@contextmanager
def together() -> Iterator[Callable[..., Future[Any]]]:
    """Several clients at once: call what it gives with a function and its arguments."""
    with ThreadPoolExecutor(32) as pool:
        yield pool.submit
