"""How Chat streams end, well and badly: what was cut never looks whole, and every error is typed."""

from __future__ import annotations

import pytest

from pipeline.dialects.chat import CHAT
from pipeline.errors import GatewayError, Kind
from pipeline.events import (
    BlockEnd,
    BlockStart,
    End,
    Finish,
    Ping,
    Text,
)
from tests.dialects.chat_kit import DONE, call, chunk, decode, event, events, failure, transcript

USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


@pytest.mark.parametrize(
    "tail",
    [DONE, b"data: [DONE]\n", b"data:[DONE]", b"", b"data: [DO", b": bye\n\n", b"data: [DONE] \r\n\r\n"],
)
def test_after_a_finish_reason_done_or_the_close_is_the_end_TR_E6_F11(tail: bytes) -> None:
    assert decode(chunk({"content": "a"}) + chunk({}, "stop", usage=USAGE) + tail).events[-1] == End()


def test_a_last_chunk_without_its_blank_line_counts_when_it_is_whole_TR_S5() -> None:
    wire = chunk({"content": "a"}) + chunk({}, "stop").rstrip()
    batch = decode(wire)
    assert (batch.events[-1], batch.raw) == (End(), wire)
    assert failure(wire[:-3]).kind is Kind.CUT


@pytest.mark.parametrize(
    "wire",
    [b"", b": hello\n\n", chunk({"role": "assistant"}), chunk({"content": "a"}), chunk(call(0, "a", "f", "{}")), DONE],
    ids=["nothing", "comment", "role", "text", "call", "done alone"],
)
def test_a_stream_without_its_mark_was_cut_TR_E6(wire: bytes) -> None:
    assert failure(wire).kind is Kind.CUT


def test_done_is_the_mark_of_a_provider_that_never_says_why_it_stopped_DI_37() -> None:
    assert events(chunk({"content": "a"}), DONE)[-1] == Finish("stop", None)
    assert events(chunk(call(0, "a", "f", "{}")), DONE)[-1] == Finish("tool_calls", None)
    # In the middle of a call's arguments nobody is done.
    assert failure(chunk(call(0, "a", "f", '{"x":')), DONE).kind is Kind.CUT


def test_nothing_is_read_behind_the_end() -> None:
    decoder = CHAT.decoder()
    batch = decoder.feed(chunk({}, "stop") + DONE + chunk({"content": "late"}))
    assert batch.events[-1] == End()
    assert batch.raw.endswith(DONE)
    assert decoder.feed(chunk({"content": "late"})).events == []
    assert decoder.close().events == []


def test_content_behind_a_finish_is_kept_and_closed() -> None:
    batch = decode(chunk({"content": "a"}) + chunk({}, "stop") + chunk({"content": "b"}) + DONE)
    assert batch.events[-4:] == [BlockStart(1, "text"), Text(1, "b"), BlockEnd(1), End()]


# -------------------------------------------------------------------------------------------------------------- errors


def test_an_error_event_fails_behind_what_came_before_and_keeps_its_own_bytes_DI_11() -> None:
    bad = event({"error": {"message": "Slow down.", "code": "rate_limit_exceeded"}})
    batch = decode(chunk({"content": "a"}) + bad + DONE)
    error = batch.error
    assert isinstance(error, GatewayError)
    assert (error.kind, error.raw, error.dialect, error.from_provider) == (Kind.RATE_LIMIT, bad, "chat", True)
    assert batch.raw == chunk({"content": "a"})
    assert batch.events[-1] == Text(0, "a")


def test_an_error_event_by_name_is_an_error_whatever_its_object() -> None:
    assert failure(b'event: error\ndata: {"message":"x","code":"server_error"}\n\n').kind is Kind.PROVIDER
    assert failure(transcript("named_error_event")).code == "tool_use_failed"


def test_a_null_error_is_none() -> None:
    assert events(chunk({"content": "a"}, error=None), chunk({}, "stop"), DONE)


@pytest.mark.parametrize(
    "data",
    [
        b"{nonsense",
        b"[]",
        b"7",
        b'{"choices":5}',
        b'{"choices":[7]}',
        b'{"choices":[{"delta":7}]}',
        b'{"choices":[{"delta":{"content":7}}]}',
        b'"\xff"',
    ],
)
def test_an_event_that_is_no_chunk_fails_behind_the_good_ones_F10(data: bytes) -> None:
    batch = decode(chunk({"content": "a"}) + b"data: " + data + b"\n\n" + chunk({"content": "b"}))
    assert isinstance(batch.error, GatewayError)
    assert batch.error.kind is Kind.BAD_REPLY
    assert batch.events[-1] == Text(0, "a")
    assert batch.raw == chunk({"content": "a"})


def test_a_call_that_nobody_named_is_no_call() -> None:
    assert failure(chunk(call(0, "a", None, "{}")), chunk({}, "tool_calls"), DONE).kind is Kind.BAD_REPLY


def test_comments_are_a_sign_of_life_and_pass_in_the_same_dialect() -> None:
    batch = CHAT.decoder().feed(b": OPENROUTER PROCESSING\n\n")
    assert (batch.events, batch.raw, batch.commits) == ([Ping()], b": OPENROUTER PROCESSING\n\n", False)
