"""Tool call ids that the dialect takes: its own pass unchanged, foreign characters are written reversibly (DI-163, DI-164)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

_LEGAL: Final = re.compile(r"[A-Za-z0-9_-]+")
_PREFIX: Final = "penstock-id-"


def encode_id(ident: str) -> str:
    """``ident`` in letters, digits, underscore and dash. The same id always gives the same text.

    >>> encode_id("call_1"), encode_id("functions.weather:0")
    ('call_1', 'penstock-id-ZnVuY3Rpb25zLndlYXRoZXI6MA')
    """
    if _LEGAL.fullmatch(ident) and not ident.startswith(_PREFIX):
        return ident
    return _PREFIX + base64.urlsafe_b64encode(ident.encode("utf-8", "surrogatepass")).rstrip(b"=").decode()


def decode_id(ident: str) -> str:
    """The id that ``encode_id`` was given; anything else stays what it is.

    >>> decode_id("penstock-id-ZnVuY3Rpb25zLndlYXRoZXI6MA")
    'functions.weather:0'
    """
    if not ident.startswith(_PREFIX):
        return ident
    text = ident[len(_PREFIX) :]
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return data.decode("utf-8", "surrogatepass")
    except (binascii.Error, ValueError):
        return ident
