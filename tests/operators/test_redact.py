"""What is redacted in a stream: its items, its order, its end, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from reactivex import Observable
from reactivex import operators as stock

from operators import ChainError, GuardError, Redactor, Stream, TooCostly, build, redact
from operators.patterns import Pattern
from operators.testing import Marbles
from tests.operators.observers import FirstOnly, Heard

KEY = r"sk-[A-Za-z0-9]{20,}"
MAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
SLOW = "(?:a|aa)+!"
"""Takes for ever to see that a run of ``a`` is none of its matches."""


def said(*items: Any, **options: Any) -> list[Any]:
    """What becomes of these items."""
    heard = Heard()

    def push(observer: Any, scheduler: Any) -> None:
        for item in items:
            observer.on_next(item)
        observer.on_completed()

    Stream(push).pipe(redact(**options)).subscribe(heard)
    return heard.all


def test_a_word_is_replaced_whatever_cuts_it_and_what_cannot_become_one_does_not_wait(t: Marbles) -> None:
    source = t.cold("                                         -c-a-b-c-a-|")
    t.check(source.pipe(redact(["ab"], replacement="X")), "   -c---X-c---(a|)")
    t.subs(source, "                                           ^          !")


def test_what_is_held_goes_with_the_item_that_frees_it(t: Marbles) -> None:
    source = t.cold("                                         -a-c-a-a-|")
    values = {"y": "ac"}
    t.check(source.pipe(redact(["ab"])), "                     ---y---a-(a|)", values=values)


def test_what_is_held_when_the_source_fails_is_dropped(t: Marbles) -> None:
    source = t.cold("                         -c-a-#")
    t.check(source.pipe(redact(["ab"])), "     -c---#")
    t.subs(source, "                           ^    !")


def test_what_is_held_on_dispose_is_dropped(t: Marbles) -> None:
    source = t.cold("                         -c-a--|")
    t.check(source.pipe(redact(["ab"])), "     -c---", until="^    !")
    t.subs(source, "                           ^    !")


def test_an_item_that_is_no_text_keeps_its_place_and_ends_the_text_before_it() -> None:
    assert said("xa", 1, "b", 2, "ab", 3, None, words=["ab"]) == ["x", "a", 1, "b", 2, "[redacted]", 3, None, "|"]


def test_an_item_of_which_nothing_is_left_is_not_sent() -> None:
    assert said("", "ab", "", "c", words=["ab"], replacement="") == ["c", "|"]


def test_each_subscription_reads_its_own_text(t: Marbles) -> None:
    result = t.cold("-a-b-|").pipe(redact(["ab"], replacement="X"))
    first: list[Any] = []
    result.subscribe(first.append, scheduler=t.scheduler)
    t.check(result, "---X-|")
    t.check(result, "---X-|")
    assert first == ["X"]


def test_nothing_is_said_after_dispose_from_inside_an_item() -> None:
    heard = Heard()

    def push(observer: Any, scheduler: Any) -> None:
        for item in "cca":
            observer.on_next(item)
        observer.on_completed()

    FirstOnly().connect(Stream(push).pipe(redact(["ab"])), heard, None)
    assert heard.all == ["c"]


def test_over_gets_what_makes_a_redactor_for_each_text_of_an_item(t: Marbles) -> None:
    class Columns:
        """Each item holds a piece of two texts."""

        def __init__(self, make: Callable[[], Redactor]) -> None:
            self.texts = [make(), make()]

        def feed(self, item: tuple[str, str]) -> list[tuple[str, ...]]:
            return [tuple(text.feed(piece) for text, piece in zip(self.texts, item, strict=True))]

        def close(self) -> list[tuple[str, ...]]:
            return [tuple(text.close() for text in self.texts)]

    values = {"1": ("a", "xa"), "2": ("bb", "a"), "x": ("", "x"), "y": ("[redacted]b", "a"), "z": ("", "a")}
    source = t.cold("                                        -1-2-|", values=values)
    t.check(source.pipe(redact(["ab"], over=Columns)), "      -x-y-(z|)", values=values)


@pytest.mark.parametrize(
    ("options", "items", "result"),
    [
        ({"patterns": [KEY]}, ["a sk", "-" + "A" * 19, "9", "9!"], ["a ", "[redacted]!"]),
        ({"patterns": [KEY]}, ["a sk", "-" + "A" * 19, "!"], ["a ", "sk-" + "A" * 19 + "!"]),
        ({"patterns": [KEY, MAIL]}, ["to a.b@c", ".de, sk-", "A" * 30], ["to ", "[redacted], ", "[redacted]"]),
        ({"patterns": [r"\d+"], "words": ["x1"]}, ["x1", "2", "x"], ["[redacted]", "[redacted]", "x"]),
        ({"patterns": ["x", "xy"]}, ["xy"], ["[redacted]y"]),
        ({"patterns": ["a."], "words": ["ab", "abc"]}, ["ab", "c", "ad"], ["[redacted]", "[redacted]"]),
        ({"words": ["a", "a.c"]}, ["a.", "b", "a.c", "abc"], ["[redacted].b", "[redacted]", "[redacted]bc"]),
        ({"words": ["Straße"], "ignore_case": True}, ["STRA", "ße stra", "ẞE"], ["[redacted] ", "[redacted]"]),
        (
            {"words": ["cat"], "whole_words": True},
            ["cat", "s, c", "at", ". concat cat"],
            ["cats, ", "[redacted]. concat ", "[redacted]"],
        ),
        ({"patterns": [r"\(?x:a"]}, ["(x", ":a"], ["[redacted]"]),
        ({"patterns": ["ab{e<=1}"]}, ["ab", "{e<=1} xb"], ["[redacted] xb"]),
        ({"patterns": ["[x[:alpha:]+]"]}, ["q]p", "]"], ["q]", "[redacted]"]),
        ({"words": ["a"], "replacement": r"\1"}, ["bac"], [r"b\1c"]),
    ],
)
def test_words_come_before_patterns_and_the_longest_word_first(options: Any, items: list[str], result: list[str]) -> None:
    assert said(*items, **options) == [*result, "|"]


def test_a_pattern_that_takes_too_long_ends_the_stream(t: Marbles) -> None:
    source = t.cold("                                         -c-l-b-|", values={"l": "a" * 40 + "b"})
    caught: list[Any] = []
    result: Observable[Any] = source.pipe(redact(patterns=["x", SLOW]), stock.do_action(on_error=caught.append))
    t.check(result, "                                         -c-#", error=TooCostly)
    t.subs(source, "                                           ^  !")
    assert str(caught[0]) == "redact: pattern 2 takes more than 0.1 s"
    assert (caught[0].operator, caught[0].seconds, caught[0].retryable) == ("redact", 0.1, False)


def test_a_pattern_that_takes_too_long_at_the_end_fails_there() -> None:
    with pytest.raises(TooCostly, match="pattern 3 takes more than"):
        Pattern(3, "(?:a|aa)+(?<=b)").last("a" * 60, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "redact: needs words or patterns"),
        ({"words": [], "patterns": []}, "redact: needs words or patterns"),
        ({"words": ["a", ""]}, "redact: a word is empty"),
        ({"words": "ab"}, "redact: words must be a list, each a text or nothing, not a str"),
        ({"patterns": "ab"}, "redact: patterns must be a list, each a text or nothing, not a str"),
        ({"words": ["a"], "longest": 0}, "redact: longest must be more than 0, not 0"),
        ({"words": ["ab", "secret"], "longest": 5}, "redact: a word has 6 characters; longest is 5"),
        ({"words": ["a" * length for length in range(1, 400)]}, "redact: too many words begin with one another"),
        ({"patterns": ["a", "b(c"]}, "redact: pattern 'b(c' is wrong at position 1: missing ), unterminated subpattern"),
        ({"patterns": [r"\p{L}"]}, r"redact: pattern '\\p{L}' is wrong at position 0: bad escape \p"),
        (
            {"patterns": ["a{1,99999999999}"]},
            "redact: pattern 'a{1,99999999999}' is too large (the repetition number is too large)",
        ),
        ({"patterns": ["(a|b)*"]}, "redact: pattern '(a|b)*' matches the empty text; there is nothing to replace"),
        (
            {"patterns": ["[[:alpha:]]"]},
            "redact: pattern '[[:alpha:]]' can be read in two ways (Possible nested set at position 1); "
            "put a \\ before what stands for itself",
        ),
        ({"patterns": ["(?x)a b"]}, "redact: pattern '(?x)a b' is verbose (x); write it without spaces and comments"),
        ({"patterns": ["(?ix:a b)"]}, "redact: pattern '(?ix:a b)' is verbose (x); write it without spaces and comments"),
    ],
)
def test_what_is_refused_says_why(options: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        redact(**options)
    assert str(caught.value) == message


def test_no_word_is_told_where_one_is_refused() -> None:
    with pytest.raises(ChainError) as caught:
        build("redact", {"words": ["secret"], "longest": 5}, {})
    assert "secret" not in str(caught.value)


def test_without_its_extra_words_work_and_patterns_say_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "regex", None)
    assert said("a", "b", words=["ab"]) == ["[redacted]", "|"]
    with pytest.raises(ValueError, match=r"pip install 'penstock\[redact\]'"):
        redact(patterns=["a"])


def test_too_slow_is_an_error_of_a_guard() -> None:
    assert issubclass(TooCostly, GuardError)
