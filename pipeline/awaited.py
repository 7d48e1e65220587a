"""What the emit stations of streams and of whole answers have in common: a task waits for the chain, and may have to leave it."""

from __future__ import annotations

import asyncio
from typing import Final

from operators.stream import LEFT, Left, Link
from pipeline.exchange import Exchange

# After the answer's end its provider may still be about to close its body: waiting keeps the connection for the next request.
LINGER: Final = 1.0


class Awaited(Link[bytes, bytes]):
    """An answer for which a task waits."""

    __slots__ = ("_done", "_error", "_exchange", "_wake")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._done = False
        """Whether the chain came to its end."""
        self._error: Exception | None = None
        """What it failed with."""
        self._wake: asyncio.Future[None] | None = None

    async def news(self) -> None:
        """Return when something was said, or the answer has ended; to be called where neither is so."""
        self._wake = self._exchange.loop.create_future()
        await self._wake

    def notify(self) -> None:
        """Wake the task that waits, if one does."""
        wake = self._wake
        if wake is not None:
            self._wake = None
            if not wake.done():
                wake.set_result(None)

    def ended(self, how: Exception | Left | None) -> None:
        if how is not LEFT:
            self._error = how if isinstance(how, Exception) else None
            self._done = True
            self.notify()

    def leave(self) -> None:
        """Nobody takes any more of it."""
        if self._done:
            return
        if self._exchange.ended:
            # The timer keeps the subscription alive until then.
            self._exchange.loop.call_later(LINGER, self.dispose)
        else:
            self.dispose()
