"""What ``resume`` remembers and how a continuation is joined to it: numbers of blocks, blanks, sources, proofs and usage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest
from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.clock import Clock
from operators.stream import Stream
from pipeline.chain import Attempt
from pipeline.dialects import DIALECTS
from pipeline.dialects.amend import with_answer
from pipeline.events import (
    Batch,
    BlockEnd,
    BlockStart,
    Citation,
    End,
    Event,
    Finish,
    Foreign,
    Opened,
    Ping,
    Reasoning,
    Refusal,
    Started,
    Text,
    ToolArguments,
    ToolStart,
    Usage,
)
from pipeline.exchange import Exchange
from pipeline.policies import elsewhere
from pipeline.providers.embedded import DemoProvider
from pipeline.request import Losses, Sent, Target
from pipeline.resolve import Candidate
from pipeline.resuming import Said
from tests.support.clients import hello

CUT: Final = OSError("cut")
LATER: Final = OSError("later")


def opened(label: str, dialect: str = "chat") -> Opened:
    return Opened(label, Sent(1, Losses()), dialect, label)


class Told:
    """An answer that A began, as ``Said`` hears it, and what becomes of a continuation by B."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, client: str = "chat", dialects: str = "chat chat chat", **more: Any
    ) -> None:
        body = {**hello(client, "m"), "stream": True, **more}
        self.exchange = Exchange(Clock(loop), "req_1", DIALECTS[client], body, b"", {})
        self.dialects = dict(zip("abc", dialects.split(), strict=True))
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.resumed: list[tuple[str, str, Exception]] = []
        self.says: dict[str, list[Batch]] = {}
        self.failing: set[str] = set()
        self.exchange.ways = [self._way(label, dialect) for label, dialect in self.dialects.items()]
        self.said = Said(self.exchange, elsewhere, lambda *told: self.resumed.append(told))

    def _way(self, label: str, dialect: str) -> Attempt:
        def subscribe(observer: ObserverBase[Any], scheduler: SchedulerBase | None) -> None:
            assert isinstance(scheduler, Exchange)
            self.asked.append((label, scheduler.body))
            for batch in self.says.pop(label, ()):
                observer.on_next(batch)
            if label in self.failing:
                observer.on_error(LATER)
            else:
                observer.on_completed()

        candidate = Candidate(DemoProvider(label), "m", Target(dialect, "m", label), label, continues=label != "a")
        return Attempt(candidate, Stream(subscribe))

    def began(self, *events: Event, by: str = "a") -> Told:
        self.said.note(Batch([opened(by, self.dialects[by]), Started("id", "m"), *events]))
        return self

    def continuation(self) -> Observable[Batch] | None:
        return self.said.continuation(CUT)

    def will_say(self, by: str, *events: Event, fails: bool = False) -> Told:
        """What ``by`` says when it is asked."""
        self.says[by] = [Batch([opened(by, self.dialects[by]), Started("other", "n")]), *(Batch([event]) for event in events)]
        self.failing |= {by} if fails else set()
        return self

    def went_on(self, *events: Event, by: str = "b") -> list[Event]:
        """What the client sees of a continuation that says this."""
        self.will_say(by, *events)
        continuation = self.continuation()
        assert continuation is not None
        seen: list[Batch] = []

        def hear(batch: Batch) -> None:
            for spliced in self.said.splice(batch):
                self.said.note(spliced)
                seen.append(spliced)

        continuation.subscribe(hear, scheduler=self.exchange).dispose()
        return [event for batch in seen for event in batch.events]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


TEXT: Final = (BlockStart(0, "text"), Text(0, "One"))


def test_an_open_text_goes_on_in_its_block(loop: asyncio.AbstractEventLoop) -> None:
    told = Told(loop).began(*TEXT)
    events = (BlockStart(0, "text"), Text(0, " two"), BlockEnd(0), Finish("stop"), End({"final": "part"}))
    assert told.went_on(*events) == [Text(0, " two"), BlockEnd(0), Finish("stop"), End()]
    assert told.asked == [("b", with_answer("chat", told.exchange.body, "One"))]
    assert told.resumed == [("a", "b", CUT)]


def test_blocks_of_a_continuation_are_numbered_behind_those_before(loop: asyncio.AbstractEventLoop) -> None:
    began = (BlockStart(0, "reasoning"), Reasoning(0, "Hm"), BlockEnd(0), BlockStart(1, "text"), Text(1, "One"))
    two = (BlockStart(0, "text"), Text(0, " two"), BlockEnd(0), BlockStart(1, "text"), Text(1, "Three"), BlockEnd(1))
    assert Told(loop).began(*began).went_on(*two) == [
        Text(1, " two"),
        BlockEnd(1),
        BlockStart(2, "text"),
        Text(2, "Three"),
        BlockEnd(2),
    ]


