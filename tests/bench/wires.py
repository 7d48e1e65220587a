"""The answers of the benchmark: for each dialect a stream of exactly N wire events and a whole body, as real services write them.

All of it is built before anything is measured. What reads it back is in ``replies``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import orjson

DIALECTS: Final = ("chat", "responses", "messages")
PATHS: Final = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}

INPUT_TOKENS: Final = 312
CREATED: Final = 1_790_000_000
BODY_WORDS: Final = 150

_TEXT: Final = (
    "the stream of tokens that a model writes is rather short in each of its events, and so every single event has to be cheap;"
    ' a gateway that spends time on it, spends it a thousand times. Grüße — naïve café, 東京 🙂 and "quoted" words,\n numbers'
    " 3.14159 and 42 too."
)
_WORDS: Final = tuple(_TEXT.split(" "))

_CHAT_ID: Final = "chatcmpl-CjT0nTqS4Zq7mV1fV8rUoXwPbE2dK"
_RESPONSE_ID: Final = "resp_0ca3f598125653cf01693c1f2686188195adf328026135e433"
_ITEM_ID: Final = "msg_0ca3f598125653cf01693c1f2808c48195b40a751e71a7167d"
_MESSAGE_ID: Final = "msg_01XhLzRk8f3M6BqvT2nWcYpD"
_MODEL: Final = "bench-1-2026-09-14"


def words(number: int) -> list[str]:
    """The pieces of text that a model of this benchmark says: always the same ones."""
    return [" " + _WORDS[place % len(_WORDS)] for place in range(number)]


def _json(value: Any) -> bytes:
    dumped: bytes = orjson.dumps(value)
    return dumped


# -------------------------------------------------------------------------------------------------------------- requests

_TURNS: Final = (
    (
        "user",
        "How does a gateway keep the order of text, reasoning and tool calls when two dialects number their blocks differently?",
    ),
    ("assistant", "It keeps one order of its own, and each dialect's numbers are translated at that dialect's border. " * 3),
    (
        "user",
        "And what happens when a provider stops in the middle of a block? Answer in detail, with an example for each dialect.",
    ),
)
_SYSTEM: Final = (
    "You are a careful assistant. Be exact, give sources where you can, and say so when you do not know something. " * 2
)


def request_body(dialect: str, model: str, *, stream: bool) -> bytes:
    """A short conversation, about 1 kB, as this dialect's SDK would send it."""
    turns: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in _TURNS]
    body: dict[str, Any] = {"model": model, "stream": stream}
    if dialect == "responses":
        body |= {"instructions": _SYSTEM, "input": turns, "max_output_tokens": 4096, "store": False}
    elif dialect == "messages":
        body |= {"system": _SYSTEM, "messages": turns, "max_tokens": 4096}
    else:
        body |= {"messages": [{"role": "system", "content": _SYSTEM}, *turns], "max_completion_tokens": 4096}
        if stream:
            body["stream_options"] = {"include_usage": True}
    return _json(body)


# ------------------------------------------------------------------------------------------------------------------ chat


def _data(value: Any) -> bytes:
    return b"data: " + _json(value) + b"\n\n"


def _named(value: dict[str, Any]) -> bytes:
    name: str = value["type"]
    return b"event: " + name.encode() + b"\n" + _data(value)


