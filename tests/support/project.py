"""What remains of a provider's answer in another dialect: the few rules of loss that the public contract allows, each by its id.

``project`` turns what the provider's SDK accumulated into what the client's SDK must accumulate; ``differences`` compares.
Everything that no rule names must be equal. A rule looks only at the answer and the two dialects, never at what came out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final

from tests.support.neutral import Answer, Block, Usage

SEALED: Final = "(sealed)"
"""Stands for the envelope around another provider's opaque value (DI-161)."""

# DI-173 to DI-178: reasons that the client's dialect has no word for.
STOPS: Final[dict[str, dict[str, str]]] = {
    "chat": {
        "stop_sequence": "stop",
        "refusal": "content_filter",
        "context_window": "length",
        "pause": "stop",
        "function_call": "tool_calls",
        "other": "stop",
    },
    "responses": {
        "stop_sequence": "stop",
        "refusal": "content_filter",
        "context_window": "length",
        "pause": "stop",
        "function_call": "tool_calls",
        "other": "stop",
    },
    "messages": {"content_filter": "refusal", "function_call": "tool_calls", "other": "stop"},
}


def _foreign(answer: Answer, client: str, stream: bool) -> None:
    """DI-158: what only the provider's dialect can say is dropped. DI-240: so is a block in which nothing was said."""
    answer.blocks = [
        block
        for block in answer.blocks
        if block.kind in ("tool", "reasoning") or (block.kind in ("text", "refusal") and (block.text or block.citations))
    ]


def _reasoning(answer: Answer, client: str, stream: bool) -> None:
    """DI-160, DI-161: proofs travel sealed. What has neither text nor proof was not said.

    Messages clients get a seal around every thought, also one that came without a proof: its text is shown before its end
    tells whether there is one. A Chat client's SDK has no field for a proof.
    """
    kept = []
    for block in answer.blocks:
        if block.kind == "reasoning":
            if not (block.text or (block.opaque and client != "chat")):
                continue
            proof = block.opaque if client == "responses" else block.text or block.opaque
            block.opaque = SEALED if proof and client != "chat" else None
        kept.append(block)
    answer.blocks = kept


def _citations(answer: Answer, client: str, stream: bool) -> None:
    """DI-159: the OpenAI dialects require a title, which is empty where nobody told one.

    A source in Messages needs the service's own encrypted index, which nobody else can make: it is dropped and counted.
    """
    for block in answer.blocks:
        block.citations = [] if client == "messages" else [(url, title or "") for url, title in block.citations]


def _custom_tools(answer: Answer, client: str, stream: bool) -> None:
    """DI-166: Messages has no free-text tools; the text becomes the field ``input``."""
    if client == "messages":
        for block in answer.tools:
            if block.custom:
                block.custom, block.arguments = False, {"input": block.arguments}


def _stop(answer: Answer, client: str, stream: bool) -> None:
    """DI-170 to DI-179. A whole body without a word for its end is complete all the same (DI-178)."""
    refused = any(block.kind == "refusal" for block in answer.blocks)
    stop = answer.stop or "other"
    if stop == "stop" and refused and client == "messages":
        stop = "refusal"
    stop = STOPS[client].get(stop, stop)
    if stop == "stop" and answer.tools:
        stop = "tool_calls"
    answer.stop = stop
    answer.stop_sequence = answer.stop_sequence if client == "messages" else None


def _refusal(answer: Answer, client: str, stream: bool) -> None:
    """DI-156, DI-174: Messages has no refusal part; what the model said then is text."""
    if client == "messages":
        for block in answer.blocks:
            if block.kind == "refusal":
                block.kind = "text"


def _chat_order(answer: Answer, client: str, stream: bool) -> None:
    """DI-245: a Chat stream knows no borders between runs of text, a Chat message no order at all."""
    if client != "chat":
        return
    if not stream:
        order = ("reasoning", "text", "refusal", "tool")
        answer.blocks.sort(key=lambda block: order.index(block.kind))
    merged: list[Block] = []
    for block in answer.blocks:
        if merged and merged[-1].kind == block.kind != "tool":
            merged[-1].text += block.text
            merged[-1].citations += block.citations
        else:
            merged.append(block)
    answer.blocks = merged


def _usage(answer: Answer, client: str, stream: bool) -> None:
    """What each dialect's usage cannot leave open."""
    usage = answer.usage
    if client == "messages":
        # TR-U1: there is no other form for what nobody told.
        usage = answer.usage = usage or Usage(0, 0)
        # DI-182: what was read without the cache cannot be less than nothing.
        usage.input = max(usage.input or 0, (usage.cached or 0) + (usage.cache_write or 0))
        # DI-100: a total is not told.
        usage.total = usage.input + (usage.output or 0)
    elif usage is not None:
        if usage.total is None and usage.input is not None and usage.output is not None:
            usage.total = usage.input + usage.output
        if client == "responses":
            # DI-183
            usage.cached, usage.cache_write, usage.reasoning = usage.cached or 0, usage.cache_write or 0, usage.reasoning or 0


RULES: Final[tuple[Callable[[Answer, str, bool], None], ...]] = (
    _foreign,
    _reasoning,
    _citations,
    _custom_tools,
    _stop,
    _refusal,
    _chat_order,
    _usage,
)


def project(answer: Answer, provider: str, client: str, *, stream: bool) -> Answer:
    """What a client of one dialect must hold of this answer of another; of its own dialect: the answer itself."""
    if provider == client:
        return answer
    projected = copy.deepcopy(answer)
    for rule in RULES:
        rule(projected, client, stream)
    return projected


def unspeakable(answer: Answer, client: str) -> str | None:
    """Why this answer cannot be said in the client's dialect at all and must end in an error; None when it can."""
    if client == "messages" and any(not block.custom and not isinstance(block.arguments, dict) for block in answer.tools):
        return "DI-165: arguments that are no JSON object"
    return None


def differences(expected: Answer, got: Answer, *, sealed: bool = False) -> list[str]:
    """What is not equal, a line each. ``sealed``: any opaque value counts as the envelope of another."""
    found: list[str] = []

    def differ(what: str, one: Any, other: Any) -> None:
        if one != other:
            found.append(f"{what}: expected {_short(one)}, got {_short(other)}")

    differ("kinds of blocks", [block.kind for block in expected.blocks], [block.kind for block in got.blocks])
    if not found:
        for number, (one, other) in enumerate(zip(expected.blocks, got.blocks, strict=True)):
            for name in ("text", "name", "arguments", "custom", "citations"):
                differ(f"block {number} ({one.kind}) {name}", getattr(one, name), getattr(other, name))
            opaque = SEALED if sealed and other.opaque else other.opaque
            differ(f"block {number} ({one.kind}) opaque", one.opaque, opaque)
            # A call without an id (the old function_call) has to get one.
            differ(f"block {number} ({one.kind}) id", one.id, other.id if one.id else one.id)
    # An answer that names no model gets the name that was asked for.
    differ("model", expected.model, got.model if expected.model else expected.model)
    for name in ("stop", "stop_sequence", "usage"):
        differ(name, getattr(expected, name), getattr(got, name))
    return found


def _short(value: Any, limit: int = 160) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-limit // 2 :]}"
