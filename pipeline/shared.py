"""What outlives a reload: the pooled client, the metrics, and what guards keep from one request to the next."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from operators.circuit import Circuits
from pipeline.metrics import Metrics

if TYPE_CHECKING:
    from pipeline.providers.pool import Pool

S = TypeVar("S")


@dataclass(slots=True)
class Shared:
    """One for each serving process."""

    pool: Pool
    metrics: Metrics
    circuits: Circuits
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
        return [state for _, state in self._states.values() if isinstance(state, kind)]
