"""Any client's request reaches any provider: it was asked what the client said, in a body that the SDK's types accept."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from pydantic import BaseModel

from tests.pairs.bench import Pairs, each_pair, each_way, row
from tests.support import clients
from tests.support.clients import Outcome
from tests.support.heard import Asked, heard
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import Lane, body, sse
from tests.support.typed import faults
from tests.support.wire import BODIES, EVENTS

USAGE: Final = Usage(9, 3, 12, 0, 0, 0)
FINE: Final = Answer([Block("text", "Fine.")], "stop", USAGE)
SCHEMA: Final = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CAT: Final = "https://example.org/cat.png"


def told(pairs: Pairs, pair: str, request: dict[str, Any], *, stream: bool, answer: Answer = FINE) -> tuple[Asked, Outcome]:
    """Ask, and read what the provider received; its typed parameters must accept it."""
    lane = lane_of(pairs, pair, answer, stream=stream)
    outcome = pairs.ask(pair, lane, stream=stream, request=request)
    assert outcome.failure is None
    return received(pair, lane), outcome


def lane_of(pairs: Pairs, pair: str, answer: Answer, *, stream: bool) -> Lane:
    provider = pair.split(":")[1]
    return pairs.lane(pair, sse(b"".join(EVENTS[provider](answer))) if stream else body(BODIES[provider](answer)))


def received(pair: str, lane: Lane) -> Asked:
    """What the provider was asked last: with its own key, and in another dialect without a word that it does not have."""
    client, provider = pair.split(":")
    assert client == provider or faults(provider, lane.last.body) == []
    keys = [lane.last.headers.get(name, "") for name in ("authorization", "x-api-key")]
    assert [key.removeprefix("Bearer ") for key in keys if key] == ["provider-key"]
    return heard(provider, lane.last.body)


def chat_call(ident: str, arguments: str) -> dict[str, Any]:
    return {"id": ident, "type": "function", "function": {"name": "weather", "arguments": arguments}}


HISTORY: Final[dict[str, dict[str, Any]]] = {
    "chat": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather in Rome and Oslo?"},
            {
                "role": "assistant",
                "content": "Let me look.",
                "tool_calls": [chat_call("call_a", '{"city": "Rome"}'), chat_call("call_b", '{"city": "Oslo"}')],
            },
            {"role": "tool", "tool_call_id": "call_a", "content": "sunny"},
            {"role": "tool", "tool_call_id": "call_b", "content": "rain"},
            {"role": "user", "content": "And tomorrow?"},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather.", "parameters": SCHEMA}}],
    },
    "responses": {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "Weather in Rome and Oslo?"},
            {"role": "assistant", "content": "Let me look."},
            {"type": "function_call", "call_id": "call_a", "name": "weather", "arguments": '{"city": "Rome"}'},
            {"type": "function_call", "call_id": "call_b", "name": "weather", "arguments": '{"city": "Oslo"}'},
            {"type": "function_call_output", "call_id": "call_a", "output": "sunny"},
            {"type": "function_call_output", "call_id": "call_b", "output": "rain"},
            {"role": "user", "content": [{"type": "input_text", "text": "And tomorrow?"}]},
        ],
        "tools": [{"type": "function", "name": "weather", "description": "Weather.", "parameters": SCHEMA, "strict": False}],
    },
    "messages": {
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Weather in Rome and Oslo?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "call_a", "name": "weather", "input": {"city": "Rome"}},
                    {"type": "tool_use", "id": "call_b", "name": "weather", "input": {"city": "Oslo"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_a", "content": "sunny"},
                    {"type": "tool_result", "tool_use_id": "call_b", "content": [{"type": "text", "text": "rain"}]},
                    {"type": "text", "text": "And tomorrow?"},
                ],
            },
        ],
        "tools": [{"name": "weather", "description": "Weather.", "input_schema": SCHEMA}],
    },
}


@each_pair
@each_way
@row("tool results in the history")
def test_a_conversation_with_tool_results_keeps_its_turns_and_ids(pairs: Pairs, pair: str, stream: bool) -> None:
    asked, _ = told(pairs, pair, HISTORY[pair.split(":")[0]], stream=stream)
    assert asked.turns == [
        ("system", "text", "Be brief."),
        ("user", "text", "Weather in Rome and Oslo?"),
        ("assistant", "text", "Let me look."),
        ("call", "call_a", "weather", {"city": "Rome"}),
        ("call", "call_b", "weather", {"city": "Oslo"}),
        ("result", "call_a", "sunny"),
        ("result", "call_b", "rain"),
        ("user", "text", "And tomorrow?"),
    ]
    assert asked.tools == [("weather", SCHEMA)]


def images(dialect: str, url: str) -> dict[str, Any]:
    """A user turn of text, image, text in a dialect's own form."""
    if dialect == "chat":
        image: dict[str, Any] = {"type": "image_url", "image_url": {"url": url}}
        return {"messages": [{"role": "user", "content": [text("text", "This:"), image, text("text", "What is it?")]}]}
    if dialect == "responses":
        image = {"type": "input_image", "image_url": url, "detail": "auto"}
        return {"input": [{"role": "user", "content": [text("input_text", "This:"), image, text("input_text", "What is it?")]}]}
    source = {"type": "url", "url": url}
    if url.startswith("data:"):
        source = {"type": "base64", "media_type": "image/png", "data": url.partition(",")[2]}
    image = {"type": "image", "source": source}
    return {"messages": [{"role": "user", "content": [text("text", "This:"), image, text("text", "What is it?")]}]}


