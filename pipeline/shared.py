"""What outlives a reload: the pooled client, the metrics, and what guards keep from one request to the next."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from operators.budget import Budget
from operators.circuit import Circuits
from operators.limits import Limits, Meter, Quota, own_meter
from operators.slots import Slots
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
    directs: set[str] = field(default_factory=set)
    """What clients named as ``provider/model`` and got: as many as the configuration has providers, and demo models."""
    _states: dict[Hashable, tuple[Hashable, Any]] = field(default_factory=dict)
    _before: dict[Hashable, tuple[Hashable, Any]] = field(default_factory=dict)

    def state(self, key: Hashable, make: Callable[[], S], version: Hashable = None) -> S:
        """What the guard called ``key`` keeps; made when it is first asked for, so that a reload goes on with it.

        Keys hold the options that it was made with: other options, another state. They come from the configuration only. What
        depends on more than those names that as its ``version``: one of another version is made anew and takes its place.
        """
        found = self._states.get(key) or self._before.get(key)
        if found is None or found[0] != version:
            found = (version, make())
        self._states[key] = found
        return found[1]

    def limits(self, key: Hashable, own: Mapping[Hashable, Quota] = NO_QUOTAS) -> Limits:
        """What clients have used, kept as the ``state`` called ``key``."""
        return self.state(key, lambda: Limits(own, lambda what, rate, burst: self.meter((key, what), rate, burst)))

    def keyed(self, kind: type[S]) -> dict[Hashable, S]:
        """All states of a kind by their keys, for gauges."""
        return {key: state for key, (_, state) in self._states.items() if isinstance(state, kind)}

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Within it a new configuration asks for its states; of the others none is left behind it.

        Requests in flight keep what they began with, for their chains hold it. Where the block raises, all is as it was.
        """
        before, self._states = self._states, {}
        self._before = before
        try:
            yield
        except BaseException:
            self._states = before
            raise
        finally:
            self._before = {}

    def states(self, kind: type[S]) -> list[S]:
        """All states of a kind, for gauges."""
        return list(self.keyed(kind).values())


def sharing(pool: Pool, metrics: Metrics, meter: Meter = own_meter) -> Shared:
    """What the requests of one process share, with its gauges on ``metrics``; ``meter`` makes the meters of rate limits."""
    circuits = Circuits(on_change=lambda key, state: metrics.circuit_changed(key, state, circuits.of(key).last_error))
    shared = Shared(pool, metrics, circuits, meter)
    metrics.breakers = circuits.states
    metrics.cooling = circuits.remaining
    metrics.queue_depth = lambda: sum(slots.waiting for slots in shared.states(Slots))
    metrics.refused_retries = lambda: {str(key[1]): budget.refused for key, budget in _budgets(shared)}
    return shared


def _budgets(shared: Shared) -> list[tuple[tuple[str, str], Budget]]:
    """By ("budget", candidate)."""
    return [(key, budget) for key, budget in shared.keyed(Budget).items() if isinstance(key, tuple)]
