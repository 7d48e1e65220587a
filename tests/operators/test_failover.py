"""One attempt after another until one commits; of the others nothing is seen."""

from __future__ import annotations

from typing import Any

import pytest
import reactivex
from reactivex import Observable
from reactivex import operators as stock

from operators import Exhausted, StepError, Stream, failover
from operators.testing import Marble, Marbles
from tests.operators.items import ITEMS, Fault


def lazily(t: Marbles, drawing: str, **attempts: Observable[Any]) -> Marble:
    """A stream of attempts."""
    return t.cold(drawing, values=attempts)


def check(t: Marbles, result: Observable[Any], drawing: str, **more: Any) -> None:
    t.check(result, drawing, values=ITEMS, **more)


def test_the_next_attempt_follows_one_that_failed_before_its_commit(t: Marbles) -> None:
    a = t.cold("                               -s-#", values=ITEMS)
    b = t.cold("                                  -a-b|", values=ITEMS)
    check(t, lazily(t, "(AB|)", A=a, B=b).pipe(failover()), "----a-b|")
    t.subs(a, "^  !")
    t.subs(b, "---^   !")


def test_what_an_abandoned_attempt_held_is_never_seen_and_what_the_next_one_held_comes_in_order(t: Marbles) -> None:
    a = t.cold("                               -s#", values=ITEMS)
    b = t.cold("                                 -s-r-a----s|", values=ITEMS)
    check(t, lazily(t, "(AB|)", A=a, B=b).pipe(failover()), "-------(sra)s|")


def test_after_the_commit_an_error_passes_and_nothing_is_tried_again(t: Marbles) -> None:
    a = t.cold("                               -a-b-#", values=ITEMS)
    b = t.cold("-c|", values=ITEMS)
    check(t, lazily(t, "(AB|)", A=a, B=b).pipe(failover()), "-a-b-#")
    t.subs(b)


def test_the_commit_lets_go_of_the_stream_of_attempts(t: Marbles) -> None:
    a = t.cold("                               -s-a-----|", values=ITEMS)
    attempts = lazily(t, "A-------A", A=a)
    check(t, attempts.pipe(failover()), "---(sa)--|")
    assert attempts.subscriptions == [(0, 3)]


def test_an_attempt_that_completes_without_commit_is_the_answer(t: Marbles) -> None:
    a = t.cold("                               -s-s-|", values=ITEMS)
    b = t.cold("-c|", values=ITEMS)
    check(t, lazily(t, "(AB|)", A=a, B=b).pipe(failover()), "-----(ss|)")
    t.subs(b)


def test_when_all_failed_the_error_is_that_of_the_last(t: Marbles) -> None:
    first, last = Fault("first"), Fault("last")
    a, b = t.cold("-#", error=first), t.cold("-#", error=last)
    check(t, lazily(t, "(AB|)", A=a, B=b).pipe(failover()), "--#", error=last)


def test_no_attempt_at_all_is_exhausted(t: Marbles) -> None:
    check(t, lazily(t, "--|").pipe(failover()), "--#", error=Exhausted)


def test_the_error_of_the_stream_of_attempts_passes_where_there_was_none(t: Marbles) -> None:
    check(t, lazily(t, "--#").pipe(failover()), "--#")


def test_the_error_of_the_stream_of_attempts_gives_way_to_that_of_an_attempt(t: Marbles) -> None:
    mine = Fault()
    check(t, lazily(t, "A#", A=t.cold("---#", error=mine)).pipe(failover()), "---#", error=mine)
    check(t, lazily(t, "A--#", A=t.cold("-#", error=mine)).pipe(failover()), "---#", error=mine)


def test_waits_for_an_attempt_that_comes_late(t: Marbles) -> None:
    a, b = t.cold("-#"), t.cold("-b|")
    t.check(lazily(t, "A----B|", A=a, B=b).pipe(failover()), "------b|")


def test_an_error_that_is_not_retryable_is_final(t: Marbles) -> None:
    final = Fault(retryable=False)
    a, b = t.cold("-#", error=final), t.cold("-b|")
    attempts = lazily(t, "(AB)----", A=a, B=b)
    t.check(attempts.pipe(failover()), "-#", error=final)
    t.subs(b)
    assert attempts.subscriptions == [(0, 1)]


def test_when_decides_what_is_worth_another_attempt(t: Marbles) -> None:
    final = Fault(retryable=False)
    a, b = t.cold("-#", error=final), t.cold("-b|")
    t.check(lazily(t, "(AB|)", A=a, B=b).pipe(failover(when=lambda error: error is final)), "--b|")


def test_when_that_raises_is_a_step_error(t: Marbles) -> None:
    def broken(error: Exception) -> bool:
        raise ZeroDivisionError

    a, b = t.cold("-#"), t.cold("-b|")
    attempts = lazily(t, "(AB)--", A=a, B=b)
    t.check(attempts.pipe(failover(when=broken)), "-#", error=StepError)
    assert attempts.subscriptions == [(0, 1)]


