"""What was cut after its commit goes on in another stream; the observer sees one, nothing twice, nothing lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reactivex import Observable

from operators import Stream, failover, resume
from operators.testing import Marbles
from tests.operators.items import Fault, Item
from tests.operators.tales import CUT, LATER, VALUES, Tale, check, cold, pushing


def test_a_stream_that_was_cut_goes_on_with_a_continuation(t: Marbles) -> None:
    source = cold(t, "                           -a-b-#")
    further = cold(t, "                               -s-c----d|")
    tale = Tale(further)
    check(t, source.pipe(resume(remember=tale)), "-a-b----(sc)-d|")
    t.subs(source, "^    !")
    t.subs(further, "-----^        !")
    assert tale.errors == [t.boom]


def test_until_it_is_cut_everything_passes_at_once_and_is_noted(t: Marbles) -> None:
    tale = Tale()
    check(t, cold(t, "-s-r-a-s-b-|").pipe(resume(remember=tale)), "-s-r-a-s-b-|")
    assert tale.names == "srasb"


def test_before_the_commit_an_error_passes_and_nothing_is_continued(t: Marbles) -> None:
    tale = Tale(cold(t, "-c|"))
    check(t, cold(t, "-s-#").pipe(resume(remember=tale)), "-s-#")
    check(t, cold(t, "#").pipe(resume(remember=tale)), "#")
    assert tale.errors == []


def test_a_continuation_that_fails_before_its_commit_leaves_the_first_error_and_nothing_of_itself(t: Marbles) -> None:
    source = cold(t, "-a-#", error=CUT)
    further = cold(t, "  -s-r-#", error=LATER)
    tale = Tale(further, cold(t, "-d|"))
    check(t, source.pipe(resume(9, remember=tale)), "-a------#", error=CUT)
    t.subs(further, "---^    !")
    assert tale.errors == [CUT]


def test_a_continuation_that_is_refused_at_once_leaves_the_first_error(t: Marbles) -> None:
    def refuse(observer: Any, scheduler: Any) -> None:
        raise LATER

    source = cold(t, "-a-#", error=CUT)
    check(t, source.pipe(resume(remember=Tale(cold(t, "#", error=LATER)))), "-a-#", error=CUT)
    check(t, source.pipe(resume(remember=Tale(Stream(refuse)))), "-a-#", error=CUT)


def test_a_continuation_that_was_seen_fails_with_its_own_error(t: Marbles) -> None:
    source = cold(t, "-a-#", error=CUT)
    further = cold(t, "-c-#", error=LATER)
    check(t, source.pipe(resume(1, remember=Tale(further, further))), "-a--c-#", error=LATER)


def test_a_continuation_that_was_seen_is_continued_like_the_source(t: Marbles) -> None:
    source = cold(t, "-a-#", error=CUT)
    second = cold(t, "  -s-b----#", error=LATER)
    third = cold(t, "           -c-|")
    tale = Tale(second, third)
    check(t, source.pipe(resume(2, remember=tale)), "-a----(sb)--c-|")
    assert tale.errors == [CUT, LATER]


def test_of_several_errors_the_last_one_whose_stream_was_seen_is_told(t: Marbles) -> None:
    source = cold(t, "-a-#", error=CUT)
    second = cold(t, "-b-#", error=LATER)
    unseen = cold(t, "-s#", error=Fault("unseen"))
    check(t, source.pipe(resume(2, remember=Tale(second, unseen))), "-a--b---#", error=LATER)


def test_no_more_continuations_are_made_than_times(t: Marbles) -> None:
    source = cold(t, "-a#", error=CUT)
    tale = Tale(*[cold(t, "-b#", error=LATER)] * 9)
    check(t, source.pipe(resume(3, remember=tale)), "-a-b-b-b#", error=LATER)
    assert len(tale.errors) == 3


def test_what_nothing_can_continue_passes(t: Marbles) -> None:
    told: list[Exception] = []
    check(t, cold(t, "-a-#", error=CUT).pipe(resume(remember=Tale(), on_resume=told.append)), "-a-#", error=CUT)
    assert told == []


def test_an_error_that_is_not_retryable_passes(t: Marbles) -> None:
    final = Fault(retryable=False)
    tale = Tale(cold(t, "-c|"))
    check(t, cold(t, "-a-#", error=final).pipe(resume(remember=tale)), "-a-#", error=final)
    assert tale.errors == []


def test_when_decides_what_is_worth_a_continuation(t: Marbles) -> None:
    final = Fault(retryable=False)
    source = cold(t, "-a-#", error=final)
    check(t, source.pipe(resume(remember=Tale(cold(t, "-b|")), when=lambda error: error is final)), "-a--b|")
    check(t, source.pipe(resume(remember=Tale(cold(t, "-b|")), when=lambda error: error is not final)), "-a-#", error=final)


@pytest.mark.parametrize("said", ["-a-e-#", "-a-e-s-#", "-e-b-#"])
def test_after_an_item_that_ends_nothing_is_continued(t: Marbles, said: str) -> None:
    tale = Tale(cold(t, "-c|"))
    check(t, cold(t, said).pipe(resume(remember=tale)), said)
    assert tale.errors == []


def test_a_continuation_that_ended_is_not_continued(t: Marbles) -> None:
    further = cold(t, "-e-#", error=LATER)
    tale = Tale(further, further)
    check(t, cold(t, "-a#", error=CUT).pipe(resume(9, remember=tale)), "-a-e-#", error=LATER)
    assert tale.errors == [CUT]


@pytest.mark.parametrize("nothing", ["|", "--|", "-s-r-|"])
def test_a_continuation_that_says_nothing_does_not_make_a_cut_stream_a_whole_one(t: Marbles, nothing: str) -> None:
    tale = Tale(cold(t, nothing), cold(t, "-d|"))
    check(t, cold(t, "-a#", error=CUT).pipe(resume(9, remember=tale)), "-a" + "-" * len(nothing[:-1]) + "#", error=CUT)
    assert tale.names == "a"


def test_splice_says_what_is_seen_of_a_continuation_and_that_is_noted(t: Marbles) -> None:
    seen: dict[Item, list[Item]] = {VALUES["a"]: [], VALUES["b"]: [VALUES["c"], VALUES["d"]], VALUES["s"]: [VALUES["r"]]}
    tale = Tale(cold(t, "-s-a-b---a-|"), splice=lambda item: iter(seen[item]))
    check(t, cold(t, "-a#").pipe(resume(2, remember=tale)), "-a-----(rcd)-|")
    assert tale.names == "arcd"


def test_a_continuation_of_which_nothing_was_left_to_see_was_not_seen(t: Marbles) -> None:
    further = cold(t, "-a-#", error=LATER)
    tale = Tale(further, cold(t, "-d|"), splice=lambda item: [])
    check(t, cold(t, "-a#", error=CUT).pipe(resume(9, remember=tale)), "-a---#", error=CUT)


def test_the_items_of_a_continuation_are_noted_as_long_as_another_may_follow(t: Marbles) -> None:
    further = cold(t, "-s-b----c#")
    tale = Tale(further, further)
    check(t, cold(t, "-a#").pipe(resume(2, remember=tale)), "-a---(sb)-c---(sb)-c#")
    assert tale.names == "asbcsb"


def test_above_failover_whoever_answered_is_continued(t: Marbles) -> None:
    a = cold(t, "-s#")
    b = cold(t, "  -a-#")
    c = cold(t, "     -b|")
    attempts = t.cold("(AB|)", values={"A": a, "B": b})
    check(t, attempts.pipe(failover(), resume(remember=Tale(c))), "---a--b|")


TEXT = "abcdefghijklmnopqrstuvwxyz".upper()
CUTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.booleans()), min_size=1, max_size=6)


@given(CUTS, st.integers(1, 5))
def test_wherever_it_is_cut_nothing_comes_twice_and_nothing_is_lost(cuts: list[tuple[int, int, bool]], times: int) -> None:
    """Continuations begin up to four letters too early; splice drops what was said. Each says some letters, then may fail."""

    class Reader:
        def __init__(self, scheduler: Any) -> None:
            self.said = ""
            self.skip = 0

        def note(self, item: Item) -> None:
            self.said += item.name if item.commits else ""

        def continuation(self, error: Exception) -> Observable[Any] | None:
            return self.part() if left else None

        def splice(self, item: Item) -> list[Item]:
            self.skip -= item.commits
            return [item] if self.skip < 0 or not item.commits else []

        def part(self) -> Stream[Any]:
            length, overlap, fails = left.pop(0)
            begin = max(len(self.said) - overlap, 0)
            self.skip = len(self.said) - begin
            items = [Item("s", commits=False), *map(Item, TEXT[begin : begin + length] if fails else TEXT[begin:])]
            return pushing(*items, error=Fault() if fails else None)

    left = list(cuts)
    heard: list[str] = []
    ends: list[Any] = []
    first = Reader(None).part()
    first.pipe(resume(times, remember=Reader)).subscribe(
        lambda item: heard.append(item.name), ends.append, lambda: ends.append("|")
    )
    said = "".join(name for name in heard if name != "s")
    assert TEXT.startswith(said)
    assert len(ends) == 1
    assert (said == TEXT) >= (ends == ["|"])
