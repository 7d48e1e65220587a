"""The Responses relay: the provider's bytes, and a correct failure that the official accumulator takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.dialects.responses import RESPONSES
from pipeline.errors import GatewayError, Kind
from tests.dialects.responses_kit import TRANSCRIPTS, accumulate, answering, created, decode, parsed, transcript, wire


def relayed(data: bytes, error: GatewayError | None = None) -> bytes:
    """What the client gets of a stream of which only ``data`` came."""
    batch = RESPONSES.decoder().feed(data)
    relay = RESPONSES.relay(answering())
    out = relay.feed(batch)
    failure = batch.error or error
    assert failure is None or isinstance(failure, GatewayError)
    return out if failure is None else out + relay.fail(failure)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_di_141_every_byte_passes_unchanged_also_those_of_a_failure(path: Any) -> None:
    assert relayed(path.read_bytes()) == path.read_bytes()


def halves(data: bytes) -> list[bytes]:
    """The stream broken behind each event that is not its last."""
    blocks = data.split(b"\n\n")
    return [b"\n\n".join(blocks[:count]) + b"\n\n" for count in range(1, len(blocks) - 1)]


@pytest.mark.parametrize(
    "name", ["text", "parallel_tools", "reasoning_tool", "reasoning_encrypted", "refusal", "web_search_citations"]
)
def test_di_121_wherever_it_breaks_the_failure_repeats_what_was_streamed(name: str) -> None:
    for half in halves(transcript(name)):
        out = relayed(half, GatewayError(Kind.CUT))
        assert out.startswith(half)
        final, _ = accumulate(out)
        failed = parsed(out)[-1]
        assert (failed["type"], final.status, final.error.code) == ("response.failed", "failed", "server_error")
        numbers = [event["sequence_number"] for event in parsed(out)]
        assert numbers == sorted(set(numbers))
        _check_items(parsed(half), failed["response"])


def _check_items(sent: list[dict[str, Any]], final: dict[str, Any]) -> None:
    """TR-E19: same id, same texts, same arguments; what was not done is incomplete."""
    assert final["id"] == sent[0]["response"]["id"]
    done = {event["item"]["id"] for event in sent if event["type"] == "response.output_item.done"}
    items = {item["id"]: item for item in final["output"]}
    for kind, read in TOLD.items():
        told: dict[str, str] = {}
        for event in sent:
            if event["type"] == kind:
                told[event["item_id"]] = told.get(event["item_id"], "") + event["delta"]
        for id, text in told.items():
            assert read(items[id]) == text
            assert items[id].get("status", "") in ("", "completed" if id in done else "incomplete")


TOLD: dict[str, Callable[[dict[str, Any]], str]] = {
    "response.output_text.delta": lambda item: item["content"][0]["text"],
    "response.refusal.delta": lambda item: item["content"][0]["refusal"],
    "response.function_call_arguments.delta": lambda item: item["arguments"],
    "response.reasoning_summary_text.delta": lambda item: "".join(part["text"] for part in item["summary"]),
}


def test_parts_of_one_message_stay_in_one_item_and_raw_reasoning_stays_raw() -> None:
    thought = {"type": "response.reasoning_text.delta", "item_id": "rs_0", "output_index": 0, "content_index": 0, "delta": "hm"}
    delta = {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 1, "logprobs": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    data = wire(
        created(),
        thought,
        {"type": "response.output_item.done", "output_index": 0, "item": {"id": "rs_0", "type": "reasoning", "summary": []}},
        {"type": "response.output_item.added", "output_index": 1, "item": item},
        {**delta, "content_index": 0, "delta": "one"},
        {**delta, "content_index": 1, "delta": "two"},
    )
    output = parsed(relayed(data, GatewayError(Kind.TIMEOUT)))[-1]["response"]["output"]
    assert output[0]["content"] == [{"type": "reasoning_text", "text": "hm"}]
    assert [part["text"] for part in output[1]["content"]] == ["one", "two"]
    assert [each["id"] for each in output] == ["rs_0", "msg_1"]


def test_di_122_a_lone_error_event_is_followed_by_a_failed_response() -> None:
    error = {"type": "error", "code": "server_error", "message": "boom", "param": None}
    data = wire(created(), error)
    out = relayed(data)
    assert out.startswith(data)
    assert [event["type"] for event in parsed(out)] == ["response.created", "error", "response.failed"]
    assert [event["sequence_number"] for event in parsed(out)] == [0, 1, 2]


def test_the_failure_of_another_response_is_not_passed_under_this_one() -> None:
    other = wire({"type": "response.failed", "response": {"id": "resp_other", "error": {"code": "server_error", "message": "x"}}})
    failure = decode(other).error
    assert isinstance(failure, GatewayError)
    out = relayed(wire(created()), failure)
    accumulate(wire(created()) + out.split(b"\n\n", 2)[-1])
    assert parsed(out)[-1]["response"]["id"] == "resp_1"


def test_a_failure_before_anything_was_sent_begins_with_created() -> None:
    out = RESPONSES.relay(answering()).fail(GatewayError(Kind.TIMEOUT))
    assert [event["type"] for event in parsed(out)] == ["response.created", "response.in_progress", "response.failed"]


def test_after_the_end_there_is_nothing_to_fail() -> None:
    relay = RESPONSES.relay(answering())
    relay.feed(RESPONSES.decoder().feed(transcript("text")))
    assert relay.fail(GatewayError(Kind.CUT)) == b""
