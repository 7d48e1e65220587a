"""Redacts a text that comes in pieces: what is said is what the whole text would become, and nothing waits without need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol, TypeAlias, TypeVar

OPEN: Final = -1
"""In place of an end: it depends on what comes."""

Find: TypeAlias = tuple[int, int, int]
"""(start, end, from where on everything depends on what comes, as far as that is known)."""


F = TypeVar("F", bound=tuple[int, ...])


class Rule(Protocol):
    """What has to be replaced."""

    def seek(self, text: str, at: int, known: int) -> Find | None:
        """The leftmost place from ``at`` on with a match whatever comes, or (``OPEN``) with one only if the right thing comes.

        ``known`` is the third number of what it found before in this text, -1 at first.
        """

    def last(self, text: str, at: int) -> tuple[int, int] | None:
        """The leftmost match from ``at`` on in a text that is complete; never an empty one."""


class Redactor:
    """One continuous text: pieces go in, what is safe to say comes out.

    However a text is cut, ``feed`` and ``close`` together give what one pass over the whole text gives: the leftmost match is
    replaced and the next one is sought behind it; where several rules match at one place, the first one counts. Text is held
    back only from the first place on at which that still depends on what comes.

    Args:
        rules: what has to be replaced, in the order in which they are tried.
        replacement: what is said instead.
        longest: the most characters that are held back. Where it takes more than that to decide, it is decided as if the text
            ended there: the beginning is said, or it is a match and is replaced, and what then still comes of it is swallowed.
        context: how many characters before a match the rules look at.
    """

    __slots__ = ("_at", "_context", "_kept", "_longest", "_replacement", "_rules", "_said", "_seeks", "changed")

    def __init__(self, rules: Sequence[Rule], replacement: str, longest: int, context: int) -> None:
        self._rules = rules
        self._seeks = [rule.seek for rule in rules]
        self._replacement = replacement
        self._longest = longest
        self._context = context
        self.changed = False
        """Whether anything was replaced so far."""
        self._kept = ""
        # Places in what is kept. A match may begin from the first one on; what stands before the second one has been said.
        # They differ only where a match that was too long to wait for its end goes on.
        self._at = 0
        self._said = 0

    @property
    def held(self) -> int:
        """How many characters wait."""
        return len(self._kept) - self._said

    def feed(self, text: str) -> str:
        """Take a piece of the text; returns what is safe to say now, perhaps nothing."""
        text = self._kept + text
        at, said = self._at, self._said
        finds = [seek(text, at, -1) for seek in self._seeks]
        if not any(finds):
            self._kept = text[-self._context :] if self._context else ""
            self._at = self._said = len(self._kept)
            return text[said:] if said else text
        out: list[str] = []
        while True:
            found = _leftmost(finds)
            if found is None:
                out.append(text[said:])
                at = said = len(text)
                break
            at, end, _ = found
            if at > said:
                out.append(text[said:at])
                said = at
            if end == OPEN:
                if len(text) - said <= self._longest:
                    break
                at, said = self._decide(text, at, said, out)
                finds = [seek(text, at, -1) for seek in self._seeks]
                continue
            if at == said:
                out.append(self._replacement)
                self.changed = True
            at = said = max(said, end)
            finds = [
                seek(text, at, found[2]) if found and found[0] < at else found
                for seek, found in zip(self._seeks, finds, strict=True)
            ]
        self._keep(text, at, said)
        return "".join(out)

    def close(self) -> str:
        """The text is complete; returns the rest of it. What is fed after that is a new text."""
        text, at, said = self._kept, self._at, self._said
        out: list[str] = []
        while (found := self._last(text, at)) is not None:
            start, end = found
            if start >= said:
                out += (text[said:start], self._replacement)
                self.changed = True
            at = said = max(said, end)
        out.append(text[said:])
        self._keep("", 0, 0)
        return "".join(out)

    def _last(self, text: str, at: int) -> tuple[int, int] | None:
        return _leftmost([rule.last(text, at) for rule in self._rules])

    def _decide(self, text: str, at: int, said: int, out: list[str]) -> tuple[int, int]:
        """Go on although too much is held: by at least one character, as if the text ended here."""
        found = self._last(text, at)
        floor = len(text) - self._longest
        if found is None or found[0] >= floor:
            out.append(text[said:floor])
            return floor, floor
        start, end = found
        if start >= said:
            out += (text[said:start], self._replacement)
            self.changed = True
            said = start
        if end > said:
            # It may go on, so its beginning is still looked at.
            return start, end
        return max(said, end), max(said, end)

    def _keep(self, text: str, at: int, said: int) -> None:
        if said - at > self._longest:
            # The first part of an endless match stands for all of it.
            first = self._last(text[: at + self._longest], at)
            end = first[1] if first is not None and first[0] == at else at + self._longest
            text, said = text[:end] + text[said:], end
        base = max(0, at - self._context)
        self._kept, self._at, self._said = text[base:], at - base, said - base


def _leftmost(finds: Iterable[F | None]) -> F | None:
    """The one that begins first; of several at one place the first one."""
    first: F | None = None
    for found in finds:
        if found is not None and (first is None or found[0] < first[0]):
            first = found
    return first
