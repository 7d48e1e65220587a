"""A provider's small values, as they should be or not at all: what has another type is left out and never reaches an encoder."""

from __future__ import annotations

from typing import Any, Final

COUNTABLE: Final = 2**53
"""Beyond, a number is no count of anything, and some JSON readers lose its last digits."""


def word(value: Any) -> str | None:
    """An id, a name, an address: text that is not empty.

    >>> word("call_1"), word(""), word(5)
    ('call_1', None, None)
    """
    return value if type(value) is str and value else None


def count(value: Any) -> int | None:
    """A place in a text, or a count.

    >>> count(7), count(-1), count(True), count("7")
    (7, None, None, None)
    """
    return value if type(value) is int and 0 <= value < COUNTABLE else None


def filled(value: Any) -> list[Any] | None:
    """A list with something in it.

    >>> filled([1]), filled([]), filled("ab")
    ([1], None, None)
    """
    return value if type(value) is list and value else None
