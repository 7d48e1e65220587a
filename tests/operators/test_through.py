"""A codec as a stage: one item in, any number out, and its own way to fail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from operators import Stream, through
from operators.testing import Marbles
from tests.operators.observers import FirstOnly, Heard


class Pairs:
    """Joins items in pairs; a single one is given at the end."""

    def __init__(self) -> None:
        self.held = ""

    def feed(self, item: str) -> list[str]:
        if item == "x":
            raise ZeroDivisionError
        if not self.held:
            self.held = item
            return []
        pair, self.held = [self.held, item], ""
        return pair

    def close(self) -> tuple[str, ...]:
        return (self.held,) if self.held else ()


class Rescuing(Pairs):
    """Ends well in place of an error, or passes it on."""

    def fail(self, error: Exception) -> Iterable[str]:
        yield "f"
        if isinstance(error, LookupError):
            raise error


class Lazy:
    """Gives its items from generators, and fails in the middle of one."""

    def __init__(self) -> None:
        self.pulled: list[str] = []

    def feed(self, item: str) -> Iterable[str]:
        for part in (item, "y"):
            self.pulled.append(part)
            yield part
        if item == "x":
            raise ZeroDivisionError

    def close(self) -> Iterable[str]:
        yield "z"
        raise LookupError


def test_gives_what_the_codec_gives_and_its_rest_at_the_end(t: Marbles) -> None:
    source = t.cold("                       -a-b---c-|")
    t.check(source.pipe(through(Pairs)), "  ---(ab)--(c|)")
    t.subs(source, "                         ^        !")


def test_what_feed_raises_is_the_streams_error(t: Marbles) -> None:
    source = t.cold("                       -a-x---c-|")
    t.check(source.pipe(through(Pairs)), "  ---#", error=ZeroDivisionError)
    t.subs(source, "                         ^  !")


def test_an_error_of_the_source_passes_a_codec_without_fail(t: Marbles) -> None:
    source = t.cold("                       -a-b-----#")
    t.check(source.pipe(through(Pairs)), "  ---(ab)--#")


def test_fail_may_end_the_stream_well(t: Marbles) -> None:
    t.check(t.cold("-a-#").pipe(through(Rescuing)), "---(f|)")


def test_fail_may_give_something_and_pass_the_error_on(t: Marbles) -> None:
    fault = LookupError()
    t.check(t.cold("-a-#", error=fault).pipe(through(Rescuing)), "---(f#)", error=fault)


def test_fail_hears_of_the_codecs_own_error_after_the_source_was_let_go(t: Marbles) -> None:
    source = t.cold("                         -a-x---c-|")
    t.check(source.pipe(through(Rescuing)), " ---(f|)")
    t.subs(source, "                           ^  !")


def test_a_generator_gives_what_came_before_its_error(t: Marbles) -> None:
    source = t.cold("                     -a---x---b-|")
    t.check(source.pipe(through(Lazy)), " -(ay)(xy#)", error=ZeroDivisionError)
    t.subs(source, "                      ^    !")


def test_close_may_give_something_and_fail(t: Marbles) -> None:
    t.check(t.cold("-----|").pipe(through(Lazy)), "-----(z#)", error=LookupError)


def test_a_generator_is_not_pulled_after_dispose() -> None:
    codec = Lazy()
    heard = Heard()

    def source(observer: Any, scheduler: Any) -> None:
        sources.append(observer)

    sources: list[Any] = []
    FirstOnly().connect(Stream(source).pipe(through(lambda: codec)), heard, None)
    sources[0].on_next("a")
    assert heard.all == ["a"]
    assert codec.pulled == ["a"]


def test_an_observers_exception_is_not_the_codecs(t: Marbles) -> None:
    failed: list[Exception] = []

    class Watching(Pairs):
        def fail(self, error: Exception) -> list[str]:
            failed.append(error)
            return []

    def broken(item: Any) -> None:
        raise LookupError

    sources: list[Any] = []
    Stream(lambda observer, _: sources.append(observer)).pipe(through(Watching)).subscribe(broken)
    sources[0].on_next("a")
    with pytest.raises(LookupError):
        sources[0].on_next("b")
    assert failed == []


def test_what_is_no_iterable_is_the_codecs_fault(t: Marbles) -> None:
    class Wrong(Pairs):
        def feed(self, item: str) -> Any:
            return None

    source = t.cold("                     -a-|")
    t.check(source.pipe(through(Wrong)), "-#", error=TypeError)
    t.subs(source, "                      ^!")


def test_a_scoped_codec_is_made_with_the_scheduler_of_its_subscription(t: Marbles) -> None:
    given: list[Any] = []

    def make(scheduler: Any) -> Pairs:
        given.append(scheduler)
        return Pairs()

    t.check(t.cold("-a|").pipe(through(make, scoped=True)), "--(a|)")
    assert given == [t.scheduler]


def test_a_codec_that_cannot_be_made_fails_the_subscription(t: Marbles) -> None:
    def make() -> Pairs:
        raise LookupError

    source = t.cold("-a-|")
    t.check(source.pipe(through(make)), "#", error=LookupError)
    t.subs(source)
