"""What goes between a worker and its supervisor, as bytes on a stream: a head of nine bytes, and a payload (JSON, mostly).

Sans-IO: whoever owns the socket feeds what it read, and writes what it is given.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

LONGEST: Final = 32 * 1024 * 1024
"""Bytes of a payload. All metrics of 200 candidates are half a megabyte."""

_HEAD: Final = struct.Struct(">IBI")


class Kind(IntEnum):
    """W: a worker says it to the supervisor; S: the other way round. ``serial`` ties an answer to what was asked."""

    READY = 1
    """W: it takes connections."""
    ASK = 2
    """W: all others shall answer; S: answer this. ``[question, arguments]``."""
    ANSWER = 3
    """W, S: one answer."""
    ANSWERED = 4
    """S: nobody else will answer."""
    COUNT = 5
    """W: what do all metrics stand at? S: what do yours?"""
    COUNTED = 6
    """W: its snapshot, asked for (``serial``) or not (0); S: that of all."""
    CONFIG = 7
    """S: use this; the pickled configuration."""
    APPLIED = 8
    """W: the answer to it: what is wrong with it, "" when it is in force."""


class Frame(NamedTuple):
    """One message."""

    kind: int
    """A :class:`Kind`, unless the other side knows more kinds than we do."""
    serial: int
    payload: bytes


class Broken(Exception):
    """The other side sends what is no frame: nothing more can be read."""


def frame(kind: Kind, serial: int = 0, payload: bytes = b"") -> bytes:
    """A message as bytes.

    Raises:
        ValueError: the payload is longer than ``LONGEST``.

    >>> list(Frames().feed(frame(Kind.ASK, 7, b"[]")))
    [Frame(kind=2, serial=7, payload=b'[]')]
    """
    if len(payload) > LONGEST:
        raise ValueError(f"{len(payload)} bytes are more than a frame may hold ({LONGEST})")
    return _HEAD.pack(len(payload), kind, serial) + payload


class Frames:
    """Reads frames, wherever the stream is cut. It holds one frame at most, and what was read with it."""

    __slots__ = ("_held", "_needed", "_size")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self._needed = _HEAD.size

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now.

        Raises:
            Broken: a frame is longer than allowed.
        """
        self._held.append(data)
        self._size += len(data)
        if self._size < self._needed:
            # A long frame comes in many reads: they are joined once.
            return
        held = b"".join(self._held)
        start = 0
        while len(held) - start >= _HEAD.size:
            length, kind, serial = _HEAD.unpack_from(held, start)
            if length > LONGEST:
                raise Broken(f"a frame of {length} bytes")
            end = start + _HEAD.size + length
            if end > len(held):
                break
            yield Frame(kind, serial, held[start + _HEAD.size : end])
            start = end
        self._held = [held[start:]]
        self._size = len(held) - start
        self._needed = _HEAD.size if self._size < _HEAD.size else _HEAD.size + _HEAD.unpack_from(held, start)[0]
