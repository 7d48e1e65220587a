"""Turns of a Messages body become ours: each block keeps its place, and what is unknown is refused by its path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import orjson

from pipeline.dialects.fields import Fields, missing, only_said, wrong_type, wrong_word
from pipeline.dialects.messages.ids import decode_id
from pipeline.request import (
    FilePart,
    ForeignPart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

# DI-158: blocks that no other dialect can say. Those of the gateway's own time are named; a newer one is refused as unknown.
FOREIGN_BLOCKS: Final = frozenset(
    {
        "advisor_tool_result",
        "bash_code_execution_tool_result",
        "code_execution_tool_result",
        "compaction",
        "container_upload",
        "fallback",
        "mcp_tool_result",
        "mcp_tool_use",
        "search_result",
        "server_tool_use",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
        "web_fetch_tool_result",
        "web_search_tool_result",
    }
)


SPEAKERS: Final = ("user", "assistant", "system")


class Turns:
    """What was read so far. ``hints`` are the names of small things on blocks that no other dialect has."""

    __slots__ = ("hints", "messages", "parts")

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.hints: set[str] = set()
        self.parts: list[Part] = []

    def system(self, value: Any) -> None:
        """The top-level ``system``: a string or text blocks."""
        if value is not None:
            self._turn("system", value, "system", "system", {"text": _text})

    def read(self, entries: list[Any]) -> None:
        """``messages``. Raises GatewayError (400) naming the place."""
        for index, entry in enumerate(entries):
            where = f"messages[{index}]"
            text = only_said(entry, SPEAKERS)
            if text is not None:
                self.messages.append(Message(entry["role"], [TextPart(text)], None, where))
                continue
            fields = Fields(entry, where)
            # DI-92: role system may stand anywhere, also last.
            role = fields.need_word("role", ROLES.keys())
            if fields.data.get("content") is None:
                raise missing(fields.at("content"))
            self._turn(role, fields.data["content"], fields.at("content"), fields.path, ROLES[role])

    def _turn(self, role: str, content: Any, path: str, where: str, readers: Mapping[str, Reader]) -> None:
        self.parts = []
        if isinstance(content, str):
            self.parts.append(TextPart(content))
        elif isinstance(content, list):
            for index, entry in enumerate(content):
                self._block(Fields(entry, f"{path}[{index}]"), readers)
        else:
            raise wrong_type(path, "a string or an array of blocks", content)
        self.messages.append(Message(cast(Role, role), self.parts, where=where))

    def _block(self, fields: Fields, readers: Mapping[str, Reader]) -> None:
        kind = fields.need_text("type")
        reader = readers.get(kind)
        if reader is not None:
            reader(self, fields)
            return
        if kind not in FOREIGN_BLOCKS:
            # TR-C3
            raise wrong_word(fields.at("type"), kind, readers.keys())
        # DI-158
        self.parts.append(ForeignPart(kind, fields.data))


Reader = Callable[[Turns, Fields], None]


def _text(turns: Turns, fields: Fields) -> None:
    if fields.array("citations"):
        turns.hints.add("citations")  # DI-159
    turns.parts.append(TextPart(fields.need_text("text"), cache=_cache(fields)))


def _image(turns: Turns, fields: Fields) -> None:
    # DI-93
    source = _source(fields)
    kind = source.need_word("type", ("base64", "url", "file"))
    part = ImagePart(cache=_cache(fields))
    if kind == "base64":
        part.media_type, part.data = source.need_name("media_type"), source.need_name("data")
    elif kind == "url":
        part.url = source.need_name("url")
    else:
        part.file_id = source.need_name("file_id")
    if fields.mapping("transformations"):
        turns.hints.add("image.transformations")
    turns.parts.append(part)


def _document(turns: Turns, fields: Fields) -> None:
    # DI-93, DI-154
    citations = fields.mapping("citations")
    if citations and citations.get("enabled"):
        turns.hints.add("citations")
    context = fields.text("context")
    if context:
        turns.parts.append(TextPart(context))
    source = _source(fields)
    part = FilePart(filename=fields.text("title"), cache=_cache(fields))
    kind = source.need_word("type", ("base64", "text", "content", "url", "file"))
    if kind == "base64":
        part.media_type, part.data = source.need_name("media_type"), source.need_name("data")
    elif kind == "text":
        part.media_type, part.text = "text/plain", source.need_text("data")
    elif kind == "url":
        part.url = source.need_name("url")
    elif kind == "file":
        part.file_id = source.need_name("file_id")
    else:
        _document_content(turns, source, part)
        return
    turns.parts.append(part)


def _document_content(turns: Turns, source: Fields, part: FilePart) -> None:
    """A document given as text, or as blocks of text and images: all text is one file, images stay images."""
    blocks = _nested(turns, source, DOCUMENT_BLOCKS)
    if all(isinstance(block, TextPart) for block in blocks):
        part.media_type = "text/plain"
        part.text = "\n".join(block.text for block in blocks if isinstance(block, TextPart))
        turns.parts.append(part)
    else:
        turns.parts += blocks


def _nested(turns: Turns, fields: Fields, readers: Mapping[str, Reader]) -> list[Part]:
    """The parts of a block's own ``content``: nothing, a string, or blocks."""
    value, path = fields.data.get("content"), fields.at("content")
    if value is None:
        return []
    if isinstance(value, str):
        return [TextPart(value)]
    if not isinstance(value, list):
        raise wrong_type(path, "a string or an array of blocks", value)
    outer, turns.parts = turns.parts, []
    for index, entry in enumerate(value):
        turns._block(Fields(entry, f"{path}[{index}]"), readers)
    inner, turns.parts = turns.parts, outer
    return inner


