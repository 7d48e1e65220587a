"""However a stream with continuations ends: functions that raise, who leaves when, what is let go and freed."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from operators import StepError, Stream, resume
from operators.testing import Marbles
from tests.operators.items import Item
from tests.operators.tales import CUT, LATER, VALUES, Tale, check, cold, pushing


def broken(*_: Any) -> Any:
    raise ZeroDivisionError


@pytest.mark.parametrize("function", ["note", "continuation", "splice"])
def test_a_function_of_the_memory_that_raises_is_a_step_error(t: Marbles, function: str) -> None:
    tale = Tale(cold(t, "-b-|"))
    setattr(tale, function, broken)
    source = cold(t, "-a-#", error=CUT)
    expected = {"note": "-#", "continuation": "-a-#", "splice": "-a--#"}[function]
    check(t, source.pipe(resume(remember=tale)), expected, error=StepError)
    t.subs(source, f"^{'-' * (min(len(expected), 4) - 2)}!")


def test_a_note_of_a_continuation_that_raises_is_a_step_error_and_lets_go_of_it(t: Marbles) -> None:
    tale = Tale(cold(t, "-s-b-|"))

    def note(item: Item) -> None:
        if item is VALUES["s"]:
            raise ZeroDivisionError

    tale.note = note  # type: ignore[method-assign]
    check(t, cold(t, "-a#", error=CUT).pipe(resume(remember=tale)), "-a---#", error=StepError)


def test_a_splice_that_raises_in_the_middle_shows_nothing_of_its_item(t: Marbles) -> None:
    def splice(item: Item) -> Any:
        yield item
        raise ZeroDivisionError

    further = cold(t, "-b--")
    tale = Tale(further, splice=splice)
    check(t, cold(t, "-a#", error=CUT).pipe(resume(remember=tale)), "-a-#", error=StepError)
    t.subs(further, "--^!")


def test_remember_and_when_that_raise_are_step_errors(t: Marbles) -> None:
    source = cold(t, "-a-#")
    check(t, source.pipe(resume(remember=broken)), "#", error=StepError)
    assert source.subscriptions == []
    check(t, source.pipe(resume(remember=Tale(), when=broken)), "-a-#", error=StepError)


def test_times_is_checked() -> None:
    with pytest.raises(ValueError, match="resume: times must be more than 0, not 0"):
        resume(0, remember=Tale())


def test_dispose_lets_go_of_whatever_is_under_way(t: Marbles) -> None:
    for until, first, second in [
        ("^ !            ", ["^ !"], []),
        ("^    !         ", ["^   !"], ["----^!"]),
        ("^      !       ", ["^   !"], ["----^  !"]),
        ("^         !    ", ["^   !"], ["----^     !"]),
    ]:
        source = cold(t, "-a--#")
        further = cold(t, "  -s-b-----")
        expected = "-a-----(sb)" if until.index("!") > 6 else "-a"
        check(t, source.pipe(resume(remember=Tale(further))), expected, until=until)
        t.subs(source, *first)
        t.subs(further, *second)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_who_leaves_inside_an_item_hears_nothing_more(t: Marbles, count: int) -> None:
    heard: list[Any] = []

    def listen(item: Any) -> None:
        heard.append(item)
        if len(heard) == count:
            subscription.dispose()

    source = cold(t, "-a#")
    further = cold(t, "-s-b-c---")
    subscription = source.pipe(resume(2, remember=Tale(further))).subscribe(listen, heard.append, scheduler=t.scheduler)
    t.advance(20)
    assert len(heard) == count
    assert further.subscriptions == ([] if count == 1 else [(2, 5)])


def test_who_leaves_while_a_resume_is_told_is_not_served_any_more(t: Marbles) -> None:
    heard: list[Any] = []
    further = cold(t, "-b|")

    def leave(error: Exception) -> None:
        heard.append(error)
        subscription.dispose()

    stream: Stream[Any] = cold(t, "-a#", error=CUT).pipe(resume(remember=Tale(further), on_resume=leave))
    subscription = stream.subscribe(heard.append, heard.append, scheduler=t.scheduler)
    t.advance(9)
    assert heard == [VALUES["a"], CUT]
    assert further.subscriptions == []


def test_the_probe_hears_each_error_that_is_continued_and_cannot_hurt(t: Marbles) -> None:
    told: list[Exception] = []

    def probe(error: Exception) -> None:
        told.append(error)
        raise ZeroDivisionError

    tale = Tale(cold(t, "-b#", error=LATER), cold(t, "-c|"))
    check(t, cold(t, "-a#", error=CUT).pipe(resume(9, remember=tale, on_resume=probe)), "-a-b-c|")
    assert told == [CUT, LATER]


def test_sources_that_push_while_they_are_subscribed_to(t: Marbles) -> None:
    tale = Tale(pushing(VALUES["s"], VALUES["b"], error=LATER), pushing(VALUES["c"]))
    check(t, pushing(VALUES["a"], error=CUT).pipe(resume(2, remember=tale)), "(asbc|)")
    tale = Tale(pushing(VALUES["s"], error=LATER))
    check(t, pushing(VALUES["a"], error=CUT).pipe(resume(2, remember=tale)), "(a#)", error=CUT)


def test_each_subscription_has_a_memory_of_its_own_made_for_its_scheduler(t: Marbles) -> None:
    tales: list[Tale] = []

    def remember(scheduler: Any) -> Tale:
        tales.append(Tale(cold(t, "-b|"))(scheduler))
        return tales[-1]

    result = cold(t, "-a#").pipe(resume(remember=remember))
    other: list[Any] = []
    result.subscribe(other.append, scheduler=t.scheduler)
    check(t, result, "-a-b|")
    assert other == [VALUES["a"], VALUES["b"]]
    assert [tale.names for tale in tales] == ["ab", "ab"]
    assert [tale.schedulers for tale in tales] == [[t.scheduler], [t.scheduler]]


def test_the_scheduler_goes_on_to_the_continuation(t: Marbles) -> None:
    further = cold(t, "-b|")
    check(t, cold(t, "-a#").pipe(resume(remember=Tale(further))), "-a-b|")
    assert further.schedulers == [t.scheduler]


def test_what_a_stream_that_was_cut_says_later_is_not_heard() -> None:
    sources: list[Any] = []
    late: Stream[Any] = Stream(lambda observer, scheduler: sources.append(observer))
    heard: list[Any] = []
    late.pipe(resume(2, remember=Tale(late, late))).subscribe(heard.append, heard.append)
    for number, source in enumerate(("a", "b")):
        sources[number].on_next(source)
        sources[number].on_error(CUT)
    sources[2].on_next("c")
    for observer in sources[:2]:
        observer.on_next("late")
        observer.on_error(LATER)
        observer.on_completed()
    sources[2].on_next("d")
    assert heard == ["a", "b", "c", "d"]


class Keeping:
    """Makes memories, and knows which of them are alive."""

    def __init__(self, *continuations: Stream[Any]) -> None:
        self._continuations = continuations
        self._made: list[weakref.ref[Tale]] = []

    def __call__(self, scheduler: Any) -> Tale:
        tale = Tale(*self._continuations)
        self._made.append(weakref.ref(tale))
        return tale

    @property
    def alive(self) -> list[bool]:
        return [tale() is not None for tale in self._made]


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("further", [[pushing("b", "c")], [pushing("b", error=LATER)], [pushing(error=LATER)], []])
def test_a_memory_is_gone_with_its_stream_without_the_cycle_collector(further: list[Stream[Any]]) -> None:
    keeping = Keeping(*further)
    subscription = pushing("a", error=CUT).pipe(resume(remember=keeping)).subscribe(on_error=lambda _: None)
    assert subscription is not None
    assert keeping.alive == [False]


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("end", ["on_completed", "on_error", "dispose"])
def test_sources_that_keep_their_observers_keep_no_memory(end: str) -> None:
    kept: list[Any] = []
    source: Stream[Any] = Stream(lambda observer, scheduler: kept.append(observer))
    keeping = Keeping(source)
    subscription = source.pipe(resume(remember=keeping)).subscribe(on_error=lambda _: None)
    kept[0].on_next("a")
    kept[0].on_error(CUT)
    kept[1].on_next("b")
    assert keeping.alive == [True]
    if end == "dispose":
        subscription.dispose()
    else:
        getattr(kept[1], end)(*[LATER] * (end == "on_error"))
    assert keeping.alive == [False]
