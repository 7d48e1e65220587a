"""Replaces words and patterns in a stream of text, also where an item's border cuts them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from operators.options import Count
from operators.patterns import CONTEXT, Pattern
from operators.redactor import Redactor, Rule
from operators.signature import checked
from operators.stream import Operator
from operators.through import Codec, through
from operators.words import Words


class Texts:
    """All texts of a stream as one: what :func:`redact` works on by itself. An item that is no text ends the text before it."""

    __slots__ = ("_redactor",)

    def __init__(self, make: Callable[[], Redactor]) -> None:
        self._redactor = make()

    def feed(self, item: Any) -> tuple[Any, ...]:
        """What may be said now; the rest of the text before an item that is none."""
        if isinstance(item, str):
            text = self._redactor.feed(item)
            return (text,) if text else ()
        rest = self._redactor.close()
        return (rest, item) if rest else (item,)

    def close(self) -> tuple[str, ...]:
        """The rest."""
        rest = self._redactor.close()
        return (rest,) if rest else ()


@checked
def redact(
    words: list[str] | None = None,
    patterns: list[str] | None = None,
    replacement: str = "[redacted]",
    ignore_case: bool = False,
    whole_words: bool = False,
    longest: Count = 1000,
    *,
    over: Callable[[Callable[[], Redactor]], Codec[Any, Any]] = Texts,
    spellings: Callable[[str], Iterable[str]] | None = None,
) -> Operator[Any, Any]:
    r"""Replace words and patterns in a stream of text, also where the borders of its items cut them.

        source                            -c-a-b-c-a-|
        redact(["ab"], replacement="X")   -c---X-c---(a|)

    What comes out is, however the text is cut, what one pass over all of it gives: the leftmost match is replaced, and where
    several begin at one place the longest word is, before the patterns in their order. Nothing is held back but what may become
    a match, or a longer one: at most a word without its last character (with it, for whole words); a pattern as far as it looks.

    Args:
        words: taken literally, each of at most ``longest`` characters.
        patterns: regular expressions in the syntax of Python's ``re`` (but for ``x``), with ``regex`` installed. Anchors and
            word borders are those of the whole text; a look-behind sees 256 characters. They ask for their own ``(?i)``.
        replacement: what is said instead, as it stands.
        ignore_case: of words, character by character.
        whole_words: words count only where no letter, digit or underscore stands next to them.
        longest: the most characters that are held back. A longer match is replaced where so much of it is a match already, and
            the rest of it is swallowed; otherwise its beginning is said. A match that is no longer is never said.
        over: makes a codec of the function that makes a ``Redactor``, one for each continuous text. By itself the texts of the
            stream are one text, an item that became empty is not sent, and an item that is no text ends the text before it.
        spellings: in which other ways a word may be written, each as good as the word itself. None: there are none.

    Raises:
        ValueError: neither words nor patterns, an empty word, one longer than ``longest``; a pattern that is wrong (the message
            says where) or matches the empty text; ``regex`` is not installed.
        TooCostly (as ``on_error``): one search for a pattern took more than 0.1 s of CPU time.

    What is held when the source fails is dropped: nobody knows how it would have gone on. After dispose: the source is let go.

    >>> import reactivex
    >>> from reactivex import operators as stock
    >>> said = reactivex.of("my key: s", "k-AAAABBBB", "CCCCDDDDEEEE, mail a", "da@example.org.")
    >>> hide = redact(patterns=[r"sk-[A-Za-z0-9]{20,}", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"])
    >>> said.pipe(hide, stock.to_list()).run()
    ['my key: ', '[redacted], mail ', '[redacted].']
    """
    make = redactors(
        words,
        patterns,
        replacement,
        ignore_case=ignore_case,
        whole_words=whole_words,
        longest=longest,
        spellings=spellings,
    )
    return through(partial(over, make))


def redactors(
    words: list[str] | None,
    patterns: list[str] | None,
    replacement: str = "[redacted]",
    *,
    ignore_case: bool = False,
    whole_words: bool = False,
    longest: int = 1000,
    spellings: Callable[[str], Iterable[str]] | None = None,
) -> Callable[[], Redactor]:
    """What makes a :class:`Redactor` for each text; its arguments are those of :func:`redact`. Raises ValueError as that does."""
    if not words and not patterns:
        raise ValueError("redact: needs words or patterns")
    rules: list[Rule] = []
    if words:
        if not all(words):
            raise ValueError("redact: a word is empty")
        if max(map(len, words)) > longest:
            # Its text is not told: it is what must not be read anywhere.
            raise ValueError(f"redact: a word has {max(map(len, words))} characters; longest is {longest}")
        others = () if spellings is None else (each for word in words for each in spellings(word))
        rules.append(Words([*words, *others], ignore_case=ignore_case, whole=whole_words))
    rules.extend(Pattern(number, source) for number, source in enumerate(patterns or [], 1))
    return partial(Redactor, rules, replacement, longest, CONTEXT if patterns else int(whole_words))