def text(kind: str, value: str) -> dict[str, str]:
    return {"type": kind, "text": value}


@each_pair
@each_way
@pytest.mark.parametrize("case", ["image by URL", "image by data"])
def test_an_image_stays_in_its_place(pairs: Pairs, pair: str, stream: bool, case: str) -> None:
    """DI-151, DI-152."""
    url = CAT if case == "image by URL" else f"data:image/png;base64,{PIXEL}"
    asked, _ = told(pairs, pair, images(pair.split(":")[0], url), stream=stream)
    assert asked.turns == [("user", "text", "This:"), ("user", "image", url), ("user", "text", "What is it?")]


CHOICES: Final[dict[str, dict[str, Any]]] = {
    "auto": {"chat": "auto", "responses": "auto", "messages": {"type": "auto"}},
    "none": {"chat": "none", "responses": "none", "messages": {"type": "none"}},
    "required": {"chat": "required", "responses": "required", "messages": {"type": "any"}},
    "named": {
        "chat": {"type": "function", "function": {"name": "weather"}},
        "responses": {"type": "function", "name": "weather"},
        "messages": {"type": "tool", "name": "weather"},
    },
}


@each_pair
@pytest.mark.parametrize("case", [f"tool choice: {word}" for word in CHOICES])
def test_a_tool_choice_means_the_same_everywhere(pairs: Pairs, pair: str, case: str) -> None:
    """DI-193 to DI-196."""
    dialect, word = pair.split(":")[0], case.removeprefix("tool choice: ")
    request = HISTORY[dialect] | {"tool_choice": CHOICES[word][dialect]}
    asked, _ = told(pairs, pair, request, stream=False)
    assert asked.choice == (("named", "weather") if word == "named" else word)


