"""For tests of what puts candidates in order."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any, Literal

from operators import Loads, Operator
from tests.operators.attempts import at_once
from tests.operators.observers import Heard

By = Literal["order", "round_robin", "weighted", "ewma"]
Order = Operator[str, str]
GATHERING: list[By] = ["round_robin", "weighted", "ewma"]


def ordered(order: Order, names: str, scheduler: Any = None) -> str:
    """What comes of these candidates, one after the other."""
    heard = Heard()
    at_once(*names).pipe(order).subscribe(heard, scheduler=scheduler)
    assert heard.all.pop() == "|"
    return "".join(heard.all)


def weigh(**weights: float) -> Callable[[Any], float]:
    return weights.__getitem__


def costing(**costs: float) -> Loads:
    """Loads in which an attempt costs so many seconds."""
    loads = Loads(now=lambda: 0.0)
    for key, cost in costs.items():
        load = loads.of(key)
        load.begin(key)
        load.first(key)
        load.end(key, failed=False)
        load.follow(100, cost)
    return loads


def drawing(*numbers: float) -> Callable[[], float]:
    return cycle(numbers).__next__
