"""The demo model: what it says, how it keeps the client's limits, how its drills misbehave. Time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

import orjson
import pytest

from pipeline.errors import GatewayError, Kind
from pipeline.events import (
    Batch,
    BlockEnd,
    BlockStart,
    End,
    Event,
    Finish,
    Reasoning,
    Refusal,
    Started,
    Text,
    ToolArguments,
    ToolStart,
    Usage,
)
from pipeline.providers.demo import MODELS, answer
from pipeline.request import (
    Extra,
    FilePart,
    ForeignPart,
    ForeignTool,
    Format,
    ImagePart,
    Message,
    Part,
    Request,
    TextPart,
    Thinking,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)

E = TypeVar("E", bound=Event)

WEATHER = Tool("get_weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
CLOCK = Tool("get_time", parameters={"type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}, "required": ["zone"]})


class Run:
    """One run of the model: what it pushed, how long it wanted to wait, how it ended."""

    def __init__(self, request: Request, model: str = "fast") -> None:
        self.events: list[Event] = []
        self.waited = 0.0
        self.error: GatewayError | None = None
        self.waits_for_ever = False
        asyncio.run(self._run(request, model))

    async def _run(self, request: Request, model: str) -> None:
        task = asyncio.ensure_future(answer(request, model, self._take, self._pause))
        # The virtual pause never suspends: after one turn of the loop the model has ended, or waits for what never comes.
        await asyncio.sleep(0)
        if not task.done():
            self.waits_for_ever = True
            task.cancel()
        try:
            await task
        except GatewayError as error:
            self.error = error
        except asyncio.CancelledError:
            assert self.waits_for_ever

    def _take(self, batch: Batch) -> None:
        self.events += batch.events

    async def _pause(self, seconds: float) -> None:
        self.waited += seconds

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.all(Text))

    @property
    def finish(self) -> Finish:
        return self.all(Finish)[0]

    @property
    def calls(self) -> list[tuple[str, Any]]:
        made = []
        for start in self.all(ToolStart):
            arguments = "".join(event.text for event in self.all(ToolArguments) if event.block == start.block)
            made.append((start.name, arguments if start.custom else orjson.loads(arguments)))
        return made


def ask(*said: str | Sequence[Part], **fields: Any) -> Request:
    """A request whose turns are said by user and assistant in turn."""
    messages = []
    for number, turn in enumerate(said):
        parts: list[Part] = [TextPart(turn)] if isinstance(turn, str) else list(turn)
        messages.append(Message("assistant" if number % 2 else "user", parts))
    body = {"said": repr(said), "fields": repr(fields)}
    return Request("chat", "demo", True, body, messages=messages, **fields)


def test_it_quotes_the_last_user_text_and_tells_what_it_saw() -> None:
    picture, paper = ImagePart(url="https://example.com/a.png"), FilePart(data="QUJD", media_type="application/pdf")
    run = Run(ask("Hi", "Hello", [TextPart("What is this?"), picture, paper], tools=[WEATHER]))
    assert run.text == (
        "You said: “What is this?”. I am the demo model of Penstock, and I saw 3 messages, 1 image, 1 file and 1 tool."
    )


def test_events_come_in_the_order_that_every_encoder_relies_on() -> None:
    run = Run(ask("Hi", thinking=Thinking(effort="low")))
    kinds = [type(event) for event in run.events]
    assert kinds[:3] == [Started, Usage, BlockStart]
    assert kinds[-3:] == [Finish, Usage, End]
    starts = [event.block for event in run.all(BlockStart)]
    assert starts == [event.block for event in run.all(BlockEnd)] == [0, 1]


def test_two_runs_are_equal_and_two_requests_have_different_ids() -> None:
    first, again, other = (Run(ask(text, tools=[WEATHER])) for text in ("get_weather", "get_weather", "get_weather!"))
    assert first.events == again.events
    assert first.all(ToolStart)[0].id != other.all(ToolStart)[0].id
    assert first.all(Started)[0].id != other.all(Started)[0].id


@pytest.mark.parametrize(("model", "least", "most"), [("fast", 0, 0), ("demo", 0.5, 2), ("slow", 10, 30), ("long", 15, 30)])
def test_each_model_keeps_its_pace(model: str, least: float, most: float) -> None:
    assert least <= Run(ask("Hi"), model).waited <= most


def test_long_says_thousands_of_pieces() -> None:
    assert len(Run(ask("Hi"), "long").all(Text)) > 3000


def test_reasoning_comes_first_signed_and_only_when_asked_for() -> None:
    assert not Run(ask("Hi")).all(Reasoning)
    assert not Run(ask("Hi", thinking=Thinking(mode="disabled"))).all(Reasoning)
    run = Run(ask("Hi", thinking=Thinking(mode="adaptive")))
    assert [event.kind for event in run.all(BlockStart)] == ["reasoning", "text"]
    assert run.all(BlockEnd)[0].opaque_kind == "signature"
    assert run.all(BlockEnd)[0].opaque
    assert run.all(Usage)[-1].reasoning == len(run.all(Reasoning))


def test_the_model_reason_thinks_unasked() -> None:
    assert Run(ask("Hi"), "reason").all(Reasoning)


def test_omitted_reasoning_is_counted_and_signed_but_not_shown() -> None:
    run = Run(ask("Hi", thinking=Thinking(mode="adaptive", summary="omitted")))
    assert not run.all(Reasoning)
    assert run.all(BlockEnd)[0].opaque
    assert (run.all(Usage)[-1].reasoning or 0) > 0


def test_a_text_that_names_a_tool_calls_it_with_arguments_from_its_schema() -> None:
    run = Run(ask("What does get weather say about Paris?", tools=[WEATHER, CLOCK]))
    assert run.calls == [("get_weather", {"city": "Paris"})]
    assert run.finish.reason == "tool_calls"


def test_a_text_that_names_no_tool_calls_none() -> None:
    run = Run(ask("Hello", tools=[WEATHER]))
    assert run.calls == []
    assert run.finish.reason == "stop"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("get_weather twice", ["get_weather", "get_weather"]),
        ("both get_weather and get_time", ["get_weather", "get_time"]),
        ("get_time, get_weather", ["get_weather", "get_time"]),
    ],
)
def test_several_calls_have_blocks_and_ids_of_their_own(text: str, names: list[str]) -> None:
    run = Run(ask(text, tools=[WEATHER, CLOCK]))
    assert [name for name, _ in run.calls] == names
    assert len({start.id for start in run.all(ToolStart)}) == 2
    assert [start.block for start in run.all(ToolStart)] == [1, 2]


def test_one_call_at_a_time_when_the_client_wants_that() -> None:
    assert len(Run(ask("get_weather twice", tools=[WEATHER], parallel_tools=False)).calls) == 1


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (ToolChoice("required"), ["get_weather"]),
        (ToolChoice("named", name="get_time"), ["get_time"]),
        (ToolChoice("allowed", allowed=["get_time"], allowed_mode="required"), ["get_time"]),
        (ToolChoice("allowed", allowed=["get_time"]), []),
        (ToolChoice("auto"), []),
    ],
)
def test_the_tool_choice_is_kept(choice: ToolChoice, names: list[str]) -> None:
    assert [name for name, _ in Run(ask("Hi", tools=[WEATHER, CLOCK], tool_choice=choice)).calls] == names


def test_no_tool_is_called_against_the_choice() -> None:
    assert Run(ask("get_weather", tools=[WEATHER], tool_choice=ToolChoice("none"))).calls == []


@pytest.mark.parametrize("choice", [ToolChoice("named", name="fly"), ToolChoice("foreign", native={"type": "web_search"})])
def test_a_choice_that_cannot_be_kept_is_refused_by_name(choice: ToolChoice) -> None:
    run = Run(ask("Hi", tools=[WEATHER, ForeignTool("web_search", None, {})], tool_choice=choice))
    assert run.error is not None
    assert (run.error.status, run.error.param) == (400, "tool_choice")


def test_a_choice_that_is_misspelt_is_told_the_nearest_tool() -> None:
    error = Run(ask("Hi", tools=[WEATHER, CLOCK], tool_choice=ToolChoice("named", name="get_wether"))).error
    assert error is not None
    assert "'get_wether'" in error.message
    assert "'get_weather'" in error.message


def test_a_custom_tool_gets_free_text() -> None:
    assert Run(ask("note this", tools=[Tool("note", custom=True)])).calls == [("note", "note this")]


def test_the_model_tools_calls_unasked_and_answers_from_the_results() -> None:
    assert [name for name, _ in Run(ask("Hi", tools=[WEATHER]), "tools").calls] == ["get_weather"]
    call, result = ToolCallPart("c1", "get_weather", "{}"), ToolResultPart("c1", [TextPart("18 degrees")])
    broken = ToolResultPart("c2", [], is_error=True)
    run = Run(ask("get_weather", [call], [result, broken], tools=[WEATHER]), "tools")
    assert run.calls == []
    assert run.text == "get_weather answered: “18 degrees”.\nThe tool failed: nothing."


def test_structured_output_is_a_document_of_the_schema() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}}}
    run = Run(ask("Take Ada, 36", format=Format("json_schema", name="person", schema=schema)))
    assert orjson.loads(run.text) == {"name": "Ada", "age": 36}
    assert isinstance(orjson.loads(Run(ask("Hi", format=Format("json_object"))).text), dict)


@pytest.mark.parametrize("limit", [0, 1, 7])
def test_it_stops_at_the_token_limit(limit: int) -> None:
    run = Run(ask("Hi", max_tokens=limit))
    assert run.finish.reason == "length"
    assert len(run.all(Text)) == run.all(Usage)[-1].output == limit
    assert isinstance(run.events[-1], End)


def test_a_tool_call_that_does_not_fit_in_the_limit_is_not_begun() -> None:
    whole = Run(ask("get_weather", tools=[WEATHER])).all(Usage)[-1].output or 0
    run = Run(ask("get_weather", tools=[WEATHER], max_tokens=whole - 1))
    assert run.all(ToolStart) == []
    assert run.finish.reason == "length"


def test_it_stops_before_the_first_stop_sequence() -> None:
    run = Run(ask("Hi", stop=["model", "demo", "absent"]))
    assert run.text == "You said: “Hi”. I am the "
    assert (run.finish.reason, run.finish.stop_sequence) == ("stop_sequence", "demo")


def test_a_begun_answer_is_continued_and_not_repeated() -> None:
    whole = Run(ask("Hi")).text
    assert Run(ask("Hi", whole[:20])).text == whole[20:]


def test_usage_counts_the_prompt_and_says_that_nothing_was_cached() -> None:
    usage = Run(ask("x" * 400)).all(Usage)[0]
    assert usage.input == 103
    assert (usage.cache_read, usage.cache_write) == (0, 0)


def test_refuse_refuses() -> None:
    run = Run(ask("Hi"), "refuse")
    assert run.finish.reason == "refusal"
    assert run.text == ""
    assert "Hi" in "".join(event.text for event in run.all(Refusal))


@pytest.mark.parametrize(
    ("model", "status", "retry_after"),
    [("fail", 503, None), ("fail-400", 400, None), ("fail-429", 429, 1.0), ("fail-500", 500, None)],
)
def test_a_failing_drill_fails_before_its_first_event(model: str, status: int, retry_after: float | None) -> None:
    run = Run(ask("Hi"), model)
    assert run.events == []
    assert run.error is not None
    assert (run.error.status, run.error.retry_after) == (status, retry_after)


def test_cut_ends_after_ten_pieces_without_a_finish() -> None:
    run = Run(ask("Hi"), "cut")
    assert run.error is not None
    assert run.error.kind is Kind.CUT
    assert len(run.all(Text)) == 10
    assert run.all(Finish) == []


def test_cut_never_ends_well_even_when_the_answer_is_shorter_than_ten_pieces() -> None:
    run = Run(ask("Hi", max_tokens=2), "cut")
    assert run.error is not None
    assert run.all(End) == []


def test_stall_falls_silent_after_ten_pieces_and_silent_before_the_first_event() -> None:
    stalled, silent = Run(ask("Hi"), "stall"), Run(ask("Hi"), "silent")
    assert stalled.waits_for_ever
    assert len(stalled.all(Text)) == 10
    assert silent.waits_for_ever
    assert silent.events == []


def test_an_unknown_model_is_told_the_nearest_name() -> None:
    error = Run(ask("Hi"), "slwo").error
    assert error is not None
    assert (error.kind, error.param) == (Kind.MODEL_NOT_FOUND, "model")
    assert "'slow'" in error.message


def test_several_choices_are_refused_by_name() -> None:
    error = Run(ask("Hi", n=2)).error
    assert error is not None
    assert (error.status, error.param) == (400, "n")


def test_what_would_change_the_answer_is_refused_by_name_and_a_hint_is_not() -> None:
    run = Run(ask("Hi", extra=[Extra("user_hint", 1), Extra("previous_response_id", "resp_1", significant=True)]))
    assert run.error is not None
    assert (run.error.status, run.error.param) == (400, "previous_response_id")
    assert Run(ask("Hi", extra=[Extra("user_hint", 1)])).error is None
    foreign = Run(ask([ForeignPart("web_search_call", {})])).error
    assert foreign is not None
    assert "web_search_call" in foreign.message


def test_every_model_is_described_in_one_line() -> None:
    assert {"demo", "fast", "slow", "fail", "cut", "silent", "stall", "refuse", "long", "reason", "tools"} <= set(MODELS)
    assert all(about and "\n" not in about for about in MODELS.values())
