"""However a text is cut, the same is said, as early as it can be. The whole text in one pass is the judge."""

from __future__ import annotations

import importlib
import itertools
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from operators.redact import redactors
from operators.redactor import Redactor
from operators.words import _LETTERS

regex: Any = importlib.import_module("regex")

MARK: Final = "#"
"""The replacement; no text of a test holds it."""


def cut(text: str, places: Iterable[int]) -> list[str]:
    """The text in pieces, some of them empty perhaps."""
    borders = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(borders)]


def said(redactor: Redactor, pieces: Iterable[str]) -> str:
    """What is said of a text."""
    return "".join([*map(redactor.feed, pieces), redactor.close()])


def replaced(expression: Any, text: str) -> str:
    """The whole text in one pass."""
    whole: str = expression.sub(lambda found: MARK if found[0] else "", text)
    return whole


def alternation(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


@cache
def continuations(alphabet: str, longest: int) -> list[str]:
    return ["".join(chars) for length in range(longest + 1) for chars in itertools.product(alphabet, repeat=length)]


cuts = st.lists(st.integers(0, 60), max_size=12) | st.just(range(60))
word_lists = st.lists(st.text("abAB _", min_size=1, max_size=6), min_size=1, max_size=6)
texts = st.text("abAB _", max_size=40)


@settings(deadline=None, derandomize=True)
@given(word_lists, texts, cuts, st.booleans(), st.booleans())
@example(["aab", "ab"], "aaab", range(9), False, False)
@example(["ab", "abab", "ababab"], "abab", range(9), False, False)
@example(["ab", "ab a"], "ab ab", range(9), False, True)
@example(["ab", "aba b"], "aba ", range(9), False, True)
@example(["\na"], "x\na b", range(9), False, True)
def test_words_every_cut_says_what_one_pass_says(
    words: list[str], text: str, places: list[int], ignore_case: bool, whole_words: bool
) -> None:
    around = r"(?<!\w)(?:{})(?!\w)" if whole_words else "{}"
    judge = re.compile(around.format(alternation(words)), re.IGNORECASE if ignore_case else 0)
    redactor = redactors(words, None, MARK, ignore_case=ignore_case, whole_words=whole_words)()
    assert said(redactor, cut(text, places)) == replaced(judge, text)


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.text("kKKsSſiIİıéÉσςΣßẞǆǅ1", min_size=1, max_size=4), min_size=1, max_size=5),
    st.text("kKKsSſiIİıéÉσςΣßẞǆǅ1", max_size=20),
    cuts,
)
@example(["ſxyzw", "ſa", "sab"], "sabx", range(9))
def test_words_case_is_ignored_as_in_python(words: list[str], text: str, places: list[int]) -> None:
    judge = re.compile(alternation(words), re.IGNORECASE)
    assert said(redactors(words, None, MARK, ignore_case=True)(), cut(text, places)) == replaced(judge, text)


def test_only_letters_with_case_are_alike_and_those_like_ascii_are_known() -> None:
    everything = [chr(code) for code in range(0x20000) if not 0xD800 <= code <= 0xDFFF]
    cased = "".join(char for char in everything if char.lower() != char.upper())
    without = "".join(char for char in everything if char.lower() == char.upper())
    assert re.findall(f"[{cased}]", without, re.IGNORECASE) == []
    assert set(re.findall("[a-z]", cased, re.IGNORECASE)) == set(_LETTERS)


@settings(deadline=None, derandomize=True)
@given(word_lists, texts, st.integers(0, 60))
def test_words_only_the_beginning_of_a_word_waits(words: list[str], text: str, place: int) -> None:
    redactor = redactors(words, None, MARK)()
    for piece in cut(text, [place]):
        redactor.feed(piece)
    held = text[len(text) - redactor.held :]
    assert not held or any(word.startswith(held) and word != held for word in words)


@settings(deadline=None, derandomize=True)
@given(word_lists, texts)
def test_whole_words_wait_only_where_something_may_follow_that_makes_them_one(words: list[str], text: str) -> None:
    redactor = redactors(words, None, MARK, whole_words=True)()
    redactor.feed(text)
    held = text[len(text) - redactor.held :]
    assert not held or any(word.startswith(held) for word in words)
    assert not re.search(rf"\w{re.escape(held)}$", text) or not held


