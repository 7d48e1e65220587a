"""Parts of a neutral request as Messages blocks; what has no form there is refused or dropped by name (DI-150 to DI-161)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from pipeline.dialects.custom_tools import as_arguments
from pipeline.dialects.fields import fault
from pipeline.dialects.messages.cache import write_cache
from pipeline.dialects.messages.ids import encode_id
from pipeline.request import (
    AudioPart,
    FilePart,
    ForeignPart,
    ImagePart,
    Losses,
    Part,
    ReasoningPart,
    RefusalPart,
    Target,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

Block = dict[str, Any]

# DI-152, TR-C15
IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")
PDF: Final = "application/pdf"
# How the base64 of every PDF begins.
_PDF_START: Final = "JVBERi"


def bare(block: Block) -> bool:
    """Whether a block is a text without a mark."""
    return len(block) == 2 and block["type"] == "text"


class Content:
    """Writes the parts of one request. Raises GatewayError (400) for parts that cannot be carried."""

    __slots__ = ("_losses", "_target", "tools", "where")

    def __init__(self, target: Target, losses: Losses) -> None:
        self._target = target
        self._losses = losses
        self.where = ""
        """Place of the turn in the client's body, for errors."""
        self.tools = False
        """Whether there was a call or a result."""

    def blocks(self, parts: list[Part] | list[TextPart | ImagePart | FilePart]) -> list[Block]:
        """The blocks of one turn or of one tool result."""
        blocks = []
        for part in parts:
            block = WRITERS[type(part)](self, part)
            if block is not None:
                blocks.append(block)
        return blocks

    def _marked(self, block: Block, cache: dict[str, Any] | None) -> Block:
        mark = write_cache(cache)
        if mark is not None:
            block["cache_control"] = mark
        return block

    def _text(self, part: TextPart) -> Block | None:
        # DI-150: the service refuses texts without a visible character.
        if not part.text.strip():
            return None
        block = {"type": "text", "text": part.text}
        return block if part.cache is None else self._marked(block, part.cache)

    def _refusal(self, part: RefusalPart) -> Block | None:
        # DI-156
        return {"type": "text", "text": part.text} if part.text.strip() else None

    def _image(self, part: ImagePart) -> Block | None:
        if part.detail not in (None, "auto"):
            self._losses.hint("image.detail")  # DI-151, TR-P7
        if part.file_id is not None:
            self._stored()
            return None
        if part.data is None:
            return self._marked({"type": "image", "source": {"type": "url", "url": part.url}}, part.cache)
        if part.media_type not in IMAGE_TYPES:
            reason = f"The provider's dialect takes images of these types only: {', '.join(IMAGE_TYPES)}."
            self._losses.significant(self.where, reason, name="image_type")
            return None
        source = {"type": "base64", "media_type": part.media_type, "data": part.data}
        return self._marked({"type": "image", "source": source}, part.cache)

    def _file(self, part: FilePart) -> Block | None:
        # DI-154
        if part.file_id is not None:
            self._stored()
            return None
        source = self._file_source(part)
        if source is None:
            return None
        block: Block = {"type": "document", "source": source}
        if part.filename:
            block["title"] = part.filename
        return self._marked(block, part.cache)

    def _file_source(self, part: FilePart) -> Block | None:
        if part.url is not None:
            return {"type": "url", "url": part.url}
        data, media = part.data or "", part.media_type
        if part.text is not None:
            return {"type": "text", "media_type": "text/plain", "data": part.text}
        if media == PDF or (media is None and data.startswith(_PDF_START)):
            return {"type": "base64", "media_type": PDF, "data": data}
        if media is not None and media.startswith("text/"):
            try:
                text = base64.b64decode(data).decode("utf-8", "replace")
            except ValueError:
                raise fault(self.where, f"The file in '{self.where}' is not valid base64.") from None
            return {"type": "text", "media_type": "text/plain", "data": text}
        self._losses.significant(self.where, "The provider's dialect takes PDF and plain text files only.", name="file_type")
        return None

    def _stored(self) -> None:
        # DI-153: the id of a stored file means nothing to another provider.
        self._losses.significant(self.where, "A file id is valid only at the provider that stores the file.", name="file_id")

    def _audio(self, part: AudioPart) -> None:
        # DI-155
        self._losses.significant(self.where, "The provider's dialect takes no audio.", name="input_audio")

    def _foreign(self, part: ForeignPart) -> None:
        # DI-158
        self._losses.significant(self.where, f"The provider's dialect has nothing like '{part.kind}'.", name=part.kind)

    def _reasoning(self, part: ReasoningPart) -> Block | None:
        # DI-160, DI-161: reasoning goes back only to the provider that made it, with the proof it gave.
        own = None if part.opaque is None else self._target.unseal(part.opaque)
        if own is not None and own[0] == "signature":
            return {"type": "thinking", "thinking": part.text or "\n\n".join(part.summary), "signature": own[1]}
        if own is not None and own[0] == "redacted":
            return {"type": "redacted_thinking", "data": own[1]}
        self._losses.hint("reasoning")
        return None

    def _call(self, part: ToolCallPart) -> Block:
        self.tools = True
        text = as_arguments(part.arguments) if part.custom else part.arguments
        block = {"type": "tool_use", "id": encode_id(part.id), "name": part.name, "input": self._input(part, text)}
        return self._marked(block, part.cache)

    def _input(self, part: ToolCallPart, text: str) -> dict[str, Any]:
        # DI-165: the empty string is the empty object; what is no object is refused (TR-C12, TR-C13).
        if not text.strip():
            return {}
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            raise fault(self.where, f"The arguments of the tool call '{part.id[:64]}' in '{self.where}' are not a JSON object.")
        return value

    def _result(self, part: ToolResultPart) -> Block:
        self.tools = True
        # DI-157
        block: Block = {"type": "tool_result", "tool_use_id": encode_id(part.call_id)}
        blocks = self.blocks(part.parts)
        if len(blocks) == 1 and bare(blocks[0]):
            block["content"] = blocks[0]["text"]
        elif blocks:
            block["content"] = blocks
        # TR-C20
        if part.is_error:
            block["is_error"] = True
        return self._marked(block, part.cache)


WRITERS: Final[Mapping[type[Part], Callable[[Content, Any], Block | None]]] = {
    TextPart: Content._text,
    RefusalPart: Content._refusal,
    ImagePart: Content._image,
    FilePart: Content._file,
    AudioPart: Content._audio,
    ForeignPart: Content._foreign,
    ReasoningPart: Content._reasoning,
    ToolCallPart: Content._call,
    ToolResultPart: Content._result,
}
