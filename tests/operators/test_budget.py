"""All who try one candidate retry no more, together, than a share of their first tries and a little."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators import Budget


def granted(budget: Budget, now: float, asked: int) -> int:
    return sum(budget.withdraw(now) for _ in range(asked))


def test_five_first_tries_allow_one_retry() -> None:
    budget = Budget(0.2, least=0)
    for _ in range(4):
        budget.deposit(0)
    assert granted(budget, 0, 3) == 0
    budget.deposit(0)
    assert granted(budget, 0, 3) == 1
    assert budget.refused == 5


def test_shares_that_are_no_round_numbers_cost_nobody_a_token() -> None:
    budget = Budget(0.58, least=0)
    for _ in range(50):
        budget.deposit(0)
    assert granted(budget, 0, 99) == 29


def test_rare_traffic_may_retry_a_little_without_any_deposit() -> None:
    budget = Budget(least=0.3, span=10)
    assert granted(budget, 0, 9) == 3
    assert granted(budget, 8.9, 9) == 0
    assert granted(budget, 10, 9) == 3


def test_quiet_times_save_nothing_up() -> None:
    budget = Budget(0.5, least=0.1, span=10)
    for _ in range(100):
        budget.deposit(0)
    assert granted(budget, 10, 99) == 1


def test_its_numbers_can_be_seen() -> None:
    budget = Budget(0.5, least=1, span=10)
    for second in range(4):
        budget.deposit(second)
    budget.withdraw(4)
    assert (budget.ratio, budget.least, budget.span, budget.refused) == (0.5, 1, 10, 0)
    assert (budget.tries(4), budget.retries(4), budget.balance(4)) == (4, 1, 11)
    assert (budget.tries(11.5), budget.retries(11.5), budget.balance(11.5)) == (2, 1, 10)
    assert (budget.retries(14), budget.tries(14), budget.balance(14)) == (0, 0, 10)


@given(
    st.lists(st.tuples(st.floats(0, 4, allow_nan=False), st.integers(0, 5), st.integers(0, 5)), max_size=40),
    st.sampled_from([0.1, 0.2, 1.0]),
    st.sampled_from([0.0, 0.1, 1.0]),
)
def test_no_history_gets_more_than_its_share(history: list[tuple[float, int, int]], ratio: float, least: float) -> None:
    budget = Budget(ratio, least=least, span=10)
    now = 0.0
    tries: list[float] = []
    retries: list[float] = []
    for pause, first, again in history:
        now += pause
        for _ in range(first):
            budget.deposit(now)
            tries.append(now)
        given_now = granted(budget, now, again)
        retries += [now] * given_now
        if given_now:
            earned = ratio * sum(now - second <= 10.001 for second in tries) + least * 10
            assert sum(now - second < 8.999 for second in retries) <= earned + 1e-6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratio": 0}, "ratio must be more than 0 and at most 1, not 0"),
        ({"ratio": 1.1}, "ratio must be more than 0 and at most 1, not 1.1"),
        ({"ratio": float("nan")}, "ratio must be more than 0 and at most 1, not nan"),
        ({"least": -1}, "least must be at least 0, not -1"),
        ({"span": 0}, "span must be more than 0, not 0"),
    ],
)
def test_numbers_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"Budget: {message}"):
        Budget(**options)
