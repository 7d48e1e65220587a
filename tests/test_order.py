"""Which orders of steps are refused: the step at fault, whom it is at fault with, and a word of the reason."""

from __future__ import annotations

import pytest

from operators.chain import Chain, Step
from pipeline.chain import DEFAULT
from pipeline.order import contradictions


def step(written: str) -> Step:
    """``name``, or ``name=label``; ``output_limit:tokens`` counts tokens."""
    name, _, label = written.partition("=")
    name, _, option = name.partition(":")
    return Step(name, {option: 5} if option else {}, as_=label or None)


def found(**positions: str) -> list[tuple[str, str, str]]:
    chain = Chain({name: [step(each) for each in steps.split()] for name, steps in positions.items()})
    return [(at_fault.label, other.label, sentence) for at_fault, other, sentence in contradictions(chain)]


@pytest.mark.parametrize(
    "positions",
    [
        {},
        {"answer": "failover resume"},
        {"answer": "hedge resume trace"},
        {"attempt": "idle_timeout pace", "request": "idle_timeout=outer pace=whole share cache heartbeat"},
        {"attempt": "redact", "answer": "failover"},
        {"request": "redact heartbeat", "answer": "failover resume"},
        {"attempt": "retry retry=again", "request": "total_timeout heartbeat output_limit:tokens"},
        {"wire": "output_limit:bytes", "attempt": "output_limit:tokens=tokens"},
        {"request": "heartbeat edit rate_limit"},
    ],
)
def test_an_order_that_makes_sense_is_not_refused(positions: dict[str, str]) -> None:
    assert found(**positions) == []


@pytest.mark.parametrize(
    ("positions", "at_fault", "other", "words"),
    [
        ({"answer": "resume failover"}, "resume", "resume", "goes on with an answer"),
        ({"answer": "trace failover"}, "trace", "trace", "writes down one stream"),
        ({"answer": "failover resume hedge"}, "hedge", "failover", "made one stream"),
        ({"answer": "hedge=first failover"}, "failover", "first", "but first below it"),
        ({"attempt": "admit", "request": "admit=all"}, "all", "admit", "hold a slot of admit while it waits for one of all"),
        ({"candidates": "balance balance=b"}, "b", "balance", "b undoes the order that balance gave"),
        ({"candidates": "breaker breaker=b"}, "b", "breaker", "keep one breaker"),
        ({"request": "heartbeat heartbeat=h"}, "h", "heartbeat", "never speaks"),
        ({"request": "heartbeat idle_timeout"}, "idle_timeout", "heartbeat", "fills every one"),
        ({"request": "heartbeat edit pace"}, "pace", "heartbeat", "fills every one"),
        ({"request": "heartbeat=h share"}, "share", "h", "put it before h"),
        ({"request": "heartbeat cache"}, "cache", "heartbeat", "one client's heartbeats"),
        ({"attempt": "edit redact", "answer": "failover resume=r"}, "redact", "r", "see r"),
        ({"wire": "buffer_limit output_limit:tokens"}, "output_limit", "output_limit", "only events tell"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_its_reason(
    positions: dict[str, str], at_fault: str, other: str, words: str
) -> None:
    ((first, second, sentence),) = found(**positions)
    assert (first, second) == (at_fault, other)
    assert words in sentence


def test_every_fault_of_a_chain_is_told() -> None:
    faults = found(candidates="balance balance=a balance=b", answer="failover hedge failover=f", request="heartbeat pace cache")
    assert [fault[0] for fault in faults] == ["hedge", "f", "a", "b", "pace", "cache"]


def test_a_chooser_that_stands_first_although_it_needs_one_is_the_only_fault_of_its_position() -> None:
    assert [fault[:2] for fault in found(answer="resume failover hedge")] == [("resume", "resume")]


def test_the_default_contradicts_nothing() -> None:
    assert list(contradictions(DEFAULT)) == []
