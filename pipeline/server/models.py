"""GET /v1/models: one answer that the OpenAI and the Anthropic SDKs both parse (DI-40, DI-110, DI-111).

Only configured names are listed, each once (TR-M2): a pattern stands for names that nobody can list, and none are invented.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from pipeline.errors import GatewayError, Kind
from pipeline.server.auth import Caller

MOST: Final = 1000
"""Entries of one page."""

_PATTERN: Final = frozenset("*?[")
_NO_QUERY: Final[Mapping[str, str]] = {}


def list_models(models: Iterable[tuple[str, str]], caller: Caller, created: int, query: Mapping[str, str] = _NO_QUERY) -> bytes:
    """The list, as JSON.

    Args:
        models: (name, description) as configured; patterns and repetitions are left out.
        caller: only models that it may use are listed.
        created: Unix seconds since when these models are served here: the provider's own date is not known (TR-M14).
        query: of the request. ``limit``, ``after_id`` and ``before_id`` page as in the Messages API; without them it is one page.

    Raises:
        GatewayError: 400, a query parameter that is no number, or an id that is not in the list.
    """
    names = _served(models, caller)
    page, more = _page(list(names), query)
    return orjson.dumps(
        {
            "object": "list",
            "data": [_entry(name, names[name], created) for name in page],
            "has_more": more,
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
        }
    )


def get_model(models: Iterable[tuple[str, str]], name: str, caller: Caller, created: int) -> bytes:
    """The entry of one model, as JSON.

    Raises:
        GatewayError: MODEL_NOT_FOUND (404) with the nearest name.
    """
    names = _served(models, caller)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else "GET /v1/models lists what there is."
        raise GatewayError(Kind.MODEL_NOT_FOUND, f"The model {name!r:.80} is not listed here. {hint}", param="model")
    return orjson.dumps(_entry(name, names[name], created))


def _served(models: Iterable[tuple[str, str]], caller: Caller) -> dict[str, str]:
    served: dict[str, str] = {}
    for name, about in models:
        if _PATTERN.isdisjoint(name) and caller.allows(name):
            served.setdefault(name, about)
    return served


def _entry(name: str, about: str, created: int) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": "penstock",
        "type": "model",
        "display_name": about or name,
        "created_at": datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
    }


def _page(names: list[str], query: Mapping[str, str]) -> tuple[list[str], bool]:
    """The names of the asked page, and whether there are more in the direction of paging."""
    limit = _limit(query.get("limit"), len(names))
    after, before = query.get("after_id"), query.get("before_id")
    if after is not None and before is not None:
        raise GatewayError(Kind.BAD_REQUEST, "`after_id` and `before_id` exclude each other.", param="before_id")
    if before is not None:
        end = _place(names, before, "before_id")
        return names[max(0, end - limit) : end], end > limit
    start = 0 if after is None else _place(names, after, "after_id") + 1
    return names[start : start + limit], start + limit < len(names)


def _limit(text: str | None, default: int) -> int:
    if text is None:
        return default
    # TR-X15: neither a word nor zero means everything.
    if not text.isascii() or not text.isdigit() or int(text[:9]) < 1:
        raise GatewayError(Kind.BAD_REQUEST, f"`limit` must be a number from 1 to {MOST}; it is {text!r:.40}.", param="limit")
    return min(int(text[:9]), MOST)


def _place(names: list[str], name: str, param: str) -> int:
    try:
        return names.index(name)
    except ValueError:
        raise GatewayError(Kind.BAD_REQUEST, f"`{param}` names {name!r:.80}, which is not in the list.", param=param) from None