def _thinking(turns: Turns, fields: Fields) -> None:
    signature = fields.text("signature") or None
    kind = None if signature is None else "signature"
    turns.parts.append(ReasoningPart(fields.need_text("thinking"), opaque=signature, opaque_kind=kind))


def _redacted(turns: Turns, fields: Fields) -> None:
    turns.parts.append(ReasoningPart(opaque=fields.need_text("data"), opaque_kind="redacted"))


def _tool_use(turns: Turns, fields: Fields) -> None:
    given = fields.mapping("input")
    if given is None:
        raise missing(fields.at("input"))
    # DI-165: compact, key order kept.
    arguments = orjson.dumps(given).decode()
    call = ToolCallPart(decode_id(fields.need_name("id")), fields.need_name("name"), arguments, cache=_cache(fields))
    turns.parts.append(call)


def _tool_result(turns: Turns, fields: Fields) -> None:
    result = ToolResultPart(decode_id(fields.need_name("tool_use_id")), [], cache=_cache(fields))
    result.is_error = bool(fields.flag("is_error"))
    foreign: list[Part] = []
    for part in _nested(turns, fields, RESULT_BLOCKS):
        if isinstance(part, (TextPart, ImagePart, FilePart)):
            result.parts.append(part)
        else:
            # It cannot cross, so it stands where a refusal finds it.
            foreign.append(part)
    turns.parts += (result, *foreign)


def _tool_reference(turns: Turns, fields: Fields) -> None:
    # A tool that a search found. Other dialects have every tool loaded, so its name says all of it.
    turns.parts.append(TextPart(fields.need_name("tool_name")))


def _tool_addition(turns: Turns, fields: Fields) -> None:
    # A deferred tool is loaded. Other dialects have every tool loaded from the start.
    turns.hints.add("tool_addition")


def _cache(fields: Fields) -> dict[str, Any] | None:
    return fields.mapping("cache_control")


def _source(fields: Fields) -> Fields:
    value = fields.mapping("source")
    if value is None:
        raise missing(fields.at("source"))
    return Fields(value, fields.at("source"))


DOCUMENT_BLOCKS: Final[Mapping[str, Reader]] = {"text": _text, "image": _image}
RESULT_BLOCKS: Final[Mapping[str, Reader]] = {**DOCUMENT_BLOCKS, "document": _document, "tool_reference": _tool_reference}
USER_BLOCKS: Final[Mapping[str, Reader]] = {**DOCUMENT_BLOCKS, "document": _document, "tool_result": _tool_result}
ASSISTANT_BLOCKS: Final[Mapping[str, Reader]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
}
ROLES: Final[Mapping[str, Mapping[str, Reader]]] = {
    "user": USER_BLOCKS,
    "assistant": ASSISTANT_BLOCKS,
    "system": {"text": _text, "tool_addition": _tool_addition},
}
