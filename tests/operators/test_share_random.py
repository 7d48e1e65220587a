"""Whatever happens in whatever order: each subscriber gets its stream from the beginning, each item once, and little is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from reactivex.abc import DisposableBase, ObserverBase

from operators import Flights, Scope, share
from tests.operators.sharing import CLOCK, Producer, Run, gated

BOUND = 6
LARGEST = 4


class Sized(NamedTuple):
    """An item; no two are the same."""

    run: int
    number: int
    size: int

    @property
    def weight(self) -> int:
        return max(1, self.size)


class Act(NamedTuple):
    """Something that happens, with a number that says to whom or how big; in a subscriber, at its item of that number."""

    what: str
    number: int


# What happens often stands here often.
KINDS = ["push"] * 5 + ["shut"] * 3 + ["reopen"] * 3 + ["join_gated"] * 2 + ["join", "leave", "complete", "fail", "raise"]
acts = st.builds(Act, st.sampled_from(KINDS), st.integers(0, 4))
reactions = st.dictionaries(st.integers(1, 4), acts, max_size=2)
joins = st.tuples(st.builds(Act, st.sampled_from(["join_gated", "join_gated", "join"]), st.just(0)), reactions)


class Broken(Exception):
    """What a subscriber raises."""


@dataclass(eq=False)
class Subscriber(ObserverBase[Any]):
    """Writes down what it gets, checks that it may get it, and does something from inside its items."""

    world: World
    run: int
    scope: Scope
    reactions: dict[int, Act]
    items: list[Any] = field(default_factory=list)
    end: Any = None
    left: bool = False
    inside: bool = False
    subscription: DisposableBase | None = None

    @property
    def listens(self) -> bool:
        return not self.left and self.end is None

    @property
    def is_shut(self) -> bool:
        return self.scope.gate is not None and not self.scope.gate.is_open

    def on_next(self, item: Any) -> None:
        assert self.listens
        assert not self.is_shut
        assert not self.inside
        self.items.append(item)
        act = self.reactions.get(len(self.items))
        if act is not None:
            self.inside = True
            try:
                self.world.act(act, self)
            finally:
                self.inside = False

    def on_error(self, error: Exception) -> None:
        assert self.listens
        self.end = error

    def on_completed(self) -> None:
        assert self.listens
        self.end = "|"


class World:
    """A producer, its subscribers, and what must be true of them."""

    def __init__(self, at_once: list[int]) -> None:
        self.flights = Flights()
        self.producer = Producer(*(Sized(-1, number, size) for number, size in enumerate(at_once)))
        self.subscribers: list[Subscriber] = []
        operator: Any = share(BOUND, flights=self.flights, key=lambda _: "key", scope=lambda _: gated())
        self.shared = self.producer.stream.pipe(operator)

    def listeners(self, run: int) -> list[Subscriber]:
        return [one for one in self.subscribers if one.run == run and one.listens]

    def act(self, act: Act, inside: Subscriber | None = None, reactions: dict[int, Act] | None = None) -> None:
        what, number = act
        if what.startswith("join"):
            self.join(gated() if what == "join_gated" else Scope(CLOCK), reactions or {})
        elif what == "raise":
            if inside is not None:
                raise Broken
        elif what in ("push", "complete", "fail"):
            self.produce(what, number)
        elif self.subscribers:
            one = inside or self.subscribers[number % len(self.subscribers)]
            if what == "leave" and one.subscription is not None:
                one.left = True
                one.subscription.dispose()
            elif one.scope.gate is not None and what == "shut":
                one.scope.gate.shut()
            elif one.scope.gate is not None and what == "reopen":
                one.scope.gate.reopen()

    def join(self, scope: Scope, reactions: dict[int, Act]) -> None:
        runs = self.producer.runs
        run = len(runs) - 1
        joins = run >= 0 and not runs[run].over and bool(self.listeners(run)) and total(runs[run]) <= BOUND
        one = Subscriber(self, run if joins else len(runs), scope, reactions)
        self.subscribers.append(one)
        one.subscription = self.shared.subscribe(one, scheduler=scope)
        assert len(runs) > one.run, "it should have begun a flight of its own"

    def produce(self, what: str, number: int) -> None:
        under_way = [run for run in self.producer.runs if not run.over and not run.released]
        if not under_way:
            return
        run = under_way[number % len(under_way)]
        if what == "push":
            run.push(Sized(self.producer.runs.index(run), len(run.items), number % (LARGEST + 1)))
        elif what == "complete":
            run.complete()
        else:
            run.fail(OSError())

    def check(self) -> None:
        """What must be true whenever nothing happens."""
        for number, run in enumerate(self.producer.runs):
            listeners = self.listeners(number)
            assert run.released == (1 if run.over or not listeners else 0)
            lags = [sum(item.weight for item in run.items[len(one.items) :]) for one in listeners]
            gate = run.scope.gate
            if listeners:
                assert gate.is_open == (run.over or max(lags) <= BOUND)
        for one in self.subscribers:
            items = self.producer.runs[one.run].items
            assert one.items == items[: len(one.items)]
            if one.listens and not one.is_shut:
                assert one.items == items
                assert not self.producer.runs[one.run].over, "it should have been told"
        self.check_memory()

    def check_memory(self) -> None:
        needed = 0
        under_way = 0
        for number, run in enumerate(self.producer.runs):
            listeners = self.listeners(number)
            if not listeners:
                continue
            under_way += 1
            joinable = not run.over and total(run) <= BOUND
            slowest = 0 if joinable else min(len(one.items) for one in listeners)
            kept = sum(item.weight for item in run.items[slowest:])
            assert kept <= BOUND + LARGEST
            needed += kept
        assert (self.flights.bytes, self.flights.under_way) == (needed, under_way)
        assert sum(item.weight for one in self.flights._all for item in one.kept) == needed

    def finish(self) -> None:
        """All gates are opened and all sources end: everybody has got everything."""
        while any(one.is_shut and one.listens for one in self.subscribers) or any(
            not run.over and not run.released for run in self.producer.runs
        ):
            for one in list(self.subscribers):
                self.act(Act("reopen", self.subscribers.index(one)))
            self.produce("complete", 0)
        self.check()
        for one in self.subscribers:
            if one.end == "|" or isinstance(one.end, OSError):
                assert one.items == self.producer.runs[one.run].items
            else:
                assert one.left or isinstance(one.end, Broken)
        assert (self.flights.bytes, self.flights.under_way, self.flights._open) == (0, 0, {})


def total(run: Run) -> int:
    return sum(item.weight for item in run.items)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    at_once=st.lists(st.integers(0, LARGEST), max_size=2),
    first=st.lists(joins, min_size=1, max_size=3),
    history=st.lists(st.tuples(acts, reactions), min_size=5, max_size=40),
)
def test_each_subscriber_gets_its_stream_from_the_beginning_each_item_once_and_no_more_is_kept_than_needed(
    at_once: list[int], first: list[tuple[Act, dict[int, Act]]], history: list[tuple[Act, dict[int, Act]]]
) -> None:
    world = World(at_once)
    for act, reactions in [*first, *history]:
        world.act(act, None, reactions)
        world.check()
    world.finish()
