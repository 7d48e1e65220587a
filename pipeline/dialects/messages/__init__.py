"""Anthropic Messages, the row of the table: what enters and leaves in this dialect."""

from __future__ import annotations

from typing import Final

from pipeline.dialects.codec import Dialect
from pipeline.dialects.messages.body import MessagesBodyEncoder
from pipeline.dialects.messages.build import build
from pipeline.dialects.messages.decoder import MessagesBodyDecoder, MessagesDecoder, outline, plain
from pipeline.dialects.messages.encoder import MessagesEncoder
from pipeline.dialects.messages.errors import read_error, write_error
from pipeline.dialects.messages.relay import MessagesRelay
from pipeline.dialects.messages.request import check, parse
from pipeline.dialects.messages.stream import KEEPALIVE
from pipeline.dialects.skim import Skim

_MARKS: Final = (b"content_block_delta",)

MESSAGES: Final = Dialect(
    name="messages",
    path="/v1/messages",
    check=check,
    parse=parse,
    build=build,
    decoder=lambda: Skim(MessagesDecoder(), plain, _MARKS),
    relay_decoder=lambda: Skim(MessagesDecoder(), plain, _MARKS, joined=True),
    body_decoder=MessagesBodyDecoder,
    outline=outline,
    encoder=MessagesEncoder,
    body_encoder=MessagesBodyEncoder,
    relay=MessagesRelay,
    read_error=read_error,
    write_error=write_error,
    keepalive=KEEPALIVE,
)

__all__ = ["MESSAGES"]
