"""Clients of a gateway with several workers: many at once, each on connections of its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

BODY = {"stream": True, "messages": [{"role": "user", "content": "Say hello"}]}


@dataclass
class Load:
    """What a load came to."""

    sent: int = 0
    """Requests whose first byte may have reached the gateway."""
    ended: Counter[str] = field(default_factory=Counter)
    """How they ended: "ok" (with its terminator), "error" (told in-band or by a status), "cut" (the connection broke)."""


async def one(url: str, model: str, load: Load) -> None:
    """One request on a connection of its own."""
    load.sent += 1
    try:
        body = {**BODY, "model": model}
        async with aiohttp.ClientSession() as session, session.post(f"{url}/v1/chat/completions", json=body) as answer:
            said = await answer.read()
    except aiohttp.ClientError:
        load.ended["cut"] += 1
    else:
        load.ended["ok" if said.endswith(b"data: [DONE]\n\n") else "error"] += 1


async def many(url: str, model: str, requests: int, at_once: int, load: Load) -> None:
    """So many requests, some at a time."""
    left = iter(range(requests))

    async def client() -> None:
        for _ in left:
            await one(url, model, load)

    await asyncio.gather(*(client() for _ in range(at_once)))


def requests_total(text: str) -> int:
    """The sum of ``penstock_requests_total`` in a scrape."""
    lines = [line for line in text.splitlines() if line.startswith("penstock_requests_total{")]
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)


async def scrape(url: str) -> str:
    """All metrics, by a connection of its own."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        answer.raise_for_status()
        return await answer.text()
