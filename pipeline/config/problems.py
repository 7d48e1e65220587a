"""What is wrong with a configuration, and where: every message names file, line, column and dotted path, never a secret."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]
"""Where a value stands in the file: mapping keys and list indexes."""


def dotted(path: Path) -> str:
    """A path as people write it.

    >>> dotted(("models", 0, "candidates", 1, "use"))
    'models[0].candidates[1].use'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a configuration file; line and column count from 1. Line 0 is the file as a whole."""

    source: str
    line: int
    column: int
    path: str = ""

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault, in words that say what to write instead."""

    place: Place
    message: str

    @property
    def line(self) -> int:
        return self.place.line

    def __str__(self) -> str:
        where = f"{self.place.path}: " if self.place.path else ""
        return f"{self.place}: {where}{self.message}"


class ConfigError(Exception):
    """A configuration that cannot be used. ``problems`` holds every fault, sorted by line; ``str()`` is one line a fault."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        unique = dict.fromkeys(problems)
        self.problems: tuple[Problem, ...] = tuple(sorted(unique, key=lambda fault: (fault.place.line, fault.place.column)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnreadableError(ConfigError):
    """The file is not there or cannot be read."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """A sentence that offers the nearest right name, or "" when none is near.

    >>> nearest("prot", ["port", "host"])
    ' Did you mean "port"?'
    >>> nearest("zebra", ["port", "host"])
    ''
    """
    lower = {choice.lower(): choice for choice in choices}
    found = get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return f' Did you mean "{lower[found[0]]}"?' if found else ""


def listed(words: Sequence[str], last: str = "or") -> str:
    """Words as a list in a sentence.

    >>> listed(["chat", "responses", "messages"])
    'chat, responses or messages'
    """
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else "nothing"
