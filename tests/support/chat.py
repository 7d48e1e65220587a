"""Chat's side of the neutral form: a completion as it is, and a stream folded in the order of arrival.

The SDK's own accumulator forgets in which order text and calls came; a program that reads the chunks knows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from tests.support.neutral import Answer, Block, Usage, arguments_of, get, url_citations

# DI-27
CHAT_STOPS: Final = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "function_call",
}


def chat_usage(usage: Any) -> Usage | None:
    """Nothing is computed."""
    if usage is None:
        return None
    return Usage(
        input=get(usage, "prompt_tokens"),
        output=get(usage, "completion_tokens"),
        total=get(usage, "total_tokens"),
        cached=get(usage, "prompt_tokens_details", "cached_tokens"),
        cache_write=get(usage, "prompt_tokens_details", "cache_write_tokens"),
        reasoning=get(usage, "completion_tokens_details", "reasoning_tokens"),
    )


def chat_stop(word: str | None) -> str | None:
    """No word is no reason; a word that the dialect does not have is ``other`` (DI-178)."""
    return CHAT_STOPS.get(word, "other") if word else None


def from_chat(completion: Any) -> Answer:
    """A ``ChatCompletion``: its message says everything at once."""
    fold = ChatFold()
    choice = completion.choices[0] if completion.choices else None
    fold.read(get(choice, "message"))
    fold.end()
    fold.answer.stop = chat_stop(get(choice, "finish_reason"))
    fold.answer.usage = chat_usage(completion.usage)
    fold.answer.model = completion.model
    return fold.answer


class ChatFold:
    """Choice 0 of a stream, chunk by chunk. ``answer`` is what came so far."""

    def __init__(self) -> None:
        self.answer = Answer([], None, None)
        self._calls: dict[Any, tuple[Block, list[str]]] = {}
        self._proofs: list[str] = []

    def feed(self, chunk: Any) -> None:
        answer = self.answer
        answer.model = answer.model or chunk.model
        if chunk.usage is not None:
            answer.usage = chat_usage(chunk.usage)
        for choice in chunk.choices or ():
            if not get(choice, "index"):
                self.read(get(choice, "delta"))
                answer.stop = answer.stop or chat_stop(get(choice, "finish_reason"))
                if answer.stop:
                    self.end()

    def read(self, delta: Any) -> None:
        """A delta, or a whole message: reasoning, text, sources, refusal, calls."""
        for block in (*_reasoning(delta), *_content(get(delta, "content"))):
            self._append(block)
        if cited := url_citations(get(delta, "annotations")):
            self._append(Block("text", citations=cited))
        if get(delta, "refusal"):
            self._append(Block("refusal", delta.refusal))
        for call in get(delta, "tool_calls") or ():
            self._call(call)
        if name := get(delta, "function_call", "name"):
            self._piece("old", None, name, get(delta, "function_call", "arguments"), custom=False)
        elif get(delta, "function_call", "arguments"):
            self._piece("old", None, None, delta.function_call.arguments, custom=False)

    def _append(self, block: Block) -> None:
        last = self.answer.blocks[-1] if self.answer.blocks else None
        if block.kind == "reasoning" and not block.text:
            self._proof(block.opaque, last)
        elif not (block.text or block.citations or block.kind == "foreign"):
            return
        elif last is not None and last.kind == block.kind != "foreign" and not (last.opaque and block.text):
            last.text += block.text
            last.citations += block.citations
            last.opaque = last.opaque or block.opaque
        else:
            self.end()
            self.answer.blocks.append(block)

    def _proof(self, opaque: str | None, last: Block | None) -> None:
        """A proof belongs to the reasoning before it; behind a text that may go on it does not cut that text."""
        if opaque is None:
            return
        if last is not None and last.kind == "reasoning" and last.opaque is None:
            last.opaque = opaque
        elif last is not None and last.kind == "text":
            self._proofs.append(opaque)
        else:
            self.answer.blocks.append(Block("reasoning", opaque=opaque))

    def end(self) -> None:
        """A running text is over: the proofs that came in it are blocks behind it."""
        self.answer.blocks += [Block("reasoning", opaque=opaque) for opaque in self._proofs]
        self._proofs.clear()

    def _call(self, call: Any) -> None:
        index, ident, custom = get(call, "index"), get(call, "id"), get(call, "custom")
        if get(call, "function") is not None:
            custom = None
        body, text = (custom, "input") if custom is not None else (get(call, "function"), "arguments")
        self._piece(index if index is not None else ident, ident, get(body, "name"), get(body, text), custom=custom is not None)

    def _piece(self, key: Any, ident: str | None, name: str | None, piece: Any, *, custom: bool) -> None:
        known = self._calls.get(key)
        # Some providers give all calls one index; another id is another call.
        if known is None or (ident and known[0].id and ident != known[0].id):
            self.end()
            known = (Block("tool", id=ident, name=name, custom=custom), [])
            self._calls[key] = known
            self.answer.blocks.append(known[0])
        block, pieces = known
        block.id, block.name = block.id or ident, block.name or name
        pieces.append(piece if isinstance(piece, str) else json.dumps(piece) if piece else "")
        block.arguments = "".join(pieces) if block.custom else arguments_of("".join(pieces))


def _reasoning(delta: Any) -> Iterator[Block]:
    """Reasoning in the fields that other providers add: a text, or details with a text, a signature, encrypted data."""
    text = get(delta, "reasoning_content") or get(delta, "reasoning")
    details = get(delta, "reasoning_details") or ()
    if not isinstance(text, str):
        text = "".join(get(detail, "text") or get(detail, "summary") or "" for detail in details)
    if text:
        yield Block("reasoning", text)
    for detail in details:
        if proof := get(detail, "signature") or get(detail, "data"):
            yield Block("reasoning", opaque=proof)


def _content(content: Any) -> Iterator[Block]:
    """A string, or the list of parts that some providers send (thinking beside text)."""
    if isinstance(content, str):
        yield Block("text", content)
        return
    if isinstance(content, dict):
        # Structured output that a provider sends as the object itself.
        yield Block("text", json.dumps(content, ensure_ascii=False, separators=(",", ":")))
        return
    for part in content or ():
        if get(part, "type") == "thinking":
            yield Block("reasoning", "".join(str(get(piece, "text") or "") for piece in get(part, "thinking") or ()))
        elif get(part, "type") == "text":
            yield Block("text", get(part, "text") or "")
        else:
            yield Block("foreign", name=get(part, "type"))
