"""What a provider of each dialect would send for a neutral answer: the bytes of a body, or the events of a stream one by one.

Written from the dialects' public grammar and on purpose without a line of the gateway's own encoders, so that the two can
disagree. The official SDKs must read all of it without the gateway (tests/support/test_support.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.support.chat import CHAT_STOPS
from tests.support.neutral import MESSAGES_STOPS, RESPONSES_INCOMPLETE, Answer, Block, Usage

MODEL: Final = "scripted-1"
CREATED: Final = 1_790_000_000
PIECE: Final = 7
"""Characters of text or arguments in one event."""

_CHAT_WORDS: Final = {meaning: word for word, meaning in CHAT_STOPS.items()}
_MESSAGES_WORDS: Final = {meaning: word for word, meaning in MESSAGES_STOPS.items()}
_INCOMPLETE_WORDS: Final = {meaning: word for word, meaning in RESPONSES_INCOMPLETE.items()}


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _pieces(text: str) -> list[str]:
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]


def _arguments(block: Block) -> str:
    return block.arguments if isinstance(block.arguments, str) else json.dumps(block.arguments)


# ---------------------------------------------------------------------------------------------------------------- chat


def _chat_usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _chat_citations(block: Block) -> list[dict[str, Any]]:
    return [
        {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": len(block.text), "url": url, "title": title}}
        for url, title in block.citations
    ]


def chat_body(answer: Answer) -> bytes:
    """A ``chat.completion``."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.said() or None, "refusal": answer.said("refusal") or None}
    if thought := answer.said("reasoning"):
        message["reasoning_content"] = thought
    if cited := [each for block in answer.blocks for each in _chat_citations(block)]:
        message["annotations"] = cited
    if answer.tools:
        message["tool_calls"] = [_chat_call(block) for block in answer.tools]
    completion = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": CREATED,
        "model": MODEL,
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": _CHAT_WORDS.get(answer.stop or "", answer.stop)}
        ],
        "usage": _chat_usage(answer.usage) if answer.usage else None,
    }
    return _dump(completion).encode()


def _chat_call(block: Block) -> dict[str, Any]:
    if block.custom:
        return {"id": block.id, "type": "custom", "custom": {"name": block.name, "input": block.arguments}}
    return {"id": block.id, "type": "function", "function": {"name": block.name, "arguments": _arguments(block)}}


def chat_events(answer: Answer) -> Iterator[bytes]:
    """The chunks, the usage chunk and ``[DONE]``."""

    def chunk(delta: dict[str, Any] | None, finish: str | None = None, usage: Usage | None = None) -> bytes:
        choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
        body: dict[str, Any] = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": CREATED, "model": MODEL}
        body |= {"choices": choices, "usage": _chat_usage(usage) if usage else None}
        return f"data: {_dump(body)}\n\n".encode()

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    fields = {"text": "content", "reasoning": "reasoning_content", "refusal": "refusal"}
    calls = 0
    for block in answer.blocks:
        if block.kind == "tool":
            call = _chat_call(block)
            body, text = ("custom", "input") if block.custom else ("function", "arguments")
            whole, call[body][text] = call[body][text], ""
            yield chunk({"tool_calls": [{"index": calls, **call}]})
            for piece in _pieces(whole):
                yield chunk({"tool_calls": [{"index": calls, body: {text: piece}}]})
            calls += 1
            continue
        for piece in _pieces(block.text):
            yield chunk({fields[block.kind]: piece})
        if block.citations:
            yield chunk({"annotations": _chat_citations(block)})
    yield chunk({}, _CHAT_WORDS.get(answer.stop or "", answer.stop))
    if answer.usage:
        yield chunk(None, usage=answer.usage)
    yield b"data: [DONE]\n\n"


# ----------------------------------------------------------------------------------------------------------- responses


def _responses_item(block: Block, number: int) -> dict[str, Any]:
    if block.kind == "tool":
        if block.custom:
            kind, text = {"id": f"ctc_{number}", "type": "custom_tool_call"}, {"input": block.arguments}
        else:
            kind, text = {"id": f"fc_{number}", "type": "function_call"}, {"arguments": _arguments(block)}
        return {**kind, "status": "completed", "call_id": block.id, "name": block.name, **text}
    if block.kind == "reasoning":
        summary = [{"type": "summary_text", "text": block.text}] if block.text else []
        item: dict[str, Any] = {"id": f"rs_{number}", "type": "reasoning", "summary": summary}
        return item | ({"encrypted_content": block.opaque} if block.opaque else {})
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [_responses_part(block)],
    }


