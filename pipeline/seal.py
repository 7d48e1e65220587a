"""An envelope that carries one provider's opaque reasoning proof through a client of another dialect, and home again (DI-161).

A signature or encrypted content is valid only for the provider that made it. Sealed, it travels in the field that the client's
dialect has for such values, and is opened only for the provider and model that it came from; anything else gives None.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Final

MARK: Final = "penstock.1."
MARK_BYTES: Final = MARK.encode()
"""A relay looks for it in a body before it looks any closer."""

_MAC_BYTES: Final = 16


def key_for(name: str, api_key: str | None, base_url: str) -> bytes:
    """A key that is the same after a restart without any configuration: from the provider's own secret, where it has one."""
    secret = api_key or f"{name} {base_url}"
    return hmac.digest(b"penstock seal", secret.encode(), hashlib.sha256)


class Seal:
    """Wraps and unwraps for one provider.

    Args:
        key: secret, at least 16 bytes.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def wrap(self, provider: str, model: str, kind: str, value: str) -> str:
        """The sealed text: printable, URL-safe, legal as a signature and as encrypted content."""
        content = json.dumps([provider, model, kind, value], separators=(",", ":")).encode()
        return f"{MARK}{_text(content)}.{_text(self._mac(content))}"

    def unwrap(self, text: str, provider: str, model: str) -> tuple[str, str] | None:
        """(kind, value) of what this provider and model once sealed; None for anything else, forged or garbled."""
        if not text.startswith(MARK):
            return None
        sealed, _, mac = text[len(MARK) :].partition(".")
        content, given = _bytes(sealed), _bytes(mac)
        if content is None or given is None or not hmac.compare_digest(given, self._mac(content)):
            return None
        # Authentic, so it is what `wrap` wrote.
        by, of, kind, value = json.loads(content)
        return (kind, value) if (by, of) == (provider, model) else None

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)[:_MAC_BYTES]

    def __repr__(self) -> str:
        return "Seal(...)"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
