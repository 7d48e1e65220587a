"""Which errors are worth another attempt, in the words of whoever writes the chain."""

from __future__ import annotations

import re
from typing import Any

import pytest
from reactivex import Observable

from operators import Elapsed, StepError, TooLarge, failover
from operators.failover import words_of
from operators.testing import Marble, Marbles
from tests.operators.items import Fault


def two(t: Marbles, a: Observable[Any], b: Observable[Any]) -> Marble:
    return t.cold("(AB|)", values={"A": a, "B": b})


def test_an_error_that_also_names_is_worth_another_attempt(t: Marbles) -> None:
    final = Fault(retryable=False, operator="too_long")
    a, b = t.cold("-#", error=final), t.cold("-b|")
    attempts = two(t, a, b)
    t.check(attempts.pipe(failover(also=["too_long"])), "--b|")
    t.check(attempts.pipe(failover(also=["fault"])), "--b|")
    t.check(attempts.pipe(failover(also=["other"])), "-#", error=final)


def test_an_error_that_never_names_is_final_whatever_else_speaks_for_it(t: Marbles) -> None:
    fault = Fault(operator="connect")
    a, b = t.cold("-#", error=fault), t.cold("-b|")
    attempts = two(t, a, b)
    t.check(attempts.pipe(failover(never=["connect"])), "-#", error=fault)
    t.check(attempts.pipe(failover(also=["fault"], never=["connect"])), "-#", error=fault)
    t.check(attempts.pipe(failover(never=["other"])), "--b|")


def test_words_say_what_an_error_answers_to(t: Marbles) -> None:
    final = Fault(retryable=False)
    a, b = t.cold("-#", error=final), t.cold("-b|")
    attempts = two(t, a, b)
    reasons: dict[Exception, list[str]] = {final: ["context_window", "headers"]}
    t.check(attempts.pipe(failover(also=["headers"], words=lambda error: reasons[error])), "--b|")
    t.check(attempts.pipe(failover(also=["fault"], words=lambda error: reasons[error])), "-#", error=final)


def test_words_that_raise_are_a_step_error(t: Marbles) -> None:
    def broken(error: Exception) -> list[str]:
        raise ZeroDivisionError

    a, b = t.cold("-#"), t.cold("-b|")
    t.check(two(t, a, b).pipe(failover(never=["x"], words=broken)), "-#", error=StepError)


def test_nobody_is_asked_for_words_where_no_word_was_given(t: Marbles) -> None:
    def broken(error: Exception) -> list[str]:
        raise ZeroDivisionError

    a, b = t.cold("-#"), t.cold("-b|")
    t.check(two(t, a, b).pipe(failover(words=broken)), "--b|")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Elapsed("first_event_timeout", 3), {"elapsed", "first_event_timeout"}),
        (TooLarge("buffer_limit", 3), {"too_large", "buffer_limit"}),
        (OSError(), {"os_error"}),
        (ConnectionResetError(), {"connection_reset_error"}),
        (Fault(operator=3), {"fault"}),
    ],
)
def test_by_default_an_error_answers_to_its_class_and_its_guard(error: Exception, words: set[str]) -> None:
    assert set(words_of(error)) == words


@pytest.mark.parametrize("option", ["also", "never"])
def test_a_word_that_nobody_knows_is_found_when_the_operator_is_made(option: str) -> None:
    known = {"rate_limit", "overloaded"}
    words: dict[str, Any] = {option: ["overloaded", "rate_limt"]}
    message = f"failover: {option} has the unknown word 'rate_limt'; did you mean 'rate_limit'?"
    with pytest.raises(ValueError, match=re.escape(message)):
        failover(**words, known_words=known)
    failover(**words)
    words[option].pop()
    failover(**words, known_words=known)
