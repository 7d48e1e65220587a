"""What is counted at a request's end, and what is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from operators.clock import Clock
from pipeline.dialects import DIALECTS
from pipeline.endings import ERROR_TYPES, error_type
from pipeline.errors import Kind
from pipeline.events import Opened, Usage
from pipeline.exchange import Exchange
from pipeline.metrics import Metrics
from pipeline.prices import Price
from pipeline.request import Losses, Sent
from pipeline.series import TOGETHER
from pipeline.summary import Summary

DURATION = "gen_ai_client_operation_duration_seconds"


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
    exchange.attempts, exchange.opened = number, Opened("p/m", sent, "chat", "p/m")


def test_overhead_is_what_lies_before_the_dispatch_and_behind_the_first_event(exchange: Exchange) -> None:
    metrics = Metrics("1")
    open_(exchange, number=1, at=100.002)
    metrics.ended(Summary(exchange, "ok"))
    metrics.settle()
    assert metrics.overhead.sum == pytest.approx(0.003)


def test_the_time_of_an_attempt_that_failed_is_nobodys_overhead(exchange: Exchange) -> None:
    metrics = Metrics("1")
    open_(exchange, number=2, at=160.0)
    metrics.ended(Summary(exchange, "ok"))
    metrics.settle()
    assert metrics.overhead.sum == 0


def test_what_was_written_before_the_first_event_took_no_time(exchange: Exchange) -> None:
    """An opening or a beat goes out early; a sum that falls would look like a restart."""
    metrics = Metrics("1")
    open_(exchange, number=1, at=100.002)
    exchange.first_write_at = 115.0
    metrics.ended(Summary(exchange, "ok"))
    metrics.settle()
    assert metrics.stages.labels("write").sum == 0
    assert metrics.overhead.sum == pytest.approx(0.002)


def test_whoever_asks_is_told_of_all_that_ended_however_many_wait_to_be_counted(exchange: Exchange) -> None:
    metrics = Metrics("1")
    open_(exchange, number=1, at=100.002)
    exchange.usage = Usage(input=3, output=5)
    ends = 2 * TOGETHER + 7
    for number in range(ends):
        exchange.id = f"req_{number}"
        metrics.ended(Summary(exchange, "ok" if number % 10 else "timeout"))
    told = {family["name"]: family["members"] for family in metrics.families()}
    outcomes = {labels[-1]: number for labels, number in told["penstock_requests"]}
    assert outcomes == {"timeout": ends // 10 + 1, "ok": ends - ends // 10 - 1}
    assert dict(told["penstock_stream_ends"]) == {("p/m", end): number for end, number in (("timeout", 52), ("done", 467))}
    spent = {labels[-1]: (sum(counts), total) for labels, (counts, total, _) in told["gen_ai_client_token_usage"]}
    assert spent == {"input": (ends, 3 * ends), "output": (ends, 5 * ends)}
    assert all(mark is None or mark[0] in {"req_510", "req_518"} for _, (_, _, marks) in told[DURATION] for mark in marks)
    tally = metrics.tallies.models["other"]
    assert (tally.total, tally.errors, tally.firsts, tally.last_error_id) == (ends, ends // 10 + 1, ends, "req_510")


def test_the_exemplar_of_a_bucket_is_the_last_request_whatever_others_are_counted_with_it(exchange: Exchange) -> None:
    metrics = Metrics("1")
    open_(exchange, number=1, at=100.002)
    for number, dialect in enumerate(("chat", "messages", "chat")):
        exchange.id, exchange.dialect = f"req_{number}", DIALECTS[dialect]
        metrics.ended(Summary(exchange, "ok"))
    told = {family["name"]: family["members"] for family in metrics.families()}
    [(_, (_, _, marks))] = told[DURATION]
    assert [mark[0] for mark in marks if mark is not None] == ["req_2"]


def test_a_clock_that_is_set_back_hides_nothing_that_comes_later(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics("1")
    for name, now in (("before", 5000.0), ("after", 1400.0)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        exchange.id = name
        metrics.ended(Summary(exchange, "timeout"))
        assert metrics.tallies.models["other"].last_error_id == name
        [member] = metrics.duration.members.values()
        assert [mark[0] for mark in member.marks if mark is not None] == [name]


def test_a_fault_of_counting_hurts_no_request_and_no_other_number(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics("1")
    open_(exchange, number=1, at=100.002)
    metrics.ended(Summary(exchange, "ok"))
    exchange.began = None  # type: ignore[assignment]
    for _ in range(TOGETHER - 1):
        metrics.ended(Summary(exchange, "timeout"))
    assert "a probe raised" in caplog.text
    assert {labels[-1]: count.value for labels, count in metrics.requests.members.items()} == {"ok": 1, "timeout": 0}


def test_errors_of_operations_are_of_few_types() -> None:
    """The convention's word for all others keeps the histograms few."""
    types = {error_type(kind.reason) for kind in Kind}
    assert types == {*ERROR_TYPES, "_OTHER"}
    assert error_type("ok") == ""


def test_a_price_charges_each_token_once() -> None:
    usage = Usage(input=1000, output=100, cache_read=300, cache_write=200)
    assert Price(1, 10).of(usage) == pytest.approx((1000 + 1000) / 1e6)
    assert Price(1, 10, cached=0.1, cache_write=2).of(usage) == pytest.approx((500 + 30 + 400 + 1000) / 1e6)
    # What nobody told is not charged, and nothing is paid back.
    assert Price(1, 10).of(Usage(output=7)) == pytest.approx(70 / 1e6)
    assert Price(1, 10, cached=0.5).of(Usage(input=10, cache_read=20)) == pytest.approx(10 / 1e6)