def test_a_text_that_had_ended_is_followed_by_another(loop: asyncio.AbstractEventLoop) -> None:
    seen = Told(loop).began(*TEXT, BlockEnd(0)).went_on(BlockStart(0, "text"), Text(0, " two"), BlockEnd(0))
    assert seen == [BlockStart(1, "text"), Text(1, " two"), BlockEnd(1)]


def test_reasoning_first_ends_the_text_that_was_open(loop: asyncio.AbstractEventLoop) -> None:
    events = (BlockStart(0, "reasoning"), Reasoning(0, "Hm"), BlockEnd(0, "p", "signature"), BlockStart(1, "text"), Text(1, "2"))
    assert Told(loop).began(*TEXT).went_on(*events) == [
        BlockEnd(0),
        BlockStart(1, "reasoning"),
        Reasoning(1, "Hm"),
        BlockEnd(1, "p", "signature"),
        BlockStart(2, "text"),
        Text(2, "2"),
    ]


def test_tool_calls_end_the_text_that_was_open_and_may_overlap(loop: asyncio.AbstractEventLoop) -> None:
    calls = (
        ToolStart(0, "i", "f"),
        ToolStart(1, "j", "g"),
        ToolArguments(0, "{}"),
        ToolArguments(1, "{}"),
        BlockEnd(1),
        BlockEnd(0),
    )
    assert Told(loop).began(*TEXT).went_on(*calls) == [
        BlockEnd(0),
        ToolStart(1, "i", "f"),
        ToolStart(2, "j", "g"),
        ToolArguments(1, "{}"),
        ToolArguments(2, "{}"),
        BlockEnd(2),
        BlockEnd(1),
    ]


def test_reasoning_that_was_open_ends_where_a_text_goes_on(loop: asyncio.AbstractEventLoop) -> None:
    began = (*TEXT, BlockEnd(0), BlockStart(1, "reasoning"), Reasoning(1, "Hm"))
    assert Told(loop).began(*began).went_on(BlockStart(0, "text"), Text(0, " two")) == [
        BlockEnd(1),
        BlockStart(2, "text"),
        Text(2, " two"),
    ]


@pytest.mark.parametrize(
    ("said", "pieces", "seen"),
    [
        ("One ", [" two"], ["two"]),
        ("One ", ["two"], ["two"]),
        ("One \n\n", [" ", "\n", "\n", "two"], ["two"]),
        ("One \n\n", [" \n", "two"], ["two"]),
        ("One ", [" \n two", " three"], ["\n two", " three"]),
        ("One ", ["", " ", " ", "two"], ["", " ", "two"]),
        ("One", [" ", "two"], [" ", "two"]),
    ],
)
def test_blanks_that_were_said_are_not_said_again(
    loop: asyncio.AbstractEventLoop, said: str, pieces: list[str], seen: list[str]
) -> None:
    told = Told(loop).began(BlockStart(0, "text"), Text(0, said))
    events = told.went_on(BlockStart(0, "text"), *(Text(0, piece) for piece in pieces))
    assert [event.text for event in events if isinstance(event, Text) and event.text] == [text for text in seen if text]
    assert told.asked[0][1]["messages"][-1] == {"role": "assistant", "content": "One"}


@pytest.mark.parametrize(("said", "text", "place"), [("One", " two", 3), ("One ", " two", 3), ("One ", "two", 4)])
def test_a_source_keeps_its_place_in_the_text(loop: asyncio.AbstractEventLoop, said: str, text: str, place: int) -> None:
    native = {"type": "url_citation", "start_index": 1, "end_index": 4, "url": "u"}
    told = Told(loop, "responses", "responses responses chat").began(BlockStart(0, "text"), Text(0, said))
    *_, cited = told.went_on(BlockStart(0, "text"), Text(0, text), Citation(0, "u", "t", 1, 4, native))
    moved = {**native, "start_index": place + 1, "end_index": place + 4}
    assert cited == Citation(0, "u", "t", place + 1, place + 4, moved)
    assert native["start_index"] == 1


def test_a_source_of_a_later_block_stays_as_it_is(loop: asyncio.AbstractEventLoop) -> None:
    told = Told(loop).began(*TEXT, BlockEnd(0))
    *_, cited = told.went_on(BlockStart(0, "text"), Text(0, " two"), Citation(0, "u", "t", 1, 4))
    assert cited == Citation(1, "u", "t", 1, 4)


