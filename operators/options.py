"""What a number in a signature promises: said once in the annotation, checked by the factory and by the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias


@dataclass(frozen=True)
class Minimum:
    """The least value of a number; ``above``: it must be greater than that."""

    value: float
    above: bool = False

    def __str__(self) -> str:
        return f"{'more than' if self.above else 'at least'} {self.value:g}"

    def allows(self, number: float) -> bool:
        """Whether ``number`` keeps the promise. NaN never does."""
        return number > self.value if self.above else number >= self.value


POSITIVE = Minimum(0, above=True)
NOT_NEGATIVE = Minimum(0)

Seconds: TypeAlias = Annotated[float, POSITIVE]
"""A span of time that cannot be empty."""
Wait: TypeAlias = Annotated[float, NOT_NEGATIVE]
"""A span of time that may be empty."""
Bytes: TypeAlias = Annotated[int, POSITIVE]
"""A size."""
Count: TypeAlias = Annotated[int, POSITIVE]
"""A number of things, at least one."""
CountOrNone: TypeAlias = Annotated[int, NOT_NEGATIVE]
"""A number of things, perhaps none."""

BY_NAME: Final = "module:function"
"""Marks a parameter that takes a function, or in a configuration the function's name."""
Function: TypeAlias = Annotated[str | Callable[..., Any], BY_NAME]
"""A person's function, or its name."""


def positive(operator: str, **numbers: float) -> None:
    """Check numbers that must be more than 0.

    Raises:
        ValueError: one is not; the message names the operator, the parameter and the value.
    """
    _check(operator, POSITIVE, numbers)


def not_negative(operator: str, **numbers: float) -> None:
    """Check numbers that must be at least 0.

    Raises:
        ValueError: one is not; the message names the operator, the parameter and the value.
    """
    _check(operator, NOT_NEGATIVE, numbers)


def _check(operator: str, minimum: Minimum, numbers: dict[str, float]) -> None:
    for name, value in numbers.items():
        if not minimum.allows(value):
            raise ValueError(f"{operator}: {name} must be {minimum}, not {value!r}")
