"""``python -m tests.bench.micro``: what each part costs by itself, in process, without a socket: where to look first.

A stream of 1,000 events is fed in reads of 64 KiB (a fast provider) and event by event (a paced one). The best of some runs.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

import orjson
from rich.console import Console
from rich.table import Table

from pipeline.dialects import DIALECTS, Dialect
from pipeline.events import Batch, Opened
from pipeline.request import Answering, Losses, Request, Sent, Target
from pipeline.wire.sse import SseReader
from tests.bench import inside
from tests.bench.wires import request_body, stream_events, whole_body

EVENTS: Final = 1000
READ: Final = 64 * 1024
RUNS: Final = 15
BODIES: Final = 200


def best(work: Callable[[], object]) -> float:
    """Microseconds of the fastest of some runs; the collector is off as long."""
    fastest = float("inf")
    gc.disable()
    try:
        for _ in range(RUNS):
            began = time.perf_counter()
            work()
            fastest = min(fastest, time.perf_counter() - began)
    finally:
        gc.enable()
    return fastest * 1e6


def reads(dialect: str) -> tuple[list[bytes], list[bytes]]:
    """A stream in large reads, and event by event."""
    events = stream_events(dialect, EVENTS)
    whole = b"".join(events)
    return [whole[start : start + READ] for start in range(0, len(whole), READ)], events


def asked(dialect: Dialect, *, stream: bool = True) -> Request:
    """The benchmark's request, parsed."""
    return dialect.parse(orjson.loads(request_body(dialect.name, "bench-1", stream=stream)))


def answering(dialect: Dialect, *, stream: bool = True) -> Answering:
    """What an encoder of this dialect needs to know."""
    return Answering(request=asked(dialect, stream=stream), request_id="req_bench", losses=Losses(), created=1_790_000_000)


def opened(source: Dialect, client: Dialect) -> Batch:
    """What the gateway puts in front of every answer."""
    return Batch([Opened("p/m", Sent(1, Losses()), source.name, relay=source is client)])


def decode(dialect: Dialect, data: Sequence[bytes]) -> list[Batch]:
    """The batches that a decoder makes of these reads."""
    decoder = dialect.decoder()
    batches = [decoder.feed(piece) for piece in data]
    assert batches[-1].ends, "the stream was not read to its end"
    return batches


def stream_rows() -> Iterator[tuple[str, float, float]]:
    """Name, and microseconds an event in large reads and one by one."""
    for name in DIALECTS:
        yield (
            f"SSE reader, {name}",
            *_per_event(name, lambda data: [feed(piece) for feed in [SseReader().feed] for piece in data]),
        )
    for source in DIALECTS.values():
        yield (f"decode {source.name}", *_per_event(source.name, lambda data, s=source: decode(s, data)))  # type: ignore[misc]
    for source in DIALECTS.values():
        for client in DIALECTS.values():
            kind = "relay" if client is source else "encode"
            yield (f"{kind} {source.name} -> {client.name}", *_encoding(source, client))


def _per_event(dialect: str, work: Callable[[Sequence[bytes]], object]) -> tuple[float, float]:
    large, single = reads(dialect)
    return best(lambda: work(large)) / EVENTS, best(lambda: work(single)) / EVENTS


def _encoding(source: Dialect, client: Dialect) -> tuple[float, float]:
    make = client.relay if client is source else client.encoder
    told = answering(client)

    def encode(batches: Sequence[Batch]) -> None:
        feed = make(told).feed
        for batch in batches:
            feed(batch)

    large, single = ([opened(source, client), *decode(source, data)] for data in reads(source.name))
    return best(lambda: encode(large)) / EVENTS, best(lambda: encode(single)) / EVENTS


def chain_rows() -> Iterator[tuple[str, float, float]]:
    """As ``stream_rows``, for everything but the sockets."""
    for source in DIALECTS:
        for client in DIALECTS:
            large, single = (inside.cost(client, source, data, stream=True, times=10) / EVENTS for data in reads(source))
            yield f"chain {source} -> {client}", large, single


def request_rows() -> Iterator[tuple[str, float]]:
    """Name, and microseconds a request."""
    for client in DIALECTS.values():
        raw = request_body(client.name, "bench-1", stream=False)
        body = orjson.loads(raw)
        yield f"check {client.name}", _per_request(lambda c=client, b=body: c.check(b))  # type: ignore[misc]
        yield f"parse {client.name}", _per_request(lambda c=client, b=body: c.parse(b))  # type: ignore[misc]
    for client in DIALECTS.values():
        for provider in DIALECTS.values():
            if client is not provider:
                yield f"build {client.name} -> {provider.name}", _building(client, provider)
    for provider in DIALECTS.values():
        for client in DIALECTS.values():
            if client is not provider:
                yield f"body {provider.name} -> {client.name}", _body(provider, client)
    for provider in DIALECTS.values():
        for client in DIALECTS.values():
            whole = inside.cost(client.name, provider.name, [whole_body(provider.name)], stream=False, times=BODIES)
            yield f"chain {provider.name} -> {client.name}", whole


def _per_request(work: Callable[[], object]) -> float:
    return best(lambda: [work() for _ in range(BODIES)]) / BODIES


def _building(client: Dialect, provider: Dialect) -> float:
    request = asked(client, stream=False)
    target = Target(dialect=provider.name, model="bench-1")
    return _per_request(lambda: orjson.dumps(provider.build(request, target, Losses())))


def _body(provider: Dialect, client: Dialect) -> float:
    raw, told, first = whole_body(provider.name), answering(client, stream=False), opened(provider, client)

    def translate() -> bytes:
        decoder, encoder = provider.body_decoder(), client.body_encoder(told)
        decoder.feed(raw)
        encoder.feed(first)
        return encoder.feed(decoder.close())

    assert translate(), "no body came out"
    return _per_request(translate)


def main() -> None:
    console = Console()
    table = Table(title=f"Streams of {EVENTS:,} events: microseconds an event")
    for heading in ("part", "64 KiB reads", "one event a read"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    for name, large, single in chain(stream_rows(), chain_rows()):
        table.add_row(name, f"{large:.2f}", f"{single:.2f}")
    console.print(table)
    table = Table(title="Requests and whole answers: microseconds each")
    table.add_column("part")
    table.add_column("us", justify="right")
    for name, cost in request_rows():
        table.add_row(name, f"{cost:.1f}")
    console.print(table)


if __name__ == "__main__":
    main()
