"""Turns of a neutral request as Chat messages: one assistant message a turn, results right behind their calls."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

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
    Request,
    Target,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

# DI-157, TR-C20: the dialect has no flag for a failed tool, so the text says it.
ERROR_PREFIX: Final = "Error: "

Entry = dict[str, Any]


def write_turns(request: Request, target: Target, losses: Losses) -> list[Entry]:
    """``messages``. Raises GatewayError (400) for parts that cannot be carried."""
    writer = _Writer(target, losses)
    for message in request.messages:
        writer.message(message)
    return writer.finish()


class _Writer:
    """Messages so far, and what tools returned beside text, which waits until the run of tool messages is over."""

    __slots__ = ("_attached", "_losses", "_messages", "_target", "_where")

    def __init__(self, target: Target, losses: Losses) -> None:
        self._messages: list[Entry] = []
        self._attached: list[Entry] = []
        self._target = target
        self._losses = losses
        self._where = ""

    def message(self, message: Message) -> None:
        self._where = message.where
        if message.role == "assistant":
            self._flush()
            self._assistant(message.parts)
            return
        # DI-94: results come first, whatever else stands in the turn.
        results = 0
        for part in message.parts:
            if type(part) is ToolResultPart:
                self._result(part)
                results += 1
        if results < len(message.parts):
            self._plain(message)

    def finish(self) -> list[Entry]:
        self._flush()
        return self._messages

    def _plain(self, message: Message) -> None:
        # Results have no writer: they were written before.
        entries = self._parts(message.parts)
        turn: Entry = {"role": message.role}
        if message.name is not None:
            turn["name"] = message.name
        if message.role == "user":
            if self._attached:
                entries = self._attached + entries
                self._attached = []
        else:
            self._flush()
        # TR-C23: a message without a usable part is left out.
        if entries:
            turn["content"] = _content(entries, together=message.role != "user")
            self._messages.append(turn)

    def _parts(self, parts: Iterable[Part]) -> list[Entry]:
        entries = []
        for part in parts:
            writer = WRITERS.get(type(part))
            entry = None if writer is None else writer(self, part)
            if entry is not None:
                entries.append(entry)
        return entries

    def _audio(self, part: AudioPart) -> Entry:
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}

    def _refusal(self, part: RefusalPart) -> Entry:
        return {"type": "text", "text": part.text}

    def _text(self, part: TextPart) -> Entry:
        entry: Entry = {"type": "text", "text": part.text}
        cache = part.cache
        if cache is not None:
            # DI-147, DI-216: the marks of the OpenAI dialects are the same; those of Messages have no place here.
            if "mode" in cache:
                entry["prompt_cache_breakpoint"] = cache
            else:
                self._losses.hint("cache_control")
        return entry

    def _image(self, part: ImagePart) -> Entry | None:
        if part.cache is not None:
            self._losses.hint("cache_control")
        if part.file_id is not None:
            self._stored()
            return None
        # DI-151, DI-152
        url = part.url if part.data is None else f"data:{part.media_type or 'image/png'};base64,{part.data}"
        image: Entry = {"url": url}
        # TR-P7
        if part.detail is not None:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}

    def _file(self, part: FilePart) -> Entry | None:
        # DI-154
        if part.cache is not None:
            self._losses.hint("cache_control")
        if part.file_id is not None:
            self._stored()
            return None
        if part.url is not None:
            self._losses.significant(self._where, "The provider's dialect takes no files by URL.", name="file_url")
            return None
        text = part.text
        if text is None and (part.media_type or "").startswith("text/"):
            text = base64.b64decode(part.data or "").decode("utf-8", "replace")
        if text is not None:
            return {"type": "text", "text": f"{part.filename}\n\n{text}" if part.filename else text}
        if part.media_type not in (None, "application/pdf"):
            self._losses.significant(self._where, "The provider's dialect takes PDF and plain text files only.", name="file_type")
            return None
        data = f"data:application/pdf;base64,{part.data}"
        return {"type": "file", "file": {"filename": part.filename or "document.pdf", "file_data": data}}

    def _stored(self) -> None:
        # DI-153: the id of a stored file means nothing to another provider.
        self._losses.significant(self._where, "A file id is valid only at the provider that stores the file.", name="file_id")

    def _foreign(self, part: ForeignPart) -> None:
        # DI-158
        self._losses.significant(self._where, f"The provider's dialect has nothing like '{part.kind}'.", name=part.kind)

    def _assistant(self, parts: list[Part]) -> None:
        entry: Entry = {"role": "assistant", "content": None}
        details: list[Entry] = []
        texts: list[str] = []
        calls: list[Entry] = []
        for part in parts:
            # DI-245: text and calls stand in fields of their own.
            if isinstance(part, TextPart):
                texts.append(self._text(part)["text"])
            elif isinstance(part, RefusalPart):
                entry["refusal"] = entry.get("refusal", "") + part.text
            elif isinstance(part, ToolCallPart):
                calls.append(self._call(part))
            elif isinstance(part, ReasoningPart):
                details += self._reasoning(part)
            elif isinstance(part, ForeignPart):
                self._foreign(part)
        if texts:
            entry["content"] = "".join(texts)
        if details:
            entry["reasoning_details"] = details
        if calls:
            entry["tool_calls"] = calls
        if len(entry) > 2 or entry["content"] is not None:
            self._join(entry)

    def _join(self, entry: Entry) -> None:
        last = self._messages[-1] if self._messages else None
        # TR-C1: calls behind a text are part of the same turn.
        if last is not None and last["role"] == "assistant" and "tool_calls" not in last and entry["content"] is None:
            entry["content"] = last["content"]
            last.update(entry)
        else:
            self._messages.append(entry)

    def _call(self, part: ToolCallPart) -> Entry:
        # DI-163, DI-165: id and arguments exactly as they stood.
        if part.cache is not None:
            self._losses.hint("cache_control")
        if part.custom:
            return {"id": part.id, "type": "custom", "custom": {"name": part.name, "input": part.arguments}}
        return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}

    def _reasoning(self, part: ReasoningPart) -> list[Entry]:
        # DI-160, DI-161: reasoning goes back only to the provider that made it, in the extension it made it in.
        own = None if part.opaque is None else self._target.unseal(part.opaque)
        if own is None or own[0] not in ("signature", "encrypted"):
            # A seal around nothing is no proof, and this provider made none.
            self._losses.hint("reasoning")
            return []
        kind, value = own
        text = part.text or "\n\n".join(part.summary)
        if kind == "signature":
            return [{"type": "reasoning.text", "text": text, "signature": value}]
        summary = [{"type": "reasoning.summary", "summary": text}] if text else []
        return [*summary, {"type": "reasoning.encrypted", "data": value}]

    def _result(self, part: ToolResultPart) -> None:
        if part.cache is not None:
            self._losses.hint("cache_control")
        # TR-C5: texts are joined; what is no text follows in a user message (DI-157).
        texts = [self._text(piece)["text"] for piece in part.parts if isinstance(piece, TextPart)]
        others = self._parts(piece for piece in part.parts if not isinstance(piece, TextPart))
        text = "\n".join(texts)
        self._messages.append(
            {"role": "tool", "tool_call_id": part.call_id, "content": ERROR_PREFIX + text if part.is_error else text}
        )
        if others:
            self._attached += [{"type": "text", "text": f"Attached to the result of tool call {part.call_id}:"}, *others]

    def _flush(self) -> None:
        if self._attached:
            self._messages.append({"role": "user", "content": self._attached})
            self._attached = []


WRITERS: Final[Mapping[type[Part], Callable[[_Writer, Any], Entry | None]]] = {
    TextPart: _Writer._text,
    RefusalPart: _Writer._refusal,
    ImagePart: _Writer._image,
    FilePart: _Writer._file,
    AudioPart: _Writer._audio,
    ForeignPart: _Writer._foreign,
}


def _content(entries: list[Entry], *, together: bool) -> str | list[Entry]:
    """One text as a string, which every provider takes; so are several where the role speaks with one voice (DI-145)."""
    if len(entries) > 1 and not together:
        return entries
    for entry in entries:
        if len(entry) > 2 or entry["type"] != "text":
            return entries
    return "\n\n".join([entry["text"] for entry in entries])
