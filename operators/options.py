"""What a number in a signature promises: said once in the annotation, checked by the factory and by the catalogue."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
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


@dataclass(frozen=True)
class Maximum:
    """The greatest value of a number."""

    value: float

    def __str__(self) -> str:
        return f"at most {self.value:g}"

    def allows(self, number: float) -> bool:
        """Whether ``number`` keeps the promise. NaN never does."""
        return number <= self.value


Bound: TypeAlias = Minimum | Maximum

POSITIVE = Minimum(0, above=True)
NOT_NEGATIVE = Minimum(0)
WHOLE = Maximum(100)
ONE = Maximum(1)

SECONDS: Final = "seconds"
"""Marks a span of time: a configuration may write it with its unit, such as 500ms."""

Seconds: TypeAlias = Annotated[float, POSITIVE, SECONDS]
"""A span of time that cannot be empty."""
Wait: TypeAlias = Annotated[float, NOT_NEGATIVE, SECONDS]
"""A span of time that may be empty."""
Rate: TypeAlias = Annotated[float, POSITIVE]
"""Units a second."""
Bytes: TypeAlias = Annotated[int, POSITIVE]
"""A size."""
Count: TypeAlias = Annotated[int, POSITIVE]
"""A number of things, at least one."""
CountOrNone: TypeAlias = Annotated[int, NOT_NEGATIVE]
"""A number of things, perhaps none."""
Percent: TypeAlias = Annotated[float, POSITIVE, WHOLE]
"""A share in percent that is not empty."""
PercentOrNone: TypeAlias = Annotated[float, NOT_NEGATIVE, WHOLE]
"""A share in percent, perhaps none."""
Share: TypeAlias = Annotated[float, POSITIVE, ONE]
"""A part of a whole: more than none of it, 1 is all."""

BY_NAME: Final = "module:function"
"""Marks a parameter that takes a function, or in a configuration the function's name."""
Function: TypeAlias = Annotated[str | Callable[..., Any], BY_NAME]
"""A person's function, or its name."""


def positive(operator: str, **numbers: float) -> None:
    """Check numbers that must be more than 0.

    Raises:
        ValueError: one is not; the message names the operator, the parameter and the value.
    """
    _check(operator, (POSITIVE,), numbers)


def not_negative(operator: str, **numbers: float) -> None:
    """Check numbers that must be at least 0.

    Raises:
        ValueError: one is not; the message names the operator, the parameter and the value.
    """
    _check(operator, (NOT_NEGATIVE,), numbers)


def shares(operator: str, **numbers: float) -> None:
    """Check parts of a whole: more than 0 and at most 1.

    Raises:
        ValueError: one is not; the message names the operator, the parameter and the value.
    """
    _check(operator, (POSITIVE, ONE), numbers)


HIDDEN: Final = frozenset({"words", "patterns"})
"""Options that say what must not be read anywhere: they are not shown either."""


def shown(name: str, value: Any) -> str:
    """The value of an option, for people: of what is ``HIDDEN`` how much it is, of a mapping (headers) its names.

    >>> shown("words", ["a secret"]), shown("headers", {"x-key": "a secret"}), shown("seconds", 3)
    ('1 hidden', '{x-key}', '3')
    """
    if isinstance(value, Mapping):
        return f"{{{', '.join(map(str, value))}}}"
    if name in HIDDEN and value is not None:
        return f"{len(value)} hidden" if isinstance(value, list | tuple) else "hidden"
    return repr(value)


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of a message about a wrong name: what was probably meant, or what there is."""
    known = sorted(names)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(known) or 'none'}"


def _check(operator: str, bounds: tuple[Bound, ...], numbers: dict[str, float]) -> None:
    for name, value in numbers.items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{operator}: {name} must be a number, {' and '.join(map(str, bounds))}, not {value!r}")
        if not all(bound.allows(value) for bound in bounds):
            raise ValueError(f"{operator}: {name} must be {' and '.join(map(str, bounds))}, not {value!r}")
