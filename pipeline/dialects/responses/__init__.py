"""OpenAI Responses, the row of the table: what enters and leaves in this dialect."""

from __future__ import annotations

from typing import Final

from pipeline.dialects.codec import Dialect
from pipeline.dialects.responses.body import BodyEncoder
from pipeline.dialects.responses.build import build
from pipeline.dialects.responses.decoder import BodyDecoder, outline, skimming
from pipeline.dialects.responses.encoder import StreamEncoder
from pipeline.dialects.responses.errors import read_error, write_error
from pipeline.dialects.responses.relay import StreamRelay
from pipeline.dialects.responses.request import check, parse
from pipeline.wire.sse import comment

RESPONSES: Final = Dialect(
    name="responses",
    path="/responses",
    check=check,
    parse=parse,
    build=build,
    decoder=skimming,
    relay_decoder=lambda: skimming(joined=True),
    body_decoder=BodyDecoder,
    outline=outline,
    encoder=StreamEncoder,
    body_encoder=BodyEncoder,
    relay=StreamRelay,
    read_error=read_error,
    write_error=write_error,
    keepalive=comment(b"keep-alive"),
)

__all__ = ["RESPONSES"]
