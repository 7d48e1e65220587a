"""DI-166: a free-text tool crosses a dialect that has only functions, and the client sees its own kind of call."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dialects import DIALECTS
from pipeline.dialects.codec import Encoder
from pipeline.dialects.custom_tools import as_arguments, as_function, unwrapping
from pipeline.errors import GatewayError, Kind
from pipeline.events import (
    Batch,
    BlockEnd,
    BlockStart,
    End,
    Event,
    Finish,
    Started,
    Text,
    ToolArguments,
    ToolStart,
)
from pipeline.request import Answering, Losses, Request, Target, Tool

PATCH = Tool(
    "apply_patch", "Edits files.", custom=True, format={"type": "grammar", "syntax": "lark", "definition": "start: LINE"}
)
LOOK = Tool("look", parameters={"type": "object", "properties": {}})
WORDS = st.text(st.characters(exclude_categories=["Cs"]))


class Kept:
    """An encoder that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.failed: list[GatewayError] = []

    def feed(self, batch: Batch) -> bytes:
        self.events += batch.events
        return b"fed"

    def fail(self, error: GatewayError) -> bytes:
        self.failed.append(error)
        return b"failed"


def answering(*tools: Tool) -> Answering:
    return Answering(Request("responses", "m", True, {}, tools=list(tools)), "req_1", Losses(), 1)


def seen(*events: Event, tools: tuple[Tool, ...] = (PATCH, LOOK)) -> list[Event]:
    kept = Kept()
    encoder = unwrapping(kept, answering(*tools))
    for event in events:
        assert encoder.feed(Batch([event])) == b"fed"
    return kept.events


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ToolArguments))


def pieces(text: str, sizes: list[int]) -> list[str]:
    cut, at = [], 0
    for size in sizes:
        cut.append(text[at : at + size])
        at += size
    return [*cut, text[at:]]


@given(WORDS, st.lists(st.integers(1, 9), max_size=40), st.booleans())
def test_the_text_comes_out_whole_however_its_json_was_cut_and_escaped(text: str, sizes: list[int], ascii_only: bool) -> None:
    whole = json.dumps({"input": text}, ensure_ascii=ascii_only)
    calls = [ToolArguments(0, piece) for piece in pieces(whole, sizes)]
    events = seen(ToolStart(0, "call_1", "apply_patch"), *calls, BlockEnd(0))
    assert events[0] == ToolStart(0, "call_1", "apply_patch", custom=True)
    assert text_of(events) == text
    assert events[-1] == BlockEnd(0)


def test_the_text_streams_while_the_call_is_still_open() -> None:
    events = seen(
        ToolStart(0, "call_1", "apply_patch"),
        ToolArguments(0, '{"inp'),
        ToolArguments(0, 'ut": "one\\'),
        ToolArguments(0, "n two \\ud83d"),
        ToolArguments(0, '\\ude00"'),
        ToolArguments(0, "}"),
    )
    assert [event.text for event in events if isinstance(event, ToolArguments)] == ["one", "\n two ", "😀"]


@pytest.mark.parametrize("arguments", ["", "{}", '{"patch": "x"}', "*** Begin Patch", '["input"]', '{"input": 7}'])
def test_arguments_of_another_shape_come_out_as_they_are(arguments: str) -> None:
    events = seen(ToolStart(0, "call_1", "apply_patch"), ToolArguments(0, arguments), BlockEnd(0))
    assert text_of(events) == arguments


@pytest.mark.parametrize("arguments", ['{"input": "half \\u00', '{"input": "\\ud83d alone"}', '{"input": "\\x"}'])
def test_broken_strings_lose_no_character(arguments: str) -> None:
    events = seen(ToolStart(0, "call_1", "apply_patch"), *(ToolArguments(0, each) for each in arguments), BlockEnd(0))
    inside = arguments.removeprefix('{"input": "').removesuffix("}").removesuffix('"')
    assert text_of(events).removesuffix("}").removesuffix('"') == inside


def test_other_calls_and_texts_pass_unchanged_beside_it() -> None:
    others: list[Event] = [BlockStart(0, "text"), Text(0, "a"), BlockEnd(0), ToolStart(1, "c", "look"), ToolArguments(1, "{}")]
    assert seen(*others) == others
    free: list[Event] = [ToolStart(2, "d", "apply_patch", custom=True), ToolArguments(2, '{"input": "x"}'), BlockEnd(2)]
    assert seen(*free) == free


def test_two_calls_at_once_keep_their_own_texts() -> None:
    events = seen(
        ToolStart(0, "a", "apply_patch"),
        ToolStart(1, "b", "apply_patch"),
        ToolArguments(0, '{"input": "one'),
        ToolArguments(1, '{"input": "two'),
        ToolArguments(0, '!"}'),
        ToolArguments(1, '?"}'),
        BlockEnd(0),
        BlockEnd(1),
    )
    for block, text in ((0, "one!"), (1, "two?")):
        assert text_of([each for each in events if isinstance(each, ToolArguments) and each.block == block]) == text


def test_a_client_without_such_tools_has_its_encoder_bare() -> None:
    kept = Kept()
    assert unwrapping(kept, answering(LOOK)) is kept


def test_a_failure_passes_to_the_encoder() -> None:
    kept = Kept()
    encoder: Encoder = unwrapping(kept, answering(PATCH))
    error = GatewayError(Kind.CUT)
    assert encoder.fail(error) == b"failed"
    assert kept.failed == [error]


def test_the_function_that_stands_for_it_has_one_text_field_that_tells_the_grammar() -> None:
    made = as_function(PATCH)
    assert made.parameters == {
        "type": "object",
        "properties": {"input": {"type": "string", "description": "start: LINE"}},
        "required": ["input"],
        "additionalProperties": False,
    }
    assert (made.name, made.description) == ("apply_patch", "Edits files.")
    assert as_function(Tool("t", custom=True)).parameters == {
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize("stream", [True, False])
def test_a_codex_call_of_a_messages_provider_is_a_custom_call_and_goes_back_as_its_function(stream: bool) -> None:
    responses, messages = DIALECTS["responses"], DIALECTS["messages"]
    tools = [{"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}}]
    asked = responses.parse({"model": "m", "stream": stream, "input": "Edit.", "tools": tools})
    sent = messages.build(asked, Target("messages", "claude"), Losses())
    assert sent["tools"][0]["name"] == "apply_patch"
    patch = '*** Begin Patch\n+ "new"\n'
    told = Answering(asked, "req_1", Losses(), 1)
    encoder = unwrapping((responses.encoder if stream else responses.body_encoder)(told), told)
    call: list[Event] = [ToolStart(0, "toolu_1", "apply_patch"), ToolArguments(0, as_arguments(patch)), BlockEnd(0)]
    data = encoder.feed(Batch([Started("msg_1", "claude"), *call, Finish("tool_calls"), End()]))
    item = {"type": "custom_tool_call", "call_id": "toolu_1", "name": "apply_patch", "input": patch}
    last = data.strip().rpartition(b"data: ")[2] if stream else data
    body = json.loads(last)
    output = (body["response"] if stream else body)["output"]
    assert item.items() <= output[0].items()
    answer = {"type": "custom_tool_call_output", "call_id": "toolu_1", "output": "done"}
    again = responses.parse({"model": "m", "input": [item, answer], "tools": tools})
    turn = messages.build(again, Target("messages", "claude"), Losses())["messages"][0]["content"][0]
    assert (turn["id"], turn["input"]) == ("toolu_1", {"input": patch})
