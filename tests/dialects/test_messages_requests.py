"""Clients' Messages bodies in neutral form, and the place and words of what is wrong with one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from operators.clock import Clock
from pipeline.dialects.messages import MESSAGES
from pipeline.errors import GatewayError
from pipeline.parse import parse as parse_station
from pipeline.request import (
    Extra,
    FilePart,
    ForeignPart,
    ForeignTool,
    Format,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    Request,
    TextPart,
    Thinking,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from tests.corpus.recordings import CORPUS, recordings

USER: dict[str, Any] = {"role": "user", "content": "hello"}
A = {"type": "text", "text": "a"}
MARK = {"type": "ephemeral", "ttl": "1h"}
IMAGE = {"type": "image", "source": {"type": "url", "url": "http://a.test/b"}}
DOCUMENT = {"type": "document", "source": {"type": "url", "url": "http://a.test/b.pdf"}}


def parse(*messages: Any, **more: Any) -> Request:
    return MESSAGES.parse({"model": "m", "max_tokens": 9, "messages": list(messages) or [USER], **more})


def parts(*blocks: dict[str, Any], role: str = "user") -> list[Part]:
    return parse({"role": role, "content": list(blocks)}).messages[-1].parts


def generate(body: dict[str, Any]) -> Request:
    MESSAGES.check(body)
    return MESSAGES.parse(body)


# ------------------------------------------------------------------------------------------------------------ messages


def test_every_role_keeps_its_place_also_system_at_the_end_DI_92() -> None:
    request = parse(
        USER,
        {"role": "assistant", "content": [{"type": "text", "text": "hi"}]},
        {"role": "system", "content": "# Environment"},
        system=[{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": MARK}],
    )
    assert request.messages == [
        Message("system", [TextPart("a"), TextPart("b", MARK)], where="system"),
        Message("user", [TextPart("hello")], where="messages[0]"),
        Message("assistant", [TextPart("hi")], where="messages[1]"),
        Message("system", [TextPart("# Environment")], where="messages[2]"),
    ]


@pytest.mark.parametrize(
    ("block", "read"),
    [
        ({"type": "text", "text": "a", "cache_control": MARK}, TextPart("a", MARK)),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
            ImagePart(data="AA==", media_type="image/png"),
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "http://a.test/b"}, "cache_control": MARK},
            ImagePart(url="http://a.test/b", cache=MARK),
        ),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, ImagePart(file_id="f")),
        (
            {"type": "document", "title": "t", "source": {"type": "base64", "media_type": "application/pdf", "data": "JV"}},
            FilePart(data="JV", media_type="application/pdf", filename="t"),
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
            FilePart(text="words", media_type="text/plain"),
        ),
        ({"type": "document", "source": {"type": "url", "url": "http://a.test/b.pdf"}}, FilePart(url="http://a.test/b.pdf")),
        ({"type": "document", "source": {"type": "file", "file_id": "f"}}, FilePart(file_id="f")),
        (
            {"type": "document", "source": {"type": "content", "content": [A, {"type": "text", "text": "b"}]}},
            FilePart(text="a\nb", media_type="text/plain"),
        ),
    ],
)  # fmt: skip
def test_every_block_of_a_user_turn_is_read_DI_93(block: dict[str, Any], read: Part) -> None:
    assert parts(block) == [read]


def test_a_documents_images_stay_images_and_its_context_is_said_first() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "http://a.test/b"}}
    content = {"type": "content", "content": [{"type": "text", "text": "a"}, image]}
    block = {"type": "document", "context": "from the archive", "source": content}
    assert parts(block) == [TextPart("from the archive"), TextPart("a"), ImagePart(url="http://a.test/b")]


def test_an_assistants_turn_keeps_its_order_and_its_proofs_TR_C7_TR_C22() -> None:
    assert parts(
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "thinking", "thinking": "unsigned", "signature": ""},
        {"type": "redacted_thinking", "data": "enc"},
        {"type": "text", "text": "look"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"b": 1, "a": {"é": [2]}}, "cache_control": MARK},
        {"type": "text", "text": "then"},
        role="assistant",
    ) == [
        ReasoningPart("hm", opaque="sig", opaque_kind="signature"),
        ReasoningPart("unsigned"),
        ReasoningPart(opaque="enc", opaque_kind="redacted"),
        TextPart("look"),
        # DI-165: compact, and the keys in their order.
        ToolCallPart("toolu_1", "f", '{"b":1,"a":{"é":[2]}}', cache=MARK),
        TextPart("then"),
    ]


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (None, []),
        ("done", [TextPart("done")]),
        (
            [{"type": "text", "text": "a"}, {"type": "image", "source": {"type": "url", "url": "http://a.test/b"}}],
            [TextPart("a"), ImagePart(url="http://a.test/b")],
        ),
        ([{"type": "tool_reference", "tool_name": "search"}], [TextPart("search")]),
    ],
)
def test_a_tools_result_is_nothing_a_text_or_blocks_DI_93(content: Any, read: list[Part]) -> None:
    block = {"type": "tool_result", "tool_use_id": "i", "content": content, "is_error": True, "cache_control": MARK}
    assert parts(block) == [ToolResultPart("i", read, is_error=True, cache=MARK)]  # type: ignore[arg-type]


def test_an_id_that_was_encoded_for_this_dialect_is_what_it_was_again_DI_164() -> None:
    encoded = "penstock-id-ZnVuY3Rpb25zLndlYXRoZXI6MA"
    call = {"type": "tool_use", "id": encoded, "name": "f", "input": {}}
    request = parse(
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": encoded}]},
    )
    assert request.messages[0].parts == [ToolCallPart("functions.weather:0", "f", "{}")]
    assert request.messages[1].parts == [ToolResultPart("functions.weather:0", [])]


@pytest.mark.parametrize("kind", ["server_tool_use", "web_search_tool_result", "mcp_tool_use", "container_upload"])
def test_blocks_of_hosted_tools_stay_what_they_are_DI_158(kind: str) -> None:
    block = {"type": kind, "anything": 1}
    assert parts(block, role="assistant") == [ForeignPart(kind, block)]


def test_a_search_result_that_a_tool_returned_is_not_lost_without_a_word_DI_158() -> None:
    found = {"type": "search_result", "source": "s", "title": "t", "content": []}
    block = {"type": "tool_result", "tool_use_id": "i", "content": [{"type": "text", "text": "a"}, found]}
    assert parts(block) == [ToolResultPart("i", [TextPart("a")]), ForeignPart("search_result", found)]


# ------------------------------------------------------------------------------------------------------- fields and tools


def test_every_field_has_its_neutral_place_DI_89_DI_90() -> None:
    request = parse(
        stream=True,
        max_tokens=0,
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        stop_sequences=["END"],
        metadata={"user_id": "u"},
        service_tier="standard_only",
        output_config={"effort": "max", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        thinking={"type": "enabled", "budget_tokens": 2048, "display": "omitted"},
        tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        tools=[{"name": "f", "input_schema": {"type": "object"}}],
    )
    assert (request.dialect, request.stream, request.max_tokens) == ("messages", True, 0)  # TR-P11
    assert (request.temperature, request.top_p, request.top_k) == (0.5, 0.9, 5)
    assert (request.stop, request.user, request.service_tier) == (["END"], "u", "standard_only")
    assert request.format == Format("json_schema", schema={"type": "object"})
    assert request.thinking == Thinking("max", "enabled", 2048, "omitted")
    assert request.tool_choice is not None
    assert (request.tool_choice.mode, request.tool_choice.name, request.parallel_tools) == ("named", "f", False)
    assert request.extra == []


def test_what_is_not_said_stays_unsaid() -> None:
    request = parse()
    assert request == Request("messages", "m", False, request.body, request.messages, max_tokens=9)


def test_minus_one_is_how_older_clients_leave_a_filter_out() -> None:
    request = parse(top_p=-1, top_k=-1)
    assert (request.top_p, request.top_k) == (None, None)


@pytest.mark.parametrize(
    ("tool", "read"),
    [
        (
            {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True, "cache_control": MARK},
            Tool("f", "d", {"type": "object"}, True, cache=MARK),
        ),
        (
            {"type": "custom", "name": "f", "input_schema": {}, "eager_input_streaming": True},
            Tool("f", None, {}, extra={"eager_input_streaming": True}),
        ),
        ({"name": "Deferred", "defer_loading": True}, Tool("Deferred", extra={"defer_loading": True})),
        (
            {"type": "web_search_20250305", "name": "web_search"},
            ForeignTool("web_search", "web_search", {"type": "web_search_20250305", "name": "web_search"}),
        ),
        ({"type": "weather_20300101", "name": "w"}, ForeignTool("other", "w", {"type": "weather_20300101", "name": "w"})),
    ],
)  # fmt: skip
def test_tools_of_every_kind_are_read_DI_95(tool: dict[str, Any], read: Tool) -> None:
    assert parse(tools=[tool]).tools == [read]


@pytest.mark.parametrize(("word", "mode"), [("auto", "auto"), ("any", "required"), ("none", "none")])
def test_tool_choice_words_DI_96(word: str, mode: Any) -> None:
    request = parse(tool_choice={"type": word})
    assert request.tool_choice == ToolChoice(mode, native={"type": word})
    assert request.parallel_tools is None


def test_the_fields_of_this_dialect_alone_carry_their_weight_DI_90_DI_142() -> None:
    request = parse(
        mcp_servers=[{"url": "u"}],
        container="c",
        context_management={"edits": []},
        safeguards=[{}],
        speed="fast",
        novelty=1,
        fallbacks=[],
        inference_geo=None,
    )
    weights = {extra.name: extra.significant for extra in request.extra}
    assert weights == {
        "mcp_servers": True,
        "container": True,
        "context_management": False,
        "safeguards": False,
        "speed": False,
        "unknown_fields": False,
    }


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ({"role": "user", "content": [{**A, "citations": [{"type": "char_location"}]}]}, "citations"),
        ({"role": "user", "content": [{**DOCUMENT, "citations": {"enabled": True}}]}, "citations"),
        ({"role": "user", "content": [{**IMAGE, "transformations": {"crop": {}}}]}, "image.transformations"),
        ({"role": "system", "content": [{"type": "tool_addition", "tool": {}}, A]}, "tool_addition"),
    ],
)
def test_small_things_on_blocks_are_hints_by_name_DI_159(message: dict[str, Any], name: str) -> None:
    request = parse(USER, message)
    assert request.extra == [Extra(name, None)]
    assert len(request.messages[1].parts) == 1


def test_citations_that_are_not_wanted_and_the_usual_speed_say_nothing() -> None:
    blocks = [{**A, "citations": None}, {**DOCUMENT, "citations": {"enabled": False}}]
    assert parse({"role": "user", "content": blocks}, speed="standard").extra == []


def test_the_older_name_of_the_output_format_is_read_too() -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    assert parse(output_format=form).format == Format("json_schema", schema={"type": "object"})


def test_a_refused_thread_tells_the_sdk_to_send_the_whole_conversation() -> None:
    details = {"error_code": "thread_unsupported_request", "unsupported": []}
    assert parse(thread={"type": "create"}).extra == [Extra("thread", {"type": "create"}, True, details)]


def test_counting_needs_no_limit_and_generating_does_DI_89_DI_106() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'

    async def station(*, counting: bool) -> Request:
        return parse_station(MESSAGES, body, Clock(), id="1", headers={}, counting=counting).request

    assert asyncio.run(station(counting=True)).max_tokens is None
    with pytest.raises(GatewayError) as raised:
        asyncio.run(station(counting=False))
    assert (raised.value.status, raised.value.param) == (400, "max_tokens")


# ---------------------------------------------------------------------------------------------------------- real clients


def test_a_request_of_claude_code_is_read_whole() -> None:
    """clients.md section 6, in small."""
    request = MESSAGES.parse(
        {
            "model": "m",
            "max_tokens": 32000,
            "stream": True,
            "system": [
                {"type": "text", "text": "x-anthropic-billing-header: cc_version=2"},
                {"type": "text", "text": "You are", "cache_control": {"type": "ephemeral"}},
            ],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "<system-reminder>"}, {"type": "text", "text": "fix it"}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "", "signature": "sig"},
                        {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "toolu_1",
                            "content": "a.py",
                            "is_error": False,
                            "cache_control": {"type": "ephemeral"},
                        }
                    ],
                },
                {"role": "system", "content": "# Environment"},
            ],
            "tools": [
                {"name": "Bash", "description": "d", "input_schema": {"type": "object"}},
                {
                    "name": "DeferredToolPlaceholder",
                    "description": "d",
                    "input_schema": {"type": "object"},
                    "defer_loading": True,
                },
            ],
            "metadata": {"user_id": '{"device":"x"}'},
            "thinking": {"type": "adaptive", "display": "updates"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "output_config": {"effort": "high"},
        }
    )
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "user", "system"]
    assert request.messages[2].parts[0] == ReasoningPart("", opaque="sig", opaque_kind="signature")
    assert request.thinking == Thinking("high", "adaptive", summary="auto")
    assert [(extra.name, extra.significant) for extra in request.extra] == [("context_management", False)]


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the recorded traffic is not beside this checkout")
def test_recorded_requests_are_all_read() -> None:
    count = 0
    for each in recordings(dialects=("messages",)):
        # What a cloud's own path names is not in the body.
        if each.request is not None:
            assert generate({"model": "in-the-path", **each.request}).messages, each.name
            count += 1
    assert count > 100
