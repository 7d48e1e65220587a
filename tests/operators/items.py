"""Items for drawings: ``s`` and ``r`` do not commit, ``a`` to ``d`` do; and errors that say something about themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """An item of a test."""

    name: str
    commits: bool = True
    size: int = 2
    ends: bool = False


ITEMS = {name: Item(name, commits=name not in "rs") for name in "abcdrs"}
"""For the ``values`` of drawings."""


class Fault(Exception):
    """An error with attributes: ``retryable``, ``again``, ``retry_after``, ``cool_down``."""

    def __init__(self, text: str = "fault", **attributes: object) -> None:
        super().__init__(text)
        self.__dict__.update(attributes)
