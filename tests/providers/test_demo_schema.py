"""Values for JSON schemas: pydantic says whether they are valid; hostile schemas end soon and raise nothing."""

from __future__ import annotations

from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
import pytest
from pydantic import BaseModel, Field

from pipeline.providers.demo.schema import MOST, Example


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Wheel(BaseModel):
    size: Annotated[int, Field(gt=10, lt=30, multiple_of=4)]
    colour: Colour


class Car(BaseModel):
    maker: Annotated[str, Field(min_length=6, max_length=12)]
    wheels: Annotated[list[Wheel], Field(min_length=4, max_length=4)]
    built: date
    sold: datetime | None
    id: UUID
    price: Annotated[float, Field(gt=0.1, lt=0.2)]
    kind: Literal["car"]
    plate: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    position: tuple[float, float]
    tags: Annotated[set[str], Field(min_length=3)]
    owner: Wheel | str
    sold_before: bool


class Tree(BaseModel):
    name: str
    children: list[Tree]


@pytest.mark.parametrize("model", [Wheel, Car, Tree])
def test_the_value_is_valid_for_the_schema(model: type[BaseModel]) -> None:
    value = Example(model.model_json_schema()).value()
    model.model_validate_json(orjson.dumps(value))


def test_words_and_numbers_of_the_text_fill_the_value() -> None:
    schema = {
        "type": "object",
        "properties": {
            "from": {"type": "string"},
            "to": {"type": "string"},
            "class": {"enum": ["first", "second"]},
            "n": {"type": "integer"},
        },
    }
    text = 'From "Basel" to New York in second class for 3'
    assert Example(schema, text).value() == {"from": "Basel", "to": "New York", "class": "second", "n": 3}


def test_only_what_is_required_is_filled() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["b"]}
    assert list(Example(schema).value()) == ["b"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "default": "x"}, "x"),
        ({"const": 7}, 7),
        ({"enum": ["a", "b"]}, "a"),
        ({"type": ["null", "integer"]}, 1),
        ({"type": "null"}, None),
        (
            {"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}, "required": ["a", "b"]}]},
            {"a": 1, "b": 2},
        ),
        ({"anyOf": [{"type": "null"}, {"type": "boolean"}]}, True),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True}, [1, 2, 3]),
    ],
)
def test_each_keyword_is_obeyed(schema: dict[str, Any], value: Any) -> None:
    assert Example(schema).value() == value


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}]},
        {"allOf": [{"$ref": "#"}]},
        {"$ref": "#/$defs/none/at/all"},
        {"type": "object", "properties": {str(n): {"$ref": "#"} for n in range(9)}, "required": [str(n) for n in range(9)]},
        {"type": "array", "minItems": 10**12, "items": {"type": "array", "minItems": 10**12}},
        {"type": "string", "minLength": 10**12},
        {"type": "string", "minLength": "5", "maxLength": None, "pattern": "("},
        {"type": "string", "pattern": "(" * 150},
        {"type": "string", "pattern": "a{99999999999}"},
        {"type": "integer", "minimum": 1e308, "maximum": "x", "multipleOf": 0},
        {"type": "number", "multipleOf": -1, "exclusiveMinimum": True},
        {"type": {"no": "type"}},
        {"properties": [], "required": [{}], "type": "object"},
        {"enum": {}, "examples": 3, "allOf": {}, "anyOf": "x", "items": 4},
    ],
    ids=lambda schema: str(schema)[:40],
)
def test_a_hostile_schema_ends_soon_and_raises_nothing(schema: dict[str, Any]) -> None:
    assert len(orjson.dumps(Example(schema, "Hello 12 World").value())) < 100 * MOST
