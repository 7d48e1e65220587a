"""What outlives a reload: the pooled client, the metrics, and what guards keep from one request to the next."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from operators.circuit import Circuits
from operators.limits import Limits, Meter, Quota, own_meter
from pipeline.metrics import Metrics

if TYPE_CHECKING:
    from pipeline.providers.pool import Pool

S = TypeVar("S")

NO_QUOTAS: Mapping[Hashable, Quota] = MappingProxyType({})


@dataclass(slots=True)
class Shared:
    """One for each serving process."""

    pool: Pool
    metrics: Metrics
    circuits: Circuits
    meter: Meter = own_meter
    """Makes the meters of rate limits; several workers have them in common."""
    _states: dict[Hashable, tuple[Hashable, Any]] = field(default_factory=dict)

    def state(self, key: Hashable, make: Callable[[], S], version: Hashable = None) -> S:
        """What the guard called ``key`` keeps; made when it is first asked for, so that a reload goes on with it.

        Keys hold the options that it was made with: other options, another state. They come from the configuration only. What
        depends on more than those names that as its ``version``: one of another version is made anew and takes its place.
        """
        found = self._states.get(key)
        if found is None or found[0] != version:
            found = self._states[key] = (version, make())
        return found[1]

    def limits(self, key: Hashable, own: Mapping[Hashable, Quota] = NO_QUOTAS) -> Limits:
        """What clients have used, kept as the ``state`` called ``key``."""
        return self.state(key, lambda: Limits(own, lambda what, rate, burst: self.meter((key, what), rate, burst)))

    def states(self, kind: type[S]) -> list[S]:
        """All states of a kind, for gauges."""
        return [state for _, state in self._states.values() if isinstance(state, kind)]
