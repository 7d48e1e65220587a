"""The traces of the requests under way and of the last ones that ended, found by id. Bounded; failures are kept longer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain, islice
from typing import Final

from pipeline.traces.kept import Kept, called, found, is_failure, kept
from pipeline.traces.record import Trace

# One for so many that are kept: places for failures that have fallen out of the ring. A burst of good requests hides no error.
_PER_FAILURE: Final = 4

_TOGETHER: Final = 16
"""So many that ended are put away at once, or when somebody reads: what is done once a request finds nothing in the processor's
caches."""


class Ring:
    """One store (TR-O10). A trace stands in one place at a time: under way, ended, or an older failure.

    Who asks for one by its id finds it by the id's bytes: that takes 0.1 ms for each thousand that are kept. Every request would
    pay for an index.

    Until sixteen are put away together, or somebody reads, as many more are held.

    Args:
        keep: how many that ended are kept; of failures that came before them a quarter as many again. 0: none, nothing is traced.
    """

    __slots__ = ("_ended", "_failures", "_fresh", "active", "ends", "keep")

    def __init__(self, keep: int) -> None:
        self.active: dict[Trace, None] = {}
        """Under way, in the order in which they began."""
        self.keep = keep
        self.ends = 0
        """How many have ended since the start."""
        self._fresh: list[Trace] = []
        """Those that ended last."""
        self._ended: deque[Kept] = deque()
        self._failures: deque[Kept] = deque()

    def __len__(self) -> int:
        """How many are held, those under way included."""
        self._settle()
        return len(self.active) + len(self._ended) + len(self._failures)

    def begin(self, trace: Trace) -> None:
        """A request was taken."""
        self.active[trace] = None

    def end(self, trace: Trace) -> None:
        """A request ended, whether it had begun here or was refused at once."""
        self.active.pop(trace, None)
        if not self.keep:
            return
        self.ends += 1
        fresh = self._fresh
        fresh.append(trace)
        if len(fresh) >= _TOGETHER or self.keep < _TOGETHER:
            self._settle()

    def resize(self, keep: int) -> None:
        """Keep another number from now on (a reload); what is too many is dropped at once."""
        self._settle()
        self.keep = keep
        self._settle()

    def _settle(self) -> None:
        """Put those that ended last where they are kept, and drop what is too many."""
        ended, failures = self._ended, self._failures
        fresh, self._fresh = self._fresh, []
        ended += map(kept, fresh)
        while len(ended) > self.keep:
            oldest = ended.popleft()
            if is_failure(oldest):
                failures.append(oldest)
        while len(failures) > -(-self.keep // _PER_FAILURE):
            failures.popleft()

    def find(self, id: str) -> Trace | None:
        """The newest trace with this id, under way or not."""
        self._settle()
        newest = None
        for trace in called(id, chain(self._failures, self._ended, self.active)):
            # A client may give several requests one id.
            if newest is None or newest.began <= trace.began:
                newest = trace
        return newest

    def since(self, ends: int, limit: int) -> list[Trace]:
        """Those that ended after so many had ended, in that order; only the ``limit`` newest, and of those only what is held."""
        self._settle()
        newest = list(islice(reversed(self._ended), min(limit, self.ends - ends)))
        return [found(each) for each in reversed(newest)]

    def backwards(self, *, failed: bool = False) -> Iterator[Kept]:
        """All that ended, newest first, older failures behind them. ``failed``: only those that ended with an error."""
        self._settle()
        newest = reversed(self._ended)
        yield from filter(is_failure, newest) if failed else newest
        yield from reversed(self._failures)
