"""Names of losses become headers and labels of metrics, so a client must not be able to invent one (DI-142, TR-O8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from pipeline.dialects import DIALECTS
from pipeline.request import Losses, Target

PAIRS: Final = [(client, provider) for client in DIALECTS for provider in DIALECTS if client != provider]


def chat(word: str) -> dict[str, Any]:
    function = {"type": "function", "function": {"name": "look", "parameters": {}, word: 1}, word: 1}
    return {"messages": [{"role": "user", "content": "Hi", word: 1}], "tools": [function, {"type": word}], word: 1}


def responses(word: str) -> dict[str, Any]:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi", word: 1}], word: 1}
    tools = [{"type": "function", "name": "look", "parameters": {}, word: 1}, {"type": word}]
    return {"input": [item], "tools": tools, "include": [word], "reasoning": {word: 1}, "text": {word: 1}, word: 1}


def messages(word: str) -> dict[str, Any]:
    turn = {"role": "user", "content": [{"type": "text", "text": "Hi", word: 1}], word: 1}
    tools = [{"name": "look", "input_schema": {}, word: 1}, {"type": word, "name": "it"}]
    return {"max_tokens": 9, "messages": [turn], "tools": tools, "metadata": {word: 1}, word: 1}


BODIES: Final[dict[str, Callable[[str], dict[str, Any]]]] = {"chat": chat, "responses": responses, "messages": messages}


def dropped(client: str, provider: str, word: str) -> list[str]:
    losses = Losses()
    request = DIALECTS[client].parse({"model": "m", **BODIES[client](word)})
    DIALECTS[provider].build(request, Target(provider, "m"), losses)
    return losses.dropped


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_no_word_of_a_client_is_the_name_of_a_loss(client: str, provider: str) -> None:
    names = dropped(client, provider, "xyzzy")
    assert names == dropped(client, provider, "plugh\r\n")
    assert "unknown_fields" in names
    assert "tools.other" in names
