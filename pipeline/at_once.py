"""A coroutine that has nothing to wait for needs no task."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def at_once(work: Coroutine[Any, None, T]) -> T:
    """Run a coroutine to its end, here and now.

    Raises:
        RuntimeError: it had to wait.
        Exception: what it raised.

    >>> async def double(number: int) -> int:
    ...     return 2 * number
    >>> at_once(double(21))
    42
    """
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    work.close()
    raise RuntimeError(f"{work!r} had to wait")
