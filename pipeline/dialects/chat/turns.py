"""Messages of a Chat body become turns: each part keeps its place, and what is unknown is refused by its path."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from pipeline.dialects.fields import Fields, fault, missing, only_said, wrong_type
from pipeline.dialects.media import data_url
from pipeline.request import (
    AudioPart,
    FilePart,
    ForeignPart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

PartReader = Callable[[Fields], Part]

SPEAKERS: Final = ("user", "assistant", "system", "developer")


def read_messages(entries: list[Any]) -> list[Message]:
    """Turns of ``messages``.

    Raises GatewayError (400) naming the place. Consecutive tool messages are one turn (TR-C14).
    """
    reader = _Reader()
    for index, entry in enumerate(entries):
        text = only_said(entry, SPEAKERS)
        if text is not None:
            reader.said(entry["role"], text, f"messages[{index}]")
            continue
        fields = Fields(entry, f"messages[{index}]")
        ROLES[fields.need_word("role", ROLES.keys())](reader, fields)
    return reader.messages


class _Reader:
    """Turns so far."""

    __slots__ = ("_calls", "_results", "messages")

    def __init__(self) -> None:
        self.messages: list[Message] = []
        # Tool results that the next tool message joins.
        self._results: list[Part] | None = None
        # Old calls have no id; a name leads to the last one made for it.
        self._calls: dict[str, str] = {}

    def said(self, role: Role, text: str, where: str) -> None:
        self._results = None
        self.messages.append(Message(role, [TextPart(text)], None, where))

    def plain(self, fields: Fields) -> None:
        role = fields.data["role"]
        parts = _content(fields, USER_PARTS if role == "user" else TEXT_PARTS)
        if parts is None:
            raise missing(fields.at("content"))
        self._add(fields, parts)

    def assistant(self, fields: Fields) -> None:
        # The dialect itself has no order among them; this is the one in which they come.
        parts = _reasoning(fields)
        content = _content(fields, ASSISTANT_PARTS)
        parts += content or ()
        refusal = fields.text("refusal")
        if refusal:
            parts.append(RefusalPart(refusal))
        if fields.mapping("audio") is not None:
            parts.append(ForeignPart("audio", fields.data["audio"]))
        for index, entry in enumerate(fields.array("tool_calls") or ()):
            parts.append(_call(Fields(entry, f"{fields.at('tool_calls')}[{index}]")))
        if fields.mapping("function_call") is not None:
            parts.append(self._old_call(fields))
        # DI-18
        if content is None and not parts:
            raise missing(fields.at("content"))
        self._add(fields, parts)

    def tool(self, fields: Fields) -> None:
        # DI-19, TR-C18: without its id a result can never be matched.
        self._result(fields, fields.need_name("tool_call_id"))

    def function(self, fields: Fields) -> None:
        name = fields.need_name("name")
        if name not in self._calls:
            raise fault(fields.at("name"), f"Invalid '{fields.at('name')}': no earlier message calls the function '{name[:64]}'.")
        self._result(fields, self._calls[name])

    def _result(self, fields: Fields, call_id: str) -> None:
        parts = _content(fields, RESULT_PARTS)
        if parts is None:
            raise missing(fields.at("content"))
        result = ToolResultPart(call_id, cast(list[TextPart | ImagePart | FilePart], parts))
        result.cache = fields.mapping("cache_control")
        if self._results is None:
            self._results = [result]
            self.messages.append(Message("user", self._results, where=fields.path))
        else:
            self._results.append(result)

    def _old_call(self, fields: Fields) -> ToolCallPart:
        call = Fields(fields.data["function_call"], fields.at("function_call"))
        name = call.need_name("name")
        # Made from its place, so that it is the same in every request of the conversation.
        self._calls[name] = f"call_{len(self.messages)}"
        return ToolCallPart(self._calls[name], name, call.need_text("arguments"))

    def _add(self, fields: Fields, parts: list[Part]) -> None:
        self._results = None
        cache = fields.mapping("cache_control")
        if cache is not None and parts and isinstance(parts[-1], (TextPart, ImagePart, FilePart)):
            parts[-1].cache = cache
        self.messages.append(Message(cast(Role, fields.data["role"]), parts, fields.text("name"), fields.path))


ROLES: Final[Mapping[str, Callable[[_Reader, Fields], None]]] = {
    "system": _Reader.plain,
    "developer": _Reader.plain,
    "user": _Reader.plain,
    "assistant": _Reader.assistant,
    "tool": _Reader.tool,
    "function": _Reader.function,
}


def _content(fields: Fields, readers: Mapping[str, PartReader]) -> list[Part] | None:
    """A string or a list of parts; None where there is none."""
    value, path = fields.data.get("content"), fields.at("content")
    if value is None:
        return None
    if isinstance(value, str):
        return [TextPart(value)]
    if not isinstance(value, list):
        raise wrong_type(path, "a string or an array of parts", value)
    parts = []
    for index, entry in enumerate(value):
        part = Fields(entry, f"{path}[{index}]")
        parts.append(readers[part.need_word("type", readers.keys())](part))
    return parts


def _text(fields: Fields) -> Part:
    return TextPart(fields.need_text("text"), cache=_cache(fields))


def _refusal(fields: Fields) -> Part:
    return RefusalPart(fields.need_text("refusal"))


def _thinking(fields: Fields) -> Part:
    pieces = [Fields(entry, f"{fields.at('thinking')}[{i}]") for i, entry in enumerate(fields.array("thinking") or ())]
    return ReasoningPart("".join(piece.text("text") or "" for piece in pieces))


def _image(fields: Fields) -> Part:
    # DI-18, DI-152
    source = _inner(fields, "image_url")
    url = source.need_name("url")
    part = ImagePart(detail=source.word("detail", ("auto", "low", "high", "original")), cache=_cache(fields))
    inline = data_url(url)
    if inline is None:
        part.url = url
    else:
        part.media_type, part.data = inline
    return part


def _audio(fields: Fields) -> Part:
    source = _inner(fields, "input_audio")
    return AudioPart(source.need_text("data"), source.need_text("format"))


def _file(fields: Fields) -> Part:
    # DI-154
    source = _inner(fields, "file")
    data, file_id, name = source.text("file_data"), source.text("file_id"), source.text("filename")
    part = FilePart(filename=name, cache=_cache(fields))
    if data:
        inline = data_url(data)
        part.media_type, part.data = inline if inline is not None else (None, data)
        part.media_type = part.media_type or mimetypes.guess_type(name or "")[0]
    elif file_id:
        part.file_id = file_id
    else:
        where = source.path
        raise fault(where, f"Invalid '{where}': a file needs 'file_data' or 'file_id'.", "missing_required_parameter")
    return part


def _inner(fields: Fields, name: str) -> Fields:
    value = fields.mapping(name)
    if value is None:
        raise missing(fields.at(name))
    return Fields(value, fields.at(name))


def _cache(fields: Fields) -> dict[str, Any] | None:
    return fields.mapping("prompt_cache_breakpoint") or fields.mapping("cache_control")


TEXT_PARTS: Final[Mapping[str, PartReader]] = {"text": _text}
USER_PARTS: Final[Mapping[str, PartReader]] = {"text": _text, "image_url": _image, "input_audio": _audio, "file": _file}
RESULT_PARTS: Final[Mapping[str, PartReader]] = {"text": _text, "image_url": _image, "file": _file}
ASSISTANT_PARTS: Final[Mapping[str, PartReader]] = {"text": _text, "refusal": _refusal, "thinking": _thinking}


def _call(fields: Fields) -> ToolCallPart:
    # DI-20, DI-163. Some clients leave the type out.
    kind = fields.word("type", ("function", "custom")) or ("custom" if "custom" in fields.data else "function")
    ident, body = fields.need_name("id"), _inner(fields, kind)
    if kind == "custom":
        return ToolCallPart(ident, body.need_name("name"), body.need_text("input"), custom=True)
    return ToolCallPart(ident, body.need_name("name"), body.need_text("arguments"))


def _reasoning(fields: Fields) -> list[Part]:
    """Reasoning in the history, with the proofs that an earlier answer gave it (see ``shape.py``)."""
    text = _thought(fields)
    lines = (fields.text("reasoning_signature") or "").split("\n")
    if lines == [""]:
        return [ReasoningPart(text)] if text else []
    parts: list[Part] = []
    rest = text
    for line in lines:
        length, _, sealed = line.partition(":")
        size = int(length) if length.isdecimal() and len(length) < 10 else len(rest) + 1
        if size > len(rest) or not sealed:
            # The text was changed, so no proof fits it any more.
            return [ReasoningPart(text)] if text else []
        parts.append(ReasoningPart(rest[:size], opaque=sealed, opaque_kind="signature"))
        rest = rest[size:]
    if rest:
        parts.append(ReasoningPart(rest))
    return parts


def _thought(fields: Fields) -> str:
    for name in ("reasoning_content", "reasoning"):
        value = fields.data.get(name)
        if isinstance(value, str) and value:
            return value
    details = fields.array("reasoning_details") or ()
    entries = [Fields(entry, f"{fields.at('reasoning_details')}[{index}]") for index, entry in enumerate(details)]
    return "".join(entry.text("text") or entry.text("summary") or "" for entry in entries)
