"""Which headers pass between client and provider: allow-lists in both directions, values checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final

# DI-262: betas and versions of the Messages API must reach a Messages provider unchanged. Credentials never pass (TR-X22).
REQUEST_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "chat": ("openai-beta",),
    "responses": ("openai-beta", "originator", "session-id", "thread-id", "x-codex-beta-features", "x-codex-turn-metadata"),
    "messages": ("anthropic-version", "anthropic-beta", "x-claude-code-session-id"),
}

# TR-E13: what a client needs to back off. DI-105.
RESPONSE_HEADERS: Final = frozenset(
    {"retry-after", "retry-after-ms", "x-should-retry", "openai-processing-ms", "openai-model", "anthropic-organization-id"}
)
RESPONSE_PREFIXES: Final = ("x-ratelimit-", "anthropic-ratelimit-")

_LEGAL_VALUE: Final = re.compile(r"[\t\x20-\x7e]{0,1024}")


def to_provider(dialect: str, client_headers: Mapping[str, str]) -> dict[str, str]:
    """The client's headers that a provider of the same dialect gets."""
    found = {}
    for name in REQUEST_HEADERS[dialect]:
        if name in client_headers:
            all_of: Callable[[str], list[str]] | None = getattr(client_headers, "getall", None)
            # A header that stands there several times is one list (DI-262).
            found[name] = client_headers[name] if all_of is None else ", ".join(all_of(name))
    return found


@lru_cache(1024)
def _passes(name: str) -> str | None:
    """The name in lower case, where the header may reach a client. Providers send the same names in every answer."""
    lower = name.lower()
    return lower if lower in RESPONSE_HEADERS or lower.startswith(RESPONSE_PREFIXES) else None


def to_client(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The provider's headers that reach the client; a value that could smuggle anything is left out (TR-X24)."""
    found = {}
    for name, value in headers:
        lower = _passes(name)
        if lower is not None and _LEGAL_VALUE.fullmatch(value):
            found[lower] = value
    return found
