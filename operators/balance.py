"""In which order candidates are tried: as they come, by turns, by what is known of them, or by whose session it is."""

from __future__ import annotations

import math
import random as stock_random
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase

from operators.errors import StepError
from operators.load import Loads
from operators.signature import checked
from operators.stream import Left, Link, Operator, Stream

T = TypeVar("T")

Session = Callable[[SchedulerBase | None], str | None]


class Turns:
    """Whose turn it is, by key: the smooth weighted choice, shared by all who take one. As many as there are keys."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def due(self, key: str) -> float:
        """How much of a turn it has to get; the more, the sooner it is its turn."""
        return self._due.get(key, 0.0)

    def take(self, shares: Sequence[tuple[str, float]]) -> int:
        """The index of the one among these (key, weight) whose turn it is; of equals the first."""
        due = self._due
        for key, weight in shares:
            due[key] = due.get(key, 0.0) + weight
        chosen = max(range(len(shares)), key=lambda index: due[shares[index][0]])
        due[shares[chosen][0]] -= sum(weight for _, weight in shares)
        return chosen


def _alike(candidate: Any) -> float:
    """The weight of all where nobody says otherwise."""
    return 1.0


@checked
def balance(
    by: Literal["order", "round_robin", "weighted", "ewma"] = "order",
    *,
    key: Callable[[Any], str],
    weight: Callable[[Any], float] = _alike,
    loads: Loads | None = None,
    turns: Turns | None = None,
    session: Session | None = None,
    random: Callable[[], float] = stock_random.random,
) -> Operator[T, T]:
    """Gather the candidates until there are no more, and pass them on in the order in which they shall be tried.

        source                  AB-C|
        balance("round_robin")  ----(ABC|)
        and the next time       ----(BCA|)

    Args:
        by: ``order``: as they come (without ``session`` nothing is gathered). ``round_robin``: by turns, the rest in the order
            of their next turns. ``weighted``: by turns, each as often as its weight says, the rest from heavy to light.
            ``ewma``: of two drawn at random the one that costs less (``Load.cost``), then the rest from low cost to high.
        key: a candidate's name, the same in every process.
        weight: a candidate's weight, at least 0. 0 is only tried when all others failed. ``order`` asks for it only where there
            is a session; for ``round_robin`` all weights above 0 are the same; for ``ewma`` a heavy one costs less.
        loads: what is known of the candidates: read for ``ewma``, written by ``measure``.
        turns: whose turn it is; by default the operator's own.
        session: the name of the session that the scheduler of a subscription belongs to, or None. A session gets the same
            candidate first as long as that is there, in every process; it takes no turn, and the rest keep their order.
            Sessions are spread by weight; a candidate that goes or comes moves only its own.
        random: 0 <= x < 1.

    Raises:
        ValueError: ``by`` is none of these.
        StepError (as ``on_error``): ``key``, ``weight`` or ``session`` raised, or a weight is negative.

    After dispose: the source is let go.

    >>> import reactivex
    >>> turns = balance("round_robin", key=str)
    >>> for _ in range(2):
    ...     reactivex.of("a", "b").pipe(turns).subscribe(print).dispose()
    a
    b
    b
    a
    """
    way = _way(by, Turns() if turns is None else turns, Loads() if loads is None else loads, random)
    order = _Order(way, key, weight, session)

    def operator(source: Observable[T]) -> Stream[T]:
        def subscribe(observer: ObserverBase[T], scheduler: SchedulerBase | None) -> Link[T, T]:
            link: Link[T, T] = Link() if order.kept else _Balance(order, scheduler)
            link.connect(source, observer, scheduler)
            if order.kept:
                link.step_aside()
            return link

        return Stream(subscribe)

    return operator


class _Candidate(NamedTuple):
    it: Any
    key: str
    weight: float


class _Way(Protocol):
    """How the first is chosen, and how the others stand."""

    def first(self, able: Sequence[_Candidate]) -> _Candidate:
        """Of those with a weight above 0."""

    def rank(self, candidate: _Candidate) -> Any:
        """The least comes first."""


class _ByTurns:
    def __init__(self, turns: Turns, *, weighted: bool) -> None:
        self._turns = turns
        self._weighted = weighted

    def first(self, able: Sequence[_Candidate]) -> _Candidate:
        return able[self._turns.take([(each.key, self._share(each)) for each in able])]

    def rank(self, candidate: _Candidate) -> Any:
        return -self._share(candidate), -self._turns.due(candidate.key)

    def _share(self, candidate: _Candidate) -> float:
        return candidate.weight if self._weighted else float(candidate.weight > 0)


class _ByCost:
    def __init__(self, loads: Loads, random: Callable[[], float]) -> None:
        self._loads = loads
        self._random = random

    def first(self, able: Sequence[_Candidate]) -> _Candidate:
        one = int(self._random() * len(able))
        if len(able) == 1:
            return able[one]
        other = int(self._random() * (len(able) - 1))
        return min(able[one], able[other + (other >= one)], key=self.rank)

    def rank(self, candidate: _Candidate) -> Any:
        cost = self._loads.of(candidate.key).cost
        return cost / candidate.weight if candidate.weight else math.inf


def _way(by: str, turns: Turns, loads: Loads, random: Callable[[], float]) -> _Way | None:
    ways: dict[str, _Way | None] = {
        "order": None,
        "round_robin": _ByTurns(turns, weighted=False),
        "weighted": _ByTurns(turns, weighted=True),
        "ewma": _ByCost(loads, random),
    }
    return ways[by]


class _Order:
    """The order of one operator, for all its subscriptions."""

    __slots__ = ("_key", "_session", "_way", "_weight", "kept")

    def __init__(
        self, way: _Way | None, key: Callable[[Any], str], weight: Callable[[Any], float], session: Session | None
    ) -> None:
        self._way = way
        self._key = key
        self._weight = weight
        self._session = session
        self.kept = way is None and session is None
        """Whether it is always the order in which they come."""

    def arranged(self, gathered: list[Any], scheduler: SchedulerBase | None) -> list[Any]:
        """The same candidates, as they shall be tried. What a person's function raises passes."""
        session = self._session(scheduler) if self._session is not None else None
        way = self._way
        if len(gathered) < 2 or (way is None and not session):
            return gathered
        all_of_them = self._weighed(gathered)
        able = [each for each in all_of_them if each.weight]
        if session:
            first = _home(session, able)
        elif way is not None:
            first = way.first(able)
        rest = [each for each in all_of_them if each is not first]
        if way is not None:
            rest.sort(key=way.rank)
        return [first.it, *(each.it for each in rest)]

    def _weighed(self, gathered: list[Any]) -> list[_Candidate]:
        weighed = [_Candidate(each, self._key(each), self._weight(each)) for each in gathered]
        for each in weighed:
            if not 0 <= each.weight < math.inf:
                raise ValueError(f"the weight of {each.key} must be at least 0, not {each.weight!r}")
        if not any(each.weight for each in weighed):
            # Nobody is better than a last resort, so all are the same.
            return [each._replace(weight=1.0) for each in weighed]
        return weighed


def _home(session: str, able: Sequence[_Candidate]) -> _Candidate:
    """Rendezvous: each draws a number that is its own with this session, the heavier the better; the greatest has it."""

    def drawn(each: _Candidate) -> float:
        said = f"{session}\0{each.key}".encode(errors="backslashreplace")
        bits = int.from_bytes(blake2b(said, digest_size=8).digest(), "big") >> 12
        return -each.weight / math.log((bits + 0.5) / (1 << 52))

    return max(able, key=drawn)


class _Balance(Link[T, T]):
    __slots__ = ("_gathered", "_order", "_scheduler")

    def __init__(self, order: _Order, scheduler: SchedulerBase | None) -> None:
        self._order = order
        self._scheduler = scheduler
        self._gathered: list[T] = []

    def on_next(self, candidate: T) -> None:
        self._gathered.append(candidate)

    def on_completed(self) -> None:
        if self.stopped:
            return
        try:
            arranged = self._order.arranged(self._gathered, self._scheduler)
        except Exception as error:
            self.fail(StepError("balance", error))
            return
        for candidate in arranged:
            self.receiver.on_next(candidate)
        self.complete()

    def ended(self, how: Exception | Left | None) -> None:
        self._gathered = []
