"""Estimates how many tokens a request holds, for providers that cannot count (TR-U6). The answer says that it is an estimate.

The rule, kept simple so that people can check it:

- text of any kind (system, history, reasoning, tool calls and results, tool definitions as JSON): a token per 4 bytes of UTF-8,
  rounded up for each part; that is near for English, and on the safe side for most other languages and for code;
- each message 4, each tool 8, for what the provider writes around them;
- an image 1,600 (the largest that providers bill), 85 in low detail; what it really costs depends on its size in pixels;
- a file by data a token per 32 bytes of it; a file by reference, whose size is unknown, 1,600; audio a token per 3,200 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from pipeline.request import (
    AudioPart,
    FilePart,
    ForeignPart,
    ImagePart,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

PER_MESSAGE: Final = 4
PER_TOOL: Final = 8
IMAGE: Final = 1600
IMAGE_LOW: Final = 85
FILE_BYTES: Final = 32
AUDIO_BYTES: Final = 3200


def estimate(request: Request) -> int:
    """Input tokens of a request, by the rule above. Never less than 1.

    >>> from pipeline.request import Message
    >>> estimate(Request("chat", "m", False, {}, messages=[Message("user", [TextPart("How are you?")])]))
    7
    """
    tokens = 0
    for message in request.messages:
        tokens += PER_MESSAGE + sum(_part(part) for part in message.parts)
    for tool in request.tools or ():
        tokens += PER_TOOL + _tool(tool) if isinstance(tool, Tool) else PER_TOOL + _json(tool.native)
    if request.format is not None and request.format.schema is not None:
        tokens += _json(request.format.schema)
    return max(tokens, 1)


def _text(text: str) -> int:
    # Counting bytes without making them: most text is ASCII.
    return -(-(len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))) // 4)


def _json(value: Any) -> int:
    return -(-len(orjson.dumps(value)) // 4)


def _tool(tool: Tool) -> int:
    return _text(tool.name) + _text(tool.description or "") + (_json(tool.parameters) if tool.parameters else 0)


def _image(part: ImagePart) -> int:
    return IMAGE_LOW if part.detail == "low" else IMAGE


def _file(part: FilePart) -> int:
    if part.text is not None:
        return _text(part.text)
    if part.data is not None:
        return -(-len(part.data) * 3 // 4 // FILE_BYTES)
    return IMAGE


def _result(part: ToolResultPart) -> int:
    return sum(_part(inner) for inner in part.parts)


_COUNTS: Final[Mapping[type, Callable[[Any], int]]] = {
    TextPart: lambda part: _text(part.text),
    ImagePart: _image,
    FilePart: _file,
    AudioPart: lambda part: -(-len(part.data) * 3 // 4 // AUDIO_BYTES),
    RefusalPart: lambda part: _text(part.text),
    # What is opaque is counted as long as it is: that is how it travels.
    ReasoningPart: lambda part: _text(part.text + "".join(part.summary) + (part.opaque or "")),
    ToolCallPart: lambda part: _text(part.name) + _text(part.arguments),
    ToolResultPart: _result,
    ForeignPart: lambda part: _json(part.native),
}


def _part(part: object) -> int:
    return _COUNTS[type(part)](part)
