"""``redact`` and ``edit``: what is said is said anew, and what was there before is nowhere any more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chains.bench import Bench, answered, clients, crossing, serving, spoken, streamed
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import Received, Script, body, sse
from tests.support.wire import BODIES, EVENTS

WORD = "Melchisedek"
TOLD = f"The name is {WORD}, and once more {WORD}."
HIDDEN = "The name is [redacted], and once more [redacted]."


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    chains = {
        "redacted": {"request": [{"redact": {"words": [WORD]}}]},
        "inner": {"attempt": [{"redact": {"words": [WORD]}}]},
        "edited": {"request": [{"edit": {"function": "tests.chains.edits:shouted"}}]},
        "dropped": {"request": [{"edit": {"function": "tests.chains.edits:doubled"}}]},
        "broken": {"attempt": [{"edit": {"function": "tests.chains.edits:failing"}}], "answer": ["failover"]},
    }
    with serving(Path(tmp_path_factory.mktemp("rewriting")), chains) as bench:
        yield bench


def answer_of(kind: str = "text") -> Answer:
    usage = Usage(input=3, output=4, total=7)
    if kind == "tool":
        call = Block("tool", id="call_1", name="f", arguments={"name": WORD})
        return Answer([call], "tool_calls", usage)
    if kind == "reasoning":
        return Answer([Block("reasoning", TOLD), Block("text", TOLD)], "stop", usage)
    cited: list[tuple[str | None, str | None]] = [("https://example.org/", f"About {WORD}")] if kind == "cited" else []
    return Answer([Block("text", TOLD, citations=cited)], "stop", usage)


@clients
@streamed
@crossing
@pytest.mark.parametrize("chain", ["redacted", "inner"])
@pytest.mark.parametrize("kind", ["text", "reasoning", "tool", "cited"])
def test_a_redacted_word_is_nowhere_in_the_answer(
    bench: Bench, client: str, stream: bool, cross: bool, chain: str, kind: str
) -> None:
    """Whatever piece of the wire its letters were spread over: the pieces have seven characters, the word has eleven."""
    dialect = spoken(client, cross)
    lane = bench.lane(chain, dialect, [answered(dialect, answer_of(kind))])
    with bench.post(client, lane, stream=stream) as posted:
        data = posted.body.decode()
    assert posted.status == 200
    assert WORD not in data
    outcome = bench.ask(client, lane, stream=stream)
    assert WORD not in repr(outcome)
    if kind == "tool":
        assert outcome.ok.tools[0].arguments == {"name": "[redacted]"}
    else:
        assert outcome.ok.said() == HIDDEN
    assert outcome.ok.usage is not None
    assert outcome.ok.usage.output == 4
    if kind == "reasoning" and outcome.ok.said("reasoning"):
        assert outcome.ok.said("reasoning") == HIDDEN


@streamed
def test_token_probabilities_do_not_tell_what_was_redacted(bench: Bench, stream: bool) -> None:
    def script(received: Received) -> Script:
        told = b'"content":[{"token":"%b","logprob":-0.1,"bytes":null,"top_logprobs":[]}],"refusal":null' % WORD.encode()
        if stream:
            wire = b"".join(EVENTS["chat"](answer_of()))
            return sse(wire.replace(b'"logprobs":null,"finish_reason":null', b'"logprobs":{%b},"finish_reason":null' % told))
        return body(BODIES["chat"](answer_of()).replace(b'"logprobs":null', b'"logprobs":{%b}' % told))

    lane = bench.lane("redacted", "chat", [script])
    with bench.post("chat", lane, stream=stream, logprobs=True) as posted:
        assert WORD not in posted.body.decode()
    assert bench.ask("chat", lane, stream=stream).ok.said() == HIDDEN


@pytest.mark.parametrize("client", ["responses", "messages"])
@streamed
def test_items_of_the_providers_own_are_redacted(bench: Bench, client: str, stream: bool) -> None:
    """A hosted tool's item passes as it is in its own dialect, but for the word."""
    items: dict[str, dict[str, Any]] = {
        "responses": {
            "type": "web_search_call",
            "id": "ws_1",
            "status": "completed",
            "action": {"type": "search", "query": WORD},
        },
        "messages": {"type": "server_tool_use", "id": "st_1", "name": "web_search", "input": {"query": WORD}},
    }
    item = json.dumps(items[client], separators=(",", ":")).encode()

    def script(received: Received) -> Script:
        answer = answer_of()
        if client == "responses":
            if not stream:
                return body(BODIES[client](answer).replace(b'"output":[', b'"output":[%b,' % item))
            added = b'event: response.output_item.%b\ndata: {"type":"response.output_item.%b","output_index":9,"item":%b}\n\n'
            events = list(EVENTS[client](answer))
            return sse(b"".join([*events[:-1], added % (b"added", b"added", item), added % (b"done", b"done", item), events[-1]]))
        if not stream:
            return body(BODIES[client](answer).replace(b'"content":[', b'"content":[%b,' % item))
        start = b'event: content_block_start\ndata: {"type":"content_block_start","index":9,"content_block":%b}\n\n' % item
        stop = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":9}\n\n'
        events = list(EVENTS[client](answer))
        return sse(b"".join([*events[:-2], start, stop, *events[-2:]]))

    lane = bench.lane("redacted", client, [script])
    with bench.post(client, lane, stream=stream) as posted:
        data = posted.body.decode()
    assert "web_search" in data
    assert WORD not in data


@clients
@streamed
@crossing
def test_a_function_of_your_own_changes_what_is_said_everywhere(bench: Bench, client: str, stream: bool, cross: bool) -> None:
    dialect = spoken(client, cross)
    lane = bench.lane("edited", dialect, [answered(dialect, answer_of())])
    outcome = bench.ask(client, lane, stream=stream)
    assert outcome.ok.said() == TOLD.upper()
    assert WORD not in repr(outcome)


def test_a_function_may_drop_and_add(bench: Bench) -> None:
    # In pieces of seven characters.
    lane = bench.lane("dropped", "chat", [answered("chat", Answer([Block("text", "one two a, b, c. end.")], "stop", None))])
    assert bench.ask("chat", lane).ok.said() == "one twoc. end.c. end."


@clients
@streamed
def test_a_function_that_fails_is_the_gateways_own_fault(bench: Bench, client: str, stream: bool) -> None:
    """No other candidate is tried, for it would fail there as well; and the client learns nothing of it."""
    lane = bench.lane("broken", client, [answered(client, answer_of())])
    failed = bench.ask(client, lane, stream=stream).failed
    assert failed.status == 500
    assert WORD not in failed.message
    assert len(lane.requests) == 1
    bench.gateway.wait_for_log("RuntimeError")
