"""Turns of other dialects as Messages turns: well typed in the official SDK's eyes, nothing lost without a name."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.dialects.messages import MESSAGES
from pipeline.request import (
    AudioPart,
    FilePart,
    ForeignPart,
    ImagePart,
    Losses,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    Target,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from tests.dialects.messages_build_kit import (
    CALL,
    PDF,
    RESULT,
    SYSTEM_TURNS,
    TARGET,
    assistant,
    build,
    refused,
    request,
    said,
    turn,
    turns,
)

# ----------------------------------------------------------------------------------------------------------------- turns


def test_the_smallest_request_DI_200() -> None:
    body, dropped = build(request())
    assert body == {"model": "claude-9", "max_tokens": 8192, "messages": [{"role": "user", "content": "hello"}]}
    assert dropped == []


def test_stream_is_said_only_when_streaming() -> None:
    assert build(request(stream=True))[0]["stream"] is True


@pytest.mark.parametrize("limit", [0, 1, 50_000])
def test_the_clients_limit_is_the_limit_DI_200_TR_P11(limit: int) -> None:
    assert build(request(max_tokens=limit))[0]["max_tokens"] == limit


def test_instructions_in_front_become_system_joined_by_two_line_feeds_DI_145_TR_P8() -> None:
    body, dropped = build(request(turn(TextPart("one"), role="system"), turn(TextPart("two"), role="developer"), said("hi")))
    assert body["system"] == "one\n\ntwo"
    assert [each["role"] for each in body["messages"]] == ["user"]
    assert dropped == ["developer"]


def test_instructions_with_cache_marks_stay_apart_DI_145_DI_147() -> None:
    mark = {"type": "ephemeral"}
    body, dropped = build(request(turn(TextPart("one", mark), role="system"), turn(TextPart("two"), role="system"), said("hi")))
    assert body["system"] == [{"type": "text", "text": "one", "cache_control": mark}, {"type": "text", "text": "two"}]
    assert dropped == []


@pytest.mark.parametrize(
    ("target", "system", "roles"),
    [(TARGET, "first\n\nlater", ["user"]), (SYSTEM_TURNS, "first", ["user", "system", "user"])],
)
def test_later_instructions_keep_their_place_where_the_model_takes_it_DI_146(
    target: Target, system: str, roles: list[str]
) -> None:
    asked = request(turn(TextPart("first"), role="system"), said("a"), turn(TextPart("later"), role="system"), said("b"))
    body, _ = build(asked, target)
    assert body["system"] == system
    assert [each["role"] for each in body["messages"]] == roles


def test_instructions_alone_are_still_asked() -> None:
    body, _ = build(request(turn(TextPart("say hello"), role="system")))
    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "say hello"}]}]


def test_turns_of_a_role_are_merged_with_their_blocks_apart_DI_149() -> None:
    assert turns(said("a"), said("b"), assistant(TextPart("c")), assistant(RefusalPart("no"))) == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "c"}, {"type": "text", "text": "no"}]},
    ]


def test_empty_texts_and_turns_are_left_out_DI_150_TR_C23() -> None:
    assert turns(said("a"), assistant(TextPart(""), CALL), turn(TextPart(" \n"), RESULT), assistant(TextPart("")))[1:] == [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "look", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "seen"}]},
    ]


def test_a_request_without_a_word_is_refused() -> None:
    assert refused(request(said(""))).param == "messages"


def test_a_prefill_stays_last() -> None:
    assert turns(said("a"), assistant(TextPart("{")))[-1] == {"role": "assistant", "content": "{"}


def test_names_of_speakers_are_dropped_by_name_DI_148() -> None:
    assert build(request(Message("user", [TextPart("a")], name="ann")))[1] == ["messages.name"]


# ------------------------------------------------------------------------------------------------------------ tool calls


def test_results_follow_their_calls_first_in_one_user_turn_DI_94_TR_C14() -> None:
    history = [
        said("go"),
        assistant(TextPart("both"), CALL, ToolCallPart("c2", "look", " ")),
        turn(ToolResultPart("c2", [TextPart("two")])),
        turn(TextPart("and"), ToolResultPart("c1", [TextPart("one")], is_error=True)),
    ]
    assert turns(*history)[1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "both"},
                {"type": "tool_use", "id": "c1", "name": "look", "input": {"a": 1}},
                {"type": "tool_use", "id": "c2", "name": "look", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "one", "is_error": True},
                {"type": "tool_result", "tool_use_id": "c2", "content": "two"},
                {"type": "text", "text": "and"},
            ],
        },
    ]


def test_a_text_between_calls_keeps_its_place_TR_C7() -> None:
    blocks = turns(said("go"), assistant(CALL, TextPart("then"), ToolCallPart("c2", "look", "{}")), turn(RESULT), turn(
        ToolResultPart("c2", [])))[1]["content"]  # fmt: skip
    assert [block["type"] for block in blocks] == ["tool_use", "text", "tool_use"]


def test_an_id_that_is_used_again_in_a_later_turn_finds_its_own_result() -> None:
    again = ToolResultPart("c1", [TextPart("again")])
    built = turns(said("go"), assistant(CALL), turn(RESULT), assistant(CALL), turn(again))
    assert [each["content"][0].get("content") for each in built[2::2]] == ["seen", "again"]


@pytest.mark.parametrize("ident", ["functions.look:0|ü", "a b", "penstock-id-YWJj", "call_1"])
def test_foreign_characters_of_an_id_are_written_reversibly_on_both_sides_DI_164(ident: str) -> None:
    built = turns(said("go"), assistant(ToolCallPart(ident, "look", "{}")), turn(ToolResultPart(ident, [])))
    written = built[1]["content"][0]["id"]
    assert built[2]["content"][0]["tool_use_id"] == written
    assert written.replace("-", "").replace("_", "").isalnum()
    back = MESSAGES.parse({"model": "m", "max_tokens": 1, "messages": built})
    assert [part.id for part in back.messages[1].parts if isinstance(part, ToolCallPart)] == [ident]


@pytest.mark.parametrize("arguments", ["{", "[1]", '"text"', "null", "5"])
def test_arguments_that_are_no_object_are_refused_by_their_message_DI_165_TR_C12(arguments: str) -> None:
    error = refused(request(said("go"), assistant(ToolCallPart("c1", "look", arguments)), turn(RESULT)))
    assert error.param == "messages[1]"
    assert "'c1'" in error.message


def test_a_call_without_its_result_is_refused_by_its_id_DI_169() -> None:
    error = refused(request(said("go"), assistant(ToolCallPart("a.b", "look", "{}"), where="messages[4]"), said("well")))
    assert error.param == "messages[4]"
    assert "'a.b'" in error.message
    assert "no result" in error.message


def test_a_result_without_its_call_is_refused_by_its_id_DI_169() -> None:
    error = refused(request(said("go"), turn(RESULT, where="messages[3]")))
    assert error.param == "messages[3]"
    assert "'c1'" in error.message
    assert "no call" in error.message


def test_calls_of_free_text_tools_become_the_field_input_DI_166() -> None:
    call = ToolCallPart("c1", "patch", 'say "hi"', custom=True)
    built = turns(said("go"), assistant(call), turn(ToolResultPart("c1", [], custom=True)))
    assert built[1]["content"][0]["input"] == {"input": 'say "hi"'}
    assert built[2]["content"] == [{"type": "tool_result", "tool_use_id": "c1"}]


def test_results_keep_images_and_files_DI_157() -> None:
    image, file = ImagePart(data="AA==", media_type="image/png"), FilePart(text="words", filename="a.txt")
    built = turns(said("go"), assistant(CALL), turn(ToolResultPart("c1", [TextPart("see"), image, file])))
    assert built[2]["content"][0]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}, "title": "a.txt"},
    ]


def test_called_tools_are_named_where_the_request_offers_none_DI_168() -> None:
    body, _ = build(request(said("go"), assistant(CALL), turn(RESULT)))
    assert body["tools"] == [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    assert body["tool_choice"] == {"type": "none"}, "nothing was offered, so nothing may be called"


# --------------------------------------------------------------------------------------------------------------- content


def test_images_by_data_and_by_url_DI_151_DI_152() -> None:
    parts = [ImagePart(data="AA==", media_type="image/webp", detail="auto"), ImagePart(url="http://a.test/b", detail="low")]
    body, dropped = build(request(turn(*parts)))
    assert body["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "AA=="}},
        {"type": "image", "source": {"type": "url", "url": "http://a.test/b"}},
    ]
    assert dropped == ["image.detail"], "DI-151, TR-P7: once, and not for what is the default"


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (FilePart(data="JVBERi0=", media_type="application/pdf"), PDF),
        (FilePart(data="JVBERi0="), PDF),
        (FilePart(data="aMOp", media_type="text/csv"), {"type": "text", "media_type": "text/plain", "data": "hé"}),
        (FilePart(text="hi"), {"type": "text", "media_type": "text/plain", "data": "hi"}),
        (FilePart(url="http://a.test/b.pdf"), {"type": "url", "url": "http://a.test/b.pdf"}),
    ],
)  # fmt: skip
def test_files_that_the_dialect_takes_DI_154(part: FilePart, source: dict[str, Any]) -> None:
    part.filename = "name"
    assert turns(turn(part))[0]["content"] == [{"type": "document", "source": source, "title": "name"}]


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (ImagePart(data="AA==", media_type="image/svg+xml"), "image_type"),
        (ImagePart(data="AA=="), "image_type"),
        (ImagePart(file_id="f"), "file_id"),
        (FilePart(file_id="f"), "file_id"),
        (FilePart(data="UEsD", media_type="application/zip"), "file_type"),
        (FilePart(data="UEsD"), "file_type"),
        (AudioPart("AA==", "wav"), "input_audio"),
        (ForeignPart("web_search_call", {}), "web_search_call"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_its_place_unless_the_operator_lets_it_go_DI_140(part: Part, name: str) -> None:
    asked = request(said("see"), turn(part, where="messages[5]"))
    error = refused(asked)
    assert (error.param, error.code) == ("messages[5]", "unsupported_by_provider")
    losses = Losses(frozenset({name}))
    assert MESSAGES.build(asked, TARGET, losses)["messages"] == [{"role": "user", "content": "see"}]
    assert losses.dropped == [name]


def test_a_text_file_that_is_not_base64_is_refused() -> None:
    assert refused(request(turn(FilePart(data="A", media_type="text/plain")))).param == "messages[1]"


@pytest.mark.parametrize(
    ("mark", "written"),
    [
        ({"type": "ephemeral", "ttl": "1h"}, {"type": "ephemeral", "ttl": "1h"}),
        ({"mode": "explicit"}, {"type": "ephemeral"}),
        ({"mode": "explicit", "ttl": "30m"}, {"type": "ephemeral", "ttl": "5m"}),
        ({"mode": "explicit", "ttl": "12h"}, {"type": "ephemeral", "ttl": "1h"}),
    ],
)
def test_cache_marks_are_adapted_wherever_they_stand_DI_147_DI_216(mark: dict[str, Any], written: dict[str, Any]) -> None:
    image = ImagePart(url="http://a.test/b", cache=mark)
    result = ToolResultPart("c1", [], cache=mark)
    asked = request(turn(TextPart("a", mark), image), assistant(CALL), turn(result), tools=[Tool("look", cache=mark)])
    body, dropped = build(asked)
    marked = [*body["messages"][0]["content"], *body["messages"][2]["content"], *body["tools"]]
    assert [each["cache_control"] for each in marked] == [written] * 4
    assert dropped == []


def test_reasoning_goes_back_only_with_the_proof_of_this_provider_DI_160_DI_161_TR_C22() -> None:
    history = assistant(
        ReasoningPart("hm", opaque="sealed:s"),
        ReasoningPart(summary=["a", "b"], opaque="sealed:s"),
        ReasoningPart(opaque="sealed:r"),
        TextPart("so"),
    )
    body, dropped = build(request(said("go"), history))
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "thinking", "thinking": "a\n\nb", "signature": "sig"},
        {"type": "redacted_thinking", "data": "red"},
        {"type": "text", "text": "so"},
    ]
    assert dropped == []


@pytest.mark.parametrize("opaque", [None, "forged", "sealed:e"])
def test_reasoning_of_others_is_dropped_by_name_DI_160(opaque: str | None) -> None:
    body, dropped = build(request(said("go"), assistant(ReasoningPart("hm", opaque=opaque), TextPart("so"))))
    assert body["messages"][1] == {"role": "assistant", "content": "so"}
    assert dropped == ["reasoning"]
