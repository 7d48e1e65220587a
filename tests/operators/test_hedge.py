"""A second attempt beside a slow one: the first to commit wins, and of the others nothing is left."""

from __future__ import annotations

from typing import Any

import pytest
from reactivex import Observable
from reactivex import operators as stock

from operators import Exhausted, StepError, hedge
from operators.testing import Marbles
from tests.operators.attempts import Late, at_once, broken, lazily
from tests.operators.items import ITEMS, Fault


def check(t: Marbles, result: Observable[Any], drawing: str, **more: Any) -> None:
    t.check(result, drawing, values=ITEMS, **more)


# Who starts when, and who wins.


def test_a_second_attempt_starts_beside_one_that_has_not_committed_and_the_first_to_commit_wins(t: Marbles) -> None:
    a = t.cold("                                               -s--------a|", values=ITEMS)
    b = t.cold("                                                  -r-b---c|", values=ITEMS)
    check(t, lazily(t, "(AB|)", A=a, B=b).pipe(hedge(delay=3)), "------(rb)c|")
    t.subs(a, "^     !")
    t.subs(b, "---^       !")


def test_the_first_attempt_may_still_win(t: Marbles) -> None:
    a = t.cold("                                               -s---a---d|", values=ITEMS)
    b = t.cold("                                                  -r----b|", values=ITEMS)
    check(t, lazily(t, "(AB|)", A=a, B=b).pipe(hedge(delay=3)), "-----(sa)d|")
    t.subs(a, "^         !")
    t.subs(b, "---^ !")


def test_who_commits_within_the_delay_is_not_hedged(t: Marbles) -> None:
    a, b = t.cold("--a-----d|"), t.cold("-b|")
    t.check(lazily(t, "(AB|)", A=a, B=b).pipe(hedge(delay=3)), "--a-----d|")
    t.subs(b)


def test_the_commit_lets_go_of_the_loser_and_of_the_attempts_before_the_winner_is_heard(t: Marbles) -> None:
    a, b = t.cold("-s--------a|", values=ITEMS), t.cold("-r-b|", values=ITEMS)
    attempts = lazily(t, "(AB)------C|", A=a, B=b)
    let_go: list[Any] = []

    def look(_: Any) -> None:
        let_go.append((a.subscriptions, attempts.subscriptions))

    check(t, attempts.pipe(hedge(delay=3), stock.do_action(look)), "------(rb)", until="^     !")
    assert let_go == [([(0, 6)], [(0, 6)])] * 2


def test_an_attempt_that_completes_without_a_commit_wins(t: Marbles) -> None:
    a = t.cold("                                               -s--------a|", values=ITEMS)
    b = t.cold("                                                  -r-|", values=ITEMS)
    check(t, lazily(t, "(AB|)", A=a, B=b).pipe(hedge(delay=3)), "------(r|)")
    t.subs(a, "^     !")


def test_after_the_commit_an_error_passes_and_nothing_is_tried_again(t: Marbles) -> None:
    a, b, c = t.cold("----------a|"), t.cold("-b-----#"), t.cold("-c|")
    t.check(lazily(t, "(ABC|)", A=a, B=b, C=c).pipe(hedge(delay=3)), "----b-----#")
    t.subs(c)


def test_all_get_the_scheduler_of_the_subscription(t: Marbles) -> None:
    a, b = t.cold("------a|"), t.cold("-b|")
    t.check(lazily(t, "(AB|)", A=a, B=b).pipe(hedge(delay=3)), "----b|")
    assert a.schedulers == b.schedulers == [t.scheduler]


def test_a_third_one_starts_after_another_delay_and_a_fourth_never(t: Marbles) -> None:
    a, b, c, d = (t.cold(drawing) for drawing in ("----------a|", "----------b|", "----------c|", "-d|"))
    t.check(lazily(t, "(ABCD|)", A=a, B=b, C=c, D=d).pipe(hedge(delay=2, most=3)), "----------a|")
    t.subs(b, "--^       !")
    t.subs(c, "----^     !")
    t.subs(d)


def test_one_at_a_time_is_failover(t: Marbles) -> None:
    a, b = t.cold("----------a|"), t.cold("-b|")
    t.check(lazily(t, "(AB|)", A=a, B=b).pipe(hedge(delay=2, most=1)), "----------a|")
    t.subs(b)


def test_an_attempt_that_comes_after_the_delay_starts_as_it_comes(t: Marbles) -> None:
    a, b = t.cold("---------a|"), t.cold("-b|")
    t.check(lazily(t, "A-----B|", A=a, B=b).pipe(hedge(delay=3)), "-------b|")
    t.subs(a, "^      !")


def test_no_timer_where_nobody_could_follow(t: Marbles) -> None:
    alone, *two = (Late() for _ in range(3))
    at_once(alone.stream).pipe(hedge(delay=3)).subscribe(scheduler=t.scheduler)
    assert t.timers == 0
    hedged = at_once(*(late.stream for late in two)).pipe(hedge(delay=3))
    hedged.subscribe(scheduler=t.scheduler)
    assert t.timers == 1
    t.advance(3)
    assert two[1].observer
    assert t.timers == 0, "both are under way"
    hedged.subscribe(scheduler=t.scheduler)
    two[0].observer.on_error(Fault())
    assert t.timers == 0, "the last one is under way"


# Failures.


