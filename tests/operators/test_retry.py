"""The same source again, only while nothing of it was shown, and never for long."""

from __future__ import annotations

from typing import Any

import pytest

from operators import Budget, Operator, StepError, Stream, retry
from operators.testing import Marbles
from tests.operators.items import ITEMS, Fault


def tries(t: Marbles, *sources: Any) -> Stream[Any]:
    """A source that is another one at each subscription."""
    left = list(sources)

    def subscribe(observer: Any, scheduler: Any) -> Any:
        return left.pop(0).subscribe(observer, scheduler=scheduler)

    return Stream(subscribe)


def test_a_second_try_follows_after_the_wait_and_the_first_one_is_never_shown(t: Marbles) -> None:
    first = t.cold("-s-#", values=ITEMS)
    second = t.cold("-r-a----b|", values=ITEMS)
    t.check(tries(t, first, second).pipe(retry(1, wait=1, jitter=False)), "-------(ra)-b|", values=ITEMS)
    t.subs(first, "^  !")
    t.subs(second, "----^        !")


def test_after_the_commit_an_error_passes(t: Marbles) -> None:
    source = t.cold("             -s-a-----#", values=ITEMS)
    t.check(source.pipe(retry(3)), "---(sa)--#", values=ITEMS)
    t.subs(source, "              ^        !")


def test_waits_are_doubled_up_to_the_longest(t: Marbles) -> None:
    source = t.cold("-#")
    t.check(source.pipe(retry(4, wait=1, longest_wait=4, jitter=False)), "----------------#")
    t.subs(source, "^!", "--^!", "-----^!", "----------^!", "---------------^!")


def test_jitter_waits_for_any_part_of_each_wait(t: Marbles) -> None:
    parts = iter([0.5, 0.25, 0.0, 0.75])
    source = t.cold("-#")
    t.check(source.pipe(retry(4, wait=2, longest_wait=4, random=lambda: next(parts))), "----------#")
    t.subs(source, "^!", "--^!", "----^!", "-----^!", "---------^!")


def test_jitter_is_what_is_done_where_nobody_says_otherwise(t: Marbles) -> None:
    source = t.cold("-#")
    t.check(source.pipe(retry(1, wait=2, random=lambda: 0.0)), "--#")


def test_jitter_does_not_touch_what_an_error_asks_for(t: Marbles) -> None:
    fault = Fault(retry_after=2)
    t.check(tries(t, t.cold("-#", error=fault), t.cold("a|")).pipe(retry(1, random=lambda: 0.0)), "---a|")


def test_without_jitter_nobody_asks_for_a_random_number(t: Marbles) -> None:
    def broken() -> float:
        raise ZeroDivisionError

    t.check(t.cold("-#").pipe(retry(1, wait=1, jitter=False, random=broken)), "---#")


def test_a_random_that_raises_is_a_step_error(t: Marbles) -> None:
    def broken() -> float:
        raise ZeroDivisionError

    t.check(t.cold("-#").pipe(retry(1, random=broken)), "-#", error=StepError)


def test_no_try_begins_later_than_within_after_the_subscription(t: Marbles) -> None:
    source = t.cold("--#")
    t.check(source.pipe(retry(9, wait=2, longest_wait=2, jitter=False, within=8)), "----------#")
    t.subs(source, "^ !", "----^ !", "--------^ !")
    t.check(source.pipe(retry(9, wait=2, longest_wait=2, jitter=False, within=7)), "------#")


def test_what_an_error_asks_for_is_bounded_by_within_too(t: Marbles) -> None:
    fault = Fault(retry_after=2)
    t.check(t.cold("--#", error=fault).pipe(retry(1, within=3)), "--#", error=fault)


def test_where_the_budget_is_empty_the_error_passes_at_once_and_nobody_is_told_of_a_retry(t: Marbles) -> None:
    told: list[Any] = []
    budget = Budget(0.5, least=0)
    source = t.cold("-#")
    result = source.pipe(retry(1, wait=1, jitter=False, budget=budget, on_retry=lambda *args: told.append(args)))
    t.check(result, "-#")
    assert (told, budget.refused) == ([], 1)
    budget.deposit(t.scheduler.clock)
    budget.deposit(t.scheduler.clock)
    t.check(result, "---#")
    assert len(told) == 1


def test_a_budget_is_shared_each_first_try_puts_in_and_each_retry_takes_out(t: Marbles) -> None:
    budget = Budget(0.25, least=0)
    calm = t.cold("-a|").pipe(retry(1, budget=budget))
    failing = t.cold("-#").pipe(retry(3, wait=1, jitter=False, budget=budget))
    for _ in range(7):
        calm.subscribe(scheduler=t.scheduler)
    t.check(failing, "------#")
    assert budget.refused == 1


