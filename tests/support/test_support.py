"""The test kit itself: the official SDKs, without the gateway, read back every answer that the independent writer can say."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support import wire
from tests.support.clients import DIALECTS, ask, client, hello
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import Gate, Hang, Reset, Script, ScriptedProvider, Send, Wait, body, sse

USAGE = Usage(input=100, output=20, total=120, cached=60, cache_write=10, reasoning=5)
TEXT = Block("text", "Grüße aus dem Süden, 你好 🙂")
CALL = Block("tool", id="call_1", name="weather", arguments={"city": "Zürich", "days": [1, 2]})
SAYABLE: dict[str, Answer] = {
    "text": Answer([TEXT], "stop", USAGE, wire.MODEL),
    "tool": Answer([TEXT, CALL], "tool_calls", USAGE, wire.MODEL),
    "length": Answer([TEXT], "length", USAGE, wire.MODEL),
    "thought": Answer([Block("reasoning", "let me think about it"), TEXT], "stop", USAGE, wire.MODEL),
}


@pytest.fixture(scope="module")
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as server:
        yield server


@pytest.mark.parametrize("case", SAYABLE)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "body"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sdk_reads_back_what_the_writer_wrote(provider: ScriptedProvider, dialect: str, stream: bool, case: str) -> None:
    answer = SAYABLE[case]
    script = sse(b"".join(wire.EVENTS[dialect](answer)), sizes=[13]) if stream else body(wire.BODIES[dialect](answer))
    lane = provider.lane(script)
    outcome = ask(dialect, provider.base_url(dialect), hello(dialect, lane.model), stream=stream)
    assert outcome.ok == answer
    assert lane.last.body["model"] == lane.model


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_error_event_after_content_is_an_error_with_the_content_before_it(provider: ScriptedProvider, dialect: str) -> None:
    events = list(wire.EVENTS[dialect](SAYABLE["text"]))
    half = b"".join(events[: len(events) // 2])
    lane = provider.lane(sse(half + wire.error_event(dialect)))
    outcome = ask(dialect, provider.base_url(dialect), hello(dialect, lane.model), stream=True)
    assert outcome.failed.message == "the model fell over"
    assert TEXT.text.startswith(outcome.said)
    assert outcome.said


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_http_error_keeps_status_and_words(provider: ScriptedProvider, dialect: str) -> None:
    lane = provider.lane(body(wire.error_body(dialect, "rate_limit_error", "slow down"), 429, {"retry-after": "7"}))
    outcome = ask(dialect, provider.base_url(dialect), hello(dialect, lane.model), stream=False)
    assert (outcome.failed.kind, outcome.failed.status, outcome.failed.message) == ("RateLimitError", 429, "slow down")


def test_the_provider_notes_when_the_client_left(provider: ScriptedProvider) -> None:
    events = list(wire.chat_events(SAYABLE["text"]))
    lane = provider.lane(sse(b"".join(events[:3]), Hang()))
    stream = client("chat", provider.base_url("chat")).chat.completions.create(**hello("chat", lane.model), stream=True)
    next(iter(stream))
    before = time.monotonic()
    stream.close()
    assert lane.last.left() - before < 1.0


def test_a_reset_before_the_headers_is_a_connection_error(provider: ScriptedProvider) -> None:
    lane = provider.lane(Script(before=[Reset()]))
    outcome = ask("chat", provider.base_url("chat"), hello("chat", lane.model), stream=True)
    assert outcome.failed.kind == "APIConnectionError"


def test_a_gate_holds_the_answer_until_the_test_opens_it(provider: ScriptedProvider) -> None:
    gate = Gate()
    events = list(wire.chat_events(SAYABLE["text"]))
    lane = provider.lane(sse(b"".join(events[:4]), Wait(gate), Send(b"".join(events[4:]))))
    stream = client("chat", provider.base_url("chat")).chat.completions.create(**hello("chat", lane.model), stream=True)
    chunks = iter(stream)
    next(chunks)
    assert not lane.last.done.is_set()
    gate.open()
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