def test_one_that_fails_is_followed_at_once_and_the_delay_begins_anew(t: Marbles) -> None:
    a, b, c = t.cold("-s#", values=ITEMS), t.cold("------b|", values=ITEMS), t.cold("-r-----c|", values=ITEMS)
    check(t, lazily(t, "(ABC|)", A=a, B=b, C=c).pipe(hedge(delay=3)), "--------b|")
    t.subs(a, "^ !")
    t.subs(b, "--^      !")
    t.subs(c, "-----^  !")


def test_when_one_of_two_fails_the_other_goes_on_and_a_third_follows_at_once(t: Marbles) -> None:
    a, b, c = t.cold("---------a|"), t.cold("-#"), t.cold("--c-|")
    t.check(lazily(t, "(ABC|)", A=a, B=b, C=c).pipe(hedge(delay=3)), "------c-|")
    t.subs(a, "^     !")
    t.subs(b, "---^!")
    t.subs(c, "----^   !")


def test_when_the_slow_one_fails_its_hedge_goes_on(t: Marbles) -> None:
    a, b = t.cold("----#"), t.cold("----b|")
    t.check(lazily(t, "(AB|)", A=a, B=b).pipe(hedge(delay=3)), "-------b|")


def test_when_the_hedge_fails_the_slow_one_goes_on(t: Marbles) -> None:
    a, b = t.cold("-------a|"), t.cold("-#")
    t.check(lazily(t, "(AB|)", A=a, B=b).pipe(hedge(delay=3)), "-------a|")


def test_when_all_failed_the_error_is_that_of_the_one_that_failed_last(t: Marbles) -> None:
    slow, quick = Fault("slow"), Fault("quick")
    a, b = t.cold("-----#", error=slow), t.cold("-#", error=quick)
    t.check(lazily(t, "(AB|)", A=a, B=b).pipe(hedge(delay=3)), "-----#", error=slow)


def test_one_that_comes_after_a_failure_starts_as_it_comes_also_beside_another(t: Marbles) -> None:
    a, b, c = t.cold("------------a|"), t.cold("-#"), t.cold("-c|")
    t.check(lazily(t, "(AB)-----C|", A=a, B=b, C=c).pipe(hedge(delay=3)), "----------c|")
    t.subs(a, "^         !")


def test_waits_for_an_attempt_where_none_is_under_way(t: Marbles) -> None:
    a, b = t.cold("-#"), t.cold("-b|")
    t.check(lazily(t, "A----B|", A=a, B=b).pipe(hedge(delay=3)), "------b|")


def test_no_attempt_at_all_is_exhausted(t: Marbles) -> None:
    t.check(lazily(t, "--|").pipe(hedge(delay=3)), "--#", error=Exhausted)


def test_the_error_of_the_stream_of_attempts_passes_only_where_there_was_none(t: Marbles) -> None:
    mine = Fault()
    t.check(lazily(t, "--#").pipe(hedge(delay=3)), "--#")
    t.check(lazily(t, "A#", A=t.cold("---#", error=mine)).pipe(hedge(delay=3)), "---#", error=mine)
    t.check(lazily(t, "A--#", A=t.cold("-#", error=mine)).pipe(hedge(delay=3)), "---#", error=mine)
    t.check(lazily(t, "A-#", A=t.cold("-----a|")).pipe(hedge(delay=3)), "-----a|")


def test_an_error_that_is_not_retryable_is_final(t: Marbles) -> None:
    final = Fault(retryable=False)
    a, b = t.cold("-#", error=final), t.cold("-b|")
    attempts = lazily(t, "(AB)----", A=a, B=b)
    t.check(attempts.pipe(hedge(delay=3)), "-#", error=final)
    t.subs(b)
    assert attempts.subscriptions == [(0, 1)]


def test_a_final_error_of_one_of_two_ends_nothing_while_the_other_runs(t: Marbles) -> None:
    last = Fault("last")
    b, c = t.cold("-#", error=Fault("final", retryable=False)), t.cold("-c|")
    good = lazily(t, "(ABC)-----", A=t.cold("-----a|"), B=b, C=c)
    t.check(good.pipe(hedge(delay=3)), "-----a|")
    bad = lazily(t, "(ABC)-----", A=t.cold("-----#", error=last), B=b, C=c)
    t.check(bad.pipe(hedge(delay=3)), "-----#", error=last)
    t.subs(c)
    assert bad.subscriptions == [(0, 4)]


def test_when_decides_what_is_worth_another_attempt(t: Marbles) -> None:
    final = Fault(retryable=False)
    a, b = t.cold("-#", error=final), t.cold("-b|")
    t.check(lazily(t, "(AB|)", A=a, B=b).pipe(hedge(delay=3, when=lambda error: error is final)), "--b|")


def test_when_that_raises_is_a_step_error_and_says_no(t: Marbles) -> None:
    a, b = t.cold("-#"), t.cold("-b|")
    attempts = lazily(t, "(AB)--", A=a, B=b)
    t.check(attempts.pipe(hedge(delay=3, when=broken)), "-#", error=StepError)
    t.subs(b)
    assert attempts.subscriptions == [(0, 1)]


def test_when_is_not_asked_where_nobody_could_follow(t: Marbles) -> None:
    t.check(lazily(t, "(A|)", A=t.cold("-#")).pipe(hedge(delay=3, when=broken)), "-#")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delay": 0}, "hedge: delay must be more than 0, not 0"),
        ({"initial": 0}, "hedge: initial must be more than 0, not 0"),
        ({"most": 0}, "hedge: most must be more than 0, not 0"),
        ({"percentile": 101}, "hedge: percentile must be more than 0 and at most 100, not 101"),
        ({"budget": -1}, "hedge: budget must be at least 0 and at most 100, not -1"),
    ],
)
def test_numbers_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hedge(**options)
