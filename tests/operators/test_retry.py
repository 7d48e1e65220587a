"""The same source again, only while nothing of it was shown, and never for long."""

from __future__ import annotations

from typing import Any

import pytest

from operators import StepError, Stream, retry
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
    t.check(tries(t, first, second).pipe(retry(1, wait=1)), "-------(ra)-b|", values=ITEMS)
    t.subs(first, "^  !")
    t.subs(second, "----^        !")


def test_after_the_commit_an_error_passes(t: Marbles) -> None:
    source = t.cold("             -s-a-----#", values=ITEMS)
    t.check(source.pipe(retry(3)), "---(sa)--#", values=ITEMS)
    t.subs(source, "              ^        !")


def test_waits_are_doubled_up_to_the_longest(t: Marbles) -> None:
    source = t.cold("-#")
    t.check(source.pipe(retry(4, wait=1, longest_wait=4)), "----------------#")
    t.subs(source, "^!", "--^!", "-----^!", "----------^!", "---------------^!")


def test_no_further_try_after_the_last_one(t: Marbles) -> None:
    source = t.cold("-#")
    t.check(source.pipe(retry(1, wait=1)), "---#")
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
    t.check(source.pipe(retry(1, wait=1, when=lambda error: error is fault)), "--a|")


def test_when_that_raises_is_a_step_error(t: Marbles) -> None:
    def broken(error: Exception) -> bool:
        raise ZeroDivisionError

    t.check(t.cold("-#").pipe(retry(1, when=broken)), "-#", error=StepError)


def test_dispose_while_it_waits_leaves_no_timer_and_no_further_try(t: Marbles) -> None:
    source = t.cold("-#")
    t.check(source.pipe(retry(1, wait=2)), "--", until="^ !")
    t.subs(source, "^!")


def test_a_second_subscriber_has_all_tries_again(t: Marbles) -> None:
    result = t.cold("-#").pipe(retry(1, wait=1))
    t.check(result, "---#")
    t.check(result, "---#")


def test_the_probe_hears_number_error_and_wait_and_cannot_hurt(t: Marbles) -> None:
    heard: list[Any] = []

    def probe(*args: Any) -> None:
        heard.append(args)
        raise ZeroDivisionError

    t.check(t.cold("-#").pipe(retry(2, wait=1, longest_wait=2, on_retry=probe)), "------#")
    assert heard == [(2, t.boom, 1), (3, t.boom, 2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"times": -1}, "times must be at least 0, not -1"),
        ({"wait": -0.5}, "wait must be at least 0, not -0.5"),
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

    left.append(source.pipe(retry(1, wait=2, on_retry=leave)).subscribe(on_error=left.append, scheduler=t.scheduler))
    t.advance(9)
    assert source.subscriptions == [(0, 1)]
    assert len(left) == 1
