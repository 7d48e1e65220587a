"""Tool arguments on their way to a client that parses every piece: what it gets is always the beginning of one JSON object.

The official SDK reads the arguments anew after each piece and breaks on what can no longer become JSON (DI-283), so a piece is
looked at before it is sent. Looking costs about as much as writing it.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from pipeline.errors import GatewayError, Kind

_SPACE: Final = re.compile(r"[ \t\n\r]*")
# Halves of a surrogate pair belong together.
_STRING: Final = re.compile(
    r'(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+"
)
_ESCAPE: Final = re.compile(r"\\(?:u(?:[0-9a-fA-F]{0,3}|[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?))?")
_SCALAR: Final = re.compile(r"[-+.0-9a-zA-Z]+")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_NUMBER_SO_FAR: Final = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*|(?:\.[0-9]+)?[eE][-+]?[0-9]*)?)?")
_WORDS: Final = ("true", "false", "null")

# What may come next. A string is a key or a value; `first` places may also close their container.
_VALUE, _FIRST_VALUE, _KEY, _FIRST_KEY, _COLON, _NEXT, _OVER = range(7)
_VALUES: Final = (_VALUE, _FIRST_VALUE)
_KEYS: Final = (_KEY, _FIRST_KEY)
DEPTH: Final = 200
"""Objects and arrays inside each other that the SDK reads."""
_CLOSING: Final = {"}": ("{", _FIRST_KEY), "]": ("[", _FIRST_VALUE)}


def invalid() -> GatewayError:
    """DI-165, TR-C13: never an empty object in the place of what nobody can read."""
    return GatewayError(Kind.BAD_REPLY, "invalid tool arguments from model")


def parse(text: str) -> dict[str, object]:
    """The arguments as an object; none at all are the empty one. Raises GatewayError (BAD_REPLY) for anything else."""
    if not text.strip():
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise invalid() from None
    if type(value) is not dict:
        raise invalid()
    return value


class Arguments:
    """One call's arguments as they come. ``feed`` and ``close`` raise GatewayError (BAD_REPLY) for what is no JSON object."""

    __slots__ = ("_in_string", "_next", "_rest", "_stack")

    def __init__(self) -> None:
        self._stack: list[str] = []
        self._next = _VALUE
        self._in_string = False
        # The begun escape or scalar at the end of the last piece.
        self._rest = ""

    @property
    def begun(self) -> bool:
        """Whether anything but blanks has come."""
        return bool(self._stack) or self._next is _OVER

    def feed(self, piece: str) -> None:
        """Take the next piece, cut anywhere."""
        text, at = self._rest + piece, 0
        self._rest = ""
        end = len(text)
        while at < end:
            at = self._string(text, at) if self._in_string else self._token(text, at)

    def close(self) -> None:
        """The call is complete."""
        if self.begun and self._next is not _OVER:
            raise invalid()

    def _string(self, text: str, at: int) -> int:
        found = _STRING.match(text, at)
        at = found.end() if found else at
        if at == len(text):
            return at
        if text[at] == '"':
            self._in_string = False
            self._next = _COLON if self._next in _KEYS else _NEXT
            return at + 1
        if _ESCAPE.fullmatch(text, at):
            self._rest = text[at:]
            return len(text)
        raise invalid()

    def _token(self, text: str, at: int) -> int:
        space = _SPACE.match(text, at)
        at = space.end() if space else at
        if at == len(text):
            return at
        char = text[at]
        state = self._next
        if char in "{[" and state in _VALUES and (self._stack or char == "{") and len(self._stack) < DEPTH:
            self._stack.append(char)
            self._next = _FIRST_KEY if char == "{" else _FIRST_VALUE
        elif char in "}]" and self._stack and _CLOSING[char][0] == self._stack[-1] and state in (_NEXT, _CLOSING[char][1]):
            self._stack.pop()
            self._next = _NEXT if self._stack else _OVER
        elif char == '"' and self._stack and state in (*_VALUES, *_KEYS):
            self._in_string = True
        elif char == ":" and state is _COLON:
            self._next = _VALUE
        elif char == "," and state is _NEXT:
            self._next = _KEY if self._stack[-1] == "{" else _VALUE
        else:
            return self._scalar(text, at)
        return at + 1

    def _scalar(self, text: str, at: int) -> int:
        found = _SCALAR.match(text, at)
        if found is None or not self._stack or self._next not in _VALUES:
            raise invalid()
        word = found[0]
        if found.end() < len(text):
            if word not in _WORDS and not _NUMBER.fullmatch(word):
                raise invalid()
            self._next = _NEXT
        elif any(each.startswith(word) for each in _WORDS) or _NUMBER_SO_FAR.fullmatch(word):
            self._rest = word
        else:
            raise invalid()
        return found.end()
