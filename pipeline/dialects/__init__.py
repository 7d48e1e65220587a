"""The table of dialects: a new one is two codecs, two request functions and one row here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.dialects.chat import CHAT
from pipeline.dialects.codec import Decoder, Dialect, Encoder, OutlineDecoder, RelayBody
from pipeline.dialects.messages import MESSAGES
from pipeline.dialects.responses import RESPONSES

DIALECTS: Final[Mapping[str, Dialect]] = {d.name: d for d in (CHAT, RESPONSES, MESSAGES)}

__all__ = ["DIALECTS", "Decoder", "Dialect", "Encoder", "OutlineDecoder", "RelayBody"]
