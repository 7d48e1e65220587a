"""The JSON Schema of penstock.yaml: for editors, and for messages that need to know what a place expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from operators.options import Bound, Maximum
from pipeline.config.places import FACTORIES, PLACES
from pipeline.config.problems import Path, listed
from pipeline.config.sections import STEP, File
from pipeline.config.units import NUMBER_PATTERN, SIZE_PATTERN, TIME_PATTERN

if TYPE_CHECKING:
    from operators.signature import Option

Schema = Mapping[str, Any]

# What another form than the written one may stand for, what only annotates, and what says nothing to a reader.
_SCALARS = frozenset({"integer", "number", "boolean"})
_CLOSED = frozenset({"enum", "const", "pattern"})
_NOTES = frozenset({"default", "description", "examples"})
_VARIABLE = {"type": "string", "pattern": r"\$\{", "description": "From the environment: ${NAME} or ${NAME:-default}."}

_JSON_TYPES: Mapping[Any, str] = {int: "integer", float: "number", str: "string", bool: "boolean", NoneType: "null"}
_AS = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "description": "Its name where one operator stands twice in a chain."}


@cache
def _root() -> Schema:
    return File.model_json_schema()


def json_schema() -> dict[str, Any]:
    """The JSON Schema of penstock.yaml: what the file may say."""
    schema = _published(_root())
    schema["$defs"] |= {"Variable": _VARIABLE, "Step": _step()}
    provider = schema["$defs"]["ProviderSection"]
    provider["if"] = {"properties": {"kind": {"const": "demo"}}, "required": ["kind"]}
    provider["else"] = {"required": ["dialect", "base_url"]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "penstock.yaml", **schema}


def _published(schema: Any) -> Any:
    """Without pydantic's titles and empty defaults; every value that is no free text may also come from the environment."""
    if isinstance(schema, list):
        return [_published(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema == STEP:
        return {"$ref": "#/$defs/Step"}
    if "properties" in schema:
        return {**_plain(schema), "properties": {key: _published(item) for key, item in schema["properties"].items()}}
    if _CLOSED.isdisjoint(schema) and schema.get("type") not in _SCALARS:
        return _plain(schema)
    notes = {key: item for key, item in schema.items() if key in _NOTES}
    value = {key: item for key, item in schema.items() if key not in _NOTES and key != "title"}
    return {**notes, "anyOf": [value, {"$ref": "#/$defs/Variable"}]}


def _step() -> Schema:
    """A step: its name alone, or with its options; those of the catalogue are known, your own (module:function) are free."""
    from operators import catalog

    known: dict[str, Any] = {}
    for name in PLACES:
        options = catalog.options(catalog.resolve(FACTORIES.get(name, name)))
        known[name] = {
            "type": ["object", "null"],
            "properties": {**{option.name: _option(option) for option in options.values()}, "as": _AS},
            "required": [option.name for option in options.values() if option.required],
            "additionalProperties": False,
            "description": f"Stands in {listed(PLACES[name].positions)}.",
        }
    alone = [name for name, step in known.items() if not step.get("required")]
    own = {"type": ["object", "null"], "description": "A step of your own: module:function."}
    return {
        "description": "A guard: its name, or its name with options.",
        "anyOf": [
            {"enum": alone},
            {"type": "string", "pattern": ":"},
            {
                "type": "object",
                "properties": known,
                "patternProperties": {":": own},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ],
    }


def _option(option: Option) -> Schema:
    if option.by_name:
        return {"description": option.expected, "type": "string", "pattern": ":"}
    kinds = get_args(option.annotation) if get_origin(option.annotation) in (Union, UnionType) else (option.annotation,)
    alternatives = [_kind(kind, option) for kind in kinds]
    if float in kinds or int in kinds:
        texts = TIME_PATTERN if option.is_time else SIZE_PATTERN if int in kinds else NUMBER_PATTERN
        alternatives.append({"type": "string", "pattern": texts})
    if any(get_origin(kind) not in (list, dict) and kind is not NoneType for kind in kinds):
        # A variable is one value: a list of them is written as a list.
        alternatives.append({"$ref": "#/$defs/Variable"})
    return {"description": option.expected, "anyOf": alternatives}


def _kind(kind: Any, option: Option) -> Schema:
    """Plain data as a schema; an option's bounds are those of its numbers."""
    if get_origin(kind) is list:
        return {"type": "array", "items": _kind(get_args(kind)[0], option)}
    if get_origin(kind) is dict:
        return {"type": "object", "additionalProperties": _kind(get_args(kind)[1], option)}
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    bounds = {word: value for bound in option.bounds for word, value in _bound(bound)} if kind in (int, float) else {}
    return {"type": _JSON_TYPES[kind], **bounds}


def _bound(bound: Bound) -> Iterator[tuple[str, float]]:
    if isinstance(bound, Maximum):
        yield "maximum", bound.value
    else:
        yield "exclusiveMinimum" if bound.above else "minimum", bound.value


def _plain(schema: Schema) -> dict[str, Any]:
    return {
        key: item if key in _NOTES else _published(item)
        for key, item in schema.items()
        if key != "title" and not (key == "default" and item in (None, "", [], {}))
    }


def _resolve(schema: Schema) -> Schema:
    """The schema behind a reference; of alternatives the record, or the only one that is not null. Notes beside them stay."""
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    records = [option for option in options if "$ref" in option] or options
    if len(records) == 1:
        schema = {**records[0], **{key: item for key, item in schema.items() if key != "anyOf"}}
    if "$ref" not in schema:
        return schema
    name = str(schema["$ref"]).rpartition("/")[2]
    return {**_root()["$defs"][name], **{key: item for key, item in schema.items() if key != "$ref"}}


def schema_at(path: Path) -> Schema:
    """The JSON Schema of the value at ``path``; {} where there is none."""
    schema = _resolve(_root())
    for part in path:
        if isinstance(part, int):
            schema = schema.get("items", {})
        else:
            further = schema.get("additionalProperties")
            schema = schema.get("properties", {}).get(part) or (further if isinstance(further, dict) else {})
        schema = _resolve(schema)
    return schema


def is_secret(path: Path) -> bool:
    """Whether the value at ``path``, or one above it, must never be shown."""
    return any(schema_at(path[:length]).get("writeOnly") for length in range(1, len(path) + 1))


def example(path: Path) -> str:
    """A line to copy, from the schema's own example."""
    examples = schema_at(path).get("examples")
    if not examples or not path or isinstance(path[-1], int):
        return ""
    return f" Example: `{path[-1]}: {_flow(examples[0])}`."


def _flow(value: Any) -> str:
    """A value in YAML's one-line form."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) and "*" in value else str(value)
