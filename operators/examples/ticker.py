"""Guards over a plain stream, without any gateway: a feed of prices with two readers.

The feed cannot be reached at first, which nobody notices, and falls silent in the end, which both readers are told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from operators import Clock, Operator, from_async, idle_timeout, retry, share

connections = 0


async def feed(push: Callable[[float], None]) -> None:
    """What a socket would push."""
    global connections
    connections += 1
    print(f"connection {connections}")
    if connections == 1:
        raise ConnectionError("nobody is there")
    for price in (101.5, 101.7, 101.2):
        await asyncio.sleep(0.01)
        push(price)
    await asyncio.Event().wait()


async def main() -> None:
    """Two readers, one connection."""
    guards: list[Operator[float, float]] = [
        retry(times=2, wait=0.02, longest_wait=0.1, jitter=False),  # nearest to the source: before the first price only
        idle_timeout(seconds=0.1),  # then: how long no price is normal
        share(),  # last: everything below happens once, however many read
    ]
    prices = from_async(feed).pipe(*guards)
    over = [asyncio.Event(), asyncio.Event()]
    for name, done in zip(("anna", "ben"), over, strict=True):

        def said(price: float, name: str = name) -> None:
            print(f"{name}: {price}")

        def failed(error: Exception, name: str = name, done: asyncio.Event = done) -> None:
            print(f"{name}: {error}")
            done.set()

        prices.subscribe(said, failed, scheduler=Clock())
    for done in over:
        await done.wait()


if __name__ == "__main__":
    asyncio.run(main())
