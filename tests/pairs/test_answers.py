"""Any provider's answer reaches any client: what the client's official SDK holds is what the provider's SDK would hold.

What may be lost on the way is written down in tests/support/project.py and nowhere else; the words for the reasons to stop are
written down here once more, by hand.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.pairs.bench import Pairs, each_pair, each_way, row
from tests.support.clients import DIALECTS
from tests.support.neutral import Answer, Block, Usage, get
from tests.support.project import differences, project
from tests.support.scripted import Lane, body, sse
from tests.support.wire import BODIES, EVENTS, MODEL

USAGE: Final = Usage(input=1200, output=340, total=1540, cached=1024, cache_write=128, reasoning=64)
WEATHER: Final = Block(
    "tool", id="call_weather1", name="get_weather", arguments={"city": "Zürich", "days": [1, 2], "deep": {"a": None}}
)
CLOCK: Final = Block("tool", id="call_clock2", name="get_time", arguments={})
BEFORE: Final = Block("text", "Let me look. ")
BETWEEN: Final = Block("text", "And the time: ")
AFTER: Final = Block("text", "That is all — 你好 🙂")
THOUGHT: Final = Block("reasoning", "The user wants the weather, so I call the tool.", opaque="EqQBCgIYAhIkOPAQUE+/==")

ANSWERS: Final[dict[str, Answer]] = {
    "text": Answer([Block("text", 'Grüße!\n\nTwo lines, 你好, 🙂, "quotes" and \\ backslashes.')], "stop", USAGE),
    "empty answer": Answer([], "stop", USAGE),
    "one tool call": Answer([WEATHER], "tool_calls", USAGE),
    "a call without arguments": Answer([CLOCK], "tool_calls", USAGE),
    "parallel tool calls": Answer([WEATHER, CLOCK], "tool_calls", USAGE),
    "text before a call": Answer([BEFORE, WEATHER], "tool_calls", USAGE),
    "text between calls": Answer([BEFORE, WEATHER, BETWEEN, CLOCK], "tool_calls", USAGE),
    "text after a call": Answer([BEFORE, WEATHER, BETWEEN, CLOCK, AFTER], "tool_calls", USAGE),
    "reasoning": Answer([THOUGHT, AFTER], "stop", USAGE),
    "reasoning and a call": Answer([THOUGHT, BEFORE, WEATHER], "tool_calls", USAGE),
    "citations": Answer([Block("text", "It rains.", citations=[("https://example.org/rain", "Rain")])], "stop", USAGE),
    "usage without details": Answer([AFTER], "stop", Usage(input=9, output=4, total=13)),
}


def lane_of(pairs: Pairs, pair: str, answer: Answer, *, stream: bool) -> Lane:
    dialect = pair.split(":")[1]
    return pairs.lane(pair, sse(b"".join(EVENTS[dialect](answer))) if stream else body(BODIES[dialect](answer)))


@each_pair
@each_way
@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_keeps_its_blocks_their_order_and_its_usage(pairs: Pairs, pair: str, stream: bool, case: str) -> None:
    client, provider = pair.split(":")
    lane = lane_of(pairs, pair, ANSWERS[case], stream=stream)
    original = pairs.direct(pair, lane, stream=stream).ok
    outcome = pairs.ask(pair, lane, stream=stream)
    expected = project(original, provider, client, stream=stream)
    assert differences(expected, outcome.ok, sealed=client != provider) == []
    assert outcome.ok.model == MODEL


TOLD: Final[dict[str, dict[str, int]]] = {
    "chat": {
        "prompt_tokens": 1200,
        "prompt_tokens_details.cached_tokens": 1024,
        "prompt_tokens_details.cache_write_tokens": 128,
        "completion_tokens": 340,
        "completion_tokens_details.reasoning_tokens": 64,
        "total_tokens": 1540,
    },
    "responses": {
        "input_tokens": 1200,
        "input_tokens_details.cached_tokens": 1024,
        "input_tokens_details.cache_write_tokens": 128,
        "output_tokens": 340,
        "output_tokens_details.reasoning_tokens": 64,
        "total_tokens": 1540,
    },
    "messages": {
        "input_tokens": 48,
        "cache_read_input_tokens": 1024,
        "cache_creation_input_tokens": 128,
        "output_tokens": 340,
        "output_tokens_details.thinking_tokens": 64,
    },
}


@each_pair
@each_way
@row("every word of usage")
def test_usage_is_told_in_the_clients_own_arithmetic(pairs: Pairs, pair: str, stream: bool) -> None:
    """DI-180 to DI-182, in the native fields: Messages counts input without the cache, the others with it."""
    usage = pairs.ask(pair, lane_of(pairs, pair, ANSWERS["text"], stream=stream), stream=stream).native.usage
    told = {path: get(usage, *path.split(".")) for path in TOLD[pair.split(":")[0]]}
    assert told == TOLD[pair.split(":")[0]]


# DI-170 to DI-179: (provider, its word) -> the words of chat, responses, messages.
STOPS: Final[dict[tuple[str, str], tuple[str, str, str]]] = {
    ("chat", "stop"): ("stop", "completed", "end_turn"),
    ("chat", "length"): ("length", "incomplete max_output_tokens", "max_tokens"),
    ("chat", "content_filter"): ("content_filter", "incomplete content_filter", "refusal"),
    ("chat", "eos"): ("eos", "completed", "end_turn"),
    ("responses", "stop"): ("stop", "completed", "end_turn"),
    ("responses", "length"): ("length", "incomplete max_output_tokens", "max_tokens"),
    ("responses", "content_filter"): ("content_filter", "incomplete content_filter", "refusal"),
    ("messages", "stop"): ("stop", "completed", "end_turn"),
    ("messages", "length"): ("length", "incomplete max_output_tokens", "max_tokens"),
    ("messages", "stop_sequence"): ("stop", "completed", "stop_sequence"),
    ("messages", "refusal"): ("content_filter", "incomplete content_filter", "refusal"),
    ("messages", "pause"): ("stop", "completed", "pause_turn"),
    ("messages", "context_window"): ("length", "incomplete max_output_tokens", "model_context_window_exceeded"),
    ("messages", "tired"): ("stop", "completed", "tired"),
}


def stop_of(client: str, native: Any) -> str:
    """The client dialect's own words for the end."""
    if client == "chat":
        return str(native.choices[0].finish_reason)
    if client == "messages":
        return str(native.stop_reason)
    return f"{native.status} {native.incomplete_details.reason}" if native.incomplete_details else str(native.status)


