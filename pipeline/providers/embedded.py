"""The embedded provider: a model inside the gateway that speaks neutral events, so that everything can be tried without a key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from reactivex import Observable

from operators.source import from_async
from pipeline.events import Batch
from pipeline.exchange import Exchange
from pipeline.providers.demo import answer
from pipeline.providers.frame import Frame, Head
from pipeline.request import Losses
from pipeline.resolve import Candidate


class DemoProvider:
    """Runs ``providers.demo`` as a candidate."""

    dialect = ""

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self, candidate: Candidate) -> Observable[Frame]:
        """One attempt a subscription (see ``providers.Provider``)."""

        async def produce(push: Callable[[Frame], None], exchange: Exchange) -> None:
            sent = exchange.send(Losses(), candidate.name)
            sent.at = time.monotonic()
            head = Head(sent)
            accepted = False

            def say(batch: Batch) -> None:
                nonlocal accepted
                # Told with the first word only: a model that fails before it never accepted the request.
                if not accepted:
                    accepted = True
                    push(head)
                push(batch)

            async def pause(seconds: float) -> None:
                await asyncio.sleep(seconds)
                if not exchange.gate.is_open:
                    await exchange.gate.wait()

            await answer(exchange.request, candidate.model, say, pause)

        return from_async(produce, scoped=True)
