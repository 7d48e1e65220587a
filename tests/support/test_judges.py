"""The judges themselves: a fault that a test is there to find is found, and what the contract allows is not called one."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from tests.corpus.gist import lost
from tests.corpus.refusals import allowed
from tests.support.neutral import Answer, Block, Usage
from tests.support.project import SEALED, differences, project, unspeakable
from tests.support.typed import faults

CALL = Block("tool", id="call_1", name="weather", arguments={"city": "Rome"})
ANSWER = Answer([Block("text", "One."), CALL, Block("text", "Two.")], "tool_calls", Usage(10, 5, 15, 4, 0, 2), "m")


def changed(change: Callable[[Answer], object]) -> Answer:
    answer = copy.deepcopy(ANSWER)
    change(answer)
    return answer


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("text", lambda answer: setattr(answer.blocks[0], "text", "One")),
        ("kinds of blocks", lambda answer: answer.blocks.reverse() or answer.blocks.pop()),
        ("arguments", lambda answer: answer.blocks[1].arguments.update(city="Oslo")),
        ("id", lambda answer: setattr(answer.blocks[1], "id", "call_2")),
        ("stop", lambda answer: setattr(answer, "stop", "stop")),
        ("usage", lambda answer: setattr(answer.usage, "cached", None)),
        ("model", lambda answer: setattr(answer, "model", "other")),
        ("citations", lambda answer: answer.blocks[2].citations.append(("https://example.org", ""))),
    ],
)
def test_every_difference_is_named(what: str, change: Callable[[Answer], object]) -> None:
    found = differences(ANSWER, changed(change))
    assert found
    assert what in found[0]
    assert differences(ANSWER, copy.deepcopy(ANSWER)) == []


def test_a_proof_that_is_lost_or_handed_on_open_is_a_difference() -> None:
    thought = Answer([Block("reasoning", "hm", opaque="proof")], "stop", None)
    expected = project(thought, "messages", "responses", stream=True)
    assert expected.blocks[0].opaque == SEALED
    assert differences(expected, thought) != []
    assert differences(expected, Answer([Block("reasoning", "hm")], "stop", None), sealed=True) != []


def test_a_chat_body_forgets_the_order_and_a_chat_stream_only_the_borders() -> None:
    assert [block.kind for block in project(ANSWER, "messages", "chat", stream=False).blocks] == ["text", "tool"]
    assert [block.kind for block in project(ANSWER, "messages", "chat", stream=True).blocks] == ["text", "tool", "text"]


def test_only_messages_cannot_say_arguments_that_are_no_object() -> None:
    broken = changed(lambda answer: setattr(answer.blocks[1], "arguments", '{"city'))
    assert unspeakable(broken, "messages")
    assert unspeakable(broken, "chat") is None
    assert unspeakable(ANSWER, "messages") is None


def test_typed_parameters_know_what_is_missing_unknown_and_misplaced() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert faults("chat", body) == []
    assert faults("chat", body | {"max_output_tokens": 3})
    assert faults("messages", body)
    assert faults("messages", body | {"max_tokens": 3}) == []
    assert faults("messages", body | {"max_tokens": 3, "temperature": 0.5})
    assert faults("responses", {"model": "m", "input": [{"type": "function_call", "name": "f", "arguments": "{}"}]})


def test_a_turn_that_is_lost_or_out_of_its_place_is_told() -> None:
    asked = {"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]}
    assert lost("chat", asked, "responses", {"input": [{"role": "user", "content": "one"}, *_said("two")]}) == []
    assert lost("chat", asked, "responses", {"input": [*_said("two"), {"role": "user", "content": "one"}]}) != []
    assert lost("chat", asked, "responses", {"input": "one"}) != []


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def test_a_refusal_needs_a_rule_and_a_name() -> None:
    message = "The provider's dialect has no stop sequences."
    assert allowed("chat", "responses", {}, {"param": "stop", "message": message})
    assert allowed("chat", "messages", {}, {"param": "stop", "message": message}) is None
    assert allowed("chat", "responses", {}, {"param": None, "message": message}) is None
    assert allowed("messages", "responses", {}, {"message": message}) is None
    assert allowed("messages", "responses", {}, {"message": f"stop_sequences: {message}"})