def test_an_error_that_is_not_retried_takes_nothing_from_the_budget(t: Marbles) -> None:
    budget = Budget(least=1)
    operators: list[Operator[Any, Any]] = [
        retry(0, budget=budget),
        retry(1, when=lambda error: False, budget=budget),
        retry(1, wait=1, jitter=False, within=1, budget=budget),
    ]
    for operator in operators:
        operator(t.cold("-#")).subscribe(on_error=lambda _: None, scheduler=t.scheduler)
    t.advance(1)
    assert (budget.tries(1), budget.retries(1), budget.refused) == (3, 0, 0)


def test_what_a_retry_took_from_the_budget_stays_taken_where_somebody_leaves_meanwhile(t: Marbles) -> None:
    budget = Budget(least=1)
    t.check(t.cold("-#").pipe(retry(1, wait=2, jitter=False, budget=budget)), "--", until="^ !")
    assert (budget.tries(1), budget.retries(1)) == (1, 1)


def test_no_further_try_after_the_last_one(t: Marbles) -> None:
    source = t.cold("-#")
    t.check(source.pipe(retry(1, wait=1, jitter=False)), "---#")
    t.check(source.pipe(retry(0)), "-#")


@pytest.mark.parametrize("asked", [0, 2, 3])
def test_an_error_may_say_how_long_to_wait(t: Marbles, asked: int) -> None:
    fault = Fault(retry_after=asked)
    good = t.cold("a|")
    t.check(tries(t, t.cold("-#", error=fault), good).pipe(retry(1, wait=1, longest_wait=3)), "-" * (1 + asked) + "a|")


def test_an_error_that_asks_for_too_long_passes_at_once(t: Marbles) -> None:
    fault = Fault(retry_after=3.5)
    source = t.cold("-#", error=fault)
    t.check(source.pipe(retry(1, wait=1, longest_wait=3)), "-#", error=fault)


@pytest.mark.parametrize("attributes", [{"retryable": False}, {"again": False}, {"again": False, "retryable": True}])
def test_some_errors_are_never_worth_a_second_try(t: Marbles, attributes: dict[str, Any]) -> None:
    fault = Fault(**attributes)
    t.check(t.cold("-#", error=fault).pipe(retry(5)), "-#", error=fault)


def test_when_decides_what_is_worth_a_try(t: Marbles) -> None:
    fault = Fault(retryable=False)
    source = tries(t, t.cold("-#", error=fault), t.cold("a|"))
    t.check(source.pipe(retry(1, wait=1, jitter=False, when=lambda error: error is fault)), "--a|")


def test_when_that_raises_is_a_step_error(t: Marbles) -> None:
    def broken(error: Exception) -> bool:
        raise ZeroDivisionError

    t.check(t.cold("-#").pipe(retry(1, when=broken)), "-#", error=StepError)


def test_dispose_while_it_waits_leaves_no_timer_and_no_further_try(t: Marbles) -> None:
    source = t.cold("-#")
    t.check(source.pipe(retry(1, wait=2, jitter=False)), "--", until="^ !")
    t.subs(source, "^!")


def test_a_second_subscriber_has_all_tries_again(t: Marbles) -> None:
    result = t.cold("-#").pipe(retry(1, wait=1, jitter=False))
    t.check(result, "---#")
    t.check(result, "---#")


def test_the_probe_hears_number_error_and_wait_and_cannot_hurt(t: Marbles) -> None:
    heard: list[Any] = []

    def probe(*args: Any) -> None:
        heard.append(args)
        raise ZeroDivisionError

    t.check(t.cold("-#").pipe(retry(2, wait=1, longest_wait=2, jitter=False, on_retry=probe)), "------#")
    assert heard == [(2, t.boom, 1), (3, t.boom, 2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"times": -1}, "times must be at least 0, not -1"),
        ({"wait": -0.5}, "wait must be at least 0, not -0.5"),
        ({"within": 0}, "within must be more than 0, not 0"),
        ({"wait": 3}, r"wait must be at most longest_wait \(2\), not 3"),
    ],
)
def test_numbers_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"retry: {message}"):
        retry(**options)


def test_who_leaves_while_a_retry_is_told_is_not_served_any_more(t: Marbles) -> None:
    source = t.cold("-#")
    left: list[Any] = []

    def leave(*_: Any) -> None:
        left[0].dispose()

    left.append(
        source.pipe(retry(1, wait=2, jitter=False, on_retry=leave)).subscribe(on_error=left.append, scheduler=t.scheduler)
    )
    t.advance(9)
    assert source.subscriptions == [(0, 1)]
    assert len(left) == 1