def expressions(around: bool) -> st.SearchStrategy[str]:
    """Regular expressions; ``around``: also such that look at what stands next to a place, or do not go back."""
    plain = ["a", "b", "c", "ab", ".", "[ab]", "[^a]"]
    edges = [
        "abc",
        r"[^b\n]",
        r"\w",
        r"\s",
        "[x[]",
        r"\b",
        r"\B",
        "$",
        "^",
        r"\Z",
        r"\A",
        "(?<=a)",
        "(?<!b)",
        r"(?<=\b)",
        "(?<=^a)",
        "(?<=a$)",
        "(?m:$)",
        "{x",
    ]
    repeats = ["?", "*", "+", "{1,2}", "+?", "{1,3}?"]

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        brackets = ["(?:{})", "(?=c|{})", "(?!{})", "(?>{})", "(?i:{})", "({})"] if around else ["(?:{})"]
        more = [*repeats, "{2}", "{2,}", "??", "*?", "*+", "++", "?+"] if around else repeats
        return st.one_of(
            st.builds("".join, st.lists(inner, min_size=2, max_size=3)),
            st.builds("(?:{}|{})".format, inner, inner),
            st.builds("(?:{}){}".format, inner, st.sampled_from(more)),
            st.builds(lambda form, text: form.format(text), st.sampled_from(brackets), inner),
        )

    leaves = st.sampled_from(plain + edges if around else plain)
    return st.recursive(leaves, larger, max_leaves=6 if around else 3)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.lists(expressions(around=True), min_size=1, max_size=2),
    st.lists(st.text("ab c", min_size=1, max_size=4), max_size=2),
    st.text("abc \n[{x", max_size=16),
    cuts,
)
@example([r"((.)(?<=\b))"], ["c Aba", "ab"], "\nabbab c", range(60))
@example([r"(?:ab)+"], [], "abababc", range(60))
@example(["a.*z|b"], ["xa"], "xabz", [3])
@example([r"\b|b|ab.*z"], [], "xabyz", [3])
@example([r"\b|ab"], [], "xab ab", range(60))
@example(["(?<=cab)ab", r"\bab"], [], "cabab ab xab", range(60))
@example(["a$"], [], "a\na\n", range(60))
@example(["a{,2}b{,}{x"], [], "aab{x", range(60))
@example(["[a[:b:]c"], [], "[ca:cb]c[]c", range(60))
@example(["(a)?b(?(1)c|a)"], [], "abcba", range(60))
@example(["(?P<q>a|b)(?P=q)"], [], "abba", range(60))
@example(["a(?#(|[)b"], [], "abab", range(60))
@example(["(?i)AB"], [], "abaB", range(60))
@example(["(?s)a.b"], [], "a\nba", range(60))
@example([r"(?m)^ab$"], [], "ab\nab\nabc", range(60))
@example([r"a\(b\$\[c\{"], [], "a(b$[c{", range(60))
@example(["[]a]b[^]c]"], [], "]bab]bb", range(60))
def test_patterns_every_cut_says_what_one_pass_says(patterns: list[str], words: list[str], text: str, places: list[int]) -> None:
    try:
        make = redactors(words, patterns, MARK)
    except ValueError:
        assume(False)
    translated = [re.sub(r"\{x", r"\\{x", pattern).replace("[x[]", r"[x\[]").replace("[a[", r"[a\[") for pattern in patterns]
    flags = "".join(re.match(r"(?:\(\?[ims]\))?", pattern)[0] for pattern in translated)  # type: ignore[index]
    judge = regex.compile(flags + "|".join([*map(re.escape, sorted(words, key=len, reverse=True)), *translated]))
    if judge.groups and len(patterns) > 1:
        # Numbers of groups would not be the same.
        assume(False)
    assert said(make(), cut(text, places)) == replaced(judge, text)
    assert said(redactors(words, patterns, MARK)(), cut(text, places)) == said(make(), [text])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(expressions(around=False), st.text("abc", min_size=1, max_size=6))
def test_patterns_nothing_waits_that_is_decided(pattern: str, text: str) -> None:
    """Whatever waits: there are two continuations after which not the same begins at its first character.

    No pattern is longer than the continuations that are tried, and none stops in a group before it took anything (that waits
    for one character more than it has to).
    """
    try:
        redactor = redactors(None, [pattern], MARK)()
    except ValueError:
        assume(False)
    redactor.feed(text)
    start = len(text) - redactor.held
    if redactor.held:
        judge = re.compile(pattern)
        found = (judge.match(text + more, start) for more in continuations("abc", 6))
        assert len(set(itertools.islice({match and match.end(): None for match in found}, 2))) == 2


@pytest.mark.parametrize(
    ("pattern", "text", "held"),
    [
        (r"\d+", "a12", 2),
        (r"\d{3}", "a12", 2),
        (r"\d{3}", "a123", 0),
        (r"\d{2,3}", "a12", 2),
        (r"\d{2,3}", "a123", 0),
        (r'".*?"', 'say "a"', 0),
        (r'".*?"', 'say "a', 2),
        (r"abc|abcd", "abc", 0),
        (r"abcd|abc", "abc", 3),
        (r"ab\b", "ab", 2),
        (r"ab\b", "abc", 0),
        (r"ab$", "ab\n", 3),
        (r"ab$", "ab\nc", 0),
        (r"ab(?!c)", "ab", 2),
        (r"(?<=x)ab", "xa", 1),
        (r"(?<=x)ab", "ya", 0),
        (r"^ab", "a", 1),
        (r"^ab", "ba", 0),
        (r"sk-[a-z]{3,}", "my sk-ab", 5),
        (r"sk-[a-z]{3,}", "my sk_", 0),
    ],
)
def test_patterns_only_what_is_not_decided_waits(pattern: str, text: str, held: int) -> None:
    redactor = redactors(None, [pattern], MARK)()
    redactor.feed(text)
    assert redactor.held == held


