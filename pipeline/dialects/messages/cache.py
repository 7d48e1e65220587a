"""Cache marks: the dialect's own pass unchanged, those of newer OpenAI models are adapted (DI-147, DI-216)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_TTL: Final[Mapping[str, str]] = {"30m": "5m", "12h": "1h"}


def write_cache(mark: dict[str, Any] | None) -> dict[str, Any] | None:
    """``cache_control`` for a mark of any dialect.

    >>> write_cache({"mode": "explicit", "ttl": "12h"})
    {'type': 'ephemeral', 'ttl': '1h'}
    """
    if mark is None or "mode" not in mark:
        return mark
    ttl = _TTL.get(str(mark.get("ttl")))
    return {"type": "ephemeral"} if ttl is None else {"type": "ephemeral", "ttl": ttl}
