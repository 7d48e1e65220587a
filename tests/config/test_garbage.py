"""Whatever a file holds: a configuration, or a ConfigError with a line inside the file. Never another exception."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import ConfigError, Problem, parse

EXAMPLE = (Path(__file__).resolve().parents[2] / "penstock.example.yaml").read_text()
PLAIN: dict[str, Any] = yaml.safe_load(EXAMPLE)

words = st.sampled_from(
    ["", "demo/demo", "*", "${", "${A}", "1MiB", "-1", "a: b", "\x00", "é", "default", "http://a/v1", "retry"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def read(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        parse(text, "penstock.yaml", {"A": "x"})
    except ConfigError as error:
        problems = error.problems
    # An open quote or bracket is noticed at the very end: one line behind the last.
    assert all(1 <= problem.line <= text.count("\n") + 2 for problem in problems)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    return [place for key, item in items for place in ((value, key), *_places(item))]


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_value_at_any_place_of_the_example(data: st.DataObject) -> None:
    document = yaml.safe_load(EXAMPLE)
    container, key = data.draw(st.sampled_from(range(len(_places(PLAIN)))).map(lambda index: _places(document)[index]))
    container[key] = data.draw(values)
    read(yaml.dump(document, allow_unicode=True))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(start=st.integers(0, len(EXAMPLE)), length=st.integers(0, 40), put=st.text("{}[]:,-#&*!|>'\"%@` \n\ta$\\", max_size=4))
def test_any_edit_of_the_text_of_the_example(start: int, length: int, put: str) -> None:
    read(EXAMPLE[:start] + put + EXAMPLE[start + length :])


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    read(text)
