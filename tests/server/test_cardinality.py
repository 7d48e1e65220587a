"""TR-O8: nothing that a client writes makes a series, over the real server: model names, keys, paths, ids."""

from __future__ import annotations

import asyncio
import json
import random
import string
import urllib.request
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.support.gateway import Gateway

KEY = "a-secret-key"
CONFIG: dict[str, Any] = {
    "server": {"keys": [{"name": "alice", "key": KEY}]},
    "models": [{"name": "known", "candidates": ["demo/fast"]}, {"name": "gpt-*", "candidates": ["demo/*"]}],
}
PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/messages")
CONNECTIONS = 8


class Stranger:
    """Says something else each time."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def word(self) -> str:
        return "".join(self._random.choices(string.ascii_letters + string.digits, k=12))

    def request(self) -> bytes:
        word, kind = self.word(), self._random.randrange(10)
        path = f"/{word}/{self.word()}" if kind == 0 else self._random.choice(PATHS)
        key = word if kind == 1 else KEY
        model = ("gpt-" + word, "demo/" + word, f"{word}/{word}", word)[kind % 4] if kind > 2 else "known"
        said: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hi"}], "input": "hi", "max_tokens": 9}
        if path != "/v1/responses":
            del said["input"]
        body = json.dumps(said).encode() if kind != 2 else word.encode()
        head = f"POST {path} HTTP/1.1\r\nhost: {word}\r\nx-request-id: {self.word()}\r\nauthorization: Bearer {key}\r\n"
        head += f"user-agent: {word}\r\nx-{word}: 1\r\nsession-id: {word}\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body


async def ask(port: int, requests: int, stranger: Stranger) -> None:
    """So many requests, one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(requests):
        writer.write(stranger.request())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        if b"connection: close" in head:
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


async def many(port: int, requests: int, seed: int) -> None:
    share = requests // CONNECTIONS
    await asyncio.gather(*(ask(port, share, Stranger(seed + number)) for number in range(CONNECTIONS)))


def scrape(port: int) -> tuple[set[str], int]:
    """All series, and how many requests were counted."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"accept": "application/openmetrics-text"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    samples = [each for family in families for each in family.samples]
    total = sum(int(each.value) for each in samples if each.name == "penstock_requests_total")
    return {f"{each.name}{each.labels}" for each in samples}, total


def test_ten_thousand_strangers_make_no_series(tmp_path: Path) -> None:
    with Gateway(CONFIG, tmp_path) as gateway:
        port = int(gateway.url.rpartition(":")[2])
        # What any request can make is there after a few of each kind.
        asyncio.run(many(port, 400, seed=1))
        before, counted = scrape(port)
        asyncio.run(many(port, 10_000, seed=100))
        after, later = scrape(port)
        assert later - counted > 8_000
        assert after == before
