"""The estimate counts everything that a request holds (TR-U6), by the rule that its module writes down."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from pipeline.request import (
    AudioPart,
    FilePart,
    ForeignPart,
    ForeignTool,
    Format,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from pipeline.server.tokens import estimate


def count(*parts: Part, **fields: Any) -> int:
    return estimate(Request("messages", "demo", False, {}, messages=[Message("user", list(parts))], **fields))


PARTS: list[tuple[Part, int]] = [
    (TextPart("x" * 400), 100),
    (TextPart("日本語"), 3),
    (TextPart(""), 0),
    (ImagePart(url="https://example.com/a.png"), 1600),
    (ImagePart(data="QUJD", media_type="image/png", detail="low"), 85),
    (FilePart(text="x" * 8), 2),
    (FilePart(data="A" * 12800, media_type="application/pdf"), 300),
    (FilePart(file_id="file_1"), 1600),
    (AudioPart("A" * 12800, "wav"), 3),
    (RefusalPart("no way!"), 2),
    (ReasoningPart("1234", summary=["5678"], opaque="9012"), 3),
    (ToolCallPart("c", "look", '{"a":1}'), 3),
    (ToolResultPart("c", [TextPart("1234"), ImagePart(file_id="f")]), 1601),
    (ForeignPart("item", {"a": 1}), 2),
]


@pytest.mark.parametrize(("part", "tokens"), PARTS, ids=lambda value: type(value).__name__)
def test_each_kind_of_part_has_its_price(part: Part, tokens: int) -> None:
    assert count(part) == 4 + tokens


def test_no_kind_of_part_is_forgotten() -> None:
    assert {type(part) for part, _ in PARTS} == set(get_args(Part))


def test_the_whole_history_counts_and_not_only_its_last_message() -> None:
    turns = [
        Message("system", [TextPart("x" * 40)]),
        Message("user", [TextPart("x" * 40)]),
        Message("assistant", [TextPart("x" * 40)]),
    ]
    assert estimate(Request("chat", "m", False, {}, messages=turns)) == 3 * (4 + 10)


def test_tools_and_the_schema_of_the_answer_count() -> None:
    tool = Tool("look", "Looks.", {"type": "object"})
    assert count(tools=[tool]) == 4 + 8 + 1 + 2 + 5
    assert count(tools=[ForeignTool("web_search", None, {"type": "web_search"})]) == 4 + 8 + 6
    assert count(format=Format("json_schema", schema={"type": "object"})) == 4 + 5


def test_it_is_never_zero() -> None:
    assert estimate(Request("chat", "m", False, {})) == 1
