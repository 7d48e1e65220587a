"""Steps as people write them, each with a fault that only building it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from operators.slots import Slots


def refuses(limit: int) -> Callable[[Any], Any]:
    raise ValueError(f"refuses: {limit} is too few")


def breaks() -> Callable[[Any], Any]:
    raise KeyError("sk-secret")


def gives_nothing() -> None:
    """Somebody forgot to return."""


def wants(*, slots: Slots) -> Callable[[Any], Any]:
    return lambda source: source
