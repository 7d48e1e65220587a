"""Requests of real clients as Messages bodies: Codex, Chat clients with tools, and everything that was recorded."""

from __future__ import annotations

import pytest

from pipeline.dialects import DIALECTS
from pipeline.dialects.messages import MESSAGES
from pipeline.errors import GatewayError
from pipeline.request import (
    Losses,
    Target,
)
from tests.corpus.recordings import CORPUS, recordings
from tests.dialects.messages_build_kit import (
    BUDGET,
    GRAMMAR,
    SYSTEM_TURNS,
    TARGET,
    build,
)
from tests.support.typed import faults

# ---------------------------------------------------------------------------------------------------------- real clients


def test_a_turn_of_codex_DI_261() -> None:
    """clients.md section 5, in small: what it offers and keeps beyond the common ground never fails the request."""
    asked = DIALECTS["responses"].parse(
        {
            "model": "m",
            "instructions": "You are Codex",
            "stream": True,
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "medium", "summary": "auto"},
            "prompt_cache_key": "k",
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "client_metadata": {"a": "b"},
            "text": {"verbosity": "low"},
            "tools": [
                {"type": "function", "name": "exec_command", "parameters": {"type": "object", "properties": {}}, "strict": False},
                {"type": "custom", "name": "apply_patch", "format": GRAMMAR},
                {"type": "namespace", "name": "agents", "tools": []},
                {"type": "tool_search"},
                {"type": "web_search"},
            ],
            "input": [
                {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "rules"}]},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "fix it"}]},
                {"type": "reasoning", "summary": [], "content": None, "encrypted_content": "sealed:s"},
                {"type": "function_call", "call_id": "call_1", "name": "exec_command", "arguments": '{"cmd":"ls"}'},
                {"type": "custom_tool_call", "call_id": "call_2", "name": "apply_patch", "input": "*** x"},
                {"type": "function_call_output", "call_id": "call_1", "output": "a.py"},
                {"type": "custom_tool_call_output", "call_id": "call_2", "output": "ok"},
            ],
        }
    )  # fmt: skip
    body, dropped = build(asked)
    assert body["system"] == "You are Codex\n\nrules"
    assert body["stream"] is True
    assert [[block["type"] for block in each["content"]] for each in body["messages"][1:]] == [
        ["thinking", "tool_use", "tool_use"],
        ["tool_result", "tool_result"],
    ]
    assert body["messages"][1]["content"][2]["input"] == {"input": "*** x"}
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert [tool["name"] for tool in body["tools"]] == ["exec_command", "apply_patch"]
    assert set(dropped) == {
        "client_metadata",
        "developer",
        "prompt_cache_key",
        "tools.format",
        "tools.namespace",
        "tools.tool_search",
        "tools.web_search",
        "verbosity",
    }


def test_a_turn_of_a_chat_client_with_tools() -> None:
    asked = DIALECTS["chat"].parse(
        {
            "model": "m",
            "max_completion_tokens": 100,
            "stop": "END",
            "user": "u",
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
            },
            "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "a", "type": "function", "function": {"name": "look", "arguments": ""}},
                        {"id": "b", "type": "function", "function": {"name": "look", "arguments": "{}"}},
                    ],
                },
                {"role": "tool", "tool_call_id": "b", "content": "2"},
                {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "1"}]},
            ],
        }
    )
    body, dropped = build(asked)
    assert dropped == []
    assert body == {
        "model": "claude-9",
        "max_tokens": 100,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u"},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        "system": "s",
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "a", "name": "look", "input": {}},
                    {"type": "tool_use", "id": "b", "name": "look", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                    {"type": "tool_result", "tool_use_id": "b", "content": "2"},
                ],
            },
        ],
    }


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the recorded traffic is not beside this checkout")
@pytest.mark.parametrize("target", [TARGET, BUDGET, SYSTEM_TURNS], ids=["adaptive", "budget", "system turns"])
@pytest.mark.parametrize("dialect", ["chat", "responses"])
def test_every_recorded_request_is_built_well_typed_or_refused_by_name(dialect: str, target: Target) -> None:
    built: list[str] = []
    refusals: list[GatewayError] = []
    for each in recordings(dialects=(dialect,)):
        if each.request is None:
            continue
        try:
            asked = DIALECTS[dialect].parse({"model": "in-the-path", **each.request})
        except GatewayError:
            continue  # the other dialect's own tests judge these
        try:
            body = MESSAGES.build(asked, target, Losses())
        except GatewayError as error:
            refusals.append(error)
        else:
            assert faults("messages", body) == [], each.name
            built.append(each.name)
    assert all(error.status == 400 and error.param for error in refusals)
    assert len(built) > 10 * len(refusals) > 0
