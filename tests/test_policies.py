"""The gateway's policies, through the whole inside of it in virtual time: what a step does to a provider's real wire."""

from __future__ import annotations

import json

import pytest

from pipeline.encode import BEAT
from pipeline.errors import GatewayError, Kind, classify
from pipeline.events import Batch, Ping, Text
from pipeline.policies import bytes_of_batch, weight_of_batch
from tests.support import virtual_faults as does
from tests.support.clients import DIALECTS, hello
from tests.support.virtual_gateway import MODEL, Call, VirtualGateway
from tests.support.virtual_provider import CLOSE, Answerer, Script, Try, events_of, refused

COMMENT = b": still here\n\n"

clients = pytest.mark.parametrize("client", DIALECTS)
dialects = pytest.mark.parametrize("a", DIALECTS)
streamed = pytest.mark.parametrize("stream", [True, False], ids=["stream", "body"])


def gateway_of(chain: str, a: str, answers_a: Answerer = does.healthy_a, answers_b: Answerer = does.healthy_b) -> VirtualGateway:
    return VirtualGateway(chain, a, "chat", answers_a, answers_b)


def tries(gateway: VirtualGateway) -> tuple[int, int]:
    return len(gateway.a.tries), len(gateway.b.tries)


@clients
@dialects
@streamed
def test_garbage_in_wire_is_the_first_bytes_of_the_answer(client: str, a: str, stream: bool) -> None:
    """The head before them is no bytes: it passes, and is not taken for what was garbled."""
    gateway = gateway_of("garbage", a)
    for expected in ((1, 1), (2, 1)):
        outcome = gateway.ask(client, stream=stream)
        assert tries(gateway) == expected
        # The drill of B strikes once as well.
        assert (outcome.failed.status if expected == (1, 1) else outcome.ok.said()) == (502 if expected == (1, 1) else does.TEXT)
        assert gateway.trips("fault", "garbage") == 2
    gateway.settle()


def trickling(seconds: float, times: int) -> Answerer:
    """The first event of a stream, then comments (none: as much silence), and at last the answer."""

    def answers(tried: Try) -> Script:
        first, second, *rest = events_of(tried.dialect, does.MODEL_A, does.FROM_A)
        comments = [(seconds, COMMENT)] * times
        return Script([(0.05, first), *comments, (0.01 if times else seconds, second), *((0.01, event) for event in rest), CLOSE])

    return answers


@clients
@dialects
def test_a_trickle_of_comments_before_the_answer_fails_over(client: str, a: str) -> None:
    """The first window holds the first event; one comment of fourteen bytes in the second one is too little."""
    gateway = gateway_of("paced", a, trickling(11, 20))
    assert gateway.ask(client, stream=True).ok.said() == does.TEXT_B
    assert tries(gateway) == (1, 1)
    assert gateway.trips("pace", "paced") == 1
    let_go = gateway.a.tries[0].let_go
    assert let_go is not None
    assert let_go == pytest.approx(20.05)
    gateway.settle()


@clients
@dialects
@pytest.mark.parametrize(("seconds", "times"), [(2, 20), (99, 0)], ids=["comments often enough", "silence"])
def test_who_keeps_the_line_open_or_is_silent_is_waited_for(client: str, a: str, seconds: float, times: int) -> None:
    """Seven bytes a second are enough where five are asked; a model that thinks is the business of first_event_timeout."""
    gateway = gateway_of("paced", a, trickling(seconds, times))
    assert gateway.ask(client, stream=True).ok.said() == does.TEXT
    assert tries(gateway) == (1, 0)
    assert gateway.trips("pace", "paced") == 0
    gateway.settle()


@clients
@dialects
def test_after_the_commit_a_slow_answer_is_counted_and_goes_on(client: str, a: str) -> None:
    """Comments do not make it look faster than it is: then only events count."""

    def slow(tried: Try) -> Script:
        *most, last = events_of(tried.dialect, does.MODEL_A, does.FROM_A)
        return Script([*((0.05, event) for event in most), *[(1, COMMENT * 10)] * 30, (0.05, last), CLOSE])

    gateway = gateway_of("paced", a, slow)
    assert gateway.ask(client, stream=True).ok.said() == does.TEXT
    assert gateway.trips("pace", "paced") == 1
    gateway.settle()


def test_what_a_batch_weighs() -> None:
    assert (weight_of_batch(Batch([Ping()], COMMENT)), weight_of_batch(Batch([Ping(), Text(0, "a"), Text(0, "b")]))) == (0, 2)
    assert (bytes_of_batch(Batch([Ping()], COMMENT)), bytes_of_batch(BEAT)) == (len(COMMENT), 0)


def test_refusals_of_an_open_circuit_are_the_breakers_and_no_further_trips_of_who_opened_it() -> None:
    gateway = VirtualGateway("breaking", "chat", "chat", does.silent, does.silent)
    for _ in range(10):
        assert gateway.ask("chat", stream=True).failed.status == 504
    assert tries(gateway) == (2, 2)
    assert gateway.trips("first_event_timeout", "breaking") == 4
    assert gateway.trips("breaker", "breaking") == 8
    gateway.settle()


def call(gateway: VirtualGateway) -> Call:
    call = gateway.call("chat", json.dumps(hello("chat", MODEL)).encode())
    gateway.run(call)
    return call


@dialects
def test_who_is_refused_by_an_open_circuit_learns_when_to_come_back_and_nothing_of_the_client_that_opened_it(a: str) -> None:
    def limited(tried: Try) -> Script:
        named = {"retry_after": "20", "x_ratelimit_limit_requests": "5"}
        return refused(tried.dialect, 429, "limit of org-ANN", "rate_limit_error", **named)

    gateway = VirtualGateway("breaking", a, a, limited, limited)
    calls = [call(gateway), call(gateway)]
    assert [each.status for each in calls] == [429, 429]
    assert tries(gateway) == (1, 1)
    second = calls[1]
    assert second.headers["retry-after"] == "20"
    assert "ANN" not in second.data.decode()
    assert not any(name.startswith("x-ratelimit") for name in second.headers)


def test_what_is_for_others_keeps_what_policies_and_clients_need() -> None:
    error = GatewayError(Kind.RATE_LIMIT, "org-ANN", status=429, retry_after=7, headers={"a": "b"}, raw=b"x", from_provider=True)
    other = error.for_others()
    assert classify(other) is other
    assert (other.kind, other.status, other.retry_after, other.from_provider) == (Kind.RATE_LIMIT, 429, 7, True)
    assert (other.message, str(other), other.raw, other.headers) == (Kind.RATE_LIMIT.text, Kind.RATE_LIMIT.text, None, {})