@pytest.mark.parametrize(("most", "result"), [(1, "-#"), (2, "--#"), (3, "---c|"), (4, "---c|")])
def test_no_more_attempts_are_made_than_most(t: Marbles, most: int, result: str) -> None:
    a, b, c = t.cold("-#"), t.cold("-#"), t.cold("-c|")
    t.check(lazily(t, "(ABC|)", A=a, B=b, C=c).pipe(failover(most=most)), result)


def test_the_last_attempt_that_most_allows_lets_go_of_the_stream_of_attempts(t: Marbles) -> None:
    a, b = t.cold("-#"), t.cold("----b|")
    attempts = lazily(t, "A-B---A", A=a, B=b)
    t.check(attempts.pipe(failover(most=2)), "------b|")
    assert attempts.subscriptions == [(0, 2)]


def test_most_counts_anew_for_each_subscriber(t: Marbles) -> None:
    a, b = t.cold("-#"), t.cold("-b|")
    result = lazily(t, "(AB|)", A=a, B=b).pipe(failover(most=2))
    t.check(result, "--b|")
    t.check(result, "--b|")


def test_most_is_checked() -> None:
    with pytest.raises(ValueError, match="failover: most must be more than 0, not 0"):
        failover(most=0)


def test_dispose_lets_go_of_the_attempt_and_of_the_attempts(t: Marbles) -> None:
    a = t.cold("-s----", values=ITEMS)
    attempts = lazily(t, "A-------", A=a)
    check(t, attempts.pipe(failover()), "---", until="^   !")
    t.subs(a, "^   !")
    assert attempts.subscriptions == [(0, 4)]


def test_dispose_between_two_attempts_leaves_nothing(t: Marbles) -> None:
    a, b = t.cold("-#"), t.cold("-b|")
    attempts = lazily(t, "A----B|", A=a, B=b)
    t.check(attempts.pipe(failover()), "---", until="^  !")
    t.subs(b)
    assert attempts.subscriptions == [(0, 3)]


def test_the_probe_hears_from_which_to_which_and_why_and_cannot_hurt(t: Marbles) -> None:
    heard: list[Any] = []

    def probe(earlier: Any, later: Any, error: Exception) -> None:
        heard.append((earlier, later, error))
        raise ZeroDivisionError

    a, b = t.cold("-#"), t.cold("-b|")
    t.check(lazily(t, "(AB|)", A=a, B=b).pipe(failover(on_failover=probe)), "--b|")
    assert heard == [(a, b, t.boom)]


def test_thousands_of_attempts_that_fail_at_once_cost_no_stack() -> None:
    attempts = reactivex.from_iterable([reactivex.throw(Fault())] * 3000).pipe(
        stock.concat(reactivex.of(reactivex.of("at last")))
    )
    assert attempts.pipe(failover()).run() == "at last"


def test_attempts_that_fail_while_they_are_subscribed_to(t: Marbles) -> None:
    def failing(observer: Any, scheduler: Any) -> None:
        observer.on_error(Fault())

    def attempts(observer: Any, scheduler: Any) -> None:
        for attempt in [Stream[Any](failing), Stream[Any](failing), t.cold("-a|")]:
            observer.on_next(attempt)
        observer.on_completed()

    t.check(Stream(attempts).pipe(failover()), "-a|")


@pytest.mark.parametrize("source", ["-s-a-|", "-s--#", "-s---"])
def test_lets_go_of_everything_whenever_it_is_disposed(t: Marbles, source: str) -> None:
    for second in range(1, 4):
        a = t.cold(source, values=ITEMS)
        b = t.cold("-s-", values=ITEMS)
        attempts = lazily(t, "(AB)---", A=a, B=b)
        subscription = attempts.pipe(failover()).subscribe(scheduler=t.scheduler)
        t.scheduler.advance_by(second)
        subscription.dispose()
        assert t.timers == 0


class Late:
    """A source that goes on after it was let go."""

    def __init__(self) -> None:
        self.observer: Any = None
        self.stream: Stream[Any] = Stream(self._subscribe)

    def _subscribe(self, observer: Any, scheduler: Any) -> None:
        self.observer = observer


def test_what_an_abandoned_attempt_says_later_is_nothing_that_the_next_one_said_F07() -> None:
    a, b = Late(), Late()
    heard: list[Any] = []
    reactivex.of(a.stream, b.stream).pipe(failover()).subscribe(heard.append, heard.append)
    a.observer.on_error(OSError("A is down"))
    a.observer.on_next("late A")
    a.observer.on_error(OSError("A is down again"))
    b.observer.on_next("b")
    a.observer.on_next("later A")
    b.observer.on_next("c")
    assert heard == ["b", "c"]


def test_who_leaves_while_a_failover_is_told_is_not_served_any_more() -> None:
    a, b = Late(), Late()
    heard: list[Any] = []

    def leave(*_: Any) -> None:
        subscription.dispose()

    attempts: Observable[Any] = reactivex.of(a.stream, b.stream)
    subscription = attempts.pipe(failover(on_failover=leave)).subscribe(heard.append, heard.append)
    a.observer.on_error(OSError("A is down"))
    assert b.observer is None
    assert heard == []
