"""A provider's failure reaches any client as an error that its SDK knows: before the answer by status, in its middle in-band.

Never as text of an answer, never as a success, and never in a form on which the SDK itself breaks.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.pairs.bench import Pairs, each_pair, each_way, row
from tests.support.clients import DIALECTS, Outcome
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import Hang, Reset, Script, Step, body, sse
from tests.support.wire import BODIES, EVENTS, error_body, error_event, garbage

# DI-114, DI-115: status -> (the provider's words for it in the OpenAI and in the Anthropic shape, the SDKs' classes).
ERRORS: Final[dict[int, tuple[str, str, str, str]]] = {
    400: ("invalid_request_error", "invalid_request_error", "BadRequestError", "BadRequestError"),
    401: ("invalid_request_error", "authentication_error", "AuthenticationError", "AuthenticationError"),
    403: ("invalid_request_error", "permission_error", "PermissionDeniedError", "PermissionDeniedError"),
    404: ("invalid_request_error", "not_found_error", "NotFoundError", "NotFoundError"),
    413: ("invalid_request_error", "request_too_large", "APIStatusError", "ContentTooLargeError"),
    429: ("rate_limit_error", "rate_limit_error", "RateLimitError", "RateLimitError"),
    500: ("server_error", "api_error", "InternalServerError", "InternalServerError"),
    503: ("server_error", "overloaded_error", "InternalServerError", "OverloadedError"),
    529: ("server_error", "overloaded_error", "InternalServerError", "OverloadedError"),
}
WORDS: Final = "the very words of the provider"

ANSWER: Final = Answer(
    [Block("text", "Twenty words or so that come before the fault, whatever the fault may be.")], "stop", Usage(5, 9, 14, 0, 0, 0)
)


@each_pair
@each_way
@pytest.mark.parametrize("case", [f"HTTP {status}" for status in ERRORS])
def test_an_error_before_the_answer_keeps_its_status_and_class(pairs: Pairs, pair: str, stream: bool, case: str) -> None:
    """DI-114, DI-119, TR-E8, TR-E13, TR-E17: the provider's words below 500 only."""
    status = int(case.removeprefix("HTTP "))
    client, provider = pair.split(":")
    openai_type, anthropic_type, openai_class, anthropic_class = ERRORS[status]
    kind = anthropic_type if provider == "messages" else openai_type
    headers = {"retry-after": "7"} if status == 429 else {}
    outcome = pairs.ask(pair, pairs.lane(pair, body(error_body(provider, kind, WORDS), status, headers)), stream=stream)
    failed = outcome.failed
    assert failed.kind == (anthropic_class if client == "messages" else openai_class)
    # DI-114q: what says 503 in the OpenAI dialects says 529 in Anthropic's.
    overloaded = 529 if client == "messages" else 503
    assert failed.status == (overloaded if status in (503, 529) else status)
    # At 401 the provider speaks of the gateway's key, which is not the client's.
    assert (WORDS in failed.message) == (status < 500 and status != 401)
    if client == "messages":
        assert failed.type == anthropic_type
    if status == 429:
        assert outcome.headers["retry-after"] == "7"
    assert outcome.headers["x-request-id"]


def half(provider: str) -> tuple[bytes, str]:
    """The first two thirds of the answer's events, and the text in them."""
    events = list(EVENTS[provider](ANSWER))
    texts = [event for event in events if (b"delta" in event and b"text" in event) or b'"content":"' in event]
    last = texts[len(texts) * 2 // 3]
    return b"".join(events[: events.index(last) + 1]), ANSWER.said()


FAULTS: Final[dict[str, tuple[Step, ...]]] = {
    "then an error event": (),
    "then a clean end": (),
    "then a reset": (Reset(),),
    "then garbage": (),
    "then silence": (Hang(),),
}


@each_pair
@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_after_content_is_an_error_after_that_content(pairs: Pairs, pair: str, case: str) -> None:
    """TR-E1 to TR-E6, DI-120, DI-121, DI-125."""
    provider = pair.split(":")[1]
    begun, whole = half(provider)
    more = {"then an error event": error_event(provider), "then garbage": garbage(provider)}.get(case, b"")
    outcome = pairs.ask(pair, pairs.lane(pair, sse(begun + more, *FAULTS[case])), stream=True)
    assert_failed_in_the_middle(outcome)
    assert whole.startswith(outcome.said)
    assert len(outcome.said) > len(whole) // 2


def assert_failed_in_the_middle(outcome: Outcome) -> None:
    assert outcome.failed.kind != "broken", outcome.failed.message
    assert outcome.failed.message


@each_pair
@row("then a finish, no end mark")
def test_what_only_lacks_its_last_mark_is_complete(pairs: Pairs, pair: str) -> None:
    """F11, TR-E6: the reason to stop was the mark; Responses tells it only with its terminal event."""
    provider = pair.split(":")[1]
    events = list(EVENTS[provider](ANSWER))
    outcome = pairs.ask(pair, pairs.lane(pair, sse(b"".join(events[:-1]))), stream=True)
    if provider != "responses":
        assert outcome.ok.said() == ANSWER.said()
        assert outcome.ok.stop == "stop"
        assert outcome.ok.usage is not None
        assert outcome.ok.usage.output == 9
    else:
        assert_failed_in_the_middle(outcome)


def scripts(provider: str) -> dict[str, Script]:
    whole = BODIES[provider](ANSWER)
    return {
        "body: garbage": body(b"<html>busy</html>"),
        "body: cut": body(whole[: len(whole) // 2]),
        "body: reset": Script(before=[Reset()]),
        "body: empty": body(b""),
    }


@each_pair
@pytest.mark.parametrize("case", list(scripts("chat")))
def test_a_body_that_is_none_is_a_bad_gateway(pairs: Pairs, pair: str, case: str) -> None:
    outcome = pairs.ask(pair, pairs.lane(pair, scripts(pair.split(":")[1])[case]), stream=False)
    assert outcome.failed.kind == "InternalServerError"
    assert outcome.failed.status == 502


@each_pair
@each_way
@row("an error body with status 200")
def test_an_error_in_a_200_is_still_an_error(pairs: Pairs, pair: str, stream: bool) -> None:
    """Some providers say 200 and put the error into the body or the first event."""
    provider = pair.split(":")[1]
    script = sse(error_event(provider)) if stream else body(error_body(provider, "server_error", "upstream broke"))
    outcome = pairs.ask(pair, pairs.lane(pair, script), stream=stream)
    assert outcome.failed.kind not in ("broken", "event")
    assert (outcome.failed.status or 0) >= 500


def test_the_table_of_errors_covers_what_the_contract_names() -> None:
    assert sorted(ERRORS) == [400, 401, 403, 404, 413, 429, 500, 503, 529]
    assert set(DIALECTS) == {"chat", "responses", "messages"}
