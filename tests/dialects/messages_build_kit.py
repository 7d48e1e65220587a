"""What the tests of building Messages bodies share: targets, small turns, and a build that the official SDK's types judge."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.dialects.messages import MESSAGES
from pipeline.errors import GatewayError
from pipeline.request import (
    Losses,
    Message,
    Part,
    Request,
    Target,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from tests.support.typed import faults

OPENED = {"sealed:s": ("signature", "sig"), "sealed:r": ("redacted", "red"), "sealed:e": ("encrypted", "enc")}
TARGET = Target("messages", "claude-9", unseal=OPENED.get)
BUDGET = Target("messages", "claude-4", thinking="budget")
SAMPLING = Target("messages", "claude-3", sampling=True)
SYSTEM_TURNS = Target("messages", "claude-9", system_turns=True)

CALL = ToolCallPart("c1", "look", '{"a":1}')
RESULT = ToolResultPart("c1", [TextPart("seen")])
GRAMMAR = {"type": "grammar", "definition": "start: x", "syntax": "lark"}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
LOOK = Tool("look", parameters={"type": "object", "properties": {}})


def said(text: str) -> Message:
    return Message("user", [TextPart(text)], where="messages[0]")


def turn(*parts: Part, role: Any = "user", where: str = "messages[1]") -> Message:
    return Message(role, list(parts), where=where)


def assistant(*parts: Part, where: str = "messages[1]") -> Message:
    return turn(*parts, role="assistant", where=where)


def request(*messages: Message, dialect: str = "chat", **fields: Any) -> Request:
    return Request(dialect, "m", fields.pop("stream", False), {}, list(messages) or [said("hello")], **fields)


def build(asked: Request, target: Target = TARGET) -> tuple[dict[str, Any], list[str]]:
    losses = Losses()
    body = MESSAGES.build(asked, target, losses)
    own = {"temperature", "top_p", "top_k"} if target.sampling else set()
    assert faults("messages", {name: value for name, value in body.items() if name not in own}) == []
    return body, losses.dropped


def turns(*messages: Message, target: Target = TARGET) -> list[dict[str, Any]]:
    built: list[dict[str, Any]] = build(request(*messages), target)[0]["messages"]
    return built


def refused(asked: Request, target: Target = TARGET) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        MESSAGES.build(asked, target, Losses())
    assert caught.value.status == 400
    return caught.value
