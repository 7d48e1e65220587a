"""One provider's opaque reasoning proof goes through a client of another dialect and comes back only to who made it (DI-161).

A sealed value is text of the URL-safe alphabet, so it may stand wherever a dialect has a signature or encrypted content. It is
authentic, not secret: the proof inside is the provider's own ciphertext.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import Final

import orjson

MARK: Final = "penstock-sealed-1-"
"""What every sealed value begins with."""
MARK_BYTES: Final = MARK.encode()
"""The mark as it stands in a body: a relay sees with one search whether a body may hold sealed values."""

_MAC: Final = 16
# A dated or floating name and its family make and take the same proofs: -20250929, -2025-09-29, @20250929, -latest.
_DATE: Final = re.compile(r"(?:[-@](?:\d{8}|\d{4}-\d{2}-\d{2})|-latest)$")


def family(model: str) -> str:
    """The model's name without date, ``latest`` and the path before it.

    >>> family("anthropic/claude-sonnet-4-5-20250929")
    'claude-sonnet-4-5'
    """
    return _DATE.sub("", model.rpartition("/")[2])


def key_for(provider: str, secret: str | None, base_url: str | None) -> bytes:
    """The key of a provider's seal, the same after every restart without configuration.

    Args:
        provider: its configured name, which counts where there is no ``secret``.
        secret: the API key; one key under two names is one provider.
        base_url: where it lives, which counts where there is no ``secret``.
    """
    source = f"key\0{secret}" if secret else f"place\0{provider}\0{base_url or ''}"
    return hmac.new(b"penstock reasoning seal", source.encode(), hashlib.sha256).digest()


class Seal:
    """Wraps and unwraps the opaque values of one provider. Stateless: any worker opens what any other closed."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def wrap(self, provider: str, model: str, kind: str, value: str) -> str:
        """``value`` in its envelope. ``kind`` says what it is: signature, redacted, encrypted."""
        load = orjson.dumps([provider, family(model), kind, value])
        return MARK + base64.urlsafe_b64encode(self._mac(load) + load).rstrip(b"=").decode()

    def unwrap(self, text: str, provider: str, model: str) -> tuple[str, str] | None:
        """(kind, value), or None for anything that this provider's model family did not make. Never raises."""
        if not text.startswith(MARK):
            return None
        try:
            body = text[len(MARK) :]
            data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        mac, load = data[:_MAC], data[_MAC:]
        if not hmac.compare_digest(mac, self._mac(load)):
            return None
        maker, made_for, kind, value = orjson.loads(load)
        return (kind, value) if (maker, made_for) == (provider, family(model)) else None

    def _mac(self, load: bytes) -> bytes:
        return hmac.new(self._key, load, hashlib.sha256).digest()[:_MAC]

    def __repr__(self) -> str:
        return "Seal()"
