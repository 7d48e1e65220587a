"""Chat Completions: the dialect that most providers speak, each in its own way."""

from __future__ import annotations

from typing import Final

from pipeline.dialects.chat.body import ChatBodyDecoder, ChatBodyEncoder, outline
from pipeline.dialects.chat.build import build
from pipeline.dialects.chat.decoder import ChatDecoder
from pipeline.dialects.chat.encoder import KEEPALIVE, ChatEncoder
from pipeline.dialects.chat.reading import plain
from pipeline.dialects.chat.relay import ChatRelay
from pipeline.dialects.chat.request import check, parse
from pipeline.dialects.codec import Dialect
from pipeline.dialects.openai_errors import read_error, write_error
from pipeline.dialects.skim import Skim

_MARKS: Final = (b'content"', b'"reasoning"')

CHAT: Final = Dialect(
    name="chat",
    path="/chat/completions",
    check=check,
    parse=parse,
    build=build,
    decoder=lambda: Skim(ChatDecoder(), plain, _MARKS),
    relay_decoder=lambda: Skim(ChatDecoder(), plain, _MARKS, joined=True),
    body_decoder=ChatBodyDecoder,
    outline=outline,
    encoder=ChatEncoder,
    body_encoder=ChatBodyEncoder,
    relay=ChatRelay,
    read_error=read_error,
    write_error=write_error,
    keepalive=KEEPALIVE,
)

__all__ = ["CHAT"]
