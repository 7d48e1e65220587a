"""A mirror under test, with what it told."""

from __future__ import annotations

from typing import Any

from operators import Operator, mirror
from operators.testing import Marbles


class Words:
    """A summary that keeps all, in place of a digest."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def note(self, item: Any) -> None:
        self.all.append(item)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and self.all == other.all


class Bench:
    """A mirror under test: what it told, and the shadows it made."""

    def __init__(self, t: Marbles, shadow: Any, percent: float = 100, **options: Any) -> None:
        self.told: list[tuple[float, str]] = []
        self.summaries: list[Any] = []
        self.scopes: list[Any] = []
        self._t = t
        self._shadow = shadow
        self.operator: Operator[Any, Any] = mirror(
            percent, **{"shadow": self._make, "summary": Words, "on_compared": self._tell, **options}
        )

    def _make(self, scope: Any) -> Any:
        self.scopes.append(scope)
        return self._shadow() if callable(self._shadow) else self._shadow

    def _tell(self, word: str, mine: Any, other: Any) -> None:
        self.told.append((self._t.second, word))
        self.summaries.append((mine.all, other.all))


class Last:
    """An item behind which nothing has to follow."""

    ends = True


def broken(*_: Any) -> Any:
    raise ZeroDivisionError


class BrokenNote:
    """A summary that cannot take an item."""

    all: tuple[Any, ...] = ()

    def note(self, item: Any) -> None:
        raise ZeroDivisionError


def run(
    t: Marbles,
    result: Any,
    drawing: str,
    seconds: float,
    *,
    values: dict[str, Any] | None = None,
    until: str | None = None,
) -> None:
    """As ``check``, but the shadow may run on for so many seconds; then no timer is left."""
    before = t.second
    heard: list[Any] = []
    subscription = result.subscribe(
        lambda item: heard.append((t.second - before, item)),
        lambda error: heard.append((t.second - before, "#")),
        lambda: heard.append((t.second - before, "|")),
        scheduler=t.scheduler,
    )
    if until is not None:
        t.advance(before + until.index("!"))
        subscription.dispose()
    t.advance(before + seconds)
    expected = [(float(second), (values or {}).get(mark, mark)) for second, mark in enumerate(drawing) if mark != "-"]
    assert heard == expected
    assert t.timers == 0
