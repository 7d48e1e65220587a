"""A session goes to the same candidate first, as long as that is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from operators import balance
from operators.testing import Marbles
from tests.operators.orders import GATHERING, By, Order, costing, ordered, weigh


def of_session(session: str | None, names: str, weight: Callable[[Any], float] = lambda _: 1) -> str:
    """In which order a session gets these."""
    return ordered(balance(key=str, session=lambda _: session, weight=weight), names)


def at_home(names: str, sessions: int, weight: Callable[[Any], float] = lambda _: 1) -> dict[str, str]:
    """The first candidate of so many sessions."""
    return {session: of_session(session, names, weight)[0] for session in map("session-{}".format, range(sessions))}


def test_a_session_gets_the_same_candidate_first_in_every_process_and_the_rest_keep_their_order() -> None:
    orders = [of_session(session, "abc") for session in map("session-{}".format, range(8))]
    assert orders == ["cab", "abc", "abc", "abc", "bac", "bac", "cab", "cab"]


@pytest.mark.parametrize("by", GATHERING)
def test_a_session_goes_home_however_the_others_are_ordered(by: By) -> None:
    order: Order = balance(by, key=str, session=lambda _: "session-0", loads=costing(a=1, b=2, c=3))
    assert {ordered(order, "abc")[0] for _ in range(5)} == {"c"}


def test_only_the_sessions_of_one_that_is_away_move() -> None:
    whole, without = at_home("abcd", 200), at_home("abd", 200)
    assert {name for name, home in whole.items() if home != "c"} == {name for name in whole if whole[name] == without[name]}
    assert set(without.values()) == {"a", "b", "d"}
    assert at_home("dcba", 200) == whole, "wherever they stand"


def test_sessions_are_spread_by_weight() -> None:
    shares = Counter(at_home("abcd", 2000, weigh(a=1, b=2, c=7, d=0)).values())
    assert [round(shares[name] / 200) for name in "abcd"] == [1, 2, 7, 0]


@pytest.mark.parametrize("by", ["round_robin", "weighted"])
def test_a_session_takes_no_turn(by: By) -> None:
    sessions = iter([None, "s", None])
    order: Order = balance(by, key=str, session=lambda _: next(sessions))
    assert [ordered(order, "ab") for _ in range(3)][::2] == ["ab", "ba"]


@pytest.mark.parametrize("none", [None, ""])
def test_who_has_no_session_is_balanced_like_all(none: str | None) -> None:
    assert of_session(none, "cab") == "cab"
    turns: Order = balance("round_robin", key=str, session=lambda _: none)
    assert [ordered(turns, "ab") for _ in range(2)] == ["ab", "ba"]


def test_the_session_is_found_in_the_scheduler(t: Marbles) -> None:
    asked: list[Any] = []
    ordered(balance(key=str, session=asked.append), "ab", t.scheduler)
    assert asked == [t.scheduler]


def test_any_text_may_be_a_session() -> None:
    for session in ("\ud800", "ü" * 10_000, "\0"):
        assert sorted(of_session(session, "ab")) == ["a", "b"]
