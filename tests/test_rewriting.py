"""Guards that change what is said, over batches of events: what a word's spellings, cuts and failures do not get past."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any, cast

import pytest
import reactivex

from operators import Circuits, Step, StepError, Stream, edit, redact
from operators.redact import redactors
from operators.testing import Marbles
from pipeline.encode import BEAT
from pipeline.events import Batch, BlockEnd, BlockStart, Citation, End, Event, Text, ToolArguments, ToolStart
from pipeline.metrics import Metrics
from pipeline.rewriting import Redacting, over_events, spelled
from pipeline.shared import Shared
from pipeline.supply import Supplier


def redacted(*batches: list[Event], words: list[str]) -> list[Event]:
    """What comes of these batches."""
    codec = Redacting(redactors(words, None))
    out = [batch for each in batches for batch in codec.feed(Batch(each))]
    return [event for batch in (*out, *codec.close()) for event in batch.events]


def arguments(pieces: list[str], word: str) -> str:
    middle: list[list[Event]] = [[ToolArguments(0, piece)] for piece in pieces]
    call: list[list[Event]] = [[ToolStart(0, "c", "f")], *middle, [BlockEnd(0)]]
    return "".join(event.text for event in redacted(*call, words=[word]) if isinstance(event, ToolArguments))


@pytest.mark.parametrize("word", ["Müller", 'a"b\\c', "Orion", "naïve 🙂"])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_word_is_found_in_arguments_however_json_spells_it(word: str, ascii_only: bool, size: int) -> None:
    said = json.dumps({"q": f"who is {word}?", "list": [word], word: 1}, ensure_ascii=ascii_only)
    out = arguments([said[at : at + size] for at in range(0, len(said), size)], word)
    assert json.loads(out) == {"q": "who is [redacted]?", "list": ["[redacted]"], "[redacted]": 1}


def test_arguments_without_the_word_come_as_they_were() -> None:
    assert arguments(['{"q" :  ', '"\\u00fc"}'], "Orion") == '{"q" :  "\\u00fc"}'


def test_arguments_that_are_no_json_are_redacted_as_text() -> None:
    assert arguments(["{Orion"], "Orion") == "{[redacted]"


def test_free_text_of_a_tool_is_said_as_it_comes() -> None:
    events = redacted([ToolStart(0, "c", "f", custom=True)], [ToolArguments(0, "x Orion y")], words=["Orion"])
    assert events[1:] == [ToolArguments(0, "x [redacted] y")]


def test_what_is_held_is_dropped_when_the_answer_fails() -> None:
    t = Marbles()
    values: dict[str, Any] = {"a": Batch([BlockStart(0, "text"), Text(0, "it is password12")])}
    said: list[str] = []
    guard = redact(["password123"], over=Redacting)
    result = t.cold("-a#", values=values).pipe(guard)
    result.subscribe(
        lambda batch: said.extend(event.text for event in batch.events if isinstance(event, Text)),
        lambda error: None,
        scheduler=t.scheduler,
    )
    t.advance(3)
    assert said == ["it is "]


def test_a_batch_of_which_nothing_can_be_said_yet_still_counts_its_bytes() -> None:
    codec = Redacting(redactors(["Orion"], None))
    (batch,) = codec.feed(Batch([Text(0, "Ori")], b"123"))
    assert (batch.events, batch.raw, batch.size, batch.commits) == ([], b"", 3, False)
    assert codec.feed(BEAT) == (BEAT,)


def louder(event: Event) -> Event:
    if isinstance(event, Text):
        event.text += "!"
    return event


def test_a_function_that_changes_its_event_changes_nobody_elses() -> None:
    shared = Batch([Text(0, "hi")])
    lifted = over_events(louder)
    assert [lifted(shared).events for _ in range(2)] == [[Text(0, "hi!")]] * 2
    assert shared.events == [Text(0, "hi")]


@pytest.mark.parametrize("gave", [5, (Text(0, "x"),), [3], "text"])
def test_a_function_that_gives_something_else_is_told_what_was_expected(gave: object) -> None:
    errors: list[Exception] = []
    source: Stream[Batch] = Stream(lambda observer, scheduler: observer.on_next(Batch([Text(0, "hi")])))
    source.pipe(edit(lambda event: gave, lift=over_events)).subscribe(on_error=errors.append)
    (error,) = errors
    assert isinstance(error, StepError)
    assert "expected an event, None, or a list of events" in str(error.__cause__)


def test_the_end_says_nothing_of_what_was_said_before() -> None:
    assert redacted([End({"output": "Orion"})], words=["Orion"]) == [End()]
    kept: list[Event] = over_events(partial(lambda event: event))(Batch([End({"output": "x"})])).events
    assert kept == [End()]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('{"id": 12345678901234567890123, "q": "Orion"}', '{"id": 12345678901234567890123, "q": "[redacted]"}'),
        ('[1.50e+2 , "Orion"]', '[1.50e+2 , "[redacted]"]'),
        ('{"Orion": 1, "[redacted]": 2}', '{"[redacted]": 1, "[redacted]": 2}'),
        ('["caf\\u00e9", "\\"Orion\\\\", {"a":"\\/"}]', '["caf\\u00e9", "\\"[redacted]\\\\", {"a":"\\/"}]'),
        ('"Orion"', '"[redacted]"'),
        (' {} ', ' {} '),
    ],
)  # fmt: skip
def test_only_the_texts_of_arguments_are_written_anew(said: str, expected: str) -> None:
    """Numbers of any length, names that have become equal, blanks and the spelling of all others stay."""
    assert arguments([said], "Orion") == expected


def cited(*texts: str, start: int, end: int) -> Citation:
    native = {"type": "url_citation", "start_index": start, "end_index": end}
    blocks: list[list[Event]] = [[Text(0, text)] for text in texts]
    out = redacted([BlockStart(0, "text")], *blocks, [Citation(0, "u", "t", start, end, native)], words=["Orion"])
    (found,) = (event for event in out if isinstance(event, Citation))
    return found


def test_a_source_keeps_its_place_where_nothing_was_replaced() -> None:
    found = cited("See the ", "source.", start=8, end=14)
    assert (found.start, found.end) == (8, 14)
    assert found.native == {"type": "url_citation", "start_index": 8, "end_index": 14}


@pytest.mark.parametrize(
    ("texts", "length"), [(["It is Or", "ion. See."], 22), (["Orion", "s."], 12), (["See Or"], 4)], ids=["cut", "whole", "waits"]
)
def test_a_source_in_a_text_where_something_was_replaced_is_one_of_all_of_it(texts: list[str], length: int) -> None:
    found = cited(*texts, start=1, end=6)
    assert (found.start, found.end) == (None, None)
    assert found.native == {"type": "url_citation", "start_index": 0, "end_index": length}


def test_a_source_behind_a_text_whose_end_was_replaced_has_no_place_either() -> None:
    start: list[Event] = [BlockStart(0, "text"), Text(0, "It is Orion")]
    out = redacted(
        start, [BlockEnd(0), Citation(0, "u", "t", 1, 5)], [Text(1, "x"), Citation(1, "u", "t", 0, 1)], words=["Orion"]
    )
    places = [(event.start, event.end) for event in out if isinstance(event, Citation)]
    assert places == [(None, None), (0, 1)]


@pytest.mark.parametrize("word", ["Müller", 'say "yes"', "a/b", "naïve 🙂", "back\\slash\\u00fc", "café/Über", "tab\tübel"])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("slashed", [True, False])
@pytest.mark.parametrize("size", [1, 1000])
def test_a_word_is_found_in_a_text_that_is_json_however_it_spells_it(
    word: str, ascii_only: bool, large: bool, slashed: bool, size: int
) -> None:
    """A structured answer: its text is JSON, but it comes in pieces, and nothing says that it is."""
    said = json.dumps({"name": f"x {word} y"}, ensure_ascii=ascii_only)
    if large:
        said = re.sub(r"(?<!\\)\\u([0-9a-f]{4})", lambda found: f"\\u{found[1].upper()}", said)
    if slashed:
        said = said.replace("/", "\\/")
    guard: Any = redact([word], over=Redacting, spellings=spelled)
    out: list[str] = []
    pieces = [Batch([Text(0, said[at : at + size])]) for at in range(0, len(said), size)]
    reactivex.from_iterable(pieces).pipe(guard).subscribe(lambda batch: out.extend(event.text for event in batch.events))
    assert json.loads("".join(out)) == {"name": "x [redacted] y"}


def test_the_gateway_looks_for_every_spelling_of_a_word() -> None:
    step = Step("redact", {"words": ["Müller"]})
    source: Stream[Batch] = Stream(lambda observer, scheduler: observer.on_next(Batch([Text(0, "M\\u00FCller ")])))
    out: list[Batch] = []
    shared = Shared(cast(Any, None), Metrics("test"), Circuits())
    step.build(Supplier(shared, "c")(step))(source).subscribe(out.append)
    assert out[0].events == [Text(0, "[redacted] ")]


def test_a_word_that_json_writes_as_it_is_has_no_other_spelling() -> None:
    assert list(spelled("Orion 5")) == []
    assert list(spelled("ü")) == ["\\u00fc", "\\u00FC"]
