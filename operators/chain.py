"""Order is meaning: a chain is named data, printable and editable, with a reason for the place of each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from reactivex import Observable

from operators import catalog
from operators.errors import ChainError
from operators.options import nearest, shown


@dataclass(frozen=True, repr=False)
class Step:
    """One operator of a chain, not built yet. As a text it does not show what may be secret (``options.HIDDEN``, headers).

    Args:
        name: of an operator in the catalogue, or "module:function" of your own.
        options: its plain keyword parameters.
        reason: why it stands where it stands.
        as_: what the step is called in its chain where one operator stands there twice; None: its ``name``.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    as_: str | None = None

    @property
    def label(self) -> str:
        """What the step is called in its chain."""
        return self.as_ or self.name

    def __str__(self) -> str:
        options = ", ".join(f"{name}={shown(name, value)}" for name, value in self.options.items())
        renamed = f" as {self.as_}" if self.as_ else ""
        return f"{self.name}({options}){renamed}"

    def __repr__(self) -> str:
        return f"<Step {self}>"

    def build(self, resources: Mapping[str, Any]) -> Callable[[Observable[Any]], Observable[Any]]:
        """The operator. Raises ChainError when the options are wrong or a resource is missing."""
        return catalog.build(self.name, self.options, resources)


class Chain:
    """Named positions in their order, each a sequence of steps, the first one nearest to the source.

    Immutable: every change gives a new chain. Positions are whatever the builder of the chain names them. Two chains are equal
    when their positions, their order and their steps are.

    >>> chain = Chain({"attempt": [Step("idle_timeout", {"seconds": 60}, "gaps between events")]})
    >>> print(chain.before("idle_timeout", Step("retry", {"times": 1})).describe())
    attempt
      retry(times=1)
      idle_timeout(seconds=60)    gaps between events
    """

    __slots__ = ("positions",)

    positions: Mapping[str, tuple[Step, ...]]

    def __init__(self, positions: Mapping[str, Sequence[Step]]) -> None:
        frozen = MappingProxyType({name: tuple(steps) for name, steps in positions.items()})
        object.__setattr__(self, "positions", frozen)
        seen: set[str] = set()
        for label in (step.label for _, step in self):
            if label in seen:
                raise ChainError(f"two steps are called {label!r}; give one of them another name (as)")
            seen.add(label)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a chain does not change; {name} cannot be set")

    def __iter__(self) -> Iterator[tuple[str, Step]]:
        """Every step with its position, in order."""
        return ((position, step) for position, steps in self.positions.items() for step in steps)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Chain):
            return NotImplemented
        return list(self.positions.items()) == list(other.positions.items())

    def __hash__(self) -> int:
        return hash(tuple((name, tuple(step.label for step in steps)) for name, steps in self.positions.items()))

    def __repr__(self) -> str:
        return f"Chain({dict(self.positions)!r})"

    @property
    def steps(self) -> list[Step]:
        """All steps, position by position."""
        return [step for _, step in self]

    def before(self, name: str, step: Step) -> Chain:
        """A chain with ``step`` just before (nearer to the source than) the one called ``name``. Raises ChainError."""
        return self._edit(name, lambda found: (step, found))

    def after(self, name: str, step: Step) -> Chain:
        """A chain with ``step`` just after the one called ``name``. Raises ChainError."""
        return self._edit(name, lambda found: (found, step))

    def replace(self, name: str, step: Step) -> Chain:
        """A chain with ``step`` in place of the one called ``name``. Raises ChainError."""
        return self._edit(name, lambda _: (step,))

    def without(self, name: str) -> Chain:
        """A chain without the step called ``name``. Raises ChainError."""
        return self._edit(name, lambda _: ())

    def at(self, position: str, steps: Sequence[Step]) -> Chain:
        """A chain with these steps at ``position`` in place of what was there; a new position comes last."""
        return Chain({**self.positions, position: steps})

    def describe(self) -> str:
        """The chain as text: a position a paragraph, a step a line with its options and its reason."""
        width = max((len(str(step)) for _, step in self), default=0)
        lines: list[str] = []
        for position, steps in self.positions.items():
            lines.append(position)
            lines.extend(f"  {step!s:<{width}}    {step.reason}".rstrip() for step in steps)
        return "\n".join(lines)

    def build(
        self, position: str, resources: Mapping[str, Any] | Callable[[Step], Mapping[str, Any]] | None = None
    ) -> Callable[[Observable[Any]], Observable[Any]]:
        """All steps of a position as one operator, built once; every application gives a new stream.

        Args:
            position: which one.
            resources: what the steps need beside their options, by parameter name, or a function that tells it for each step;
                what a step does not ask for is not used.

        Raises:
            ChainError: there is no such position, a step does not exist, an option is wrong, a resource is missing.
        """
        if position not in self.positions:
            raise ChainError(f"no position {position!r}; there are {', '.join(self.positions) or 'none'}")
        supply = resources if callable(resources) else lambda _: resources or {}
        operators = tuple(step.build(supply(step)) for step in self.positions[position])

        def apply(source: Observable[Any]) -> Observable[Any]:
            for operator in operators:
                source = operator(source)
            return source

        return apply

    def _edit(self, name: str, change: Callable[[Step], tuple[Step, ...]]) -> Chain:
        labels = [step.label for _, step in self]
        if name not in labels:
            raise ChainError(f"no step is called {name!r}{nearest(name, labels)}")
        return Chain(
            {
                position: tuple(new for step in steps for new in (change(step) if step.label == name else (step,)))
                for position, steps in self.positions.items()
            }
        )
