"""The guards of one position of a chain: bound to options and shared state once, applied to a stream for each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from reactivex import Observable

from operators import Chain, catalog
from operators.source import FlowGate

# The one resource that belongs to a request: a guard that takes it is made anew for each.
GATE: Final = "gate"

Guard = Callable[[Observable[Any]], Observable[Any]]
Build = Callable[[FlowGate], Guard]


class Guards:
    """What stands at a position, ready to be applied.

    Args:
        chain: the chain.
        position: which position of it.
        resources: what the steps need beside their options, by parameter name.
        then: operators that the gateway itself puts after them.

    Raises:
        ChainError: a step cannot be built.
    """

    __slots__ = ("_builds",)

    def __init__(
        self,
        chain: Chain,
        position: str,
        resources: Mapping[str, Any],
        then: Sequence[Guard] = (),
    ) -> None:
        builds: list[Build] = []
        for step in chain.positions[position]:
            operator = step.build({**resources, GATE: FlowGate()})
            needs = catalog.signature(catalog.resolve(step.name)).resources
            if GATE in needs:
                supplied = {name: resources[name] for name in needs if name in resources}
                builds.append(partial(_with_gate, catalog.resolve(step.name), {**step.options, **supplied}))
            else:
                builds.append(partial(_as_it_is, operator))
        builds.extend(partial(_as_it_is, operator) for operator in then)
        self._builds = tuple(builds)

    def apply(self, source: Observable[Any], gate: FlowGate) -> Observable[Any]:
        """The guarded stream; nothing happens before somebody subscribes."""
        for build in self._builds:
            source = build(gate)(source)
        return source


def _as_it_is(guard: Guard, gate: FlowGate) -> Guard:
    return guard


def _with_gate(factory: Callable[..., Any], arguments: Mapping[str, Any], gate: FlowGate) -> Guard:
    guard: Guard = factory(**arguments, gate=gate)
    return guard