def _responses_part(block: Block) -> dict[str, Any]:
    if block.kind == "refusal":
        return {"type": "refusal", "refusal": block.text}
    cited = [
        {"type": "url_citation", "start_index": 0, "end_index": len(block.text), "url": url, "title": title}
        for url, title in block.citations
    ]
    return {"type": "output_text", "text": block.text, "annotations": cited, "logprobs": []}


def _response(answer: Answer, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    done = status in ("completed", "incomplete")
    usage = answer.usage
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": _INCOMPLETE_WORDS[answer.stop or ""]} if status == "incomplete" else None,
        "instructions": None,
        "metadata": {},
        "model": MODEL,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": usage.input,
            "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
            "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning},
            "total_tokens": usage.total,
        }
        if usage and done
        else None,
    }


def _responses_status(answer: Answer) -> str:
    return "incomplete" if answer.stop in _INCOMPLETE_WORDS else "completed"


def responses_body(answer: Answer) -> bytes:
    """A ``response``."""
    items = [_responses_item(block, number) for number, block in enumerate(answer.blocks)]
    return _dump(_response(answer, _responses_status(answer), items)).encode()


def responses_events(answer: Answer) -> Iterator[bytes]:
    """The whole event grammar, numbered."""
    number = iter(range(1_000_000))

    def event(name: str, **fields: Any) -> bytes:
        return f"event: {name}\ndata: {_dump({'type': name, 'sequence_number': next(number), **fields})}\n\n".encode()

    yield event("response.created", response=_response(answer, "in_progress", []))
    yield event("response.in_progress", response=_response(answer, "in_progress", []))
    items = [_responses_item(block, place) for place, block in enumerate(answer.blocks)]
    for place, (block, item) in enumerate(zip(answer.blocks, items, strict=True)):
        empty: dict[str, dict[str, Any]] = {"tool": {}, "reasoning": {"summary": []}}
        hollow = empty.get(block.kind, {"content": []}) | {"status": "in_progress"}
        if block.kind == "tool":
            hollow["input" if block.custom else "arguments"] = ""
        shown = {key: value for key, value in item.items() if key != "encrypted_content"}
        yield event("response.output_item.added", output_index=place, item=shown | hollow)
        for name, fields in _responses_inside(block):
            yield event(name, item_id=item["id"], output_index=place, **fields)
        yield event("response.output_item.done", output_index=place, item=item)
    status = _responses_status(answer)
    yield event(f"response.{status}", response=_response(answer, status, items))


def _responses_inside(block: Block) -> Iterator[tuple[str, dict[str, Any]]]:
    if block.kind == "tool":
        stem, last = ("custom_tool_call_input", "input") if block.custom else ("function_call_arguments", "arguments")
        for piece in _pieces(_arguments(block)):
            yield f"response.{stem}.delta", {"delta": piece}
        yield f"response.{stem}.done", {last: _arguments(block)}
        return
    if block.kind == "reasoning":
        if block.text:
            yield "response.reasoning_summary_part.added", {"summary_index": 0, "part": {"type": "summary_text", "text": ""}}
            for piece in _pieces(block.text):
                yield "response.reasoning_summary_text.delta", {"summary_index": 0, "delta": piece}
            yield "response.reasoning_summary_text.done", {"summary_index": 0, "text": block.text}
            whole = {"type": "summary_text", "text": block.text}
            yield "response.reasoning_summary_part.done", {"summary_index": 0, "part": whole}
        return
    part = _responses_part(block)
    hollow = {"type": "refusal", "refusal": ""} if block.kind == "refusal" else part | {"text": "", "annotations": []}
    yield "response.content_part.added", {"content_index": 0, "part": hollow}
    stem, last = ("refusal", "refusal") if block.kind == "refusal" else ("output_text", "text")
    more: dict[str, Any] = {} if block.kind == "refusal" else {"logprobs": []}
    for piece in _pieces(block.text):
        yield f"response.{stem}.delta", {"content_index": 0, "delta": piece, **more}
    for place, annotation in enumerate(part.get("annotations", ())):
        fields = {"content_index": 0, "annotation_index": place, "annotation": annotation}
        yield "response.output_text.annotation.added", fields
    yield f"response.{stem}.done", {"content_index": 0, last: block.text, **more}
    yield "response.content_part.done", {"content_index": 0, "part": part}


# ------------------------------------------------------------------------------------------------------------ messages


