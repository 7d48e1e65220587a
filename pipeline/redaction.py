"""Hides what nobody may read where people look: texts that have the shape of a secret, and data that is only long.

It is the second line. The first is that logs, traces and errors are made of our own words: here goes what people said
(``traces.bodies``) and what an exception of ours quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

HIDDEN: Final = "[redacted]"

# Whoever writes a text here can make it as long as a body: what begins at every letter must not look far ahead.
_SHAPES: Final = re.compile(
    r"""
    (?P<kept>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}             # credentials of a header
    | \b(?:sk|pk|rk)-[A-Za-z0-9_-]{8,}                                # OpenAI, Anthropic, Stripe and their like
    | \b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|hf_|gsk_|npm_|dop_v1_)[A-Za-z0-9_-]{8,}
    | \bAKIA[0-9A-Z]{16}\b | \bAIza[0-9A-Za-z_-]{20,} | \bya29\.[0-9A-Za-z_-]+
    | \beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}                # JSON web tokens
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    | (?P<user>://)[^\s/:@]*:[^\s/@]+(?=@)                           # user and password in a URL, or the password alone
    | (?P<name>\b(?:api[_-]?key|apikey|x-api-key|access[_-]?token|auth[_-]?token|secret|password|passwd|token)
        ["']?\s*[=:]\s*["']?)[^\s"'&,;]{4,}
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)

# What a picture or a file weighs says nothing to whoever reads: only its beginning is kept.
_DATA: Final = re.compile(r"(data:[\w.+-]+/[\w.+-]+(?:;[\w=.+-]+)*;base64,)[A-Za-z0-9+/=_-]{64,}", re.IGNORECASE)
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{512,}={0,2}")


def hidden(text: str) -> str:
    """The text without what has the shape of a secret.

    >>> hidden("401 for sk-proj-abcdefgh12345678, Authorization: Bearer abcdefghijk")
    '401 for [redacted], Authorization: Bearer [redacted]'
    >>> hidden("postgres://me:hunter22@db/x?api_key=12345678")
    'postgres://[redacted]@db/x?api_key=[redacted]'
    >>> hidden("redis://:hunter22@db, eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln.")
    'redis://[redacted]@db, [redacted].'
    """
    return _SHAPES.sub(_replacement, text)


def _replacement(match: re.Match[str]) -> str:
    return (match["kept"] or match["user"] or match["name"] or "") + HIDDEN


def short(text: str) -> str:
    """The text with long runs of encoded data cut to a note of their length.

    >>> short("see data:image/png;base64," + "A" * 400)
    'see data:image/png;base64,[400 characters]'
    """
    text = _DATA.sub(lambda match: f"{match[1]}[{len(match[0]) - len(match[1])} characters]", text)
    return _BASE64.sub(lambda match: f"[{len(match[0])} characters]", text)


class Redactor:
    """Hides the configured secrets as well, wherever they stand.

    Args:
        secrets: texts that must never be shown; those of less than six characters would hide ordinary words and are left out.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= 6}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, text: str) -> str:
        """A text as it may be shown."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return hidden(short(text))

    def value(self, value: Any) -> Any:
        """A JSON value as it may be shown: every text in it, names included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self._of(name, item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def _of(self, name: str, item: Any) -> Any:
        """A value whose name says what it is is hidden whatever it looks like. An object may be a schema, which says more."""
        secret = isinstance(item, str | int | float | list) and not isinstance(item, bool)
        return HIDDEN if secret and _SECRET_NAME.fullmatch(name) else self.value(item)


_SECRET_NAME: Final = re.compile(
    r"authorization|(?:x-)?api[_-]?key|(?:access|auth|refresh)[_-]?token|(?:client[_-]?)?secret|password|passwd|cookie|private[_-]?key",
    re.IGNORECASE,
)
