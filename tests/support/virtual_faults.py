"""What the candidates of the crash test do in virtual time, each for every dialect, streamed and not."""

from __future__ import annotations

from typing import Final

from pipeline.errors import Kind
from tests.support.neutral import Answer, Block, Usage
from tests.support.virtual_provider import (
    CLOSE,
    PACE,
    Answerer,
    Body,
    Script,
    Step,
    Try,
    answered,
    body_of,
    events_of,
    failed,
    refused,
    stream,
)
from tests.support.wire import PIECE, error_event, garbage

MODEL_A: Final = "model-a"
MODEL_B: Final = "model-b"
WORDS: Final = [f"word{number:02} " for number in range(1, 61)]
"""Each is one event of a stream."""
assert {len(word) for word in WORDS} == {PIECE}
TEXT: Final = "".join(WORDS).rstrip()
TEXT_B: Final = "From B, the healthy one."
FROM_A: Final = Answer([Block("text", TEXT)], "stop", Usage(input=10, output=60, total=70), MODEL_A)
FROM_B: Final = Answer([Block("text", TEXT_B)], "stop", Usage(input=7, output=5, total=12), MODEL_B)
REST_FROM_B: Final = Usage(input=50, output=20, total=70)
TOO_LONG: Final = "prompt is too long: 300000 tokens > 200000 maximum"
NO_PREFILL: Final = "This model does not support assistant message prefill."
LATE: Final = 150.0
"""Seconds until a first token that is later than the first-event limit of the default chain."""
DOWN: Final = 100.0
"""For so many seconds from the beginning ``down_at_first`` answers nobody."""
RESET: Final = failed(Kind.CUT)


def healthy_a(tried: Try) -> Script:
    """A, when nothing is wrong with it."""
    return answered(tried, MODEL_A, FROM_A)


def healthy_b(tried: Try) -> Script:
    """B goes on with what it is given; where it is given nothing, it answers by itself."""
    if not tried.prefix:
        return answered(tried, MODEL_B, FROM_B)
    assert TEXT.startswith(tried.prefix), f"asked to go on from {tried.prefix!r}"
    rest = Answer([Block("text", TEXT[len(tried.prefix) :])], "stop", REST_FROM_B)
    return answered(tried, MODEL_B, rest)


def refuses_prefill(tried: Try) -> Script:
    """B is healthy but goes on with nobody's words."""
    return refused(tried.dialect, 400, NO_PREFILL, "invalid_request_error") if tried.prefix else healthy_b(tried)


def once(first: Answerer, then: Answerer = healthy_a) -> Answerer:
    """One behaviour for the first try, another one from then on."""
    return lambda tried: first(tried) if tried.number == 1 else then(tried)


def status(code: int, **headers: str) -> Answerer:
    """An HTTP error with the words that belong to it."""
    kind = {429: "rate_limit_error", 503: "overloaded_error"}.get(code, "server_error")
    return lambda tried: refused(tried.dialect, code, kind=kind, **headers)


def reset(tried: Try) -> Script:
    """The connection is reset before any header."""
    return Script([failed(Kind.UNREACHABLE)])


def silent(tried: Try) -> Script:
    """It accepts, and says nothing."""
    return Script()


def late(tried: Try) -> Script:
    """Its first token comes after the limit; it goes on although it was let go."""
    if not tried.streamed:
        return Script([(LATE, Body(body_of(tried.dialect, MODEL_A, FROM_A)))])
    waiting = stream([b": waiting\n\n"])
    rest = stream(events_of(tried.dialect, MODEL_A, FROM_A), CLOSE, after=LATE)
    return Script([*waiting.steps, *rest.steps], stubborn=True)


def broken(words: int, *then: tuple[float, Step], as_stream: bool = False) -> Answerer:
    """Ends, by these steps, behind the event with this many words. A body is cut in the middle of its bytes by the same end.

    ``as_stream``: also where no stream was asked for.
    """

    def answer(tried: Try) -> Script:
        if not (tried.streamed or as_stream):
            # A body is handed on when it is whole, so that its beginning is nothing: only its end is told.
            return Script([failed(Kind.CUT)] if then == (CLOSE,) else then)
        events = events_of(tried.dialect, MODEL_A, FROM_A)
        last = next(place for place, event in enumerate(events) if WORDS[words - 1].encode() in event)
        return stream(events[: last + 1], *then)

    return answer


def garbled(words: int) -> Answerer:
    """Behind this many words stands an event that is no JSON, and then the rest."""

    def answer(tried: Try) -> Script:
        if not tried.streamed:
            return Script([(PACE, Body(b'{"id": "half a body", "choices": ['))])
        events = events_of(tried.dialect, MODEL_A, FROM_A)
        place = next(place for place, event in enumerate(events) if WORDS[words].encode() in event) if words else 0
        return stream([*events[:place], garbage(tried.dialect), *events[place:]], CLOSE)

    return answer


def says_failure(words: int) -> Answerer:
    """Behind this many words the provider says in-band that it failed."""
    return lambda tried: broken(words, (PACE, error_event(tried.dialect)), CLOSE)(tried)


def without_mark(tried: Try) -> Script:
    """A finish reason, and no mark of the end behind it. Where that is one event, the wire stays open behind it."""
    if not tried.streamed:
        return healthy_a(tried)
    events = events_of(tried.dialect, MODEL_A, FROM_A)
    return stream(events) if tried.dialect == "responses" else stream(events[:-1], CLOSE)


def too_long(tried: Try) -> Script:
    """The request is longer than its context."""
    code = None if tried.dialect == "messages" else "context_length_exceeded"
    return refused(tried.dialect, 400, TOO_LONG, "invalid_request_error", code)


def filtered(tried: Try) -> Script:
    """Stops in the middle because of what it says."""
    stop = "refusal" if tried.dialect == "messages" else "content_filter"
    return answered(tried, MODEL_A, Answer([Block("text", TEXT)], stop, FROM_A.usage))


def refusing(tried: Try) -> Script:
    """Says that it will not do it."""
    kind, stop = ("text", "refusal") if tried.dialect == "messages" else ("refusal", "stop")
    return answered(tried, MODEL_A, Answer([Block(kind, TEXT)], stop, FROM_A.usage))


def down_at_first(tried: Try) -> Script:
    """Down for a while, then healthy."""
    return status(503)(tried) if tried.began < DOWN else healthy_a(tried)
