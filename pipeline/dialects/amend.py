"""A client's body with something added, in its own dialect: a system text in front, or the beginning of the answer behind.

What was given is never changed, and what is not touched stays as it came (DI-141).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pipeline.errors import GatewayError, Kind

Body = dict[str, Any]


def with_system(dialect: str, body: Body, text: str) -> Body:
    """The body with ``text`` before the client's own system text. Raises GatewayError (400) where that is malformed."""
    return _SYSTEM[dialect](body, text)


def with_answer(dialect: str, body: Body, text: str) -> Body:
    """The body with ``text`` as the beginning of the assistant's turn, which the provider shall go on with (DI-92)."""
    return _ANSWER[dialect](body, text)


def _chat_system(body: Body, text: str) -> Body:
    return {**body, "messages": [{"role": "system", "content": text}, *body["messages"]]}


def _known(field: str, value: Any, *kinds: type) -> Any:
    """What a client gave, where its dialect knows it: nobody else looks at it before it would be written anew."""
    if value is not None and type(value) not in kinds:
        raise GatewayError(Kind.BAD_REQUEST, f"`{field}` must be a text{' or a list' if list in kinds else ''}.", param=field)
    return value


def _responses_system(body: Body, text: str) -> Body:
    given = _known("instructions", body.get("instructions"), str)
    return {**body, "instructions": f"{text}\n\n{given}" if given else text}


def _messages_system(body: Body, text: str) -> Body:
    given = _known("system", body.get("system"), str, list)
    if not given:
        return {**body, "system": text}
    blocks = [{"type": "text", "text": given}] if isinstance(given, str) else given
    return {**body, "system": [{"type": "text", "text": text}, *blocks]}


def _turn(body: Body, text: str) -> Body:
    *before, last = body["messages"]
    content = last.get("content")
    if last["role"] != "assistant" or not content:
        return {**body, "messages": [*before, last, {"role": "assistant", "content": text}]}
    # The client itself began the answer. Of two turns only the last one would be continued.
    whole = content + text if isinstance(content, str) else [*content, {"type": "text", "text": text}]
    return {**body, "messages": [*before, {**last, "content": whole}]}


def _item(body: Body, text: str) -> Body:
    given = body.get("input", [])
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {**body, "input": [*items, {"type": "message", "role": "assistant", "content": content}]}


_SYSTEM: Final[Mapping[str, Callable[[Body, str], Body]]] = {
    "chat": _chat_system,
    "responses": _responses_system,
    "messages": _messages_system,
}
_ANSWER: Final[Mapping[str, Callable[[Body, str], Body]]] = {"chat": _turn, "responses": _item, "messages": _turn}