@each_way
@pytest.mark.parametrize(
    ("pair", "case"),
    [(f"{client}:{provider}", f"stop: {word}") for provider, word in STOPS for client in DIALECTS],
)
def test_every_reason_to_stop_has_its_word(pairs: Pairs, pair: str, stream: bool, case: str) -> None:
    client, provider = pair.split(":")
    word = case.removeprefix("stop: ")
    answer = Answer([AFTER], word, USAGE, stop_sequence="END" if word == "stop_sequence" else None)
    native = pairs.ask(pair, lane_of(pairs, pair, answer, stream=stream), stream=stream).native
    words = STOPS[provider, word]
    # The same dialect hands on even a word that nobody knows.
    assert stop_of(client, native) == words[DIALECTS.index(client)]
    if pair == "messages:messages" and word == "stop_sequence":
        assert native.stop_sequence == "END"


@each_pair
@each_way
@row("stop: tool calls")
def test_a_turn_with_calls_ends_as_a_tool_turn_even_if_the_provider_said_stop(pairs: Pairs, pair: str, stream: bool) -> None:
    """DI-179. The same dialect hands on what the provider said."""
    client, provider = pair.split(":")
    answer = Answer([WEATHER], "stop", USAGE)
    native = pairs.ask(pair, lane_of(pairs, pair, answer, stream=stream), stream=stream).native
    words = {"chat": "tool_calls", "responses": "completed", "messages": "tool_use"}
    same = {"chat": "stop", "responses": "completed", "messages": "end_turn"}
    assert stop_of(client, native) == (same if client == provider else words)[client]


@each_way
@row("refusal")
@pytest.mark.parametrize("pair", [f"{client}:{provider}" for client in DIALECTS for provider in ("chat", "responses")])
def test_a_refusal_of_the_model_stays_a_refusal(pairs: Pairs, pair: str, stream: bool) -> None:
    """DI-174: a refusal part for the OpenAI dialects, stop reason ``refusal`` for Messages."""
    client = pair.split(":")[0]
    lane = lane_of(pairs, pair, Answer([Block("refusal", "I cannot help with that.")], "stop", USAGE), stream=stream)
    outcome = pairs.ask(pair, lane, stream=stream)
    if client == "messages":
        assert outcome.native.stop_reason == "refusal"
        assert outcome.ok.said() == "I cannot help with that."
    else:
        assert outcome.ok.said("refusal") == "I cannot help with that."
        assert outcome.ok.said() == ""


@each_way
@row("custom tool call")
@pytest.mark.parametrize("pair", [f"{client}:{provider}" for client in DIALECTS for provider in ("chat", "responses")])
def test_a_free_text_call_keeps_its_text(pairs: Pairs, pair: str, stream: bool) -> None:
    """DI-166: Messages has no such tools; there the text is the field ``input``. DI-34: Chat streams it in our own form."""
    client = pair.split(":")[0]
    patch = '*** Begin Patch\n+ "new"\n'
    answer = Answer([Block("tool", id="call_1", name="apply_patch", arguments=patch, custom=True)], "tool_calls", USAGE)
    lane = lane_of(pairs, pair, answer, stream=stream)
    outcome = pairs.ask(pair, lane, stream=stream)
    call = outcome.ok.tools[0]
    assert (call.id, call.name) == ("call_1", "apply_patch")
    assert call.arguments == ({"input": patch} if client == "messages" else patch)


@each_way
@row("broken arguments")
@pytest.mark.parametrize("pair", [f"{client}:{provider}" for client in DIALECTS for provider in ("chat", "responses")])
def test_arguments_that_are_no_json_stay_a_text_or_become_an_error(pairs: Pairs, pair: str, stream: bool) -> None:
    """DI-165, TR-C13: never an empty object, which a tool would run with. A Messages provider cannot send such."""
    broken = Block("tool", id="call_1", name="delete", arguments='{"path": "/data')
    lane = lane_of(pairs, pair, Answer([broken], "tool_calls", USAGE), stream=stream)
    outcome = pairs.ask(pair, lane, stream=stream)
    if pair.startswith("messages"):
        assert outcome.failed.kind != "broken"
    else:
        assert outcome.ok.tools[0].arguments == '{"path": "/data'