ENDLESS = [r"s[ab]{3,}", r"(?<=s)[ab]+", r"s(?:ab)+", r"s(?:ab )+c?", r"(?:a|b)+", r"s.+", r"s(?:[ab]{2}-)+", r"(?s)s.*c"]
strange = st.lists(
    st.sampled_from(["s" + "ab" * 9, "sab-" + "ba-" * 4, "sab " + "ab " * 5, "a" * 9, "s", "c", " ", "xy", "\n", "ab"]),
    max_size=9,
).map("".join)


@settings(deadline=None, derandomize=True)
@given(st.sampled_from(ENDLESS[:-1]), strange, cuts)
@example("s(?:ab)+", "s" + "ab" * 9 + "c", range(60))
@example("s[ab]{3,}", "s" + "ab" * 9, range(60))
def test_a_match_without_end_is_replaced_once_and_swallowed(pattern: str, text: str, places: list[int]) -> None:
    redactor = redactors(["xy"], [pattern], MARK, longest=6)()
    assert said(redactor, cut(text, places)) == re.sub(f"xy|{pattern}", MARK, text)


@settings(deadline=None, derandomize=True)
@given(st.lists(expressions(around=False), min_size=1, max_size=2), st.text("abc", max_size=40), cuts, st.integers(3, 6))
@example(["a.*c|ab"], "abbbbbbbbbb", range(60), 3)
@example(["b.*ca"], "bbbbbbbbbcab", range(60), 3)
def test_no_match_of_the_allowed_length_is_ever_said(patterns: list[str], text: str, places: list[int], longest: int) -> None:
    try:
        redactor = redactors(["aba"], patterns, MARK, longest=longest)()
    except ValueError:
        assume(False)
    for part in said(redactor, cut(text, places)).split(MARK):
        for start, length in itertools.product(range(len(part)), range(1, longest + 1)):
            piece = part[start : start + length]
            assert not any(re.fullmatch(pattern, piece) for pattern in (*patterns, "aba"))


@settings(deadline=None, derandomize=True)
@given(st.sampled_from(ENDLESS), strange, cuts)
def test_no_more_is_held_and_no_more_kept_than_allowed(pattern: str, text: str, places: list[int]) -> None:
    redactor = redactors(None, [pattern], MARK, longest=6)()
    for piece in cut(text, places):
        redactor.feed(piece)
        assert redactor.held <= 6
    for _ in range(60):
        redactor.feed(text)
        assert redactor.held <= 6
    assert len(redactor._kept) <= 256 + 6 + 6


def test_what_was_swallowed_is_not_said_again_where_the_match_turns_out_shorter() -> None:
    redactor = redactors(None, ["a{2,}(?!c)"], MARK, longest=6)()
    assert said(redactor, "aaaaaaac") == f"{MARK}c"


def test_what_may_wait_is_not_decided_early_because_something_before_it_is() -> None:
    redactor = redactors(None, ["a.*z", "bcd", "c"], MARK, longest=4)()
    assert said(redactor, ["axxxbc", "d"]) == f"axxx{MARK}"


def test_a_rule_is_told_what_it_found_out_and_asked_no_more_than_once_for_each_match() -> None:
    asked: list[tuple[str, int, int]] = []

    class Finds:
        """Matches a text; says the same number each time as what it knows."""

        def __init__(self, literal: str, known: int) -> None:
            self.literal, self.known = literal, known

        def seek(self, text: str, at: int, known: int) -> tuple[int, int, int] | None:
            asked.append((self.literal, at, known))
            start = text.find(self.literal, at)
            return None if start < 0 else (start, start + len(self.literal), self.known)

        def last(self, text: str, at: int) -> tuple[int, int] | None:
            return None

    assert Redactor([Finds("ab", 7), Finds("c", 8)], MARK, 9, 0).feed("xabcxab") == f"x{MARK * 2}x{MARK}"
    assert asked == [("ab", 0, -1), ("c", 0, -1), ("ab", 3, 7), ("c", 4, 8), ("ab", 7, 7)]


def test_after_its_end_a_redactor_reads_a_new_text() -> None:
    redactor = redactors(None, [r"^\d+\b"], MARK)()
    for _ in range(2):
        assert said(redactor, ["1", "2 3"]) == f"{MARK} 3"


def test_a_long_word_may_be_cut_anywhere() -> None:
    word = "".join(map(chr, range(33, 1033))).replace(MARK, "")
    make = redactors([word, word[:500]], None, MARK)
    assert said(make(), word + "x" + word[:-1] + "y") == f"{MARK}x{MARK}{word[500:-1]}y"
    for place in range(0, len(word), 37):
        assert said(make(), [word[:place], word[place:] + "y"]) == f"{MARK}y"


@pytest.mark.parametrize("rules", [(["ab"], ["b+c"]), (["ab"], None), (None, ["ab", "[bc]+a"])])
def test_many_matches_in_one_piece_are_found_in_one_pass(rules: Any) -> None:
    text = "ab bc cba " * 2000
    words, patterns = rules
    judge = re.compile("|".join([*(words or []), *(patterns or [])]))
    assert said(redactors(words, patterns, MARK)(), [text]) == judge.sub(MARK, text)
