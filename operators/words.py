"""Words as regular expressions: one for a text that goes on, which also finds what may become a word, one for a whole text."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from operators.redactor import OPEN, Find

_Trie: TypeAlias = dict[str, "_Trie"]

_END: Final = ""
"""The key in a node under which nothing stands: a word ends here."""

# The letters of ASCII, and the only others that ignoring case takes for one of them.
_LETTERS: Final = string.ascii_letters + "\u0130\u0131\u017f\u212a"


class Words:
    """Finds words, the longest one first.

    Args:
        words: not empty, none of them empty.
        ignore_case: character by character, as ``re.IGNORECASE`` does.
        whole: only where no letter, digit or underscore stands next to them.

    Raises:
        ValueError: more words than Python can nest begin with each other.
    """

    def __init__(self, words: Iterable[str], *, ignore_case: bool, whole: bool) -> None:
        words = sorted(words, key=len, reverse=True)
        flags = re.IGNORECASE if ignore_case else re.NOFLAG
        all_of_them = "|".join(map(re.escape, words))
        self._last = re.compile(rf"(?<!\w)(?:{all_of_them})(?!\w)" if whole else all_of_them, flags)
        try:
            self._seek = re.compile(_Grammar(words, ignore_case, whole).text)
        except RecursionError:
            raise ValueError("redact: too many words begin with one another") from None
        self.search = self._seek.search

    def seek(self, text: str, at: int, known: int) -> Find | None:
        """See :class:`operators.redactor.Rule`. No place is looked at more often than the longest word is long."""
        found = self.search(text, at)
        if found is None:
            return None
        return found.start(), OPEN if found.lastindex else found.end(), at

    def last(self, text: str, at: int) -> tuple[int, int] | None:
        """See :class:`operators.redactor.Rule`."""
        found = self._last.search(text, at)
        return None if found is None else found.span()


class _Grammar:
    """An expression that matches each word, or at the end of the text the beginning of one; then a group takes part.

    Words with the same beginning share it (a trie), so that each place is decided in one walk.
    """

    def __init__(self, words: list[str], ignore_case: bool, whole: bool) -> None:
        self._same = _same(sorted(set("".join(words)))) if ignore_case else {}
        self._ignore_case = ignore_case
        self._whole = whole
        root: _Trie = {}
        for word in words:
            node = root
            for char in word:
                node = node.setdefault(self._same.get(char, char), {})
            node[_END] = {}
        before = r"(?<!\w[\s\S])" if whole else ""
        self.text = "|".join(
            f"{first}{before}{self._tail(below)}" for char, below in root.items() for first in self._spellings(char)
        )

    def _tail(self, node: _Trie) -> str:
        """What stands behind the first character of a path: the rest of it, or of this rest a beginning."""
        run = ""
        while len(node) == 1 and _END not in node:
            ((char, node),) = node.items()
            run += char
        rest = self._rest(node)
        return f"(?:{self._spelled(run)}{rest}|{self._begun(run)}())" if run else rest

    def _rest(self, node: _Trie) -> str:
        """What stands behind a place where paths part, or a word ends."""
        ways = [self._spelled(char) + self._tail(below) for char, below in node.items() if char != _END]
        if ways or self._whole:
            ways.append(r"(\Z)")
        if _END in node:
            ways.append(r"(?!\w)" if self._whole else "")
        return f"(?:{'|'.join(ways)})" if len(ways) > 1 else ways[0]

    def _begun(self, run: str) -> str:
        """Less than all of ``run``, perhaps nothing, and then the end of the text. Halved, for the parser nests only so deep."""
        if len(run) == 1:
            return r"\Z"
        half = len(run) // 2
        return f"(?:{self._spelled(run[:half])}{self._begun(run[half:])}|{self._begun(run[:half])})"

    def _spelled(self, run: str) -> str:
        if not self._ignore_case:
            return re.escape(run)
        return "".join(_either(self._spellings(char)) for char in run)

    def _spellings(self, char: str) -> list[str]:
        """Each way to write a character. They are spelled out where possible: the flag for it costs three times as much."""
        if not self._ignore_case or char.lower() == char.upper():
            return [re.escape(char)]
        return [letter for letter in _LETTERS if _alike(char, letter)] or [f"(?i:{re.escape(char)})"]


def _either(spellings: list[str]) -> str:
    return spellings[0] if len(spellings) == 1 else f"[{''.join(spellings)}]"


def _alike(one: str, other: str) -> bool:
    return re.fullmatch(re.escape(one), other, re.IGNORECASE) is not None


def _same(chars: Iterable[str]) -> Mapping[str, str]:
    """For each character with case the first one that is the same when case is ignored."""
    same: dict[str, str] = {}
    for char in chars:
        if char.lower() != char.upper():
            same[char] = next((known for known in {*same.values()} if _alike(known, char)), char)
    return same