def _chat_usage(output: int) -> dict[str, Any]:
    return {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": output,
        "total_tokens": INPUT_TOKENS + output,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _chat_events(pieces: list[str]) -> Iterator[bytes]:
    head = {"id": _CHAT_ID, "object": "chat.completion.chunk", "created": CREATED, "model": _MODEL}
    head |= {"service_tier": "default", "system_fingerprint": "fp_4c2851f862"}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _data({**head, "choices": [choice], "usage": None})

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for piece in pieces:
        yield chunk({"content": piece})
    yield chunk({}, "stop")
    yield _data({**head, "choices": [], "usage": _chat_usage(len(pieces))})
    yield b"data: [DONE]\n\n"


def _chat_body(text: str, output: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    head = {"id": _CHAT_ID, "object": "chat.completion", "created": CREATED, "model": _MODEL, "choices": [choice]}
    return head | {"usage": _chat_usage(output), "service_tier": "default", "system_fingerprint": "fp_4c2851f862"}


# ------------------------------------------------------------------------------------------------------------- responses


def _response(status: str, output: list[dict[str, Any]], tokens: int | None) -> dict[str, Any]:
    usage = tokens and {
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": INPUT_TOKENS + tokens,
    }
    return {
        "id": _RESPONSE_ID,
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": _SYSTEM,
        "max_output_tokens": 4096,
        "model": _MODEL,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "metadata": {},
    }


def _output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _item(status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": _ITEM_ID, "type": "message", "status": status, "content": content, "role": "assistant"}


def _responses_events(pieces: list[str]) -> Iterator[bytes]:
    number = count()
    text = "".join(pieces)
    place = {"item_id": _ITEM_ID, "output_index": 0, "content_index": 0}

    def event(name: str, **fields: Any) -> bytes:
        return _named({"type": f"response.{name}", "sequence_number": next(number), **fields})

    yield event("created", response=_response("in_progress", [], None))
    yield event("in_progress", response=_response("in_progress", [], None))
    yield event("output_item.added", output_index=0, item=_item("in_progress", []))
    yield event("content_part.added", **place, part=_output_text(""))
    for piece in pieces:
        yield event("output_text.delta", **place, delta=piece, logprobs=[], obfuscation="kq0Zp5vD"[: 8 - len(piece) % 8])
    yield event("output_text.done", **place, text=text, logprobs=[])
    yield event("content_part.done", **place, part=_output_text(text))
    done = _item("completed", [_output_text(text)])
    yield event("output_item.done", output_index=0, item=done)
    yield event("completed", response=_response("completed", [done], len(pieces)))


# -------------------------------------------------------------------------------------------------------------- messages


def _message(content: list[dict[str, Any]], stop: str | None, output: int) -> dict[str, Any]:
    usage = {"input_tokens": INPUT_TOKENS, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    head = {"id": _MESSAGE_ID, "type": "message", "role": "assistant", "model": _MODEL, "content": content}
    return head | {
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage | {"output_tokens": output, "service_tier": "standard"},
    }


def _messages_events(pieces: list[str]) -> Iterator[bytes]:
    yield _named({"type": "message_start", "message": _message([], None, 1)})
    yield _named({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    yield _named({"type": "ping"})
    for piece in pieces:
        yield _named({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}})
    yield _named({"type": "content_block_stop", "index": 0})
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield _named({"type": "message_delta", "delta": end, "usage": {"output_tokens": len(pieces)}})
    yield _named({"type": "message_stop"})


# ---------------------------------------------------------------------------------------------------------------- either


@dataclass(frozen=True)
class _Grammar:
    events: Callable[[list[str]], Iterator[bytes]]
    body: Callable[[str, int], dict[str, Any]]
    setup: int
    """How many events come before the first piece of text."""
    frame: int
    """How many events a stream has beside its pieces of text."""


_GRAMMARS: Final = {
    "chat": _Grammar(_chat_events, _chat_body, 1, 4),
    "responses": _Grammar(
        _responses_events,
        lambda text, output: _response("completed", [_item("completed", [_output_text(text)])], output),
        4,
        8,
    ),
    "messages": _Grammar(
        _messages_events, lambda text, output: _message([{"type": "text", "text": text}], "end_turn", output), 3, 6
    ),
}


def stream_events(dialect: str, number: int) -> list[bytes]:
    """A whole stream of exactly ``number`` wire events, ``[DONE]`` included; each with its blank line."""
    return list(_GRAMMARS[dialect].events(words(text_pieces(dialect, number))))


def text_pieces(dialect: str, number: int) -> int:
    """How many pieces of text a stream of ``number`` wire events says."""
    return number - _GRAMMARS[dialect].frame


def setup_events(dialect: str) -> int:
    """How many events of a stream come before its first piece of text."""
    return _GRAMMARS[dialect].setup


def whole_body(dialect: str) -> bytes:
    """An answer in one JSON body."""
    pieces = words(BODY_WORDS)
    return _json(_GRAMMARS[dialect].body("".join(pieces), len(pieces)))
