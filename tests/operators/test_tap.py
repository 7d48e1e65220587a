"""A probe sees everything and changes nothing, whatever it does."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from operators import tap
from operators.tap import quietly
from operators.testing import Marbles


class Log:
    """A probe that writes down all it sees."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_subscribe(self) -> None:
        self.seen.append("^")

    def on_next(self, item: Any) -> None:
        self.seen.append(item)

    def on_error(self, error: Exception) -> None:
        self.seen.append(error)

    def on_completed(self) -> None:
        self.seen.append("|")

    def on_dispose(self) -> None:
        self.seen.append("!")


class Broken(Log):
    """A probe whose every method raises after it was called."""

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("on_"):
            return super().__getattribute__(name)

        def broken(*args: Any) -> None:
            self.seen.append(name)
            raise ZeroDivisionError

        return broken


def test_sees_a_stream_that_completes(t: Marbles) -> None:
    log = Log()
    t.check(t.cold("-a-b-|").pipe(tap(log)), "-a-b-|")
    assert log.seen == ["^", "a", "b", "|"]


def test_sees_a_stream_that_fails(t: Marbles) -> None:
    log = Log()
    t.check(t.cold("-a-#").pipe(tap(log)), "-a-#")
    assert log.seen == ["^", "a", t.boom]


def test_sees_a_stream_that_is_let_go_and_only_then_on_dispose(t: Marbles) -> None:
    log = Log()
    source = t.cold("                   -a-b-|")
    t.check(source.pipe(tap(log)), "    -a", until="^ !")
    t.subs(source, "                    ^ !")
    assert log.seen == ["^", "a", "!"]


def test_a_probe_may_have_any_of_the_methods(t: Marbles) -> None:
    t.check(t.cold("-a-b-|").pipe(tap(object())), "-a-b-|")


@pytest.mark.parametrize(
    ("drawing", "until", "called"),
    [
        ("-a-b-|", None, ["on_subscribe", "on_next", "on_completed"]),
        ("-a-b-#", None, ["on_subscribe", "on_next", "on_error"]),
        ("-a-b--", "^    !", ["on_subscribe", "on_next", "on_dispose"]),
    ],
)
def test_a_probe_that_raises_changes_nothing_is_logged_and_sees_no_further_item(
    t: Marbles, caplog: pytest.LogCaptureFixture, drawing: str, until: str | None, called: list[str]
) -> None:
    probe = Broken()
    with caplog.at_level(logging.ERROR):
        t.check(t.cold(drawing).pipe(tap(probe)), drawing, until=until)
    assert probe.seen == called
    assert len(caplog.records) == len(called)


def test_quietly_calls_and_tells_whether_it_went_well(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Any] = []
    assert quietly(seen.append, 1)
    assert quietly(None, 1)
    assert not quietly(lambda: 1 / 0)
    assert seen == [1]
    assert "ZeroDivisionError" in caplog.text