FOREIGN: Final = (
    BlockStart(0, "reasoning"),
    Reasoning(0, "Hm"),
    BlockEnd(0, "proof", "signature"),
    BlockStart(1, "text"),
    Citation(1, "u", None, native={"x": 1}),
    Foreign("x", {"x": 1}),
    Finish("stop", "end_of_turn"),
)


@pytest.mark.parametrize("dialects", ["chat messages chat", "messages chat chat", "messages messages messages"])
def test_words_and_proofs_of_another_dialect_do_not_pass_for_those_of_who_began(
    loop: asyncio.AbstractEventLoop, dialects: str
) -> None:
    assert Told(loop, "chat", dialects).began(*TEXT).went_on(*FOREIGN) == [
        BlockEnd(0),
        BlockStart(1, "reasoning"),
        Reasoning(1, "Hm"),
        BlockEnd(1),
        BlockStart(2, "text"),
        Citation(2, "u", None),
        Foreign("x"),
        Finish("stop"),
    ]


def test_a_client_of_messages_is_shown_no_reasoning_that_it_could_not_hand_back(loop: asyncio.AbstractEventLoop) -> None:
    told = Told(loop, "messages", "messages chat messages", max_tokens=9).began(*TEXT)
    assert told.went_on(*FOREIGN) == [Citation(0, "u", None), Foreign("x"), Finish("stop")]


def test_who_speaks_the_dialect_of_client_and_beginner_is_heard_in_full_also_behind_a_foreigner(
    loop: asyncio.AbstractEventLoop,
) -> None:
    told = Told(loop, "messages", "messages chat messages", max_tokens=9).began(*TEXT)
    told.went_on(BlockStart(0, "text"), Text(0, " two"))
    seen = told.went_on(*FOREIGN[:3], by="c")
    assert seen == [BlockEnd(0), BlockStart(1, "reasoning"), Reasoning(1, "Hm"), BlockEnd(1, "proof", "signature")]
    assert [label for label, _ in told.asked] == ["b", "c"]
    assert told.resumed == [("a", "b", CUT), ("b", "c", CUT)]


def test_nobody_is_asked_to_go_on_with_what_it_broke_off(loop: asyncio.AbstractEventLoop) -> None:
    told = Told(loop).began(*TEXT)
    told.went_on(BlockStart(0, "text"), Text(0, " two"))
    told.went_on(BlockStart(0, "text"), Text(0, " three"), by="c")
    assert told.continuation() is None
    assert [way.candidate.label for way in told.exchange.ways] == ["a", "b", "c"]
    assert told.asked[1][1]["messages"][-1]["content"] == "One two"


def test_who_said_only_what_was_said_already_and_failed_has_not_answered(loop: asyncio.AbstractEventLoop) -> None:
    told = Told(loop).began(BlockStart(0, "text"), Text(0, "One \n"))
    told.will_say("b", BlockStart(0, "text"), Text(0, " "), Text(0, "\n"), fails=True)
    assert told.went_on(BlockStart(0, "text"), Text(0, " \ntwo"), by="c") == [Text(0, "two")]
    assert [label for label, _ in told.asked] == ["b", "c"]
    assert told.resumed == [("a", "c", CUT)]


def test_who_said_only_what_the_client_is_not_shown_and_failed_has_not_answered(loop: asyncio.AbstractEventLoop) -> None:
    told = Told(loop, "messages", "messages chat messages", max_tokens=9).began(*TEXT)
    told.will_say("b", BlockStart(0, "reasoning"), Reasoning(0, "Hm"), fails=True)
    assert told.went_on(BlockStart(0, "text"), Text(0, " two"), by="c") == [Text(0, " two")]
    assert told.resumed == [("a", "c", CUT)]


def test_each_who_is_asked_is_joined_to_what_was_said_and_not_to_each_other(loop: asyncio.AbstractEventLoop) -> None:
    """Usage, blocks and the text that is open: nothing of one that failed is left to the next."""
    told = Told(loop).began(Usage(input=10), *TEXT)
    told.will_say("b", Usage(input=5), BlockStart(0, "text"), BlockEnd(0), BlockStart(1, "reasoning"), fails=True)
    seen = told.went_on(Usage(input=20), BlockStart(0, "text"), Text(0, " two"), BlockStart(1, "text"), Text(1, "x"), by="c")
    assert seen == [Usage(input=30), Text(0, " two"), BlockStart(1, "text"), Text(1, "x")]


