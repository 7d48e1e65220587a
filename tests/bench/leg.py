"""Rounds of one case and pair, and the CPU that they took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle

from tests.bench.cases import Case, Pair
from tests.bench.figures import US
from tests.bench.load import Order
from tests.bench.processes import Process, Stand


class Leg:
    """Targets of one kind under one case and pair, one after another in turn, and what their rounds gave."""

    def __init__(
        self, stand: Stand, targets: Sequence[Process], case: Case, pair: Pair, *, quick: bool, through_gateway: bool
    ) -> None:
        self._stand = stand
        orders = [case.order(target.url, pair, quick=quick, through_gateway=through_gateway) for target in targets]
        self._turns: Iterator[tuple[Process, Order]] = cycle(zip(targets, orders, strict=True))
        self.units = orders[0].count * (orders[0].number or 1)
        self.cpu: list[float] = []
        """Microseconds of CPU a unit, by round."""

    def round(self, *, keep: bool) -> None:
        """Measure the next target. Raises BenchError when an answer is wrong."""
        target, order = next(self._turns)
        self._stand.share_a_core(target)
        before = target.cpu()
        self._stand.order("run", target, order)
        used = target.cpu() - before
        if keep:
            self.cpu.append(used * US / self.units)
