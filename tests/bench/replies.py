"""Reads the benchmark's answers back, as a client of each dialect would, so that a fast wrong answer cannot win."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from tests.bench.wires import BODY_WORDS, text_pieces, words


class WrongAnswer(Exception):
    """A target answered with something else than what the provider said."""


@dataclass
class Reply:
    """What a client of one dialect understands of an answer."""

    text: list[str] = field(default_factory=list)
    finish: str | None = None
    output_tokens: int | None = None
    ended: bool = False

    def check(self, pieces: int) -> None:
        """Raises WrongAnswer unless this is the whole answer of ``pieces`` pieces of text, with its end and its usage."""
        text = "".join(self.text)
        if text != "".join(words(pieces)):
            raise WrongAnswer(f"{len(text)} characters of text are not those of {pieces} pieces: ...{text[-40:]!r}")
        if self.finish not in ("stop", "end_turn", "completed"):
            raise WrongAnswer(f"the reason to stop is {self.finish!r}")
        if not self.ended:
            raise WrongAnswer("the stream has no end")
        if self.output_tokens != pieces:
            raise WrongAnswer(f"{self.output_tokens} output tokens are not {pieces}")


def _read_chat(reply: Reply, event: dict[str, Any]) -> None:
    for choice in event["choices"]:
        said = choice.get("delta") or choice.get("message") or {}
        if said.get("content"):
            reply.text.append(said["content"])
        reply.finish = choice.get("finish_reason") or reply.finish
    if event.get("usage"):
        reply.output_tokens = event["usage"]["completion_tokens"]


def _read_responses(reply: Reply, event: dict[str, Any]) -> None:
    kind = event.get("type")
    if kind == "response.output_text.delta":
        reply.text.append(event["delta"])
    elif kind == "response.completed":
        response = event["response"]
        reply.finish, reply.output_tokens, reply.ended = response["status"], response["usage"]["output_tokens"], True
    elif kind is None:
        reply.text += [part["text"] for item in event["output"] for part in item["content"]]
        reply.finish, reply.output_tokens = event["status"], event["usage"]["output_tokens"]


def _read_messages(reply: Reply, event: dict[str, Any]) -> None:
    kind = event["type"]
    if kind == "content_block_delta":
        reply.text.append(event["delta"]["text"])
    elif kind == "message_delta":
        reply.finish, reply.output_tokens = event["delta"]["stop_reason"], event["usage"]["output_tokens"]
    elif kind == "message_stop":
        reply.ended = True
    elif kind == "message":
        reply.text += [block["text"] for block in event["content"]]
        reply.finish, reply.output_tokens = event["stop_reason"], event["usage"]["output_tokens"]


_READERS: Final = {"chat": _read_chat, "responses": _read_responses, "messages": _read_messages}


def _objects(reply: Reply, data: bytes) -> Iterable[dict[str, Any]]:
    for line in data.split(b"\n"):
        if line == b"data: [DONE]":
            reply.ended = True
        elif line.startswith(b"data: "):
            yield orjson.loads(line[6:])


def check_stream(client: str, provider: str, number: int, data: bytes) -> None:
    """Raises WrongAnswer unless ``data`` says, in the client's dialect, all of the provider's stream of ``number`` events."""
    reply, read = Reply(), _READERS[client]
    try:
        for event in _objects(reply, data):
            read(reply, event)
    except (ValueError, LookupError, TypeError) as error:
        raise WrongAnswer(f"no {client} stream: {error!r} in ...{data[-300:]!r}") from error
    reply.check(text_pieces(provider, number))


def check_body(client: str, data: bytes) -> None:
    """Raises WrongAnswer unless ``data`` is the benchmark's whole answer in the client's dialect."""
    reply = Reply(ended=True)
    try:
        _READERS[client](reply, orjson.loads(data))
    except (ValueError, LookupError, TypeError) as error:
        raise WrongAnswer(f"no {client} body: {error!r} in {data[:300]!r}") from error
    reply.check(BODY_WORDS)
