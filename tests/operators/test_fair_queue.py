"""Who is next: priorities strictly, keys in turn, a key's own in order; and who makes room where the queue is full."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from operators.fair_queue import FairQueue


def queue_of(*tickets: str, priority: int = 0) -> FairQueue[str]:
    """Tickets wait; the first letter of each is its key."""
    queue: FairQueue[str] = FairQueue()
    for ticket in tickets:
        queue.push(ticket, ticket[0], priority)
    return queue


def drained(queue: FairQueue[str]) -> list[str]:
    return list(iter(queue.pop, None))


def is_empty(queue: FairQueue[Any]) -> bool:
    """Nothing is kept of who has left."""
    return not (queue._levels or queue._order or queue._places or queue._held or len(queue) or queue.ready)


def test_keys_are_served_in_turn_and_each_keys_own_in_order() -> None:
    queue = queue_of("a1", "a2", "a3", "b1", "c1", "b2")
    assert drained(queue) == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert is_empty(queue)


def test_a_key_that_comes_back_comes_last() -> None:
    queue = queue_of("a1", "b1", "b2", "c1")
    assert queue.pop() == "a1"
    queue.push("a2", "a")
    assert drained(queue) == ["b1", "c1", "a2", "b2"]


def test_a_key_that_was_served_comes_last_although_it_waited_first() -> None:
    queue = queue_of("a1", "a2", "b1")
    assert queue.pop() == "a1"
    queue.push("c1", "c")
    assert drained(queue) == ["b1", "a2", "c1"]


def test_a_higher_priority_goes_first_strictly() -> None:
    queue = queue_of("a1", "b1")
    for ticket, priority in (("a2", 2), ("c1", 1), ("a3", -1), ("c2", 2)):
        queue.push(ticket, ticket[0], priority)
    assert drained(queue) == ["a2", "c2", "c1", "a1", "b1", "a3"]
    assert is_empty(queue)


def test_who_leaves_is_not_served_and_a_key_with_nobody_left_has_no_turn() -> None:
    queue = queue_of("a1", "a2", "b1")
    queue.leave("a1")
    queue.leave("b1")
    queue.leave("b1")
    assert (len(queue), queue.pop(), queue.pop()) == (1, "a2", None)
    assert is_empty(queue)


def test_who_leaves_does_not_cost_its_key_the_turn() -> None:
    queue = queue_of("a1", "a2", "b1")
    queue.leave("a1")
    assert drained(queue) == ["a2", "b1"]


def test_a_held_key_waits_without_a_turn_until_its_release() -> None:
    queue = queue_of("a1", "b1")
    queue.push("a2", "a", priority=3)
    queue.hold("a")
    queue.push("a3", "a")
    assert queue.ready
    assert (queue.pop(), queue.pop(), queue.ready, len(queue)) == ("b1", None, False, 3)
    queue.push("b2", "b")
    queue.release("a")
    assert drained(queue) == ["a2", "b2", "a1", "a3"]
    assert is_empty(queue)


def test_a_key_may_be_held_before_it_waits_and_leave_while_it_is() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.hold("a")
    queue.push("a1", "a")
    assert queue.pop() is None
    queue.leave("a1")
    queue.release("a")
    assert is_empty(queue)


@pytest.mark.parametrize(
    ("waiting", "newcomer", "loser"),
    [
        ("a1 a2 a3 b1", "c", "a3"),
        ("a1 a2 b1 b2 b3", "c", "b3"),
        ("a1 a2", "a", None),
        ("a1 b1", "c", None),
        ("a1 a2 b1", "b", None),
        ("a1 a2 a3 b1", "b", "a3"),
        ("", "c", None),
    ],
)
def test_the_key_with_most_waiting_makes_room(waiting: str, newcomer: str, loser: str | None) -> None:
    queue = queue_of(*waiting.split())
    before = len(queue)
    assert queue.displace(newcomer) == loser
    assert len(queue) == before - (loser is not None)


def test_the_lowest_priority_makes_room_for_a_higher_one_only() -> None:
    queue = queue_of("a1", "b1", priority=1)
    queue.push("a2", "a", 5)
    assert queue.displace("a", 0) is None
    assert queue.displace("a", 5) == "a1"
    assert queue.displace("a", 5) == "b1"
    assert queue.displace("a", 5) is None
    assert drained(queue) == ["a2"]


def test_a_held_key_makes_room_as_well() -> None:
    queue = queue_of("a1", "a2", "b1")
    queue.hold("a")
    assert queue.displace("c") == "a2"


class Naive:
    """The same queue, with everything looked at each time."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, str, int]] = []
        self.turns: dict[int, deque[str]] = {}
        self.held: set[str] = set()

    def push(self, ticket: int, key: str, priority: int) -> None:
        turns = self.turns.setdefault(priority, deque())
        if key not in turns and key not in self.held:
            turns.append(key)
        self.waiting.append((priority, key, ticket))

    def lane(self, priority: int, key: str) -> list[int]:
        return [ticket for p, k, ticket in self.waiting if (p, k) == (priority, key)]

    def pop(self) -> int | None:
        for priority in sorted(self.turns, reverse=True):
            turns = self.turns[priority]
            if turns:
                key = turns.popleft()
                turns.append(key)
                ticket = self.lane(priority, key)[0]
                self.leave(ticket)
                return ticket
        return None

    def leave(self, ticket: int) -> None:
        for place in [place for place in self.waiting if place[2] == ticket]:
            self.waiting.remove(place)
            priority, key, _ = place
            if not self.lane(priority, key) and key in self.turns[priority]:
                self.turns[priority].remove(key)

    def hold(self, key: str) -> None:
        self.held.add(key)
        for turns in self.turns.values():
            if key in turns:
                turns.remove(key)

    def release(self, key: str) -> None:
        self.held.discard(key)
        for priority, turns in self.turns.items():
            if self.lane(priority, key) and key not in turns:
                turns.append(key)

    def may_displace(self, key: str, priority: int) -> set[int]:
        """Who may be the one that makes room for a newcomer."""
        lowest = min((p for p, *_ in self.waiting), default=priority + 1)
        if lowest > priority:
            return set()
        lengths = Counter(k for p, k, _ in self.waiting if p == lowest)
        most = max(lengths.values())
        if lowest == priority and most <= lengths[key] + 1:
            return set()
        return {self.lane(lowest, k)[-1] for k, length in lengths.items() if length == most}