@each_pair
@row("one call at a time")
def test_parallel_calls_can_be_forbidden_everywhere(pairs: Pairs, pair: str) -> None:
    """DI-198."""
    dialect = pair.split(":")[0]
    forbid: dict[str, Any] = {"parallel_tool_calls": False}
    if dialect == "messages":
        forbid = {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    asked, _ = told(pairs, pair, HISTORY[dialect] | forbid, stream=False)
    assert asked.parallel is False


class Town(BaseModel):
    """What the model is asked to fill in."""

    name: str
    people: int


@each_pair
@each_way
@row("structured output")
def test_the_sdks_own_parse_helpers_work_with_every_provider(pairs: Pairs, pair: str, stream: bool) -> None:
    """DI-209: the schema reaches the provider, the text comes back as the program's own class."""
    dialect = pair.split(":")[0]
    lane = lane_of(pairs, pair, Answer([Block("text", '{"name": "Zug", "people": 30000}')], "stop", USAGE), stream=stream)
    parsed = PARSE[dialect](pairs, lane.model, stream)
    assert parsed == Town(name="Zug", people=30000)
    schema = received(pair, lane).schema
    assert set(schema["properties"]) == {"name", "people"}
    assert sorted(schema["required"]) == ["name", "people"]


def parse_chat(pairs: Pairs, model: str, stream: bool) -> Any:
    messages = [{"role": "user", "content": "A town?"}]
    api = clients.client("chat", pairs.gateway.base_url("chat")).chat.completions
    if not stream:
        return api.parse(model=model, messages=messages, response_format=Town).choices[0].message.parsed
    with api.stream(model=model, messages=messages, response_format=Town) as events:
        return events.get_final_completion().choices[0].message.parsed


def parse_responses(pairs: Pairs, model: str, stream: bool) -> Any:
    api = clients.client("responses", pairs.gateway.base_url("responses")).responses
    if not stream:
        return api.parse(model=model, input="A town?", text_format=Town).output_parsed
    with api.stream(model=model, input="A town?", text_format=Town) as events:
        return events.get_final_response().output_parsed


def parse_messages(pairs: Pairs, model: str, stream: bool) -> Any:
    messages = [{"role": "user", "content": "A town?"}]
    api = clients.client("messages", pairs.gateway.base_url("messages")).messages
    if not stream:
        return api.parse(model=model, max_tokens=64, messages=messages, output_format=Town).parsed_output
    with api.stream(model=model, max_tokens=64, messages=messages, output_format=Town) as events:
        return events.get_final_message().parsed_output


PARSE: Final = {"chat": parse_chat, "responses": parse_responses, "messages": parse_messages}


# ------------------------------------------------------------------------------------------- reasoning through two turns

OPAQUE: Final = "EqQBCgIYAhIkOPAQUE+/=="
THINKING: Final[dict[str, Answer]] = {
    "signed reasoning": Answer(
        [
            Block("reasoning", "I should look that up.", opaque=OPAQUE),
            Block("text", "Looking."),
            Block("tool", id="call_a", name="weather", arguments={"city": "Rome"}),
        ],
        "tool_calls",
        USAGE,
    ),
    "hidden reasoning": Answer(
        [Block("reasoning", opaque=OPAQUE), Block("tool", id="call_a", name="weather", arguments={"city": "Rome"})],
        "tool_calls",
        USAGE,
    ),
}


def second_turn(dialect: str, first: Any) -> dict[str, Any]:
    """What a program sends next: everything it got, as it got it, and the tool's result."""
    question = {"role": "user", "content": "Weather in Rome?"}
    result = "sunny"
    if dialect == "chat":
        message = first.choices[0].message.model_dump(exclude_none=True)
        if calls := message.get("tool_calls"):
            message["tool_calls"] = [{key: call[key] for key in ("id", "type", "function")} for call in calls]
            for call in message["tool_calls"]:
                call["function"].pop("parsed_arguments", None)
        return {"messages": [question, message, {"role": "tool", "tool_call_id": "call_a", "content": result}]}
    if dialect == "responses":
        items = [json.loads(item.model_dump_json(exclude_none=True, warnings=False)) for item in first.output]
        return {"input": [question, *items, {"type": "function_call_output", "call_id": "call_a", "output": result}]}
    blocks = [json.loads(block.model_dump_json(exclude_none=True, warnings=False)) for block in first.content]
    results = [{"type": "tool_result", "tool_use_id": "call_a", "content": result}]
    return {"messages": [question, {"role": "assistant", "content": blocks}, {"role": "user", "content": results}]}


@each_pair
@each_way
@pytest.mark.parametrize("case", THINKING)
def test_reasoning_comes_back_to_the_provider_that_made_it(pairs: Pairs, pair: str, stream: bool, case: str) -> None:
    """DI-160, DI-161: verbatim, sealed in the client's own fields on its way. A Chat provider has none to make or to take."""
    dialect, provider = pair.split(":")
    lane = lane_of(pairs, pair, THINKING[case], stream=stream)
    tools = {"tools": HISTORY[dialect]["tools"]}
    first = pairs.ask(pair, lane, stream=stream, request=tools)
    assert first.ok.tools[0].id == "call_a"
    again = pairs.ask(pair, lane, stream=stream, request=second_turn(dialect, first.native) | tools)
    assert again.failure is None
    turns = [turn for turn in received(pair, lane).turns if turn[0] != "assistant"]
    expected: list[Any] = [
        ("user", "text", "Weather in Rome?"),
        ("call", "call_a", "weather", {"city": "Rome"}),
        ("result", "call_a", "sunny"),
    ]
    if provider != "chat":
        expected.insert(1, ("thought", OPAQUE))
    assert turns == expected
