"""Errors in words for people who look at a gateway: in its log, its traces and its console."""

from __future__ import annotations

import re
from typing import Final

from pipeline.errors import Kind, classify

# Errors whose texts are made of our own words and of names that the configuration gives.
_OURS: Final = frozenset(
    (Kind.UNREACHABLE, Kind.TIMEOUT, Kind.CUT, Kind.BAD_REPLY, Kind.OVERLOADED, Kind.RATE_LIMIT, Kind.TOO_LARGE, Kind.PROVIDER)
)

# Others' words are told only where they are names.
_NAME: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")


def said(error: Exception) -> str:
    """What may be told of an error where people look: words of ours that quote nobody.

    What a provider wrote may hold anything, and what is wrong with a request is told with a piece of it.
    """
    known = classify(error)
    if known.kind in _OURS and not known.from_provider:
        return known.message
    named = (("code", known.code if known.from_provider else None), ("param", known.param))
    names = [f"{name} {value}" for name, value in named if isinstance(value, str) and _NAME.fullmatch(value)]
    if known.from_provider:
        names.insert(0, f"status {known.status}")
    return f"{known.kind.text[:-1]} ({', '.join(names)})." if names else known.kind.text
