"""W3C trace context: what counts as a client's span, and what a provider is sent."""

from __future__ import annotations

from itertools import count

import pytest
from multidict import CIMultiDict

from pipeline.telemetry.context import Parent, Span, parent_of, passed_on

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("text", "flags"),
    [(GOOD, 1), (f"00-{TRACE}-{SPAN}-00", 0), (f"01-{TRACE}-{SPAN}-03", 3), (f"cc-{TRACE}-{SPAN}-01-what-comes-later", 1)],
)
def test_what_names_a_span(text: str, flags: int) -> None:
    assert parent_of(CIMultiDict(Traceparent=text)) == Parent(int(TRACE, 16), int(SPAN, 16), flags, "")
    assert passed_on(CIMultiDict(Traceparent=text)) == {"traceparent": text}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01\n",
        f" {GOOD}",
    ],
)
def test_what_names_none_is_not_passed_on(text: str) -> None:
    headers = CIMultiDict(traceparent=text, tracestate="a=1")
    assert parent_of(headers) is None
    assert passed_on(headers) == {}


def test_two_of_them_are_none() -> None:
    assert passed_on(CIMultiDict([("traceparent", GOOD), ("traceparent", GOOD)])) == {}


def test_the_state_of_several_headers_is_one_list_and_bounded() -> None:
    two = CIMultiDict([("traceparent", GOOD), ("tracestate", "a=1"), ("tracestate", "b=2")])
    assert passed_on(two)["tracestate"] == "a=1,b=2"
    for state in ("a=" + "x" * 600, "a=\x01", "a=ä"):
        assert passed_on(CIMultiDict(traceparent=GOOD, tracestate=state)) == {"traceparent": GOOD}


def test_each_attempt_has_a_span_of_its_own() -> None:
    ids = count(0xA1)
    span = Span(int(TRACE, 16), 0xB, None, sampled=True, state="a=1", new_id=lambda: next(ids))
    assert span.headers(1) == {"traceparent": f"00-{TRACE}-00000000000000a1-01", "tracestate": "a=1"}
    assert span.headers(2)["traceparent"] == f"00-{TRACE}-00000000000000a2-01"
    assert span.headers(1)["traceparent"] == f"00-{TRACE}-00000000000000a1-01"
    assert span.attempts == {1: 0xA1, 2: 0xA2}


def test_a_request_that_is_not_sampled_says_so() -> None:
    span = Span(int(TRACE, 16), 0xB, None, sampled=False, state="", new_id=lambda: 0xA1)
    assert span.headers(1) == {"traceparent": f"00-{TRACE}-00000000000000a1-00"}