KEYS = some.sampled_from("abc")
PRIORITIES = some.sampled_from([-1, 0, 5])
STEPS = some.lists(
    some.one_of(
        some.tuples(some.just("push"), KEYS, PRIORITIES),
        some.tuples(some.just("displace"), KEYS, PRIORITIES),
        some.tuples(some.just("pop"), some.none(), some.none()),
        some.tuples(some.just("leave"), some.none(), some.integers(0, 40)),
        some.tuples(some.just("hold"), KEYS, some.none()),
        some.tuples(some.just("release"), KEYS, some.none()),
    ),
    max_size=60,
)


@given(STEPS)
def test_it_does_what_a_queue_does_that_looks_at_everybody_each_time(steps: list[Any]) -> None:
    queue: FairQueue[int] = FairQueue()
    naive = Naive()
    tickets = 0
    for what, key, number in steps:
        if what == "push":
            queue.push(tickets, key, number)
            naive.push(tickets, key, number)
            tickets += 1
        elif what == "pop":
            assert queue.pop() == naive.pop()
        elif what == "displace":
            allowed = naive.may_displace(key, number)
            loser = queue.displace(key, number)
            assert (loser is None and not allowed) or loser in allowed
            if loser is not None:
                naive.leave(loser)
        elif what == "leave":
            queue.leave(number)
            naive.leave(number)
        else:
            getattr(queue, what)(key)
            getattr(naive, what)(key)
        assert len(queue) == len(naive.waiting)
        assert queue.ready == any(naive.turns.values())
    for key in "abc":
        queue.release(key)
        naive.release(key)
    while (ticket := queue.pop()) is not None:
        assert ticket == naive.pop()
    assert is_empty(queue)


@given(some.lists(some.sampled_from("abcd"), min_size=1, max_size=60), some.lists(some.booleans(), max_size=60))
def test_nobody_is_served_twice_while_another_key_waits(keys: list[str], arrivals: list[bool]) -> None:
    """However arrivals and services mix: between two turns of a key, each other key that waited through had exactly one."""
    queue: FairQueue[tuple[int, str]] = FairQueue()
    waiting: Counter[str] = Counter()
    since: dict[str, Counter[str]] = {}
    coming = list(enumerate(keys))

    def arrive() -> None:
        ticket = coming.pop(0)
        queue.push(ticket, ticket[1])
        waiting[ticket[1]] += 1
        since.setdefault(ticket[1], Counter())

    for comes in [*arrivals, *[True] * len(keys), *[False] * len(keys)]:
        if comes and coming:
            arrive()
        elif not comes and queue.ready:
            served = queue.pop()
            assert served is not None
            for key in since:
                since[key][served[1]] += 1
            assert max(since[served[1]].values()) == 1, "somebody had two turns while this key waited"
            waiting[served[1]] -= 1
            del since[served[1]]
            if waiting[served[1]]:
                since[served[1]] = Counter()
    assert is_empty(queue)
    assert not coming
