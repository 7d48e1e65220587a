"""Regular expressions in a text that goes on.

Whether a match may still begin or grow is asked of the package ``regex`` (the extra ``redact``): it can tell that a match came to
the end of what there is. What it cannot tell it is made to tell, by expressions that are written anew:

- ``\\b``, ``$`` and the like also ask for a character behind them, so that they come to the end as well.
- So does whatever stands in brackets: a repeated group is otherwise taken for complete at the end.
- An expression that takes the first way in which it matches, and then fails, comes to the end only if that way is not certain.
"""

from __future__ import annotations

import importlib
import re
import warnings
from typing import Any, Final

from operators.errors import TooCostly
from operators.redactor import OPEN, Find

SECONDS: Final = 0.1
"""How much CPU time one search may take: what is slower than that would stop every other stream as well."""

CONTEXT: Final = 256
"""How many characters before a match a look-behind sees."""

# One part of an expression in Python's syntax.
_PART: Final = re.compile(
    r"""
    (?P<escape> \\[\s\S] )
    | \[ (?P<set> \^?\]? (?: \\[\s\S] | [^\]\\] )* ) \]
    | (?P<fixed> \(\?\#[^)]*\) | \(\?[a-zA-Z]+\) | \(\?P=\w+\) | \(\?\(\w+\) | \(\?<?[=!] )
    | (?P<group> \( (?: \?P<\w+> | \?[a-zA-Z-]*: | \?> )? )
    | (?P<repeat> \{ (?: \d+ (?: ,\d* )? | ,\d* ) \} )
    | (?P<other> [\s\S] )
    """,
    re.VERBOSE,
)
_MORE: Final = r"(?=[\s\S])"
# A `$` is also true before the very last line feed.
_MORE_THAN_A_LINE_FEED: Final = r"(?=\n[\s\S]|[^\n])"


class Pattern:
    """Finds what a regular expression in the syntax of Python's ``re`` matches, but never nothing.

    Args:
        number: what errors call it.
        source: the expression.

    Raises:
        ValueError: it is wrong, it matches the empty text, it is verbose, or ``regex`` is not installed.
    """

    def __init__(self, number: int, source: str) -> None:
        self._number = number
        library = _library()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", FutureWarning)
                re.compile(source)
            if any(re.match(r"\(\?[a-zA-Z]*x", part[0]) for part in _PART.finditer(source)):
                raise ValueError(f"redact: pattern {source!r} is verbose (x); write it without spaces and comments")
            going = _translated(source, going=True)
            self._last = library.compile(_translated(source, going=False))
            self._seek = library.compile(going)
            self._open = library.compile(f"(?>{going})(?!)")
            self._open_in_any_way = library.compile(f"(?:{going})(?!)")
        except (re.error, library.error) as error:
            where = "" if error.pos is None else f" at position {error.pos}"
            raise ValueError(f"redact: pattern {source!r} is wrong{where}: {error.msg}") from error
        except FutureWarning as warning:
            message = f"redact: pattern {source!r} can be read in two ways ({warning}); put a \\ before what stands for itself"
            raise ValueError(message) from None
        except (OverflowError, RecursionError) as error:
            raise ValueError(f"redact: pattern {source!r} is too large ({error})") from error
        if self._last.fullmatch("") is not None:
            raise ValueError(f"redact: pattern {source!r} matches the empty text; there is nothing to replace")

    def seek(self, text: str, at: int, known: int) -> Find | None:
        """See :class:`operators.redactor.Rule`.

        Raises:
            TooCostly: it takes too long.
        """
        try:
            found = self._seek.search(text, at, partial=True, timeout=SECONDS)
            if found is None:
                return None
            start, end = found.span()
            if found.partial:
                return _find(text, start)
            if start == end:
                return self._seek_on(text, at)
            if known < at:
                known = _start(text, self._open.search(text, at, partial=True, timeout=SECONDS))
        except TimeoutError:
            raise TooCostly("redact", f"pattern {self._number}", SECONDS) from None
        return (start, end, known) if start < known else _find(text, known)

    def last(self, text: str, at: int) -> tuple[int, int] | None:
        """See :class:`operators.redactor.Rule`.

        Raises:
            TooCostly: it takes too long.
        """
        try:
            for found in self._last.finditer(text, at, timeout=SECONDS):
                if found.end() > found.start():
                    return found.span()  # type: ignore[no-any-return]
        except TimeoutError:
            raise TooCostly("redact", f"pattern {self._number}", SECONDS) from None
        return None

    def _seek_on(self, text: str, at: int) -> Find | None:
        """The first way in which it matches leads to nothing (`\\b|a`): any other way may count."""
        known = _start(text, self._open_in_any_way.search(text, at, partial=True, timeout=SECONDS))
        for found in self._seek.finditer(text, at, timeout=SECONDS):
            start, end = found.span()
            if start < end and start < known:
                return start, end, known
        return _find(text, known)


def _find(text: str, start: int) -> Find | None:
    return None if start == len(text) else (start, OPEN, start)


def _start(text: str, found: Any) -> int:
    return len(text) if found is None else found.start()


def _translated(source: str, *, going: bool) -> str:
    """``source`` in the syntax of ``regex``, which gives more characters a meaning; ``going``: for a text that goes on."""
    parts: list[str] = []
    for part in _PART.finditer(source):
        text = part.group()
        if part.lastgroup == "set":
            inside = re.sub(r"\\[\s\S]|\[", lambda found: found[0] if found[0] != "[" else r"\[", part["set"])
            parts.append(f"[{inside}]")
        elif part.lastgroup == "escape":
            parts.append(_MORE + text + _MORE if going and text[1] in "bBZz" else text)
        elif part.lastgroup == "group":
            parts.append(text + _MORE if going else text)
        elif part.lastgroup == "other" and text == "{":
            parts.append(r"\{")
        elif part.lastgroup == "other" and text == "$":
            parts.append(_MORE_THAN_A_LINE_FEED + text if going else text)
        else:
            parts.append(text)
    return "".join(parts)


def _library() -> Any:
    # By name: whoever needs no patterns needs no such package.
    try:
        return importlib.import_module("regex")
    except ImportError as error:
        message = "redact: patterns need the package regex; install it with: pip install 'penstock[redact]'"
        raise ValueError(message) from error