def _messages_usage(usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    cached, written = usage.cached, usage.cache_write
    whole: dict[str, Any] = {
        "input_tokens": (usage.input or 0) - (cached or 0) - (written or 0),
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": written,
        "output_tokens": usage.output or 0,
    }
    return whole | ({} if usage.reasoning is None else {"output_tokens_details": {"thinking_tokens": usage.reasoning}})


def _messages_block(block: Block) -> dict[str, Any]:
    if block.kind == "tool":
        return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.arguments}
    if block.kind == "reasoning":
        if block.opaque and not block.text:
            return {"type": "redacted_thinking", "data": block.opaque}
        return {"type": "thinking", "thinking": block.text, "signature": block.opaque or ""}
    cited = [_messages_citation(url, title) for url, title in block.citations]
    return {"type": "text", "text": block.text, **({"citations": cited} if cited else {})}


def _messages_citation(url: str | None, title: str | None) -> dict[str, Any]:
    return {"type": "web_search_result_location", "url": url, "title": title, "cited_text": "cited", "encrypted_index": "Eo8B"}


def _messages_stop(answer: Answer) -> dict[str, Any]:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."} if answer.stop == "refusal" else None
    word = _MESSAGES_WORDS.get(answer.stop or "", answer.stop)
    return {"stop_reason": word, "stop_sequence": answer.stop_sequence, "stop_details": details}


def messages_body(answer: Answer) -> bytes:
    """A ``message``."""
    blocks = [_messages_block(block) for block in answer.blocks]
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": blocks}
    return _dump(message | _messages_stop(answer) | {"usage": _messages_usage(answer.usage)}).encode()


def messages_events(answer: Answer) -> Iterator[bytes]:
    """``message_start``, the blocks, a ping, ``message_delta``, ``message_stop``."""

    def event(name: str, **fields: Any) -> bytes:
        return f"event: {name}\ndata: {_dump({'type': name, **fields})}\n\n".encode()

    message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": []}
    message |= {"stop_reason": None, "stop_sequence": None, "usage": _messages_usage(answer.usage) | {"output_tokens": 1}}
    yield event("message_start", message=message)
    yield event("ping")
    for index, block in enumerate(answer.blocks):
        start, deltas = _messages_pieces(block)
        yield event("content_block_start", index=index, content_block=start)
        for delta in deltas:
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    usage = _messages_usage(answer.usage)
    yield event("message_delta", delta=_messages_stop(answer), usage=usage)
    yield event("message_stop")


def _messages_pieces(block: Block) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    whole = _messages_block(block)
    if block.kind == "tool":
        pieces = [] if block.arguments == {} else _pieces(_arguments(block))
        return whole | {"input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    if whole["type"] == "redacted_thinking":
        return whole, []
    if whole["type"] == "thinking":
        deltas: list[dict[str, Any]] = [{"type": "thinking_delta", "thinking": piece} for piece in _pieces(block.text)]
        return whole | {"thinking": "", "signature": ""}, [*deltas, {"type": "signature_delta", "signature": whole["signature"]}]
    texts: list[dict[str, Any]] = [{"type": "text_delta", "text": piece} for piece in _pieces(block.text)]
    cited = [{"type": "citations_delta", "citation": citation} for citation in whole.pop("citations", ())]
    return whole | {"text": ""}, [*texts, *cited]


# -------------------------------------------------------------------------------------------------------------- either

BODIES: Final[dict[str, Callable[[Answer], bytes]]] = {
    "chat": chat_body,
    "responses": responses_body,
    "messages": messages_body,
}
EVENTS: Final[dict[str, Callable[[Answer], Iterator[bytes]]]] = {
    "chat": chat_events,
    "responses": responses_events,
    "messages": messages_events,
}


def error_event(dialect: str, message: str = "the model fell over") -> bytes:
    """What a provider sends when it fails in the middle of a stream (DI-120, DI-77, DI-125)."""
    if dialect == "messages":
        error = {"type": "overloaded_error", "message": message}
        return f"event: error\ndata: {_dump({'type': 'error', 'error': error, 'request_id': 'req_1'})}\n\n".encode()
    if dialect == "responses":
        flat = {"type": "error", "code": "server_error", "message": message, "param": None, "sequence_number": 99}
        return f"event: error\ndata: {_dump(flat)}\n\n".encode()
    return f"data: {_dump({'error': {'message': message, 'type': 'server_error', 'param': None, 'code': None}})}\n\n".encode()


def garbage(dialect: str) -> bytes:
    """A well framed event whose data is no JSON."""
    name = {"messages": "event: content_block_delta\n", "responses": "event: response.output_text.delta\n", "chat": ""}[dialect]
    return f"{name}data: {{'this is': not JSON\n\n".encode()


def error_body(dialect: str, kind: str, message: str, code: str | None = None) -> dict[str, Any]:
    """The body of an HTTP error in a provider's own shape (DI-112, DI-113)."""
    if dialect == "messages":
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
