"""What is measured, and what it may cost: one row a case, budgets as multiples of the floor in the same run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

from tests.bench.load import Order
from tests.bench.wires import DIALECTS


@dataclass(frozen=True)
class Pair:
    """Who asks, and who answers."""

    client: str
    provider: str

    @property
    def same(self) -> bool:
        return self.client == self.provider

    def __str__(self) -> str:
        return self.client if self.same else f"{self.client} < {self.provider}"


@dataclass(frozen=True)
class Case:
    """A load, and what a unit of it may cost.

    Args:
        answers: how many there are in one round of one target, long enough for a CPU time of some hundred milliseconds.
        quick: the same for a quick run.
        rounds: how many times as many as a run makes of others: what waits for timers is disturbed most.
        same, cross: most that a unit may cost, in floors; None: measured only.
        latency: the times to the first event are what is looked at (see ``first_event``), not the CPU.
    """

    name: str
    title: str
    scenario: str
    answers: int
    quick: int
    clients: int
    same: float | None = None
    cross: float | None = None
    stagger: float = 0.0
    latency: bool = False
    rounds: int = 1

    @property
    def unit(self) -> str:
        return "request" if self.scenario == "json" else "event"

    def budget(self, pair: Pair) -> float | None:
        """What a unit may cost for this pair of dialects, in floors."""
        return self.same if pair.same else self.cross

    def order(self, url: str, pair: Pair, *, quick: bool, through_gateway: bool) -> Order:
        """One round of this case."""
        return Order(
            url,
            pair.client,
            pair.provider,
            self.scenario,
            count=self.quick if quick else self.answers,
            clients=self.clients,
            stagger=self.stagger,
            prefix=f"{pair.provider}/" if through_gateway else "",
        )


CASES: Final = (
    Case("json", "whole answer", "json", 3000, 1000, 8, same=1.4, cross=None),
    Case("burst-100", "stream of 100", "burst-100", 800, 250, 8, same=1.8, cross=3.5),
    Case("burst-1000", "stream of 1,000", "burst-1000", 100, 30, 4, same=1.8, cross=3.5),
    # Each stream lasts a second, and so does the stagger: a stream begins about every 10 ms.
    Case("paced", "100 paced streams", "paced-50", 300, 200, 100, same=1.4, cross=1.7, stagger=1.0, rounds=2),
    Case("first-event", "first of 100 paced", "paced-50", 300, 200, 100, stagger=1.0, latency=True, rounds=2),
)

SAME: Final = tuple(Pair(dialect, dialect) for dialect in DIALECTS)
CROSS: Final = tuple(Pair(client, provider) for client in DIALECTS for provider in DIALECTS if client != provider)
QUICK_CROSS: Final = (Pair("chat", "messages"), Pair("responses", "chat"), Pair("messages", "responses"))
"""Each dialect once read and once written."""

OF_EACH: Final = 3
"""Floors and gateways: each round takes the next of them."""

# Time to first event, added to that of the provider itself: how many times the floor's.
FIRST_EVENT_P50: Final = 1.5
FIRST_EVENT_P99: Final = 2.0

# What taps and traces cost together: CPU an event with them, as a multiple of that without them, under each load.
TAPS: Final = 1.1
TAPPED_OF_EACH: Final = 6
"""Processes of each kind."""
TAPPED: Final = {"burst-100": 4, "burst-1000": 6, "paced": 2}
"""Cases, and their rounds."""
TAPPED_PAIRS: Final = (Pair("chat", "chat"), Pair("messages", "chat"))

IDLE_STREAMS: Final = 5000
RSS_AT_START: Final = 60e6
RSS_PER_IDLE: Final = 60e3


def pairs(*, quick: bool) -> tuple[Pair, ...]:
    """The pairs of dialects of a run."""
    return SAME + (QUICK_CROSS if quick else CROSS)


def wanted(name: str, pair: Pair, only: Iterable[str]) -> bool:
    """Whether a case and pair is asked for: by its name, or by ``name:client<provider`` with wildcards; nothing asks for all."""
    patterns = list(only)
    spelled = f"{name}:{pair.client}<{pair.provider}"
    return not patterns or any(fnmatch(spelled, pattern if ":" in pattern else f"{pattern}:*") for pattern in patterns)
