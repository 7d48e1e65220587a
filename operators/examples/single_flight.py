"""Single flight: who asks for what is being fetched already waits for that, and nothing is fetched twice at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from operators import Clock, Flights, Scope, from_async, share


class Asked(Scope):
    """What one subscription is for travels in its scheduler, so that the chain itself is built once for all."""

    def __init__(self, clock: Clock, city: str) -> None:
        super().__init__(clock)
        self.city = city


async def fetch(push: Callable[[str], None], asked: Asked) -> None:
    """The slow part."""
    print(f"fetching {asked.city}")
    await asyncio.sleep(0.02)
    push(f"{asked.city}: sunny")


def city_of(asked: Any) -> str:
    """Who asks for the same city asks for the same."""
    city: str = asked.city
    return city


async def main() -> None:
    """Five questions, two cities; and once more, after the first answer."""
    flights = Flights()
    weather = from_async(fetch, scoped=True).pipe(share(key=city_of, flights=flights))
    clock = Clock()

    async def ask(city: str) -> str:
        answer = asyncio.get_running_loop().create_future()
        weather.subscribe(answer.set_result, answer.set_exception, scheduler=Asked(clock, city))
        said: str = await answer
        return said

    for answer in await asyncio.gather(*map(ask, ("Rome", "Oslo", "Rome", "Rome", "Oslo"))):
        print(answer)
    print(await ask("Rome"))
    print(f"asked 6 times, fetched {flights.begun} times, {flights.joined} joined")


if __name__ == "__main__":
    asyncio.run(main())
