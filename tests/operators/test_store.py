"""What finished streams take in memory is bounded and counted honestly."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators import Store, cache
from operators.store import ENTRY, OBJECT, footprint
from tests.operators.items import Item
from tests.operators.sharing import CLOCK, Producer, finished, play, remember


def test_what_was_not_used_for_longest_goes_first() -> None:
    store = Store()
    remember(store, 0, b"x" * 1000)
    bound = 3 * store.bytes + 2
    for key in (1, 2):
        remember(store, key, b"x" * 1000, bytes=bound, largest=bound)
    remember(store, 0)
    remember(store, 3, b"x" * 1000, bytes=bound, largest=bound)
    assert store.entries == 3
    assert [remember(store, key, "new", keep=lambda items: False) == ["new", "|"] for key in range(4)] == [
        False,
        True,
        False,
        False,
    ]


def test_the_bound_is_that_of_the_whole_store_to_the_byte() -> None:
    store = Store()
    remember(store, 1, b"x")
    one = store.bytes
    remember(store, 2, b"x", bytes=2 * one, largest=one)
    assert (store.entries, store.bytes) == (2, 2 * one)
    remember(store, 3, b"x", bytes=2 * one - 1, largest=one)
    assert (store.entries, store.bytes) == (1, one)


def test_one_over_its_own_bound_passes_and_is_not_kept() -> None:
    store, item = Store(), b"x" * 1000
    size = footprint(item)
    assert remember(store, 1, item, item, largest=2 * size - 1) == [item, item, "|"]
    assert store.entries == 0
    remember(store, 1, item, item, largest=2 * size)
    assert store.entries == 1


def test_by_itself_one_may_take_a_tenth_of_the_store() -> None:
    store, item = Store(), b"x" * 1000
    size = footprint(item)
    remember(store, 1, item, bytes=10 * size - 1)
    assert store.entries == 0
    remember(store, 1, item, bytes=10 * size)
    assert store.entries == 1


def test_two_who_finish_the_same_leave_one_of_it() -> None:
    store, producer = Store(), Producer("a")
    cached = producer.stream.pipe(cache(store=store))
    for _ in range(2):
        cached.subscribe(scheduler=CLOCK)
    producer.runs[0].complete()
    one = store.bytes
    producer.runs[1].complete()
    assert (store.entries, store.bytes) == (1, one)


@pytest.mark.parametrize("make", [lambda n: b"%06d" % n, lambda n: f"é{n:06}", lambda n: Item(f"{n:06}", size=6)])
def test_the_store_takes_no_more_memory_than_it_says(make: Any) -> None:
    store = Store()
    operator: Any = cache(store=store, key=lambda _: b"%032d" % store.misses)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for few in (1, 10, 100):
            for _ in range(30):
                play(finished(*map(make, range(few))).pipe(operator))
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert store.entries == 90
    assert store.bytes / 4 < taken < store.bytes


def test_what_an_item_takes() -> None:
    assert footprint(Item("a", size=7)) == 7 + OBJECT
    assert footprint(b"abc") == sys.getsizeof(b"abc") + 8
    store = Store()
    remember(store, "key", b"abc")
    assert store.bytes == ENTRY + sys.getsizeof("key") + footprint(b"abc")


steps = st.tuples(st.integers(0, 4), st.integers(0, 3000), st.integers(0, 3))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(history=st.lists(steps, max_size=40), bound=st.integers(3000, 9000))
def test_whatever_is_asked_for_the_store_has_what_was_used_last_within_its_bound_and_its_age(
    history: list[tuple[int, int, int]], bound: int
) -> None:
    store, now = Store(), 0
    known: dict[int, tuple[bytes, int]] = {}
    for key, size, passed in history:
        now += passed
        item = bytes(size)
        found = store.find(key, now)
        kept = known.pop(key, None)
        if kept is not None and now < kept[1]:
            assert found == (kept[0],)
            known[key] = kept
            continue
        assert found is None
        store.put(key, [item], footprint(item), now + 10, bound)
        known[key] = (item, now + 10)
        while sum(map(taken, known, known.values())) > bound:
            del known[next(iter(known))]
        assert store.bytes == sum(map(taken, known, known.values())) <= bound
        assert store.entries == len(known)


def taken(key: int, kept: tuple[bytes, int]) -> int:
    return ENTRY + sys.getsizeof(key) + footprint(kept[0])
