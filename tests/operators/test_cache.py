"""Finished streams replayed: only whole ones, only for a while, at the pace of who asks."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from reactivex import operators as stock
from reactivex.abc import DisposableBase

from operators import StepError, Store, Stream, cache, share
from operators.testing import Marbles
from tests.operators.items import Fault, Item
from tests.operators.observers import Heard, Reacts
from tests.operators.sharing import CLOCK, Producer, finished, gated, play, remember

HOURS = 1e6
"""Longer than a check of the marble kit watches."""


def test_a_finished_stream_is_replayed_at_once_and_its_source_left_alone(t: Marbles) -> None:
    source = t.cold("-a-b-|")
    cached = source.pipe(cache(seconds=HOURS))
    t.check(cached, "-a-b-|")
    t.subs(source, " ^    !")
    t.check(cached, "(ab|)")
    t.check(cached, "(ab|)")
    t.subs(source)


def test_a_finished_stream_without_items_is_one_too(t: Marbles) -> None:
    source = t.cold("--|")
    cached = source.pipe(cache(seconds=HOURS))
    t.check(cached, "--|")
    t.check(cached, "|")


def test_it_is_there_when_the_first_hears_of_its_completion() -> None:
    heard = Heard()

    class Again(Heard):
        def on_completed(self) -> None:
            cached.subscribe(heard, scheduler=CLOCK)

    source = Producer("a")
    cached = source.stream.pipe(cache())
    cached.subscribe(Again(), scheduler=CLOCK)
    source.runs[0].complete()
    assert (heard.all, len(source.runs)) == (["a", "|"], 1)


def test_a_stream_that_failed_or_was_left_or_cut_is_not_kept(t: Marbles) -> None:
    store = Store()
    operator: Any = cache(seconds=HOURS, store=store)
    failing, whole = t.cold("-a-#").pipe(operator), t.cold("-a-b-|").pipe(operator)
    for _ in range(2):
        t.check(failing, "-a-#")
        t.check(whole, "-a-", until="^ !")
        t.check(whole.pipe(stock.take(1)), "-(a|)")
    assert (store.entries, store.bytes, store.hits, store.misses) == (0, 0, 0, 6)


def test_what_comes_behind_a_dispose_is_not_kept() -> None:
    store, producer = Store(), Producer()
    producer.stream.pipe(cache(store=store)).subscribe(scheduler=CLOCK).dispose()
    producer.runs[0].observer.on_next("late")
    producer.runs[0].complete()
    assert store.entries == 0


def test_it_is_too_old_after_its_seconds_counted_from_its_end(t: Marbles) -> None:
    store, source = Store(), t.cold("----|")
    cached = source.pipe(cache(seconds=10, store=store))
    cached.subscribe(scheduler=t.scheduler)
    hits = []
    for second in (13.9, 14):
        t.scheduler.advance_to(second)
        cached.subscribe(scheduler=t.scheduler).dispose()
        hits.append((store.hits, store.misses, store.entries, store.bytes > 0))
    assert hits == [(1, 1, 1, True), (1, 2, 0, False)]


def test_one_store_serves_all_schedulers_of_one_clock() -> None:
    store, scopes = Store(), [gated(), gated()]
    cached = finished("a").pipe(cache(store=store))
    assert [play(cached, scope) for scope in [CLOCK, *scopes]] == [["a", "|"]] * 3
    assert (store.hits, store.misses) == (2, 1)


def test_equal_keys_mean_the_same_whoever_asks_and_other_keys_do_not() -> None:
    store = Store()
    assert remember(store, 1, "a") == ["a", "|"]
    assert remember(store, 1, "b") == ["a", "|"]
    assert remember(store, 2, "c") == ["c", "|"]
    assert store.entries == 2


def test_without_a_key_each_stream_is_itself_only() -> None:
    operator: Any = cache()
    streams = [finished(item).pipe(operator) for item in "ab"]
    assert [play(stream) for stream in [*streams, *streams]] == [["a", "|"], ["b", "|"]] * 2


def test_each_built_operator_has_a_store_of_its_own() -> None:
    assert play(finished("a").pipe(cache(key=lambda _: 1))) == ["a", "|"]
    assert play(finished("b").pipe(cache(key=lambda _: 1))) == ["b", "|"]


def test_a_stream_without_a_key_passes_straight_through() -> None:
    store, producer = Store(), Producer("a")
    cached = producer.stream.pipe(cache(store=store, key=lambda _: None))
    subscriptions = [cached.subscribe(scheduler=CLOCK) for _ in range(2)]
    producer.runs[0].complete()
    subscriptions[1].dispose()
    assert [run.released for run in producer.runs] == [1, 1]
    assert (store.entries, store.hits, store.misses) == (0, 0, 0)


def test_whether_it_may_be_kept_is_asked_with_its_items() -> None:
    store = Store()
    asked: list[list[str]] = []

    def keep(items: list[str]) -> bool:
        asked.append(items)
        return items[-1] != "bad"

    remember(store, 1, "a", "bad", keep=keep)
    remember(store, 2, "a", "good", keep=keep)
    assert asked == [["a", "bad"], ["a", "good"]]
    asked[1].clear()
    assert (store.entries, remember(store, 2, "other")) == (1, ["a", "good", "|"])


@pytest.mark.parametrize("key", [lambda _: 1 / 0, lambda _: []])
def test_a_key_that_raises_or_is_none_is_an_error_and_nothing_is_subscribed_to(key: Any) -> None:
    producer, store = Producer(), Store()
    heard = play(producer.stream.pipe(cache(key=key, store=store)))
    assert [(type(error), error.operator) for error in heard] == [(StepError, "cache")]
    assert (producer.runs, store.entries) == ([], 0)


def test_a_keep_that_raises_is_an_error_and_nothing_is_kept() -> None:
    store = Store()
    heard = remember(store, 1, "a", keep=lambda items: 1 / 0 > 0)
    assert [type(one) for one in heard] == [str, StepError]
    assert (store.entries, store.bytes) == (0, 0)


def test_the_probes_hear_for_whom_it_was_and_cannot_hurt() -> None:
    heard: list[Any] = []

    def probe(what: str, scheduler: Any) -> None:
        heard.append((what, scheduler))
        raise ZeroDivisionError

    scopes = [gated(), gated()]
    cached = finished("a").pipe(cache(on_hit=partial(probe, "hit"), on_miss=partial(probe, "miss")))
    assert [play(cached, scope) for scope in scopes] == [["a", "|"]] * 2
    assert heard == [("miss", scopes[0]), ("hit", scopes[1])]


def test_who_grows_over_the_bound_is_no_longer_in_the_way_of_the_items() -> None:
    producer = Producer()
    heard = Heard()
    link: Any = producer.stream.pipe(share(), cache(largest=1)).on_subscribe(heard, CLOCK)
    producer.runs[0].push("long")
    assert link.aside
    item = object()
    producer.runs[0].push(item)
    producer.runs[0].items.clear()
    producer.runs[0].complete()
    assert heard.all == ["long", item, "|"]


def test_a_replay_waits_while_the_gate_is_shut() -> None:
    cached = finished("a", "b", "c").pipe(cache())
    play(cached)
    scope = gated()
    gate = scope.gate
    assert gate is not None
    heard = Reacts(lambda _: gate.shut())
    cached.subscribe(heard, scheduler=scope)
    assert heard.all == ["a"]
    gate.reopen()
    assert heard.all == ["a", "b"]
    gate.reopen()
    assert heard.all == ["a", "b", "c", "|"], "the end takes no room"


def test_a_replay_that_is_left_at_a_shut_gate_is_forgotten() -> None:
    store = Store()
    cached = finished("a", "b").pipe(cache(store=store))
    play(cached)
    scope, heard = gated(), Heard()
    assert scope.gate is not None
    scope.gate.shut()
    replay: Any = cached.on_subscribe(heard, scope)
    replay.dispose()
    assert scope.gate._actions == {}
    scope.gate.reopen()
    assert (heard.all, replay._items) == ([], ())


def test_who_leaves_from_inside_a_replay_hears_no_more() -> None:
    cached = finished("a", "b", "c").pipe(cache())
    play(cached)
    scope = gated()
    assert scope.gate is not None
    scope.gate.shut()
    leaving = Reacts(lambda _: subscription.dispose())
    subscription: DisposableBase = cached.subscribe(leaving, scheduler=scope)
    scope.gate.reopen()
    assert leaving.all == ["a"]


@pytest.mark.parametrize("shut", [False, True])
def test_who_raises_in_a_replay_has_its_exception_as_its_error(shut: bool) -> None:
    cached = finished("a", "b").pipe(cache())
    play(cached)
    fault = LookupError("below")

    class Broken(Heard):
        def on_next(self, item: Any) -> None:
            super().on_next(item)
            raise fault

    scope, heard = gated(), Broken()
    assert scope.gate is not None
    if shut:
        scope.gate.shut()
    cached.subscribe(heard, scheduler=scope)
    scope.gate.reopen()
    assert heard.all == ["a", fault]


def test_below_it_share_makes_one_recording_and_one_replay_at_the_pace_of_the_slowest() -> None:
    store, producer = Store(), Producer("a", "b", "c")
    shared: Stream[Any] = producer.stream.pipe(cache(store=store), share(bytes=1))
    shared.subscribe(scheduler=gated())
    shared.subscribe(scheduler=gated())
    producer.runs[0].complete()
    slow, heard = gated(), Heard()
    assert slow.gate is not None
    slow.gate.shut()
    shared.subscribe(heard, scheduler=slow)
    assert (heard.all, store.hits) == ([], 1)
    slow.gate.reopen()
    assert heard.all == ["a", "b", "c", "|"]


def test_the_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match="cache: bytes must be more than 0, not 0"):
        cache(0)
    with pytest.raises(ValueError, match="cache: seconds must be more than 0, not -1"):
        cache(seconds=-1)
    with pytest.raises(ValueError, match="cache: largest must be more than 0, not 0"):
        cache(largest=0)
    with pytest.raises(ValueError, match=r"cache: largest must be at most bytes \(1000\), not 2000"):
        cache(1000, largest=2000)
    play(finished("a").pipe(cache(9)))


def test_an_error_of_the_source_passes() -> None:
    fault, producer, heard = Fault(), Producer("a"), Heard()
    producer.stream.pipe(cache()).subscribe(heard, scheduler=CLOCK)
    producer.runs[0].fail(fault)
    assert heard.all == ["a", fault]


def test_what_ends_is_kept_before_it_is_handed_on_whatever_follows(t: Marbles) -> None:
    """A connection may live on behind a complete answer; whoever heard the end asks again at once."""
    store = Store()
    values = {"a": Item("a"), "z": Item("z", ends=True)}
    kept: list[int] = []
    source = t.cold("-az-----", values=values)
    result = source.pipe(cache(key=lambda _: "k", store=store), stock.do_action(lambda _: kept.append(store.entries)))
    t.check(result, "-az", values=values, until="^--!")
    assert kept == [0, 1]
    assert store.entries == 1


def test_what_was_complete_stays_kept_whatever_becomes_of_its_connection(t: Marbles) -> None:
    values = {"a": Item("a"), "y": Item("y"), "z": Item("z", ends=True)}
    result = t.cold("-az-y-#", values=values).pipe(cache(seconds=9999))
    t.check(result, "-az-y-#", values=values)
    t.check(result, "(az|)", values=values)
