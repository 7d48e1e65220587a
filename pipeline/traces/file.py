"""A file of lines that begins anew when it is large: ``traces.jsonl``, before it ``traces.jsonl.1``, and so on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


class RotatingFile:
    """Writes whole lines. For one thread.

    Args:
        path: of the newest file. It is opened with the first line, readable for its owner only.
        size: bytes that a file may have; one line that is longer makes a file of its own.
        files: how many there are at most, the newest included.
    """

    def __init__(self, path: Path, size: int, files: int) -> None:
        self._path = path
        self._size = size
        self._files = files
        self._file: BinaryIO | None = None
        self._length = 0

    def write(self, data: bytes) -> None:
        """Add lines. Raises OSError."""
        for line in data.splitlines(keepends=True):
            if self._file is None:
                self._open()
            if self._length and self._length + len(line) > self._size:
                self._rotate()
            assert self._file is not None
            self._file.write(line)
            self._length += len(line)
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Idempotent."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> None:
        # TR-X14: nobody else's business.
        self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
        self._length = self._file.tell()

    def _rotate(self) -> None:
        self.close()
        for number in range(self._files - 1, 0, -1):
            earlier = self._numbered(number - 1)
            if earlier.exists():
                earlier.replace(self._numbered(number))
        if self._files == 1:
            self._path.unlink(missing_ok=True)
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
