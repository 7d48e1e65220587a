"""The traces of the requests under way and of the last ones that ended, found by id. Bounded; failures are kept longer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final

from pipeline.traces.record import Trace

# One for so many that are kept: places for failures that have fallen out of the ring. A burst of good requests hides no error.
_PER_FAILURE: Final = 4


class Ring:
    """One store with an index (TR-O10). A trace stands in one place at a time: under way, ended, or an older failure.

    Args:
        keep: how many that ended are kept; of failures that came before them a quarter as many again. 0: none, nothing is traced.
    """

    __slots__ = ("_ended", "_failures", "_index", "active", "keep")

    def __init__(self, keep: int) -> None:
        self.active: dict[Trace, None] = {}
        """Under way, in the order in which they began."""
        self.keep = keep
        self._ended: deque[Trace] = deque()
        self._failures: deque[Trace] = deque()
        self._index: dict[str, Trace] = {}

    def __len__(self) -> int:
        """How many are held, those under way included."""
        return len(self.active) + len(self._ended) + len(self._failures)

    def begin(self, trace: Trace) -> None:
        """A request was taken."""
        self.active[trace] = None
        # A client may give several requests one id: the newest is found by it.
        self._index[trace.id] = trace

    def end(self, trace: Trace) -> None:
        """A request ended, whether it had begun here or was refused at once."""
        self.active.pop(trace, None)
        known = self._index.get(trace.id)
        if known is not trace and (known is None or known.began <= trace.began):
            self._index[trace.id] = trace
        self._ended.append(trace)
        if len(self._ended) > self.keep:
            self._trim()

    def resize(self, keep: int) -> None:
        """Keep another number from now on (a reload); what is too many is dropped at once."""
        self.keep = keep
        self._trim()

    def _trim(self) -> None:
        while len(self._ended) > self.keep:
            trace = self._ended.popleft()
            if trace.failed:
                self._failures.append(trace)
            else:
                self._forget(trace)
        while len(self._failures) > -(-self.keep // _PER_FAILURE):
            self._forget(self._failures.popleft())

    def _forget(self, trace: Trace) -> None:
        if self._index.get(trace.id) is trace:
            del self._index[trace.id]

    def find(self, id: str) -> Trace | None:
        """The newest trace with this id, under way or not."""
        return self._index.get(id)

    def since(self, last: Trace | None, limit: int) -> list[Trace]:
        """Those that ended after ``last``, in that order; only the ``limit`` newest, also where ``last`` is not held any more."""
        found: list[Trace] = []
        for trace in reversed(self._ended):
            if trace is last or len(found) == limit:
                break
            found.append(trace)
        found.reverse()
        return found

    def newest(self, limit: int) -> list[Trace]:
        """The last ``limit`` that ended, newest first, older failures behind them."""
        return list(islice(self._backwards(), limit))

    def errors(self, limit: int) -> list[Trace]:
        """The last ``limit`` failures, newest first."""
        return list(islice((trace for trace in self._backwards() if trace.failed), limit))

    def _backwards(self) -> Iterator[Trace]:
        yield from reversed(self._ended)
        yield from reversed(self._failures)
