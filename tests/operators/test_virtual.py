"""Virtual time for whole chains: the clock of production, moved by hand."""

from __future__ import annotations

from functools import partial

import pytest

from operators.clock import Scope
from operators.virtual import VirtualClock


def test_timers_fire_in_their_order_at_their_time() -> None:
    clock, fired = VirtualClock(), list[tuple[str, float]]()

    def fire(name: str) -> None:
        fired.append((name, clock.second))

    for name, seconds in (("b", 2.0), ("a", 1.0), ("c", 2.0)):
        clock.after(seconds, partial(fire, name))
    clock.advance(1.5)
    assert fired == [("a", 1.0)]
    clock.advance(0.5)
    assert fired == [("a", 1.0), ("b", 2.0), ("c", 2.0)]


def test_a_timer_that_was_taken_back_never_fires_and_is_not_counted() -> None:
    clock = VirtualClock()
    timer = clock.after(1, lambda: pytest.fail("it fired"))
    relative = clock.schedule_relative(2.0, lambda *_: pytest.fail("it fired"))
    assert clock.timers == 2
    timer.dispose()
    relative.dispose()
    assert clock.timers == 0
    clock.advance(10)


def test_a_timer_that_a_timer_sets_fires_within_the_same_advance() -> None:
    clock, fired = VirtualClock(), list[float]()

    def again() -> None:
        clock.after(1, lambda: fired.append(clock.second))

    clock.after(1, again)
    clock.advance(5)
    assert fired == [2.0]
    assert clock.second == 5


def test_what_is_due_in_the_past_happens_now() -> None:
    clock, fired = VirtualClock(), list[float]()
    clock.advance(5)
    clock.virtual.call_at(1, lambda: fired.append(clock.second))
    clock.virtual.call_soon(lambda: fired.append(clock.second))
    clock.advance(0)
    assert fired == [5, 5]


def test_what_is_due_in_the_same_moment_comes_in_its_order_however_the_time_was_added_up() -> None:
    """0.6 s and 0.3 s are a little more than 0.9 s, in binary; 0.1 s and 0.2 s a little more than 0.3 s."""
    clock, fired = VirtualClock(), list[str]()
    clock.advance(0.1)
    clock.after(0.2, lambda: fired.append("first"))
    clock.virtual.call_at(0.3, lambda: fired.append("second"))
    clock.advance(0.1)
    clock.after(0.1, lambda: fired.append("third"))
    clock.advance(0.1)
    assert fired == ["first", "second", "third"]
    assert clock.second == 0.3


def test_scopes_share_the_time() -> None:
    clock, fired = VirtualClock(), list[float]()
    scope = Scope(clock)
    scope.after(3, lambda: fired.append(clock.second))
    clock.advance(3)
    assert fired == [3]


def test_timers_that_never_end_are_an_error_and_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operators.virtual.MOST", 100)
    clock = VirtualClock()

    def again() -> None:
        clock.virtual.call_soon(again)

    again()
    with pytest.raises(RuntimeError, match="for ever"):
        clock.advance(1)
