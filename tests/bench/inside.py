"""The whole chain of a request without its sockets: parse, resolve, the built chain with its guards, the metrics at its end.

The provider's HTTP client is replaced by prepared reads; everything else is what serves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import uvloop
from multidict import CIMultiDict

from operators.breaker import Circuits
from operators.clock import Clock
from operators.source import FlowGate
from operators.tap import quietly
from pipeline.assemble import Assembly, assemble
from pipeline.config import parse as parse_config
from pipeline.dialects import DIALECTS
from pipeline.metrics import Metrics
from pipeline.parse import parse
from pipeline.recorder import Recorder
from pipeline.shared import Shared
from pipeline.summary import Summary
from tests.bench.wires import request_body

RUNS: Final = 7
_CONFIG: Final = "providers:\n" + "".join(
    f"  {name}: {{dialect: {name}, base_url: 'http://127.0.0.1:9', api_key: k}}\n" for name in DIALECTS
)


class _Body:
    """Prepared reads, all of them pushed when it begins."""

    def __init__(self, reads: Sequence[bytes], push: Callable[[bytes], None], ended: Callable[[None], None]) -> None:
        self._reads = reads
        self._push = push
        self._ended = ended

    def begin(self) -> None:
        for data in self._reads:
            self._push(data)
        self._ended(None)

    def leave(self) -> None:
        self._push = self._ended = _nobody


def _nobody(_: object) -> None:
    pass


class _Response:
    status = 200

    def __init__(self, content_type: str, reads: Sequence[bytes]) -> None:
        self.content_type = content_type
        self.headers = CIMultiDict({"content-type": content_type, "x-request-id": "req_bench"})
        self._reads = reads

    def forward(self, push: Callable[[bytes], None], gate: FlowGate, ended: Callable[[None], None]) -> _Body:
        return _Body(self._reads, push, ended)

    def at_hand(self, limit: int) -> None:
        # Of a body that comes in several reads.
        pass

    def gather(self, limit: int, ended: Callable[[bytes, None], None]) -> _Body:
        return _Body((), _nobody, lambda _: ended(b"".join(self._reads), None))

    def close(self) -> None:
        pass


class _Asking:
    def __init__(self, answer: _Response, answered: Callable[[_Response], None]) -> None:
        self._answer = answer
        self._answered = answered

    def begin(self) -> None:
        # An answer is never there before its request was sent.
        asyncio.get_running_loop().call_soon(self._answered, self._answer)

    def close(self) -> None:
        self._answered = _nobody


class _Pool:
    """Answers every request with the same reads."""

    def __init__(self) -> None:
        self.content_type = ""
        self.reads: Sequence[bytes] = ()

    def destination(self, url: object, connect_timeout: float) -> None:
        pass

    def ask(self, to: object, head: bytes, body: bytes, answered: Callable[[_Response], None], failed: object) -> _Asking:
        return _Asking(_Response(self.content_type, self.reads), answered)


class Inside:
    """The gateway's inside, assembled from a default configuration. Used within a running loop.

    Args:
        recorder: traces every request; None: nothing is traced.
    """

    def __init__(self, recorder: Recorder | None = None) -> None:
        self._recorder = recorder
        self._pool = _Pool()
        self._metrics = Metrics("bench")
        shared = Shared(pool=cast(Any, self._pool), metrics=self._metrics, circuits=Circuits())
        self._assembly: Assembly = assemble(parse_config(_CONFIG, "bench", {}), shared)
        self._clock = Clock()

    async def answer(self, client: str, provider: str, reads: Sequence[bytes], *, stream: bool, times: int) -> float:
        """Microseconds that one answer takes, on average. Raises RuntimeError when it does not come to its end."""
        self._pool.content_type = "text/event-stream" if stream else "application/json"
        self._pool.reads = reads
        raw = request_body(client, f"{provider}/bench", stream=stream)
        began = time.perf_counter()
        for _ in range(times):
            await self.one(client, raw)
        return (time.perf_counter() - began) / times * 1e6

    async def one(self, client: str, raw: bytes) -> bytes:
        """The bytes of one answer. Raises RuntimeError when it does not come to its end."""
        exchange = parse(DIALECTS[client], raw, self._clock, id="req_bench", headers={})
        route = self._assembly.resolver.resolve(exchange.model)
        if self._recorder is not None:
            quietly(self._recorder.begin, exchange, route)
        done = self._clock.loop.create_future()
        out: list[bytes] = []
        chain = route.stream if exchange.stream else route.body
        chain.subscribe(out.append, done.set_exception, lambda: done.set_result(None), scheduler=exchange)
        await done
        summary = Summary(exchange, "ok", 200)
        self._metrics.ended(summary)
        if self._recorder is not None:
            quietly(self._recorder.end, exchange, summary)
        if not (exchange.ended and out):
            raise RuntimeError(f"{client} from an answer in another dialect did not come to its end")
        return b"".join(out)


def cost(client: str, provider: str, reads: Sequence[bytes], *, stream: bool, times: int) -> float:
    """The best of some runs: microseconds for one whole answer."""

    async def run() -> float:
        inside = Inside()
        return min([await inside.answer(client, provider, reads, stream=stream, times=times) for _ in range(RUNS)])

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())