def test_who_was_chosen_goes_on_only_when_something_of_it_is_seen(loop: asyncio.AbstractEventLoop) -> None:
    told = Told(loop).began(*TEXT)
    assert told.continuation() is not None
    assert list(told.said.splice(Batch([opened("b")]))) == []
    assert told.resumed == []
    told.said.note(Batch([Text(0, " two")]))
    assert told.resumed == [("a", "b", CUT)]
    told.said.note(Batch([Text(0, " three")]))
    assert len(told.resumed) == 1


@pytest.mark.parametrize(
    "events",
    [
        (),
        (BlockStart(0, "text"), Text(0, " \n")),
        (BlockStart(0, "reasoning"), Reasoning(0, "Hm")),
        (*TEXT, BlockEnd(0), ToolStart(1, "i", "f")),
        (*TEXT, Foreign("choice")),
        (*TEXT, BlockEnd(0), BlockStart(1, "refusal")),
        (BlockStart(0, "refusal"), Refusal(0, "No"), BlockEnd(0), BlockStart(1, "text"), Text(1, "One")),
        (BlockStart(0, "reasoning"), BlockEnd(0, "proof", "signature"), BlockStart(1, "text"), Text(1, "One")),
        (*TEXT, BlockEnd(0), Finish("stop")),
    ],
)
def test_what_is_no_unfinished_text_of_its_own_is_not_continued(
    loop: asyncio.AbstractEventLoop, events: tuple[Event, ...]
) -> None:
    assert Told(loop).began(*events).continuation() is None


@pytest.mark.parametrize(
    ("client", "field", "continued"),
    [
        ("chat", {"response_format": {"type": "json_object"}}, False),
        ("chat", {"response_format": {"type": "text"}}, True),
        ("chat", {"response_format": 7}, False),
        ("responses", {"text": {"format": {"type": "text"}}}, True),
        ("responses", {"text": {"format": {"type": "json_object"}}}, False),
    ],
)
def test_only_plain_text_is_continued(
    loop: asyncio.AbstractEventLoop, client: str, field: dict[str, Any], continued: bool
) -> None:
    told = Told(loop, client, **field).began(*TEXT, Ping())
    assert (told.continuation() is not None) is continued


def test_usage_is_the_sum_of_what_is_known_of_each(loop: asyncio.AbstractEventLoop) -> None:
    told = Told(loop).began(Usage(input=10, output=1), *TEXT, Usage(output=3))
    seen = told.went_on(Usage(input=20), BlockStart(0, "text"), Text(0, " two"), Usage(output=4, total=24, cache_read=2))
    assert seen[0] == Usage(input=30, output=3)
    assert seen[-1] == Usage(30, 7, 37, 2)
    assert told.went_on(Usage(input=1, output=1), by="c") == [Usage(31, 8, 39, 2)]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Usage(), Usage(), Usage()),
        (Usage(1, 2, 3), Usage(), Usage(1, 2, 3)),
        (Usage(), Usage(1, 2, 3, 4, 5, 6), Usage(1, 2, 3, 4, 5, 6)),
        (Usage(1, 2, 3, 4, 5, 6), Usage(1, 2, 3, 4, 5, 6), Usage(2, 4, 6, 8, 10, 12)),
        (Usage(1, 2), Usage(1, 2), Usage(2, 4)),
        # Never less than what is said of its parts.
        (Usage(1, 2, 4), Usage(10, 20), Usage(11, 22, 34)),
        (Usage(10, None), Usage(1, 2, 3), Usage(11, 2, 13)),
    ],
)
def test_usage_plus_usage(one: Usage, other: Usage, both: Usage) -> None:
    before = repr(one), repr(other)
    assert one.plus(other) == both
    assert other.plus(one) == both
    assert (repr(one), repr(other)) == before


@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_a_turn_that_the_client_began_is_made_longer(dialect: str) -> None:
    user = {"role": "user", "content": "Count"}
    for given, whole in (
        ("Zero, ", "Zero, one"),
        ([{"type": "text", "text": "Zero, "}], [{"type": "text", "text": "Zero, "}, {"type": "text", "text": "one"}]),
    ):
        body = {"model": "m", "messages": [user, {"role": "assistant", "content": given, "name": "n"}]}
        before = repr(body)
        assert with_answer(dialect, body, "one")["messages"] == [user, {"role": "assistant", "content": whole, "name": "n"}]
        assert repr(body) == before


def test_an_answer_stands_behind_all_that_was_asked() -> None:
    assert with_answer("responses", {"model": "m", "input": "Count"}, "one")["input"] == [
        {"role": "user", "content": "Count"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "one", "annotations": []}]},
    ]
    assert with_answer("chat", {"messages": [{"role": "user", "content": "Count"}]}, "one")["messages"][1:] == [
        {"role": "assistant", "content": "one"}
    ]
