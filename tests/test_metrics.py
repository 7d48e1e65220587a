"""What is counted at a request's end, and what is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from operators.clock import Clock
from pipeline.dialects import DIALECTS
from pipeline.events import Opened
from pipeline.exchange import Exchange
from pipeline.metrics import Metrics
from pipeline.request import Losses, Sent


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    loop = asyncio.new_event_loop()
    body = {"model": "m", "stream": True}
    exchange = Exchange(Clock(loop), id="r", dialect=DIALECTS["chat"], body=body, raw=b"", headers={}, began=100.0)
    exchange.parsed_at = 100.001
    exchange.first_event_at, exchange.first_write_at = 161.0, 161.001
    yield exchange
    loop.close()


def open_(exchange: Exchange, *, number: int, at: float) -> None:
    """The provider accepted the attempt that was sent at that time."""
    sent = Sent(number, Losses())
    sent.at, sent.opened_at = at, 160.5
    exchange.attempts, exchange.opened = number, Opened("p/m", sent, "chat")


def test_overhead_is_what_lies_before_the_dispatch_and_behind_the_first_event(exchange: Exchange) -> None:
    metrics = Metrics("1")
    open_(exchange, number=1, at=100.002)
    metrics.ended(exchange, "ok")
    assert metrics.overhead.sum == pytest.approx(0.003)


def test_the_time_of_an_attempt_that_failed_is_nobodys_overhead(exchange: Exchange) -> None:
    metrics = Metrics("1")
    open_(exchange, number=2, at=160.0)
    metrics.ended(exchange, "ok")
    assert metrics.overhead.sum == 0
