"""Tool arguments: what is let through is read by the SDK's own parser after every piece, and all that is JSON is let through."""

from __future__ import annotations

import json
from itertools import pairwise

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jiter import from_json

from pipeline.dialects.messages.arguments import DEPTH, Arguments, parse
from pipeline.errors import GatewayError, Kind

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)
LAYOUTS = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])
NEARLY = st.text(alphabet='{}[]",:\\ \nutrefalsn01.-+eEdD8cC9xA', max_size=14).map('{"a":'.__add__) | st.text(max_size=8)


def cuts(text: str, places: list[int]) -> list[str]:
    edges = sorted({min(place, len(text)) for place in places} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(edges)]


def taken(pieces: list[str]) -> bool:
    """Whether a whole call of these pieces is taken; each taken piece must be readable for the SDK (DI-283)."""
    arguments, sent = Arguments(), ""
    try:
        for piece in pieces:
            arguments.feed(piece)
            if arguments.begun:
                sent += piece
                from_json(sent.encode(), partial_mode=True)
        arguments.close()
    except GatewayError:
        return False
    return True


@settings(max_examples=100, deadline=None, derandomize=True)
@given(OBJECTS, LAYOUTS, st.lists(st.integers(0, 200), max_size=12))
def test_every_object_in_any_layout_is_taken_however_it_is_cut(
    value: dict[str, object], layout: dict[str, object], places: list[int]
) -> None:
    text = json.dumps(value, **layout)  # type: ignore[arg-type]
    assert taken(cuts(text, places))
    assert taken(list(text))
    assert parse(text) == json.loads(text)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(NEARLY)
def test_what_is_taken_is_exactly_what_a_strict_parser_takes(text: str) -> None:
    try:
        right = not text.strip(" \t\n\r") or isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        right = False
    assert taken(list(text)) is right
    assert taken([text]) is right


@pytest.mark.parametrize("text", ["", " \n", "\t"])
def test_no_arguments_are_the_empty_object_DI_165(text: str) -> None:
    assert taken([text])
    assert parse(text) == {}


@pytest.mark.parametrize(
    "text", ["[1]", "null", '"{}"', "7", "{} {}", "{'a': 1}", '{"a": tru}', '{"a": 1,}', '{"a": "\n"}', '{"a": 1']
)
def test_what_is_no_object_is_an_error_and_never_an_empty_object_TR_C13(text: str) -> None:
    assert not taken([text])
    with pytest.raises(GatewayError, match="invalid tool arguments from model") as raised:
        parse(text)
    assert raised.value.kind is Kind.BAD_REPLY


def test_an_object_too_deep_for_the_sdk_is_not_begun() -> None:
    inner = '{"a":' * (DEPTH - 1)
    assert taken([inner + "{}" + "}" * (DEPTH - 1)])
    assert not taken([inner + "[" + "[]" + "]" + "}" * (DEPTH - 1)])


def test_halves_of_a_pair_that_do_not_belong_together_are_not_sent() -> None:
    assert taken(list('{"a":"\\ud83d\\ude00"}'))
    assert not taken(['{"a":"\\ud83d', 'x"}'])
    assert not taken(['{"a":"\\ude00"}'])
