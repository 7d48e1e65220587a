"""A provider's answer with one value of the wrong type anywhere is an answer or the provider's fault, never a fault of ours."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from pipeline.dialects import DIALECTS
from pipeline.errors import Kind, classify
from tests.support.neutral import Answer, Block, Usage
from tests.support.stations import Passed
from tests.support.wire import BODIES, EVENTS

RICH: Final = Answer(
    [
        Block("reasoning", "Hm.", opaque="c2ln"),
        Block("text", "One.", citations=[("https://a.example", "A")]),
        Block("tool", id="call_1", name="f", arguments={"a": 1}),
    ],
    "tool_calls",
    Usage(input=3, output=9, total=12, cached=1, reasoning=2),
)
REFUSED: Final = Answer([Block("refusal", "No.")], "refusal", Usage(input=3, output=9, total=12))
WRONG: Final[tuple[Any, ...]] = (None, True, -1, 1e99, "x", [], [1], {"a": 1})


def garbled(value: Any) -> Iterator[Any]:
    """Copies of a JSON value in which one place holds something else, or nothing."""
    for path in list(_paths(value, ())):
        for wrong in WRONG:
            changed = copy.deepcopy(value)
            _parent(changed, path)[path[-1]] = copy.deepcopy(wrong)
            yield changed
        changed = copy.deepcopy(value)
        del _parent(changed, path)[path[-1]]
        yield changed


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, key)
        yield from _paths(value[key], (*path, key))


def _parent(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def judge(passed: Passed, sent: object) -> None:
    if passed.error is not None:
        assert classify(passed.error).kind is not Kind.INTERNAL, (passed.error, sent)
    else:
        assert passed.ended


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("provider", DIALECTS)
def test_a_whole_answer_with_a_wrong_value(provider: str, client: str, loop: asyncio.AbstractEventLoop) -> None:
    for answer in (RICH, REFUSED):
        for changed in garbled(json.loads(BODIES[provider](answer))):
            judge(Passed(client, provider, json.dumps(changed).encode(), loop, stream=False), changed)


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("provider", DIALECTS)
def test_a_stream_with_a_wrong_value(provider: str, client: str, loop: asyncio.AbstractEventLoop) -> None:
    events = list(EVENTS[provider](RICH))
    seen: set[bytes] = set()
    for place, event in enumerate(events):
        head, mark, data = event.partition(b"data: ")
        kind = head or bytes(sorted(data))
        if kind in seen or data.startswith(b"[DONE]"):
            continue
        seen.add(kind)
        for changed in garbled(json.loads(data)):
            wire = [*events[:place], head + mark + json.dumps(changed).encode() + b"\n\n", *events[place + 1 :]]
            judge(Passed(client, provider, wire, loop), changed)
